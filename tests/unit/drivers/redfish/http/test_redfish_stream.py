"""Streams of events: how they begin, flow and end."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import virtual_time
from podium import errors
from podium.drivers.redfish.http.client import BMCBusy, Refused, Timing

EVENTS = "/redfish/v1/EventService/SSE"
SYSTEM = "/redfish/v1/Systems/1"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.TCP)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def flowing(bmc: Any, beginning: bytes = CHUNKED) -> None:
    """Have the BMC begin a stream for whoever has logged in."""

    def answer(request: Any) -> bytes | None:
        known = request.headers.get("x-auth-token") in bmc.sessions
        return beginning if request.path == EVENTS and known else None

    bmc.answer = answer


def test_what_the_bmc_sends_comes_as_it_comes(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            flowing(bmc)
            async with one.stream(EVENTS) as stream:
                assert bmc.requests[-1].headers["accept"] == "text/event-stream"
                for text in (b": hello\n\n", b"data: 1\n\n"):
                    bmc.peers[-1].send(chunk(text))
                    assert await anext(stream) == text
                assert (await one.get(SYSTEM)).body["PowerState"] == "On"
                bmc.peers[-1].send(b"0\r\n\r\n")
                with pytest.raises(StopAsyncIteration):
                    await anext(stream)

    run(main)


def test_a_stream_without_chunks_ends_with_its_connection(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            flowing(bmc, UNTIL_CLOSE + b"data: 1\n\n")
            async with one.stream(EVENTS) as stream:
                bmc.peers[-1].send(b"data: 2\n\n")
                bmc.peers[-1].close()
                assert b"".join([piece async for piece in stream]) == b"data: 1\n\ndata: 2\n\n"

    run(main)


@pytest.mark.parametrize("end", [b"", b"zz\r\n", b"ffffffffffffffffffff\r\n"])
def test_a_stream_that_breaks_says_so_after_its_last_piece(fake_bmc: Any, end: bytes) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            flowing(bmc, CHUNKED + chunk(b"data: 1\n\n") + end)
            async with one.stream(EVENTS) as stream:
                bmc.peers[-1].close()
                assert await anext(stream) == b"data: 1\n\n"
                with pytest.raises(errors.BMCUnreachable, match=f"the stream {EVENTS} of BMC .* broke off"):
                    await anext(stream)
                with pytest.raises(errors.BMCUnreachable):
                    await anext(stream)

    run(main)


@pytest.mark.parametrize(
    "noise", [b"0\r\n" + b"X: y\r\n" * 50_000, b"0\r\nX: " + b"y" * 200_000, b"1;" + b"y" * 200_000]
)
def test_a_stream_of_what_is_no_event_is_given_up(http_bmc: Any, noise: bytes) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            flowing(bmc)
            async with one.stream(EVENTS) as stream:
                bmc.peers[-1].send(noise)
                with pytest.raises(errors.BMCUnreachable, match="it sends much that is no event"):
                    await anext(stream)

    run(main)


def test_whoever_leaves_a_stream_closes_it(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):
            flowing(bmc)
            held = asyncio.Event()

            async def listen() -> None:
                async with one.stream(EVENTS) as stream:
                    held.set()
                    await anext(stream)

            listening = asyncio.create_task(listen())
            await held.wait()
            assert client.statistics()["connections"] == 2
            listening.cancel()
            await asyncio.wait([listening])
            while len(bmc.peers) > 1:
                await asyncio.sleep(0)
            assert client.statistics()["connections"] == 1

    run(main)


def test_the_peer_of_a_stream_is_asked_by_tcp_whether_it_is_there(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            flowing(bmc)
            async with one.stream(EVENTS) as stream:
                sock = stream.transport.get_extra_info("socket")
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60

    run(main)


def test_a_bmc_that_sends_more_than_is_taken_is_made_to_wait(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            flowing(bmc)
            async with one.stream(EVENTS) as stream:
                much = 30_000_000
                for _ in range(much // 100_000):
                    bmc.peers[-1].send(chunk(bytes(100_000)))
                for _ in range(1000):
                    await asyncio.sleep(0)
                assert bmc.peers[-1].unsent > much // 3
                taken = 0
                while taken < much:
                    taken += len(await anext(stream))
                assert taken == much

    run(main)


def test_a_stream_begins_with_a_new_session_when_the_bmc_forgot_the_old_one(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.get(SYSTEM)
            bmc.sessions.clear()
            flowing(bmc)
            async with one.stream(EVENTS):
                assert bmc.logins == 2

    run(main)


def test_a_stream_is_refused_in_the_bmcs_words(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (client, one):
            with pytest.raises(Refused, match=f"refuses GET {EVENTS} .HTTP 404.: {EVENTS} is not there"):
                async with one.stream(EVENTS):
                    pass
            bmc.answer = lambda request: bmc.reply(503, Retry_After="60") if request.path == EVENTS else None
            with pytest.raises(BMCBusy):
                async with one.stream(EVENTS):
                    pass
            with pytest.raises(BMCBusy):
                await one.get(SYSTEM)
            while client.statistics()["connections"] > 1:
                await asyncio.sleep(0)

    run(main)


def test_a_resource_in_place_of_a_stream_is_an_error(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            with pytest.raises(errors.DriverError, match=f"answers GET {SYSTEM} with JSON"):
                async with one.stream(SYSTEM):
                    pass

    run(main)


def test_a_stream_that_does_not_begin_is_given_up(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected(Timing(read=0.5)) as (_, one):
            flowing(bmc, b"")
            with pytest.raises(errors.BMCUnreachable, match="does not begin: it has said nothing"):
                async with one.stream(EVENTS):
                    pass

    run(main)
