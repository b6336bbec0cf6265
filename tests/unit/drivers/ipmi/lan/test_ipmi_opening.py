"""Sessions with BMCs that bend the rules while they open them, and with those who forge such answers."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import virtual_time
from podium import errors
from podium.drivers.ipmi.lan import crypto, handshake, packet
from podium.drivers.ipmi.lan.client import Client, Connection, Timing
from podium.drivers.ipmi.lan.session import SuiteRefused, Target
from rounds import ROUNDS

PATIENT: Final = Timing(command=30, retransmit=10)  # no gap ends
EAGER: Final = Timing(command=30, retransmit=0.02)  # what is held counts at once
OPEN, RAKP_2, RAKP_4 = packet.OPEN_SESSION_RESPONSE, packet.RAKP_2, packet.RAKP_4
#: Bytes up to the key exchange authentication code or the integrity check value.
BEFORE_CODE: Final = {RAKP_2: 40, RAKP_4: 8}
Bend = Callable[[int, bytes], bytes]


@pytest.fixture
def fake_bmc(fake_bmc: Any) -> Any:
    """With room for all that is never finished."""

    def make() -> Any:
        bmc = fake_bmc()
        bmc.most_sessions = 1000
        return bmc

    return make


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.UDP)


@asynccontextmanager
async def connected(
    bmc: Any, timing: Timing = PATIENT, clock: Callable[[], float] = lambda: 0.0, **changes: Any
) -> AsyncIterator[Connection]:
    known = {"address": bmc.host, "port": bmc.port, "user": b"podium", "password": b"secret"}
    async with Client(timing, clock) as client:
        yield client.connect(Target(**known | changes))


async def read(connection: Connection) -> bytes:
    return await connection.command(packet.GET_CHASSIS_STATUS)


async def switch(connection: Connection) -> bytes:
    return await connection.command(packet.CHASSIS_CONTROL, b"\x01", privilege=packet.PRIVILEGE_OPERATOR)


def suite_of(bmc: Any) -> int:
    """That of the session that was opened last."""
    return int(list(bmc.sessions.values())[-1]["suite"].number)


def instead(kind: int, payload: bytes) -> Bend:
    """Answers of one type are these bytes."""
    return lambda of, usual: payload if of == kind else usual


def in_suite_17(bmc: Any, bend: Bend) -> Bend:
    """Only answers to a set-up in suite 17."""

    def bent(kind: int, payload: bytes) -> bytes:
        _, asked = packet.unwrap_plain(bmc.datagrams[-1])
        if kind == OPEN:
            algorithms = handshake.OpenSessionRequest.decode(asked).algorithms
        else:
            algorithms = bmc.sessions[int.from_bytes(asked[4:8], "little")]["suite"].algorithms
        return bend(kind, payload) if algorithms == crypto.SUITE_17.algorithms else payload

    return bent


# -- refusals in a wrong form

FORMS: Final[dict[str, Callable[[int], bytes]]] = {
    "in full length, all but the status 0": lambda status: bytes((0, status)) + bytes(38),
    "in the length of a refusal, all but the status 0": lambda status: bytes((0, status)) + bytes(6),
    "ending after the status": lambda status: bytes((0, status)),
}
ANY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


@ANY_FORM
@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        (RAKP_2, 0x0D, "unauthorized name"),
        (RAKP_2, 0x0A, "unauthorized role"),
        (RAKP_2, 0x0C, "invalid name length"),
        (RAKP_4, 0x0F, "invalid integrity check value"),
    ],
)
def test_a_refused_login_in_a_wrong_form_is_a_refused_login(
    fake_bmc: Any, form: Callable[[int], bytes], kind: int, status: int, words: str
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as connection:
            bmc.bend = instead(kind, form(status))
            for _ in range(2):
                with pytest.raises(errors.AuthenticationRefused, match=words):
                    await read(connection)
            with pytest.raises(errors.AuthenticationRefused, match="left alone for 600 s"):
                await read(connection)

    run(main)


@ANY_FORM
@pytest.mark.parametrize("kind", [OPEN, RAKP_2, RAKP_4])
@pytest.mark.parametrize("status", [*range(0x01, 0x13), 0xC7])
def test_no_status_in_a_wrong_form_is_silence(
    fake_bmc: Any, form: Callable[[int], bytes], kind: int, status: int
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER, suite=17) as connection:
            bmc.bend = instead(kind, form(status))
            with pytest.raises(errors.DriverError, match=f"status {status:02X}h") as caught:
                await read(connection)
            assert not isinstance(caught.value, errors.BMCUnreachable)

    run(main)


@ANY_FORM
@pytest.mark.parametrize("kind", [OPEN, RAKP_2, RAKP_4])
@pytest.mark.parametrize("status", [0x02, 0x04, 0x05, 0x06, 0x07, 0x08, 0x10, 0x11, 0x12])
def test_what_suite_17_is_refused_for_leads_to_suite_3(
    fake_bmc: Any, form: Callable[[int], bytes], kind: int, status: int
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as connection:
            bmc.bend = in_suite_17(bmc, instead(kind, form(status)))
            assert await read(connection) == bmc.status
            assert suite_of(bmc) == 3

    run(main)


def test_what_a_bmc_lacks_is_asked_for_again_after_a_failure(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as connection:
            bmc.suites = [crypto.SUITE_3]
            await read(connection)
            bmc.forget_sessions()
            bmc.suites = [crypto.SUITE_17]
            assert await read(connection) == bmc.status
            assert suite_of(bmc) == 17

    run(main)


def test_what_a_bmc_lacks_is_asked_for_again_after_a_day(fake_bmc: Any) -> None:
    async def main() -> None:
        now = [0.0]
        async with fake_bmc() as bmc, connected(bmc, clock=lambda: now[0]) as connection:
            bmc.suites = [crypto.SUITE_3]
            for hours, asked in ((0, 2), (1, 3), (25, 5), (26, 6)):
                now[0] = hours * 3600.0
                connection.abandon()
                await read(connection)
                kinds = [packet.unpack_header(one)[0] for one in bmc.datagrams]
                assert kinds.count(packet.OPEN_SESSION_REQUEST) == asked

    run(main)


REFUSALS: Final = [
    packet.wrap_plain(kind, form(status))
    for kind in (OPEN, RAKP_2, RAKP_4)
    for form in FORMS.values()
    for status in (0x02, 0x04, 0x0D, 0x0F)
]


def forge(connection: Connection, make: Callable[[bytes], list[bytes]]) -> None:
    """Before each datagram of the BMC come those that a forger makes of it, from the BMC's address."""
    network = connection._client.network
    take_in = network.datagram_received

    def disturbed(datagram: bytes, sender: Any) -> None:
        for one in make(datagram):
            take_in(one, sender)
        take_in(datagram, sender)

    network.datagram_received = disturbed  # type: ignore[method-assign, assignment]


