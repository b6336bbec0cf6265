"""The accounts of simulated BMCs: how passwords are changed over each protocol, how logins are counted."""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.drivers.ipmi.lan import packet
from podium.simulator import control, faults, users
from podium.simulator.accounts import OWN, Accounts
from podium.simulator.ipmi import codes
from podium.simulator.nodes import address_range
from podium.simulator.redfish.bmc import BMC, Settings
from podium.simulator.redfish.publisher import Publisher
from podium.simulator.redfish.request import Request
from podium.simulator.redfish.service import Service
from podium.simulator.server import Simulator

ADMINISTRATOR = packet.PRIVILEGE_ADMINISTRATOR
ACCOUNT = "/redfish/v1/AccountService/Accounts/2"
OTHER = "another one"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def faulty(*placed: str) -> faults.Faults:
    found = faults.HEALTHY
    for fault in placed:
        found = faults.parse_fault(fault).apply(found)
    return found


class Users:
    """The users of an IPMI BMC, asked by an administrator."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.accounts = Accounts("admin", b"podium-sim", self.clock)

    def ask(self, command: tuple[int, int], data: bytes, *placed: str) -> codes.Answer:
        answer = users.answer(*command, data, ADMINISTRATOR, self.accounts, faulty(*placed))
        assert answer is not None
        return answer

    def set(self, password: bytes, *placed: str, operation: int = 2, id: int = OWN, size: int = 16) -> int:
        form = 0x80 if size == 20 else 0
        data = bytes((form | id, operation)) + password.ljust(size, b"\0")
        return self.ask(packet.SET_USER_PASSWORD, data, *placed)[0]

    def test(self, password: bytes, size: int = 16) -> int:
        return self.set(password, operation=3, size=size)


@pytest.fixture
def ipmi() -> Users:
    return Users()


def test_the_second_user_id_is_the_one_that_logs_in(ipmi: Users) -> None:
    names = [ipmi.ask(packet.GET_USER_NAME, bytes((id,)))[1].rstrip(b"\0") for id in (1, 2, 3)]
    assert names == [b"", b"admin", b""]
    assert ipmi.ask(packet.GET_USER_ACCESS, b"\x0e\x02") == (codes.OK, bytes((10, 0x41, 0, 0x34)))
    assert ipmi.ask(packet.GET_USER_ACCESS, b"\x0e\x01") == (codes.OK, bytes((10, 0x81, 0, 0x0F)))


def test_a_user_is_made_in_three_commands(ipmi: Users) -> None:
    ipmi.ask(packet.SET_USER_NAME, b"\x03" + b"eve".ljust(16, b"\0"))
    assert (ipmi.set(b"secret", id=3), ipmi.set(b"", operation=1, id=3)) == (codes.OK, codes.OK)
    assert ipmi.accounts.check(b"eve", b"secret", faults.HEALTHY)


@pytest.mark.parametrize("size", [16, 20])
def test_a_password_is_set_and_tested_in_its_form(ipmi: Users, size: int) -> None:
    assert ipmi.set(b"x" * size, size=size) == codes.OK
    other = 36 - size
    assert (ipmi.test(b"x" * size, size), ipmi.test(b"y", size), ipmi.test(b"x", other)) == (0, 0x80, 0x81)
    assert (ipmi.accounts.own.password, ipmi.accounts.changes) == (b"x" * size, 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x02", codes.WRONG_LENGTH),
        (b"\x02\x02" + b"x" * 15, codes.WRONG_LENGTH),
        (b"\x82\x02" + b"x" * 16, codes.WRONG_LENGTH),
        (b"\x3f\x02" + b"x" * 16, codes.INVALID_FIELD),
    ],
)
def test_a_wrong_request_for_a_password_changes_nothing(ipmi: Users, data: bytes, code: int) -> None:
    assert ipmi.ask(packet.SET_USER_PASSWORD, data) == (code, b"")
    assert ipmi.accounts.changes == 0


def test_a_password_is_set_by_administrators_alone(ipmi: Users) -> None:
    said = users.answer(*packet.SET_USER_PASSWORD, b"", packet.PRIVILEGE_OPERATOR, ipmi.accounts, faulty())
    assert said == (codes.INSUFFICIENT_PRIVILEGE, b"")


@pytest.mark.parametrize(
    ("fault", "code", "password"),
    [
        ("password-silent", codes.SILENT, b"a password"),
        ("password-lost", codes.SILENT, b"podium-sim"),
        ("password-lies", codes.OK, b"podium-sim"),
        ("password-refused=length", codes.WRONG_LENGTH, b"podium-sim"),
        ("password-refused=history", codes.INVALID_FIELD, b"podium-sim"),
        ("password-refused=d5", 0xD5, b"podium-sim"),
        ("password-form=20", codes.WRONG_LENGTH, b"podium-sim"),
        ("password-reboots=5", codes.OK, b"a password"),
    ],
)
def test_faults_decide_what_becomes_of_a_password(
    ipmi: Users, fault: str, code: int, password: bytes
) -> None:
    assert ipmi.set(b"a password", fault) == code
    assert (ipmi.accounts.own.password, ipmi.accounts.changes) == (password, password == b"a password")


def test_a_password_is_cut(ipmi: Users) -> None:
    ipmi.set(b"12345678901234567890", "password-truncates", size=20)
    assert ipmi.accounts.own.password == b"1234567890123456"


def test_a_bmc_that_restarts_is_away_for_a_time(ipmi: Users) -> None:
    ipmi.set(b"x", "password-reboots=5")
    away = [ipmi.accounts.is_away]
    ipmi.clock.now += 5
    assert [*away, ipmi.accounts.is_away] == [True, False]


def test_an_account_is_locked_after_wrong_logins_in_a_row(ipmi: Users) -> None:
    locking, known = faulty("lockout=2/60s"), ipmi.accounts
    assert [known.check(b"admin", guess, locking) for guess in (b"1", b"podium-sim", b"2", b"3")] == [
        False, True, False, False,
    ]  # fmt: skip
    assert not known.check(b"admin", b"podium-sim", locking)
    assert (known.wrong_logins, known.refused_while_locked, known.report()["locked"]) == (3, 1, True)
    ipmi.clock.now += 60
    assert known.check(b"admin", b"podium-sim", locking)


@given(data=st.binary(max_size=24), command=st.sampled_from([0x44, 0x45, 0x46, 0x47]))
def test_any_request_for_users_gets_an_answer(data: bytes, command: int) -> None:
    code, _ = Users().ask((packet.NETFN_APP, command), data)
    assert 0 <= code <= 0xFF


# -- Redfish


class Peer:
    """A client of one Redfish BMC."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.bmc = BMC(Settings(clock=Clock()), 0x7F150001)
        self.service = Service(self.bmc, Publisher(self.bmc, loop))
        self.password = "podium-sim"

    def wrong(self, *placed: str) -> "Peer":
        self.bmc.faults = faulty(*placed)
        return self

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        credentials = base64.b64encode(f"admin:{self.password}".encode())
        given = {b"authorization": b"Basic " + credentials}
        given |= {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        asked = Request(method.encode(), path.encode(), given, json.dumps(body).encode())
        answer = self.service.answer(asked)
        content = answer.wire.partition(b"\r\n\r\n")[2]
        return answer.status, json.loads(content) if content else None

    def change(self, password: Any = OTHER, **headers: str) -> tuple[int, str]:
        """Status, and the name of the message."""
        status, body = self.ask("PATCH", ACCOUNT, {"Password": password}, **headers)
        found = (body or {}).get("error", {}).get("@Message.ExtendedInfo", [{"MessageId": ""}])
        return status, found[0]["MessageId"].rpartition(".")[2]


@pytest.fixture
def peer() -> Iterator[Peer]:
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        yield Peer(loop)


def test_the_account_is_found_from_the_root(peer: Peer) -> None:
    service = peer.ask("GET", "/redfish/v1")[1]["AccountService"]["@odata.id"]
    members = peer.ask("GET", peer.ask("GET", service)[1]["Accounts"]["@odata.id"])[1]["Members"]
    found = [peer.ask("GET", member["@odata.id"])[1] for member in members]
    assert [(one["UserName"], one["Enabled"]) for one in found] == [("", False), ("admin", True)]


def test_a_password_is_changed_and_counts_from_then_on(peer: Peer) -> None:
    assert peer.change() == (204, "")
    assert peer.ask("GET", ACCOUNT)[0] == 401
    peer.password = OTHER
    assert peer.ask("GET", ACCOUNT)[0] == 200
    report = peer.bmc.accounts.report()
    assert (report["password_changes"], report["wrong_logins"]) == (1, 1)
    assert report["password_sha256"] == hashlib.sha256(OTHER.encode()).hexdigest()


def test_a_change_is_made_on_the_right_condition_only(peer: Peer) -> None:
    etag = peer.ask("GET", ACCOUNT)[1]["@odata.etag"]
    assert peer.change(if_match='"other"') == (412, "PreconditionFailed")
    assert peer.wrong("demands-etags").change() == (428, "PreconditionRequired")
    assert peer.change(if_match=etag) == (204, "")


@pytest.mark.parametrize("reason", ["length", "history", "complexity", "c7"])
def test_a_refused_password_stays_what_it_was(peer: Peer, reason: str) -> None:
    assert peer.wrong(f"password-refused={reason}").change() == (400, "PropertyValueFormatError")
    assert peer.ask("GET", ACCOUNT)[0] == 200


@pytest.mark.parametrize(
    ("password", "message"),
    [("", "PropertyValueFormatError"), (7, "PropertyValueTypeError"), (None, "NoOperation")],
)
def test_what_is_no_password_is_refused(peer: Peer, password: Any, message: str) -> None:
    assert peer.change(password) == (400, message)


@pytest.mark.parametrize(("fault", "taken"), [("password-silent", True), ("password-lost", False)])
def test_a_silent_bmc_closes_the_connection(peer: Peer, fault: str, taken: bool) -> None:
    assert (peer.wrong(fault).change(), peer.bmc.accounts.changes) == ((0, ""), taken)


def test_a_password_that_has_ended_is_to_be_changed_before_anything_else(peer: Peer) -> None:
    peer.wrong("password-expired")
    status, body = peer.ask("GET", "/redfish/v1/Systems")
    demand = body["error"]["@Message.ExtendedInfo"][0]
    assert (status, demand["MessageArgs"]) == (403, [ACCOUNT])
    assert peer.ask("GET", ACCOUNT)[1]["PasswordChangeRequired"]
    assert peer.change() == (204, "")
    peer.password = OTHER
    assert peer.ask("GET", "/redfish/v1/Systems")[0] == 200


def test_sessions_end_with_the_password_where_a_fault_says_so(peer: Peer) -> None:
    for fault, left in (("slow=1", 1), ("password-ends-sessions", 0)):
        peer.bmc.sessions.open(1000.0, peer.bmc.faults)
        peer.wrong(fault).change()
        peer.password = OTHER
        assert len(peer.bmc.sessions) == left


def test_a_change_may_be_a_task(peer: Peer) -> None:
    assert peer.wrong("tasks").change()[0] == 202


def test_a_bmc_without_an_account_service_has_no_accounts(peer: Peer) -> None:
    peer.wrong("no-accounts")
    assert ("AccountService" in peer.ask("GET", "/redfish/v1")[1], peer.change()[0]) == (False, 404)


# -- the control socket


def test_passwords_are_given_and_counted_over_the_control_socket() -> None:
    rack = Simulator(address_range("127.20.7.1", 2))
    asked = {"set": "password", "to": OTHER, "where": "2"}
    assert control.answer(rack, json.dumps(asked).encode()) == {"ok": True, "changed": 1}
    reply = control.answer(rack, b'{"get": "accounts", "where": "1-2"}')
    digests = [one["password_sha256"] for one in reply["bmcs"].values()]
    assert digests == [hashlib.sha256(word).hexdigest() for word in (b"podium-sim", OTHER.encode())]
    assert OTHER not in str(reply)
