"""The client against a BMC on loopback: sessions held, lost, refused and closed."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import virtual_time
from peers import PATIENCE
from podium import errors
from podium.drivers.ipmi.lan import crypto, handshake, packet, transport
from podium.drivers.ipmi.lan.client import Client, Connection, Timing
from podium.drivers.ipmi.lan.commands import CommandFailed
from podium.drivers.ipmi.lan.session import SuiteRefused, Target
from rounds import ROUNDS

PATIENT = Timing(command=30, retransmit=10)  # nothing is sent twice
EAGER = Timing(command=30, retransmit=0.02)  # what is lost is sent again at once


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.UDP)


@asynccontextmanager
async def connected(
    bmc: Any, timing: Timing = PATIENT, clock: Callable[[], float] = lambda: 0.0, **changes: Any
) -> AsyncIterator[tuple[Client, Connection]]:
    known = {"address": bmc.host, "port": bmc.port, "user": b"podium", "password": b"secret"}
    async with Client(timing, clock) as client:
        yield client, client.connect(Target(**known | changes))


async def read(connection: Connection, patience: float = 0.0) -> bytes:
    return await connection.command(packet.GET_CHASSIS_STATUS, patience=patience)


@pytest.mark.parametrize("suite", [3, 17])
@pytest.mark.parametrize("kg", [b"", b"K" * 20], ids=["no Kg", "Kg"])
def test_a_command_is_answered(fake_bmc: Any, suite: int, kg: bytes) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc:
            bmc.kg = kg
            async with connected(bmc, suite=suite, bmc_key=kg) as (_, connection):
                assert await read(connection) == bmc.status

    run(main)


def test_a_session_is_held_and_used_again(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            for _ in range(100):
                await read(connection)
            assert bmc.opened == 1

    run(main)


def test_a_forgotten_session_is_opened_anew(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (_, connection):
            await read(connection)
            bmc.forget_sessions()
            assert await read(connection) == bmc.status
            assert bmc.opened > 1

    run(main)


@pytest.mark.parametrize(("idle", "transmissions"), [(0.0, 4), (60.0, 3)])
def test_a_session_that_may_have_timed_out_is_given_up_sooner(
    fake_bmc: Any, idle: float, transmissions: int
) -> None:
    async def main() -> None:
        now = [0.0]
        async with fake_bmc() as bmc, connected(bmc, EAGER, lambda: now[0]) as (_, connection):
            await read(connection)
            held = packet.unpack_header(bmc.datagrams[-1])[1]  # not the first, where its login was repeated
            bmc.forget_sessions()
            bmc.datagrams.clear()
            now[0] = idle
            await read(connection)
            old = [one for one in bmc.datagrams if packet.unpack_header(one)[1] == held]
            assert len(old) == transmissions + 1  # Close Session

    run(main)


def test_a_read_that_meets_node_busy_in_a_held_session_is_repeated(fake_bmc: Any) -> None:
    class Once(dict[Any, int]):
        def get(self, command: Any, default: Any = None) -> Any:
            return self.pop(command, default)

    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            await read(connection)
            bmc.codes = Once({packet.GET_CHASSIS_STATUS: 0xC0})
            assert await read(connection) == bmc.status
            assert len({rq for rq, _ in bmc.requests}) == 3 and bmc.opened == 1

    run(main)


def test_a_command_that_must_not_happen_twice_is_not_repeated_in_a_new_session(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            await read(connection)
            bmc.forget_sessions()
            with pytest.raises(errors.BMCUnreachable):
                await connection.command(packet.CHASSIS_CONTROL, b"\x03", repeatable=False, patience=0.2)
            assert bmc.opened == 1

    run(main)


def test_a_retransmission_has_the_same_rq_seq_and_a_new_session_sequence_number(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (_, connection):
            await read(connection)
            bmc.requests.clear()
            bmc.lose_answers = 1
            await connection.command(packet.CHASSIS_CONTROL, b"\x03")
            (first_rq, first), (second_rq, second) = bmc.requests[:2]
            assert first_rq == second_rq and second == first + 1
            assert bmc.executed.count((packet.CHASSIS_CONTROL, b"\x03")) == 1

    run(main)


@pytest.mark.parametrize("lost", range(5))
def test_a_session_is_opened_although_a_request_is_lost(fake_bmc: Any, lost: int) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (_, connection):
            take_in = bmc.datagram_received

            def lossy(datagram: bytes, address: Any) -> None:
                bmc.lose_requests = 1 if len(bmc.datagrams) == lost else 0
                take_in(datagram, address)

            bmc.datagram_received = lossy
            assert await read(connection) == bmc.status

    run(main)


def test_a_slow_bmc_that_draws_again_for_each_rakp_message_1_is_logged_into(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (_, connection):
            take_in = bmc.datagram_received
            first_messages = []

            def slow(datagram: bytes, address: Any) -> None:
                if packet.unpack_header(datagram)[0] == packet.RAKP_1:
                    first_messages.append(datagram)
                    if len(first_messages) == 1:
                        bmc.hold = asyncio.Event()
                    else:
                        bmc.hold.set()
                take_in(datagram, address)

            bmc.datagram_received = slow
            assert await read(connection) == bmc.status
            assert len(first_messages) > 1

    run(main)


@pytest.mark.parametrize("changes", [{"password": b"wrong"}, {"user": b"nobody"}, {"bmc_key": b"K" * 20}])
def test_a_refused_login_is_told_apart_from_silence(fake_bmc: Any, changes: dict[str, Any]) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, **changes) as (_, connection):
            with pytest.raises(errors.AuthenticationRefused):
                await read(connection)

    run(main)


async def switch(connection: Connection) -> bytes:
    return await connection.command(packet.CHASSIS_CONTROL, b"\x01", privilege=packet.PRIVILEGE_OPERATOR)


def raises(bmc: Any) -> list[bytes]:
    return [data for command, data in bmc.executed if command == packet.SET_SESSION_PRIVILEGE_LEVEL]


def test_a_session_that_is_only_read_is_not_raised_above_user_level(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            await read(connection)
            assert raises(bmc) == []

    run(main)


def test_a_session_is_raised_once_for_the_commands_that_need_more(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            for _ in range(3):
                await switch(connection)
                await read(connection)
            assert raises(bmc) == [b"\x04"]

    run(main)


def test_a_new_session_is_raised_again(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (_, connection):
            await switch(connection)
            bmc.forget_sessions()
            await switch(connection)
            assert raises(bmc) == [b"\x04", b"\x04"]

    run(main)


def test_a_user_of_the_lowest_level_is_told_by_the_bmc_what_it_may_not(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, privilege=packet.PRIVILEGE_USER) as (_, connection):
            bmc.codes[packet.CHASSIS_CONTROL] = 0xD4
            with pytest.raises(CommandFailed, match="insufficient privilege level"):
                await switch(connection)
            assert raises(bmc) == []

    run(main)


def test_a_bmc_that_refuses_a_read_at_user_level_is_asked_at_a_higher_one(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            bmc.status_level = packet.PRIVILEGE_OPERATOR
            assert [await read(connection) for _ in range(3)] == [bmc.status] * 3
            assert raises(bmc) == [b"\x04"]

    run(main)


def test_a_privilege_level_that_the_user_lacks_is_refused_authentication(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            bmc.codes[packet.SET_SESSION_PRIVILEGE_LEVEL] = 0x81
            with pytest.raises(errors.AuthenticationRefused, match="ADMINISTRATOR.*ipmi_priv_level"):
                await switch(connection)
            assert await read(connection) == bmc.status and bmc.opened == 1

    run(main)


def test_silence_is_told_in_the_same_words_each_time(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            bmc.lose_requests = 1000
            told = set()
            for _ in range(3):
                with pytest.raises(errors.BMCUnreachable) as caught:
                    await read(connection, patience=0.1)
                told.add(str(caught.value))
            assert told == {f"BMC 127.0.0.1:{bmc.port} does not answer within 0.1 s"}

    run(main)


def test_a_bmc_that_was_silent_is_read_when_it_is_back(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            bmc.lose_requests = 1000
            with pytest.raises(errors.BMCUnreachable):
                await read(connection, patience=0.2)
            bmc.lose_requests = 0
            assert await read(connection) == bmc.status

    run(main)


def test_a_name_that_does_not_exist_is_unreachable(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, address="no.such.host.invalid") as (_, connection):
            with pytest.raises(errors.BMCUnreachable, match="no.such.host.invalid"):
                await read(connection)

    run(main)


def test_after_two_refused_logins_no_packet_is_sent(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, user=b"nobody") as (_, connection):
            for _ in range(2):
                with pytest.raises(errors.AuthenticationRefused):
                    await read(connection)
            seen = len(bmc.datagrams)
            with pytest.raises(
                errors.AuthenticationRefused,
                match="unauthorized name.*check ipmi_username.*left alone for 600 s",
            ):
                await read(connection)
            assert len(bmc.datagrams) == seen

    run(main)


def test_a_bmc_that_is_left_alone_gets_another_chance_after_the_interval(fake_bmc: Any) -> None:
    async def main() -> None:
        now = [0.0]
        async with fake_bmc() as bmc, connected(bmc, clock=lambda: now[0]) as (_, connection):
            bmc.password = b"changed for a while"
            for _ in range(2):
                with pytest.raises(errors.AuthenticationRefused):
                    await read(connection)
            bmc.password = b"secret"
            now[0] = PATIENT.authentication_retry
            assert await read(connection) == bmc.status

    run(main)


def test_a_session_that_was_forgotten_while_the_machine_slept_costs_one_packet_and_a_login(
    fake_bmc: Any,
) -> None:
    async def main() -> None:
        now = [0.0]
        async with fake_bmc() as bmc, connected(bmc, EAGER, clock=lambda: now[0]) as (client, connection):
            await read(connection)
            bmc.forget_sessions()
            now[0] += 300
            seen = len(bmc.datagrams)
            assert await read(connection) == bmc.status
            assert client.statistics()["logins"] == 2
            one_login = len(bmc.datagrams) - seen
            bmc.forget_sessions()
            seen = len(bmc.datagrams)
            assert await read(connection) == bmc.status
            assert len(bmc.datagrams) - seen > one_login  # a session just used gets more chances

    run(main)


def test_a_login_that_succeeds_starts_the_count_of_failures_anew(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (_, connection):
            for password in (b"wrong", b"secret", b"wrong", b"secret"):
                bmc.password = password
                bmc.forget_sessions()
                if password == b"secret":
                    assert await read(connection) == bmc.status
                else:
                    with pytest.raises(errors.AuthenticationRefused, match="ipmi_password"):
                        await read(connection)

    run(main)


def test_other_credentials_for_a_bmc_that_is_left_alone_are_tried_after_a_correction(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, password=b"wrong") as (client, connection):
            for _ in range(4):
                with pytest.raises(errors.AuthenticationRefused):
                    await read(connection)
            right = client.connect(Target(bmc.host, bmc.port, b"podium", b"secret"))
            with pytest.raises(errors.AuthenticationRefused, match="left alone"):
                await read(right)
            client.corrected(right)
            assert await read(right) == bmc.status

    run(main)


def test_a_full_session_table_is_no_refused_login(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            bmc.most_sessions = 0
            with pytest.raises(errors.DriverError, match="no free session") as caught:
                await read(connection)
            assert not isinstance(caught.value, errors.AuthenticationRefused)

    run(main)


def test_a_bmc_without_cipher_suite_17_is_asked_for_it_once(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (_, connection):
            bmc.suites = [crypto.SUITE_3]
            await read(connection)
            bmc.forget_sessions()
            bmc.datagrams.clear()
            await read(connection)
            asked = [packet.unwrap_plain(one) for one in bmc.datagrams if packet.unpack_header(one)[1] == 0]
            assert {
                handshake.OpenSessionRequest.decode(payload).algorithms
                for kind, payload in asked
                if kind == packet.OPEN_SESSION_REQUEST
            } == {crypto.SUITE_3.algorithms}

    run(main)


def test_a_cipher_suite_that_was_asked_for_is_not_replaced(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, suite=17) as (_, connection):
            bmc.suites = [crypto.SUITE_3]
            with pytest.raises(SuiteRefused, match="cipher suite 17"):
                await read(connection)

    run(main)


def test_a_completion_code_is_explained(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            bmc.codes[packet.GET_CHASSIS_STATUS] = 0xD4
            with pytest.raises(CommandFailed, match="Get Chassis Status: insufficient privilege level .*D4h"):
                await read(connection)

    run(main)


def test_a_bmc_is_asked_one_thing_at_a_time(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (client, connection):
            again = client.connect(connection.target)
            other = client.connect(Target(bmc.host, bmc.port, b"podium", b"secret", suite=3))
            await asyncio.gather(*(read(one) for one in [connection, again, other] * 10))
            assert bmc.most_under_way == 1

    run(main)


def test_a_cancelled_command_leaves_the_session_usable(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (_, connection):
            await read(connection)
            bmc.hold = asyncio.Event()
            bmc.arrived.clear()
            task = asyncio.ensure_future(connection.command(packet.GET_SELF_TEST_RESULTS))
            await bmc.arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            bmc.hold.set()
            assert await read(connection) == bmc.status
            assert bmc.opened == 1

    run(main)


def test_a_first_command_that_is_cancelled_leaves_no_session_behind(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc:
            async with connected(bmc) as (_, connection):
                take_in = bmc.datagram_received
                in_session = asyncio.Event()

                def lossy(datagram: bytes, address: Any) -> None:
                    if packet.unpack_header(datagram)[1] and not in_session.is_set():
                        in_session.set()
                        bmc.lose_answers = 1
                    take_in(datagram, address)

                bmc.datagram_received = lossy
                task = asyncio.ensure_future(read(connection))
                await in_session.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert not bmc.sessions

    run(main)


@pytest.mark.parametrize("seconds", [30.0, 0.2], ids=["cancelled", "out of time"])
def test_a_login_that_is_given_up_after_rakp_message_3_leaves_no_session_behind(
    fake_bmc: Any, seconds: float
) -> None:
    async def main() -> None:
        timing = Timing(command=seconds, retransmit=30)
        async with fake_bmc() as bmc, connected(bmc, timing=timing) as (_, connection):
            take_in = bmc.datagram_received
            rakp_3, in_session = asyncio.Event(), asyncio.Event()

            def lossy(datagram: bytes, address: Any) -> None:
                if packet.unpack_header(datagram)[1]:
                    take_in(datagram, address)
                    in_session.set()
                    return
                if packet.unwrap_plain(datagram)[0] == packet.RAKP_3:
                    bmc.lose_answers = 1
                    rakp_3.set()
                take_in(datagram, address)

            bmc.datagram_received = lossy
            task = asyncio.ensure_future(read(connection))
            await rakp_3.wait()
            if seconds > 1:
                task.cancel()
            with pytest.raises((asyncio.CancelledError, errors.BMCUnreachable)):
                await task
            await in_session.wait()
            assert (bmc.opened, bmc.sessions) == (1, {})

    run(main)


def test_closing_the_client_closes_every_session(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as one, fake_bmc() as two:
            async with Client(PATIENT) as client:
                for bmc in (one, two):
                    await read(client.connect(Target(bmc.host, bmc.port, b"podium", b"secret")))
            assert not one.sessions and not two.sessions

    run(main)


def test_closing_the_client_does_not_wait_for_dead_bmcs_for_long(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc:
            async with connected(bmc, Timing(retransmit=1000, command=1000, close=0.05)) as (_, connection):
                await read(connection)
                bmc.lose_requests = 1000
            assert connection.has_session is False

    run(main)


def test_a_released_connection_gives_its_session_back(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (client, connection):
            await read(connection)
            bmc.arrived.clear()
            client.release(connection)
            await bmc.arrived.wait()
            assert not bmc.sessions

    run(main)


def test_a_connection_released_under_way_finishes_its_command(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (client, connection):
            await read(connection)
            bmc.lose_answers = 1
            bmc.arrived.clear()
            task = asyncio.ensure_future(read(connection))
            await bmc.arrived.wait()
            client.release(connection)
            assert await task == bmc.status
            assert not connection.has_session

    run(main)


def test_a_connection_is_kept_while_someone_uses_it(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (client, connection):
            again = client.connect(connection.target)
            await read(connection)
            client.release(connection)
            await read(again)
            assert bmc.opened == 1

    run(main)


def test_ipv6_is_spoken(fake_bmc: Any) -> None:
    async def main() -> None:
        try:
            async with fake_bmc("::1") as bmc, connected(bmc) as (_, connection):
                assert await read(connection) == bmc.status
        except OSError as missing:
            pytest.skip(f"no IPv6 on loopback: {missing}")

    run(main)


def test_names_are_resolved(fake_bmc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, address="localhost") as (client, connection):
            # localhost may be ::1 first, where nobody answers.
            resolve = asyncio.get_running_loop().getaddrinfo
            asked = []

            async def only_v4(host: str, port: int, **kwargs: Any) -> Any:
                asked.append(host)
                return await resolve("127.0.0.1", port, **kwargs)

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", only_v4)
            assert await read(connection) == bmc.status
            await read(connection)
            assert asked == ["localhost"]

    run(main)


STRANGE = st.one_of(
    st.binary(max_size=100),
    st.binary(max_size=100).map(lambda tail: b"\x06\x00\xff\x07\x06" + tail),
    st.tuples(st.integers(0, 20), st.integers(0, 200), st.integers(0, 255), st.integers(-20, 20)),
)


@settings(
    max_examples=60 * ROUNDS,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(strange=st.lists(STRANGE, min_size=1, max_size=30), in_session=st.booleans())
def test_no_garbage_raises_or_disturbs_a_read(fake_bmc: Any, strange: list[Any], in_session: bool) -> None:
    def mutated(real: list[bytes], change: tuple[int, int, int, int]) -> bytes:
        which, where, value, length = change
        datagram = bytearray(real[which % len(real)])
        datagram[where % len(datagram)] ^= value
        if value == 0 and length == 0:
            return bytes(datagram)  # a replay
        return bytes(datagram[:length] if length < 0 else datagram + bytes(length))

    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (client, connection):
            await read(connection)
            if not in_session:
                connection.abandon()
            real = list(bmc.sent) + list(bmc.datagrams)
            address = (bmc.host, bmc.port)
            take_in = client.network.datagram_received

            def disturbed(datagram: bytes, sender: Any) -> None:
                # What opens a session is not authenticated: who sees it pass can spoil it, but nobody else.
                seen = [*real, datagram] if in_session else list(real)
                real.append(datagram)
                for item in strange:
                    sent = item if isinstance(item, bytes) else mutated(seen, item)
                    take_in(sent, address)
                    take_in(sent, ("127.0.0.9", 1))
                take_in(datagram, sender)

            client.network.datagram_received = disturbed  # type: ignore[method-assign, assignment]
            assert await read(connection) == bmc.status
            assert bmc.opened == (1 if in_session else 2)
            assert client.network.dropped >= 2 * len(strange)

    run(main)


def test_a_replayed_answer_with_the_right_rq_seq_is_dropped(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as (client, connection):
            await read(connection)
            stale = bmc.sent[-1]
            for _ in range(63):  # the rqSeq has 6 bits
                await read(connection)
            bmc.status = bytes((0x00, 0, 0))
            bmc.hold = asyncio.Event()
            bmc.arrived.clear()
            task = asyncio.ensure_future(read(connection))
            await bmc.arrived.wait()
            client.network.datagram_received(stale, (bmc.host, bmc.port))
            bmc.hold.set()
            assert await task == bmc.status

    run(main)


def test_sessions_are_closed_although_datagrams_are_lost(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc:
            async with connected(bmc, EAGER) as (_, connection):
                await read(connection)
                bmc.lose_requests = 1
            assert not bmc.sessions

    run(main)


def test_a_session_in_use_is_closed_once_its_command_is_done(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc:
            async with connected(bmc) as (_, connection):
                await read(connection)
                bmc.hold = asyncio.Event()
                task = asyncio.ensure_future(read(connection))
                await asyncio.sleep(0)
                asyncio.get_running_loop().call_later(0.05, bmc.hold.set)
            await asyncio.gather(task, return_exceptions=True)
            assert not bmc.sessions

    run(main)


def test_a_command_that_is_not_answered_fails_when_the_client_closes(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc:
            async with connected(bmc, Timing(command=1000, retransmit=1000, close=0.05)) as (_, connection):
                await read(connection)
                bmc.lose_requests = 1000
                task = asyncio.ensure_future(read(connection))
                await asyncio.sleep(0)
            with pytest.raises(errors.BMCUnreachable):
                await task

    run(main)


@contextmanager
def one_endpoint() -> Iterator[tuple[transport.Network, transport.Endpoint]]:
    network = transport.Network()
    try:
        yield network, network.endpoint(socket.AF_INET, ("127.0.0.1", 9))
    finally:
        network.close()


def test_a_turn_that_comes_when_it_is_not_wanted_any_more_goes_to_the_next() -> None:
    async def main() -> None:
        with one_endpoint() as (_, endpoint):
            endpoint.busy = True
            gone, late, next_one = (asyncio.ensure_future(endpoint.turn(PATIENCE)) for _ in range(3))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.sleep(0)
            endpoint.release()
            late.cancel()  # which has its turn, but does not know yet
            await next_one
            endpoint.release()
            assert not endpoint.busy and late.cancelled()

    run(main)


def test_a_turn_that_does_not_come_in_time_is_given_up() -> None:
    async def main() -> None:
        with one_endpoint() as (_, endpoint):
            endpoint.busy = True
            with pytest.raises(TimeoutError):
                await endpoint.turn(0.01)
            endpoint.release()
            assert not endpoint.busy

    run(main)


def test_answers_that_overflow_the_receive_buffer_are_counted() -> None:
    async def main() -> None:
        with one_endpoint() as (network, endpoint), socket.socket(type=socket.SOCK_DGRAM) as flood:
            endpoint.send(b"so that the socket has a port")
            (receiver,) = network.sockets
            if "receive_overflows" not in network.statistics():
                pytest.skip("this kernel does not tell")
            for _ in range(20_000):  # of at least 1,000 bytes each, into 8 MiB
                flood.sendto(bytes(1000), ("127.0.0.1", receiver.getsockname()[1]))
            assert network.statistics()["receive_overflows"] > 0

    run(main)


def test_what_is_sent_and_held_is_counted(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as (client, connection):
            await read(connection)
            client.network.datagram_received(b"strange", ("127.0.0.9", 1))
            told = client.statistics()
            assert (told["sessions"], told["logins"]) == (1, 1)
            assert told["datagrams_sent"] == 4 + told["retransmissions"]
            assert told["datagrams_dropped"] >= 1 and told["receive_buffer"] > 100_000
            assert told.get("receive_overflows", 0) == 0
            bmc.lose_requests = 1
            before = told["retransmissions"]
            await read(connection)
            assert client.statistics()["retransmissions"] > before
            client.release(connection)
            assert client.statistics()["sessions"] == 0

    run(main)


async def gaps(seconds: float, transmissions: int) -> list[float]:
    """What is waited after each transmission to a BMC that is silent, each wait being over at once."""
    waited: list[float] = []
    with one_endpoint() as (network, endpoint):
        loop = network.loop

        def give_up(when: float, answer: asyncio.Future[Any]) -> None:
            waited.append(when - network.loop.time())
            answer.set_result(None)

        network.deadlines = SimpleNamespace(add=give_up, close=list)  # type: ignore[assignment]
        network.loop = SimpleNamespace(time=lambda: 1000.0)  # type: ignore[assignment]
        step: Any = SimpleNamespace(encode=lambda: b"", accept=lambda datagram: None)
        with pytest.raises(transport.NoAnswer):
            await endpoint.ask(step, 0.5, network.loop.time() + seconds, transmissions)
        network.loop = loop  # which the sockets leave
    return waited


def test_gaps_between_transmissions_grow_and_do_not_pass_the_deadline() -> None:
    waited = asyncio.run(gaps(3, 8))
    assert waited == pytest.approx([0.5, 0.7, 0.98, 1.37, 1.92, 2.69, 3, 3], rel=0.12)
    assert max(waited) <= 3


def test_gaps_are_not_the_same_for_every_bmc() -> None:
    assert len({asyncio.run(gaps(60, 1))[0] for _ in range(20)}) > 10