def test_a_bmc_that_answers_wins_over_all_refusals_in_its_name(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            forge(connection, lambda datagram: REFUSALS)
            for _ in range(5):
                assert await read(connection) == bmc.status
                assert suite_of(bmc) == 17
                connection.abandon()
                bmc.forget_sessions()

    run(main)


@pytest.mark.parametrize("place", ["another address", "another step", "no exchange"])
def test_a_refusal_that_is_out_of_place_counts_for_nothing(fake_bmc: Any, place: str) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as connection:
            address = ("127.0.0.9", bmc.port) if place == "another address" else (bmc.host, bmc.port)
            refusal = packet.wrap_plain(OPEN if place == "another step" else RAKP_2, b"\0\x0d" + bytes(38))
            receive = connection._client.network.datagram_received
            if place == "no exchange":
                await read(connection)
                receive(refusal, address)
                bmc.forget_sessions()
            take_in, seen = bmc.datagram_received, []

            def late(datagram: bytes, sender: Any) -> None:
                if packet.unpack_header(datagram)[0] == packet.RAKP_1 and len(seen) < 3:
                    seen.append(datagram)  # and lost: three gaps end without an answer
                    if place != "no exchange":
                        receive(refusal, address)
                    return
                take_in(datagram, sender)

            bmc.datagram_received = late
            assert await read(connection) == bmc.status
            assert len(seen) == 3

    run(main)


# -- codes that are of no password

NO_CODES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "zeros": lambda code: bytes(len(code)),
    "ones": lambda code: b"\xff" * len(code),
    "none": lambda code: b"",
    "cut short": lambda code: code[:-1],
    "SHA1 and zeros": lambda code: code[:20] + bytes(12),
}
ANY_CODE = pytest.mark.parametrize("change", NO_CODES.values(), ids=NO_CODES.keys())


