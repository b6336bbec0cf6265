"""Sessions with BMCs that take seconds for each answer; time is virtual."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

import virtual_time
from podium import errors
from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.lan.client import Client, Connection, Timing
from podium.drivers.ipmi.lan.session import Target


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.UDP)


@asynccontextmanager
async def slow(bmc: Any, delay: float) -> AsyncIterator[Connection]:
    bmc.delay = delay
    async with Client(Timing(), clock=lambda: 0.0) as client:
        yield client.connect(Target(bmc.host, bmc.port, b"podium", b"secret"))
        bmc.delay = 0.0


async def read(connection: Connection) -> bytes:
    return await connection.command(packet.GET_CHASSIS_STATUS)


def asked(bmc: Any, kind: int) -> int:
    """How many messages of that type came since the last time."""
    kinds = [packet.unpack_header(datagram)[0] for datagram in bmc.datagrams]
    return kinds.count(kind)


@pytest.mark.parametrize("delay", [1.0, 1.5, 2.0])
def test_a_slow_bmc_is_logged_in_at_the_first_try(fake_bmc: Any, delay: float) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, slow(bmc, delay) as connection:
            assert await read(connection) == bmc.status
            # Not one more than had gone out before its first answer came.
            assert asked(bmc, packet.OPEN_SESSION_REQUEST) <= 3
            assert asked(bmc, packet.RAKP_1) == 1

    run(main)


@pytest.mark.parametrize("delay", [1.0, 2.0])
def test_the_next_login_at_a_slow_bmc_begins_with_a_longer_gap(fake_bmc: Any, delay: float) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, slow(bmc, delay) as connection:
            await read(connection)
            bmc.forget_sessions()
            bmc.datagrams.clear()
            connection.abandon()
            assert await read(connection) == bmc.status
            assert [asked(bmc, kind) for kind in (packet.OPEN_SESSION_REQUEST, packet.RAKP_1)] == [1, 1]

    run(main)


def test_a_login_that_had_no_time_leaves_its_pace_to_the_next_one(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, slow(bmc, 2.4) as connection:
            bmc.most_sessions = 8
            with pytest.raises(errors.BMCUnreachable):
                await read(connection)
            assert await read(connection) == bmc.status

    run(main)


def test_a_bmc_that_was_slow_and_is_silent_now_is_asked_at_the_usual_pace_again(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, slow(bmc, 2.0) as connection:
            await read(connection)
            connection.abandon()
            bmc.lose_requests = 1000
            for _ in range(2):
                bmc.datagrams.clear()
                with pytest.raises(errors.BMCUnreachable):
                    await read(connection)
            assert asked(bmc, packet.OPEN_SESSION_REQUEST) == 7

    run(main)


def test_the_pace_of_a_bmc_is_forgotten_after_an_hour(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, slow(bmc, 2.0) as connection:
            await read(connection)
            endpoint = connection._endpoint
            assert endpoint is not None and endpoint.latency == pytest.approx(2, abs=0.1)
            await asyncio.sleep(3600)
            assert endpoint.latency == 0

    run(main)
