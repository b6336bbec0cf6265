"""What is said, tried and remembered when a BMC opens no session in the usual manner."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

import virtual_time
from podium import errors
from podium.drivers.ipmi.lan import crypto, packet
from podium.drivers.ipmi.lan.client import Client, Connection, Timing
from podium.drivers.ipmi.lan.session import SuiteRefused, Target

PATIENT: Final = Timing(command=30, retransmit=10)  # no gap ends
EAGER: Final = Timing(command=30, retransmit=0.02)  # what is held counts at once
OPEN, RAKP_2, RAKP_4 = packet.OPEN_SESSION_RESPONSE, packet.RAKP_2, packet.RAKP_4
OPERATOR: Final = packet.PRIVILEGE_OPERATOR


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.UDP)


@asynccontextmanager
async def connected(bmc: Any, timing: Timing = PATIENT, **changes: Any) -> AsyncIterator[Connection]:
    bmc.most_sessions = 1000
    known = {"address": bmc.host, "port": bmc.port, "user": b"podium", "password": b"secret"}
    async with Client(timing, lambda: 0.0) as client:
        yield client.connect(Target(**known | changes))


async def read(connection: Connection) -> bytes:
    return await connection.command(packet.GET_CHASSIS_STATUS)


async def switch(connection: Connection) -> bytes:
    return await connection.command(packet.CHASSIS_CONTROL, b"\x01", privilege=OPERATOR)


# -- what is said when nothing works


def test_a_bmc_without_any_suite_is_not_said_to_have_another(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.suites = []
            with pytest.raises(SuiteRefused, match="cipher suites 17 and 3 .*11h.*;") as told:
                await read(connection)
            assert "set ipmi_cipher_suite" not in str(told.value)

    run(main)


def test_the_reason_of_the_suite_that_the_bmc_has_is_told(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.suites, bmc.most_sessions = [crypto.SUITE_3], 0
            with pytest.raises(errors.DriverError, match="no free session"):
                await read(connection)

    run(main)


def test_a_level_that_no_login_reached_is_named_as_the_command_needs_it(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            await read(connection)
            bmc.highest = packet.PRIVILEGE_USER  # as OpenBMC, which looks only now
            with pytest.raises(errors.AuthenticationRefused, match="ADMINISTRATOR or OPERATOR .*81h"):
                await switch(connection)

    run(main)


# -- what is tried


def test_a_bmc_that_has_suite_17_again_is_read_at_once(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.suites = [crypto.SUITE_3]
            await read(connection)
            connection.abandon()
            bmc.suites = [crypto.SUITE_17]
            assert await read(connection) == bmc.status

    run(main)


def test_late_refusals_of_suite_17_are_none_of_suite_3(fake_bmc: Any) -> None:
    async def main() -> None:
        blank = packet.wrap_plain(OPEN, b"\0\x04" + bytes(34))
        async with fake_bmc() as bmc, connected(bmc, EAGER) as connection:
            answer, send = bmc._answer, bmc._send

            def slow(datagram: bytes) -> bytes | None:
                """Answer to the fifth transmission in suite 17; the first one in suite 3 meets both."""
                opens = [one for one in bmc.datagrams if one[5] == packet.OPEN_SESSION_REQUEST]
                if datagram[5] == packet.OPEN_SESSION_REQUEST and len(opens) < 5:
                    return None
                return blank if len(opens) == 5 else answer(datagram)

            async def late(datagram: bytes, address: Any) -> None:
                if datagram[5] == OPEN and datagram is not blank:
                    await send(blank, address)
                    await asyncio.sleep(0.04)  # more than the first gap in suite 17, less than all five
                    bmc.under_way += 1
                await send(datagram, address)

            bmc._answer, bmc._send = slow, late
            assert await read(connection) == bmc.status

    run(main)


@pytest.mark.parametrize("size", [8, 24, 39])
def test_a_rakp_message_2_that_ends_before_its_code_leads_to_suite_3(fake_bmc: Any, size: int) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:

            def cut(kind: int, payload: bytes) -> bytes:
                suite = list(bmc.sessions.values())[-1]["suite"]
                return payload[:size] if kind == RAKP_2 and suite is crypto.SUITE_17 else payload

            bmc.bend = cut
            assert await read(connection) == bmc.status
            assert connection.manner.suite is crypto.SUITE_3

    run(main)


def test_a_refusal_with_the_session_id_of_the_bmc_is_one(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc, EAGER) as connection:
            bmc.bend = lambda kind, payload: (
                b"\0\x0d\0\0" + packet.unwrap_plain(bmc.datagrams[-1])[1][4:8] if kind == RAKP_2 else payload
            )
            with pytest.raises(errors.AuthenticationRefused, match="unauthorized name"):
                await read(connection)

    run(main)


def test_a_bmc_that_answers_wins_over_refusals_with_its_own_session_id(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            network = connection._client.network
            take_in = network.datagram_received

            def disturbed(datagram: bytes, sender: Any) -> None:
                """Who forges refusals in the BMC's name guesses its session ids, and all tags."""
                for status in (0x02, 0x04, 0x0A, 0x0D, 0x0F):
                    for tag in range(256):
                        refusal = bytes((tag, status, 0, 0)) + (0x1000 + bmc.opened).to_bytes(4, "little")
                        for kind in (OPEN, RAKP_2, RAKP_4):
                            take_in(packet.wrap_plain(kind, refusal), sender)
                take_in(datagram, sender)

            network.datagram_received = disturbed  # type: ignore[method-assign]
            assert await read(connection) == bmc.status
            assert bmc.opened == 1 and connection._client.refusals.of(connection.target.who).count == 0

    run(main)