def with_code(kind: int, change: Callable[[bytes], bytes]) -> Bend:
    def bent(of: int, payload: bytes) -> bytes:
        start = BEFORE_CODE.get(of, 0)
        return payload[:start] + change(payload[start:]) if of == kind else payload

    return bent


@ANY_CODE
def test_an_impossible_code_in_suite_17_leads_to_suite_3(
    fake_bmc: Any, change: Callable[[bytes], bytes]
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.bend = in_suite_17(bmc, with_code(RAKP_2, change))
            assert await read(connection) == bmc.status
            assert suite_of(bmc) == 3

    run(main)


@pytest.mark.parametrize(
    ("suite", "other", "change"),
    [(17, 3, change) for change in NO_CODES.values()] + [(3, 17, NO_CODES["zeros"])],
)
def test_an_impossible_code_is_never_accepted_and_no_verdict_on_the_password(
    fake_bmc: Any, suite: int, other: int, change: Callable[[bytes], bytes]
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, suite=suite) as connection:
            bmc.bend = with_code(RAKP_2, change)
            for _ in range(5):  # more than a BMC may refuse before it is left alone
                with pytest.raises(SuiteRefused, match=f"ipmi_cipher_suite to {other}"):
                    await read(connection)

    run(main)


@pytest.mark.parametrize("code", [bytes(16), b"", bytes(range(15))], ids=["zeros", "none", "cut short"])
def test_an_impossible_code_in_rakp_message_4_is_no_verdict_on_the_key(fake_bmc: Any, code: bytes) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, suite=17) as connection:
            bmc.bend = with_code(RAKP_4, lambda _: code)
            with pytest.raises(SuiteRefused, match="ipmi_cipher_suite to 3"):
                await read(connection)

    run(main)


# -- answers with a wrong tag or session id


def with_head(tag: int | None, session_id: bytes | None) -> Bend:
    def bent(kind: int, payload: bytes) -> bytes:
        head = payload[:1] if tag is None else bytes((tag,))
        return head + payload[1:4] + (payload[4:8] if session_id is None else session_id) + payload[8:]

    return bent


@pytest.mark.parametrize("tag", [0x00, 0xFF])
@pytest.mark.parametrize("suite", [3, 17])
def test_a_right_answer_with_a_wrong_tag_counts_at_once(fake_bmc: Any, tag: int, suite: int) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, suite=suite) as connection:
            bmc.bend = with_head(tag, None)
            assert await read(connection) == bmc.status
            assert bmc.opened == 1 and connection._client.network.retransmissions == 0

    run(main)


@pytest.mark.parametrize("tag", [None, 0])
def test_a_right_answer_without_a_session_id_counts(fake_bmc: Any, tag: int | None) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as connection:
            bmc.bend = with_head(tag, bytes(4))
            assert await read(connection) == bmc.status

    run(main)


