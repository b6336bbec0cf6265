"""Changes of credentials, asked on the database and over HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa
from oslo_config import types

from heads import Head
from podium import errors, states
from podium.api.callers import Role
from podium.client.calls.credentials import CredentialsAsked, ListCredentials, SetCredentials
from podium.client.calls.nodes import Filter
from podium.client.podium import Podium
from podium.client.remote.remote import Remote
from podium.client.remote.server import Server
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import power_requests, utcnow
from podium.drivers.base import Login, Property
from podium.drivers.fake import FakeDriver
from rounds import rest_is_long
from served import Everybody

Enrol = Callable[..., list[NodeRecord]]

OLD, NEW = "0ld-hunter", "n3w-hunter"


@pytest.fixture
def fleet(enrol: Enrol, head: Head) -> Callable[..., None]:
    """``fleet("n1", "n2")`` enrols nodes with an account, which a conductor serves."""

    def create(*names: str, address: str | None = None) -> None:
        head.go_online()
        info = {"fake_username": "root", "fake_password": OLD}
        if address is not None:
            info["fake_address"] = address
        enrol(*names, driver_info=info, endpoint=address)

    return create


def passwords(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        return {node.name: node.driver_info.get("fake_password") for node in api.list_nodes(connection)}


def number(asked: CredentialsAsked) -> int:
    assert asked.operation is not None, asked.refused
    return asked.operation


def outcomes(podium: Podium, operation: int) -> dict[str, str]:
    return {one.node_name: one.outcome for one in podium.requests(operation)}


def test_a_password_is_changed_for_a_few_nodes_and_then_for_the_others(
    podium: Podium, fleet: Callable[..., None], head: Head, database: Database
) -> None:
    fleet("n1", "n2", "n3")
    asked = podium.set_credentials("n[1-3]", password=NEW, canaries=1, reason="Ada left", timeout=20.5)
    assert (asked.operation, asked.requested, asked.accounts) == (1, 3, 3)
    assert (asked.canaries, asked.further, asked.refused, asked.warnings) == (["n1"], [], [], [])
    found = podium.operation(1)
    assert (found.action, found.held, found.waiting, found.unfinished) == ("change credentials", 2, 1, 3)
    assert (found.canaries, found.undoes, found.reason, found.timeout) == (1, None, "Ada left", 20.5)
    assert (found.what, found.undone_by, found.then_off) == ("in Podium", None, None)
    assert outcomes(podium, 1) == {
        "n1": "not begun yet",
        "n2": "waits for canaries",
        "n3": "waits for canaries",
    }
    assert podium.node("n1").target_power_state == states.CHANGE_CREDENTIALS
    head.carry_out({})
    assert (podium.operation(1).held, podium.operation(1).done) == (0, 1)
    head.carry_out({})
    assert outcomes(podium, 1) == dict.fromkeys(("n1", "n2", "n3"), "credentials changed")
    assert passwords(database) == dict.fromkeys(("n1", "n2", "n3"), NEW)


def test_a_canary_that_fails_keeps_the_others_as_they_are(
    podium: Podium, fleet: Callable[..., None], head: Head, database: Database
) -> None:
    fleet("n1", "n2", "n3")
    podium.set_credentials("n[1-3]", password=NEW, canaries=2)
    head.carry_out({"n2": "refused"})
    found = outcomes(podium, 1)
    assert (found["n1"], found["n2"]) == ("credentials changed", "failed: refused")
    assert "nothing was changed for this node" in found["n3"]
    assert passwords(database) == {"n1": NEW, "n2": OLD, "n3": OLD}


def test_what_nodes_have_already_is_not_asked_for(podium: Podium, fleet: Callable[..., None]) -> None:
    fleet("n1")
    asked = podium.set_credentials("n1", password=OLD, expires_in=60.0)
    assert (asked.operation, asked.requested, asked.refused, asked.already) == (None, 0, [], ["n1"])
    (found,) = podium.credentials()
    assert found.expires_at is not None and not found.expired


def test_without_canaries_all_begin_at_once(podium: Podium, fleet: Callable[..., None]) -> None:
    fleet("n1", "n2")
    asked = podium.set_credentials("n[1-2]", password=NEW, canaries=0)
    assert (asked.canaries, podium.operation(1).waiting) == ([], 2)


def test_nodes_behind_one_bmc_are_changed_together_and_named(
    podium: Podium, fleet: Callable[..., None], head: Head, database: Database
) -> None:
    fleet("n1", "n2", "n3", address="10.0.0.1")
    fleet("n4")
    asked = podium.set_credentials(["n1", "n4"], password=NEW, canaries=1)
    assert (asked.requested, asked.accounts, asked.further) == (4, 2, ["n2", "n3"])
    assert asked.canaries == ["n1", "n2", "n3"]
    head.carry_out({})
    head.carry_out({})
    assert passwords(database) == dict.fromkeys(("n1", "n2", "n3", "n4"), NEW)


def test_what_is_only_tried_out_says_the_same_and_changes_nothing(
    podium: Podium, fleet: Callable[..., None]
) -> None:
    fleet("n1", "n2", address="10.0.0.1")
    fleet("n3")
    tried = podium.set_credentials(["n1", "n3"], password=NEW, canaries=1, dry_run=True)
    assert tried.operation is None
    assert [*podium.operations()] == []
    assert podium.node("n1").target_power_state is None
    asked = podium.set_credentials(["n1", "n3"], password=NEW, canaries=1)
    assert asked == CredentialsAsked(
        operation=1,
        requested=3,
        refused=[],
        already=[],
        accounts=2,
        further=["n2"],
        canaries=["n1", "n2"],
        warnings=[],
    )
    assert (tried.requested, tried.further, tried.canaries) == (3, ["n2"], ["n1", "n2"])


def test_another_user_is_named(podium: Podium, fleet: Callable[..., None], head: Head) -> None:
    fleet("n1")
    podium.set_credentials("n1", username="podium", password=NEW)
    head.carry_out({})
    (found,) = podium.credentials()
    assert (found.username, found.state, found.operation) == ("podium", "known", 1)
    assert podium.node("n1").driver_info["fake_username"] == "podium"


def test_nodes_are_chosen_by_conditions(podium: Podium, fleet: Callable[..., None]) -> None:
    fleet("n1", "n2")
    podium.set_maintenance("n2")
    asked = podium.set_credentials(where=Filter(maintenance=False), password=NEW)
    assert [one.node_name for one in podium.requests(number(asked))] == ["n1"]
    with pytest.raises(errors.BadRequest, match="must say which nodes are meant"):
        podium.set_credentials(password=NEW)


@rest_is_long(
    ("fields", "fault"),
    [
        ({}, "give a password, or generate = true, and not both"),
        ({"password": NEW, "generate": True, "on_bmc": True}, "and not both"),
        ({"generate": True}, "generate goes with on_bmc"),
        ({"password": NEW, "length": 9}, "length goes with generate"),
        ({"generate": True, "on_bmc": True, "length": 17}, "fake takes passwords of up to 16 bytes"),
        ({"generate": True, "on_bmc": True, "length": 7}, "length: expected `?int`? >= 8"),
        ({"password": NEW * 30}, "password: expected"),
        ({"password": ""}, "password: expected"),
        ({"password": NEW, "canaries": -1}, "canaries: expected"),
        ({"password": f"{NEW}\n"}, "password contains characters that cannot be printed"),
        ({"password": f"{NEW}\0"}, "null character"),
        ({"username": "a\tb", "password": NEW}, "username contains characters"),
        ({"password": "******"}, "shows instead of a secret"),
        ({"password": NEW, "reason": "a\nb"}, "reason contains"),
    ],
)
def test_what_makes_no_sense_is_refused_without_the_password(
    podium: Podium, fleet: Callable[..., None], fields: dict[str, Any], fault: str
) -> None:
    fleet("n1")
    with pytest.raises(errors.PodiumError, match=fault) as refused:
        podium.set_credentials("n1", **fields)
    assert isinstance(refused.value, errors.BadRequest | errors.InvalidNode)
    assert NEW not in str(refused.value)
    assert [*podium.operations()] == []


def test_a_password_that_a_driver_does_not_take_is_not_shown(
    podium: Podium, fleet: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet("n1")
    short = Property("at most 12 bytes", secret=True, type=types.String(max_length=12))
    monkeypatch.setattr(FakeDriver, "properties", {**FakeDriver.properties, "fake_password": short})
    with pytest.raises(errors.InvalidNode, match="fake_password has a wrong value") as refused:
        podium.set_credentials("n1", password=NEW * 3)
    assert NEW not in str(refused.value)


def test_a_driver_without_an_account_is_refused_by_node(
    podium: Podium, fleet: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet("n1")
    monkeypatch.setattr(FakeDriver, "login", None)
    asked = podium.set_credentials("n1", password=NEW)
    assert asked.operation is None
    assert "n1: the driver fake cannot try a login" in asked.refused[0]


def test_so_many_nodes_need_a_confirmation_those_that_nobody_named_count_too(
    podium: Podium, fleet: Callable[..., None]
) -> None:
    fleet(*[f"n{one:02}" for one in range(50)])
    fleet("m1", "m2", address="10.0.0.1")
    with pytest.raises(errors.NeedsConfirmation, match="confirm_above = 50") as refused:
        podium.set_credentials(["n[01-49]", "m1"], password=NEW)
    assert (refused.value.nodes, refused.value.limit) == (51, 50)
    assert [*podium.operations()] == []
    assert podium.set_credentials(["n[01-49]", "m1"], password=NEW, dry_run=True).requested == 51
    assert podium.set_credentials(["n[01-49]", "m1"], password=NEW, confirmed=True).requested == 51


def test_each_bmc_gets_a_password_of_its_own_that_nobody_is_told(
    podium: Podium, fleet: Callable[..., None], head: Head, database: Database
) -> None:
    fleet("n1", "n2", address="10.0.0.1")
    fleet("n3", "n4")
    asked = podium.set_credentials("n[1-4]", generate=True, on_bmc=True, canaries=0)
    head.carry_out({})
    made = passwords(database)
    assert made["n1"] == made["n2"]
    assert len({*made.values()}) == 3
    assert {len(one) for one in made.values()} == {FakeDriver.login.longest if FakeDriver.login else 0}
    told = repr((asked, [*podium.operations()], [*podium.requests(1)], podium.node("n1")))
    assert not [one for one in made.values() if one in told]
    assert podium.operation(1).what == "on the BMC, generated"


def test_the_length_of_what_is_made_up_can_be_chosen_and_is_bounded(
    podium: Podium,
    fleet: Callable[..., None],
    head: Head,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet("n1")
    monkeypatch.setattr(FakeDriver, "login", Login("fake_password", "fake_username", longest=200))
    lengths = []
    for length in (12, None):
        podium.set_credentials("n1", generate=True, length=length, on_bmc=True)
        head.carry_out({})
        lengths.append(len(passwords(database)["n1"]))
    assert lengths == [12, 32]


def test_an_operation_is_undone(
    podium: Podium, fleet: Callable[..., None], head: Head, database: Database
) -> None:
    fleet("n1", "n2")
    podium.set_credentials("n[1-2]", password=NEW, canaries=0)
    head.carry_out({"n2": "refused"})
    tried = podium.undo(1, dry_run=True)
    assert (tried.operation, tried.requested) == (None, 1)
    asked = podium.undo(1)
    assert (asked.operation, asked.requested, podium.operation(2).undoes) == (2, 1, 1)
    head.carry_out({})
    assert passwords(database) == {"n1": OLD, "n2": OLD}


def test_what_cannot_be_undone_is_an_error(podium: Podium, fleet: Callable[..., None]) -> None:
    fleet("n1")
    podium.power("power on", "n1")
    with pytest.raises(errors.BadRequest, match="operation 1 is power on; only"):
        podium.undo(1)
    with pytest.raises(errors.NotFound, match="there is no operation 7"):
        podium.undo(7)


def test_undoing_so_much_needs_a_confirmation(podium: Podium, fleet: Callable[..., None], head: Head) -> None:
    fleet(*[f"n{one:02}" for one in range(51)])
    podium.set_credentials("n[00-50]", password=NEW, canaries=0, confirmed=True)
    head.carry_out({})
    with pytest.raises(errors.NeedsConfirmation):
        podium.undo(1)
    assert podium.undo(1, confirmed=True).requested == 51


def test_only_the_password_itself_ends_that_it_is_unknown(
    podium: Podium, fleet: Callable[..., None], head: Head, warnings: list[str]
) -> None:
    fleet("n1")
    podium.set_credentials("n1", password=NEW, on_bmc=True)
    head.carry_out({"n1": "it is unknown which password it has"})
    podium.set_nodes("n1", set={"driver_info": {"fake_machine_password": "another-hunter"}})
    podium.set_maintenance("n1", False)
    assert any(text.startswith("n1: left alone all the same") for text in warnings)
    assert podium.power("power on", "n1").refused != []
    assert [one.state for one in podium.credentials()] == ["unknown"]
    podium.set_nodes("n1", set={"driver_info": {"fake_password": OLD}})
    assert [one.state for one in podium.credentials()] == ["known"]
    assert podium.settle_credentials("n1").refused == []


def test_credentials_that_are_unknown_are_listed_and_settled(
    podium: Podium, fleet: Callable[..., None], head: Head, database: Database
) -> None:
    fleet("n1", "n2")
    podium.set_credentials("n[1-2]", password=NEW, on_bmc=True, canaries=0)
    assert {one.state for one in podium.credentials()} == {"changing"}
    head.carry_out({"n2": "it is unknown which password it has"})
    (found,) = podium.credentials(unknown=True)
    assert (found.node, found.state, found.operation) == ("n2", "unknown", 1)
    assert podium.settle_credentials("n1").refused == [
        "n1: there is nothing to settle, its credentials are not unknown"
    ]
    asked = podium.settle_credentials(where=Filter(driver="fake"), timeout=20.5)
    assert (asked.operation, asked.requested) == (2, 1)
    found = podium.operation(2)
    assert (found.timeout, found.what, found.then_off) == (20.5, "settle", None)
    head.carry_out({})
    assert [one.state for one in podium.credentials()] == ["known", "known"]
    assert passwords(database)["n2"] == NEW


def test_a_third_password_is_given_when_settling_was_in_vain(
    podium: Podium, fleet: Callable[..., None], head: Head
) -> None:
    fleet("n1")
    podium.set_credentials("n1", password=NEW, on_bmc=True)
    head.carry_out({"n1": "unknown"})
    podium.settle_credentials("n1")
    head.carry_out({"n1": "unknown still"})
    assert podium.node("n1").last_error == "unknown still"
    podium.set_nodes("n1", {"driver_info": {"fake_password": "th1rd-hunter"}})
    node = podium.node("n1")
    assert (node.fault, node.maintenance, node.last_error) == (None, False, None)
    (found,) = podium.credentials()
    assert found.state == "known"


def test_credentials_are_listed_by_age_and_end_without_the_password(
    podium: Podium, fleet: Callable[..., None], head: Head, database: Database
) -> None:
    fleet("n1", "n2", "n3")
    podium.set_credentials("n1", password=NEW, expires_in=0.000001)
    podium.set_credentials("n2", password=NEW, expires_in=86_400.0)
    head.carry_out({})
    long_ago = {"credentials_changed_at": utcnow().replace(year=2020)}
    with database.write() as connection:
        api.update_node(connection, api.find_nodes(connection, ["n3"])[0].id, long_ago)
    first, second, third = podium.credentials()
    assert [one.node for one in (first, second, third)] == ["n1", "n2", "n3"]
    assert (first.username, first.driver, first.expired, second.expired) == ("root", "fake", True, False)
    assert first.age is not None and first.age < 3600 < 86_400 < (third.age or 0)
    assert second.expires_at is not None and third.expires_at is None
    assert [one.operation for one in (first, second, third)] == [1, 2, None]
    assert [one.node for one in podium.credentials(older=180 * 86_400.0)] == ["n3"]
    assert [one.node for one in podium.credentials(expired=True)] == ["n1"]
    assert [one.node for one in podium.credentials("n[2-3]")] == ["n2", "n3"]
    assert NEW not in repr((first, second, third))
    page = podium.ask(ListCredentials(limit=2))
    rest = podium.ask(ListCredentials(limit=2, marker=page.next))
    assert [one.node for one in (*page.items, *rest.items)] == ["n1", "n2", "n3"]
    assert rest.next is None


def test_changing_takes_an_admin_and_looking_a_reader(
    server: Server, fleet: Callable[..., None], everybody: Everybody, head: Head
) -> None:
    fleet("n1")
    with Remote(server) as podium:
        podium.set_credentials("n1", password=NEW)
        head.carry_out({})
        everybody.role = Role.OPERATOR
        for ask in (
            lambda: podium.set_credentials("n1", password=NEW),
            lambda: podium.undo(1),
            lambda: podium.settle_credentials("n1"),
        ):
            with pytest.raises(errors.NotAllowed):
                ask()
        everybody.role = Role.READER
        assert len([*podium.credentials()]) == 1


def test_a_request_that_is_sent_again_is_one_operation_and_leaves_no_password(
    server: Server, fleet: Callable[..., None], database: Database, tmp_path: Path
) -> None:
    fleet("n1")
    body = {"nodes": "n1", "password": NEW}
    with httpx.Client(transport=server.transport(), **server.options()) as client:

        def post(key: str, **changes: Any) -> httpx.Response:
            headers = {"Idempotency-Key": key}
            return client.post("/podium/v1/credentials", json={**body, **changes}, headers=headers)

        short = post("mine")
        first, again = post("0123456789abcdef"), post("0123456789abcdef")
        other = post("0123456789abcdef", password=f"{NEW}2")
    assert (short.status_code, first.status_code, again.status_code) == (400, 202, 202)
    assert "has at least 16 random characters" in short.json()["error"]["message"]
    assert first.json() == again.json()
    assert (other.status_code, "another request" in other.text, NEW in other.text) == (400, True, False)
    with database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(power_requests)) == 1
        kept = connection.execute(sa.text("select * from kept_answers")).all()
    assert kept and NEW not in repr(kept)


def test_a_password_that_could_not_be_hidden_is_not_given_to_a_bmc(
    podium: Podium, fleet: Callable[..., None]
) -> None:
    fleet("n1")
    with pytest.raises(errors.BadRequest, match="at least 3 characters"):
        podium.set_credentials("n1", password="ab", on_bmc=True)
    assert [*podium.operations()] == []


_OPEN: Final = Server(url="http://podium.example.com:6385")


@pytest.mark.parametrize(
    "ask",
    [
        lambda podium: podium.set_credentials("n1", password=NEW),
        lambda podium: podium.set_nodes("n1", set={"driver_info": {"ipmi_password": NEW}}),
        lambda podium: podium.set_nodes("n1", set={"extra": {"url": f"https://root:{NEW}@bmc/"}}),
        lambda podium: podium.enrol_nodes([{"name": "n1", "driver_info": {"ipmi_password": NEW}}]),
        lambda podium: podium.create_token("ada", grants="reader", expires_in=None),
    ],
)
def test_a_password_is_not_sent_where_others_can_read_it(ask: Callable[[Podium], object]) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise AssertionError("it was sent")

    with (
        Remote(_OPEN, transport=httpx.MockTransport(refuse)) as podium,
        pytest.raises(errors.ConfigError, match="would carry the password or token where others can read"),
    ):
        ask(podium)


def test_what_is_no_secret_is_sent_over_http() -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"changed": 1, "unchanged": 0})

    with Remote(_OPEN, transport=httpx.MockTransport(answer)) as podium:
        assert podium.set_nodes("n1", set={"driver_info": {"ipmi_address": "192.0.2.1"}}).changed == 1


def test_the_document_has_the_password_as_something_that_is_never_answered(server: Server) -> None:
    with httpx.Client(transport=server.transport(), **server.options()) as client:
        document = client.get("/openapi.json").json()
    asked = document["paths"]["/podium/v1/credentials"]["post"]["requestBody"]
    password = asked["content"]["application/json"]["schema"]["properties"]["password"]
    assert {"format": "password", "writeOnly": True}.items() <= password["anyOf"][0].items()
    assert "example" not in json.dumps(password)


def test_what_holds_a_password_does_not_show_it() -> None:
    assert NEW not in repr(SetCredentials("n1", password=NEW))