# -- what is remembered


@pytest.mark.parametrize(
    ("kind", "change", "other"),
    [
        (RAKP_4, lambda usual: usual[:1] + b"\x0f" + usual[2:8], {"flips_lookup": True}),
        (RAKP_2, lambda usual: usual[:1] + b"\x0a" + usual[2:8], {"privilege": OPERATOR}),
        (RAKP_2, lambda usual: usual[:40] + bytes(32), {"suite": crypto.SUITE_3}),
    ],
    ids=["RAKP message 3", "level", "suite"],
)
def test_a_refusal_whose_other_reason_there_was_no_time_for_does_not_count(
    fake_bmc: Any, kind: int, change: Callable[[bytes], bytes], other: dict[str, Any]
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            answer, usual = bmc._answer, connection.manner

            def once(datagram: bytes) -> bytes | None:
                found: bytes | None = answer(datagram)
                return None if bmc.opened > 1 else found

            bmc._answer, bmc.bend = once, lambda of, payload: change(payload) if of == kind else payload
            with pytest.raises(errors.DriverError, match="asked in another way.*in time") as told:
                await connection.command(packet.GET_CHASSIS_STATUS, patience=0.5)
            assert not isinstance(told.value, errors.AuthenticationRefused)
            assert connection._client.refusals.of(connection.target.who).count == 0
            assert connection.manner == replace(usual, **other)  # of the next login

            bmc.lose_requests = 1000
            with pytest.raises(errors.BMCUnreachable):
                await connection.command(packet.GET_CHASSIS_STATUS, patience=0.1)
            assert connection.manner == usual

    run(main)


def test_a_command_that_needs_more_than_the_session_is_asked_for_again(fake_bmc: Any) -> None:
    """The BMC had no session of a higher level to spare for a while (0Bh)."""

    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            scarce = [True]

            def refused(kind: int, payload: bytes) -> bytes:
                role = packet.unwrap_plain(bmc.datagrams[-1])[1][24] & 0x0F if kind == RAKP_2 else 0
                return payload[:1] + b"\x0b" + payload[2:8] if scarce[0] and role >= OPERATOR else payload

            bmc.bend = refused
            await read(connection)
            await read(connection)
            assert bmc.opened == 3
            scarce[0] = False
            await switch(connection)
            assert bmc.opened == 4
            assert (packet.SET_SESSION_PRIVILEGE_LEVEL, b"\x04") in bmc.executed

    run(main)


def test_a_user_who_may_not_switch_is_read_all_the_same(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, connected(bmc) as connection:
            bmc.highest, bmc.codes[packet.CHASSIS_CONTROL] = packet.PRIVILEGE_USER, 0xD4
            for _ in range(3):
                with pytest.raises(errors.DriverError, match="insufficient privilege"):
                    await switch(connection)
                assert await read(connection) == bmc.status

    run(main)