@pytest.mark.parametrize("session_id", [None, bytes(4)])
def test_a_wrong_password_is_one_whatever_tag_and_session_id_are(
    fake_bmc: Any, session_id: bytes | None
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER, password=b"wrong") as connection:
            bmc.bend = with_head(0, session_id)
            for _ in range(2):
                with pytest.raises(errors.AuthenticationRefused, match="ipmi_password"):
                    await read(connection)
            with pytest.raises(errors.AuthenticationRefused, match="left alone"):
                await read(connection)

    run(main)


def forgeries(datagram: bytes) -> list[bytes]:
    """Good answers in the BMC's name by who knows the session id, or does not, but no password."""
    if packet.unpack_header(datagram)[1]:
        return []
    kind, payload = packet.unwrap_plain(datagram)
    if kind == OPEN:  # who knows the session id has seen it pass: what opens a session is not authenticated
        return [packet.wrap_plain(kind, bytes(8) + b"\x11\x22\x33\x44" + payload[12:])]
    if kind not in BEFORE_CODE:
        return []
    size = BEFORE_CODE[kind]
    codes = [bytes(32), b"", payload[size:-1], payload[size:-1] + bytes((payload[-1] ^ 1,)), b"\xff" * 32]
    heads = [bytes(8), b"\xff\0\0\0" + bytes(4), b"\0" + payload[1:8]]
    return [packet.wrap_plain(kind, head + payload[8:size] + code) for head in heads for code in codes]


def test_a_forged_answer_with_a_wrong_tag_or_session_id_is_not_accepted(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            forge(connection, forgeries)
            assert await read(connection) == bmc.status
            assert bmc.opened == 1

    run(main)


# -- codes with another explanation than the password


def with_open_privilege(exchange: crypto.Exchange) -> crypto.Exchange:
    return replace(exchange, role=packet.PRIVILEGE_ADMINISTRATOR)


def with_short_password(exchange: crypto.Exchange) -> crypto.Exchange:
    return replace(exchange, user_key=exchange.user_key[:16])


@pytest.mark.parametrize("suite", [3, 17])
@pytest.mark.parametrize("kg", [b"", b"K" * 20], ids=["no Kg", "Kg"])
@pytest.mark.parametrize(
    "misread",
    [
        with_open_privilege,
        with_short_password,
        lambda exchange: with_open_privilege(with_short_password(exchange)),
    ],
    ids=["privilege of Open Session Request", "16 bytes of the password", "both"],
)
def test_codes_that_a_bmc_computes_otherwise_are_understood(
    fake_bmc: Any, misread: Any, suite: int, kg: bytes
) -> None:
    async def main() -> None:
        password = b"twenty bytes of it.."
        async with (
            fake_bmc() as bmc,
            connected(bmc, suite=suite, password=password, bmc_key=kg) as connection,
        ):
            bmc.password, bmc.kg, bmc.misread = password, kg, misread
            await switch(connection)
            assert await read(connection) == bmc.status
            assert bmc.opened == 1

    run(main)


def test_the_code_of_rakp_message_2_with_the_privilege_of_the_open_session_request_has_these_bytes(
    fake_bmc: Any,
) -> None:
    def bent(kind: int, payload: bytes) -> bytes:
        if kind == RAKP_2:
            asked = packet.unwrap_plain(bmcs[0].datagrams[-1])[1]
            # SIDm, SIDc, Rm, Rc, GUID, and 04h where message 1 has 14h; section 13.31
            covered = payload[4:8] + asked[4:8] + asked[8:24] + payload[8:40] + b"\x04\x06podium"
            assert asked[24] == 0x14
            return payload[:40] + hmac.new(b"secret", covered, hashlib.sha256).digest()
        return payload

    bmcs: list[Any] = []

    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmcs.append(bmc)
            bmc.bend, bmc.misread = bent, with_open_privilege
            assert await read(connection) == bmc.status

    run(main)


@pytest.mark.parametrize("wrong", [b"secret", b"twenty bytes of him.", b"twenty bytes of "[:15]])
def test_another_password_has_no_other_explanation(fake_bmc: Any, wrong: bytes) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, password=wrong) as connection:
            bmc.password, bmc.misread = b"twenty bytes of it..", with_open_privilege
            with pytest.raises(errors.AuthenticationRefused, match="ipmi_password"):
                await read(connection)
            assert bmc.opened == 1

    run(main)


@pytest.mark.parametrize("suite", [3, 17])
@pytest.mark.parametrize("kind", [RAKP_2, RAKP_4])
def test_a_code_with_bytes_behind_it_is_read(fake_bmc: Any, suite: int, kind: int) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, suite=suite) as connection:
            bmc.bend = with_code(kind, lambda code: code + b"\x5a")
            assert await read(connection) == bmc.status

    run(main)


@pytest.mark.parametrize("counted", [-1, 1], ids=["bytes behind it", "more than there is"])
def test_a_wrong_length_of_an_answer_does_not_spoil_it(fake_bmc: Any, counted: int) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            answer = bmc._answer

            def miscounted(datagram: bytes) -> bytes | None:
                sent: bytes | None = answer(datagram)
                if sent is None or packet.unpack_header(sent)[1]:
                    return sent
                length = len(sent) - 16 + max(counted, 0)
                return sent[:14] + length.to_bytes(2, "little") + sent[16:] + bytes(max(-counted, 0))

            bmc._answer = miscounted
            assert await read(connection) == bmc.status

    run(main)


def test_algorithms_with_odd_headers_are_read(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.bend = lambda kind, payload: (
                payload[:15] + b"\x07" + payload[16:] + b"\0\0" if kind == OPEN else payload
            )
            assert await read(connection) == bmc.status

    run(main)


# -- what is tried once with another explanation before it counts


def test_a_bmc_that_leaves_out_the_lookup_bit_in_rakp_message_3_is_logged_into(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            rakp_3 = bmc._rakp_3

            def without_lookup_bit(payload: bytes) -> Any:
                asked = handshake.Rakp3.decode(payload)
                exchange = bmc.sessions[asked.bmc_id]["exchange"]
                wanted = replace(exchange, role=exchange.role & 0x0F).rakp_3_code()
                if asked.code != wanted:
                    return handshake.Refusal(asked.tag, 0x0F, exchange.console_id)
                return rakp_3(replace(asked, code=exchange.rakp_3_code()).encode())

            bmc._rakp_3 = without_lookup_bit
            assert await read(connection) == bmc.status
            assert bmc.opened == 2
            bmc.forget_sessions()
            connection.abandon()
            await read(connection)
            assert bmc.opened == 3  # it is known by now

    run(main)


@pytest.mark.parametrize("kg", [b"", b"K" * 20], ids=["no Kg", "Kg"])
def test_a_bmc_with_a_right_code_in_rakp_message_2_alone_is_logged_into(fake_bmc: Any, kg: bytes) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, bmc_key=kg) as connection:
            bmc.kg, bmc.misread = kg, with_open_privilege

            def right_code(kind: int, payload: bytes) -> bytes:
                if kind != RAKP_2:
                    return payload
                exchange = list(bmc.sessions.values())[-1]["exchange"]
                return payload[:40] + replace(exchange, role=0x14).rakp_2_code()

            bmc.bend = right_code
            assert await read(connection) == bmc.status
            assert bmc.opened == 2

    run(main)


def test_a_bmc_that_refuses_right_codes_gets_one_more_of_them_and_then_is_spared(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.bend = lambda kind, payload: (
                payload[:1] + b"\x0f" + payload[2:8] if kind == RAKP_4 else payload
            )
            for opened in (2, 3):
                with pytest.raises(errors.AuthenticationRefused, match="invalid integrity check value"):
                    await read(connection)
                assert bmc.opened == opened
            with pytest.raises(errors.AuthenticationRefused, match="left alone"):
                await read(connection)

    run(main)


def test_a_bmc_that_drew_again_for_a_message_that_was_lost_is_logged_into(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as connection:
            bmc.bend = with_head(0, None)
            rakp_1 = bmc._rakp_1

            def twice(payload: bytes) -> Any:
                first = rakp_1(payload)
                if bmc.opened == 1:
                    bmc.lose_answers = len([one for one in bmc.datagrams if one[5] == packet.RAKP_1]) == 1
                    rakp_1(payload)
                return first

            bmc._rakp_1 = twice
            assert await read(connection) == bmc.status

    run(main)


@pytest.mark.parametrize("highest", [packet.PRIVILEGE_OPERATOR, packet.PRIVILEGE_USER])
def test_a_user_with_less_than_was_asked_for_is_logged_in_with_less(fake_bmc: Any, highest: int) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.highest = highest
            assert await read(connection) == bmc.status
            assert suite_of(bmc) == 17
            if highest == packet.PRIVILEGE_OPERATOR:
                await switch(connection)

    run(main)


def test_a_user_with_no_level_is_asked_for_all_levels_once(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.highest = 1
            for attempts in (6, 7):  # three levels in two suites at first
                with pytest.raises(errors.AuthenticationRefused, match="unauthorized role"):
                    await read(connection)
                assert bmc.opened == attempts

    run(main)


def test_a_session_is_raised_as_far_as_the_user_may_go(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            await read(connection)
            bmc.highest = packet.PRIVILEGE_OPERATOR  # as OpenBMC, which looks only now
            for _ in range(2):
                await switch(connection)
            asked = [data for command, data in bmc.executed if command == packet.SET_SESSION_PRIVILEGE_LEVEL]
            assert asked == [b"\x03"]

    run(main)


# -- anything at all

HEADS = st.tuples(st.sampled_from([OPEN, RAKP_2, RAKP_4]), st.sampled_from([0, 1, 0x0D, 0x0F, 0xFF]))


@settings(
    max_examples=60 * ROUNDS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    strange=st.lists(
        st.builds(
            lambda head, tag, session_id, tail: packet.wrap_plain(
                head[0], bytes((tag, head[1], 0, 0)) + session_id + tail
            ),
            HEADS,
            st.one_of(st.just(0), st.integers(0, 255)),
            st.one_of(st.just(b""), st.just(bytes(4)), st.binary(max_size=8)),
            st.binary(max_size=80),
        ),
        max_size=40,
    )
)
def test_no_answer_in_the_name_of_a_bmc_keeps_it_from_being_read(fake_bmc: Any, strange: list[bytes]) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            forge(connection, lambda datagram: strange)
            assert await read(connection) == bmc.status
            assert bmc.opened == 1 and suite_of(bmc) == 17

    run(main)


@settings(
    max_examples=40 * ROUNDS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    kind=st.sampled_from([RAKP_2, RAKP_4]),
    tag=st.one_of(st.none(), st.just(0)),
    session_id=st.one_of(st.none(), st.just(bytes(4))),
    keep=st.booleans(),
    tail=st.one_of(st.just(b""), st.sampled_from([bytes(20), bytes(32)]), st.binary(max_size=80)),
    suite=st.sampled_from([None, 3, 17]),
)
def test_nothing_opens_a_session_without_the_password(
    fake_bmc: Any, kind: int, tag: int | None, session_id: bytes | None, keep: bool, tail: bytes, suite: Any
) -> None:
    head = with_head(tag, session_id)

    def bent(of: int, payload: bytes) -> bytes:
        start = BEFORE_CODE.get(of, 0) if keep else 8
        return head(of, payload)[:start] + tail if of == kind else payload

    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER, suite=suite) as connection:
            bmc.bend = bent
            with pytest.raises(errors.DriverError):
                await connection.command(packet.GET_CHASSIS_STATUS, patience=0.3)
            assert not connection.has_session and not bmc.executed

    run(main)
