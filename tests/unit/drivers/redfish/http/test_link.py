"""Bytes over TCP and TLS, both ways, and every way in which that ends."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.drivers.redfish.http import link


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


class End(link.Link):
    """One end, which remembers what happened to it."""

    def __init__(self, *tls: Any, echo: bool = False, **options: Any) -> None:
        super().__init__(*tls, **options)
        self.echo = echo
        self.is_open = asyncio.Event()
        self.heard = bytearray()
        self.hears = asyncio.Event()
        self.endings: list[Exception | None] = []
        self.over = asyncio.Event()

    def opened(self) -> None:
        self.is_open.set()

    def received(self, data: bytes) -> None:
        self.heard += data
        self.hears.set()
        if self.echo:
            self.send(data)

    def ended(self, error: Exception | None) -> None:
        self.endings.append(error)
        self.over.set()

    async def until(self, count: int) -> bytes:
        while len(self.heard) < count:
            self.hears.clear()
            await self.hears.wait()
        return bytes(self.heard)


@pytest.fixture(params=["tcp", "tls1.2", "tls1.3"])
def contexts(
    request: pytest.FixtureRequest, certificate: Path
) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    """Of a server and of a client that believes it."""
    if request.param == "tcp":
        return None, None
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    client = ssl.create_default_context(cafile=str(certificate))
    if request.param == "tls1.2":
        client.maximum_version = ssl.TLSVersion.TLSv1_2
    return server, client


@contextlib.asynccontextmanager
async def listening(tls: ssl.SSLContext | None) -> AsyncIterator[tuple[int, list[End]]]:
    """An echo on loopback: its port, and its ends."""
    ends: list[End] = []

    def accept() -> End:
        ends.append(End(tls, server_side=True, echo=True))
        return ends[-1]

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], ends
    finally:
        server.close()
        for end in ends:
            end.abort()
            await end.over.wait()
        await server.wait_closed()


async def connect(port: int, tls: ssl.SSLContext | None, **options: Any) -> End:
    end = End(tls, server_hostname="127.0.0.1" if tls else None, **options)
    await asyncio.get_running_loop().create_connection(lambda: end, "127.0.0.1", port)
    return end


def test_what_is_sent_arrives(contexts: Any) -> None:
    async def main() -> None:
        async with listening(contexts[0]) as (port, _):
            end = await connect(port, contexts[1])
            await end.is_open.wait()
            end.send(b"a few words")
            assert await end.until(11) == b"a few words"
            end.close()
            await end.over.wait()

    run(main)


def test_megabytes_arrive_whole_and_in_order(contexts: Any) -> None:
    async def main() -> None:
        much = b"".join(number.to_bytes(4, "big") for number in range(500_000))
        async with listening(contexts[0]) as (port, _):
            end = await connect(port, contexts[1])
            await end.is_open.wait()
            end.send(much)
            assert await end.until(len(much)) == much
            end.abort()
            await end.over.wait()

    run(main)


def test_both_ends_hear_once_that_one_closed(contexts: Any) -> None:
    async def main() -> None:
        async with listening(contexts[0]) as (port, ends):
            end = await connect(port, contexts[1])
            await end.is_open.wait()
            end.send(b"?")
            await end.until(1)
            ends[0].echo = False
            end.send(b"last words")
            end.close()
            end.close()
            end.send(b"nobody hears this")
            await end.over.wait()
            await ends[0].over.wait()
            assert (end.endings, ends[0].endings) == ([None], [None])
            assert bytes(ends[0].heard) == b"?last words"

    run(main)


def test_a_peer_that_is_killed_is_noticed(contexts: Any) -> None:
    async def main() -> None:
        async with listening(contexts[0]) as (port, ends):
            end = await connect(port, contexts[1])
            await end.is_open.wait()
            end.send(b"?")
            await end.until(1)
            sock = ends[0].transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            ends[0].abort()
            await end.over.wait()
            assert len(end.endings) == 1 and isinstance(end.endings[0], ConnectionResetError)

    run(main)


def test_what_the_peer_does_not_take_is_counted_and_dropped_by_abort(contexts: Any) -> None:
    async def main() -> None:
        async with listening(contexts[0]) as (port, ends):
            end = await connect(port, contexts[1])
            await end.is_open.wait()
            end.send(b"?")
            await end.until(1)
            ends[0].transport.pause_reading()
            end.send(bytes(20_000_000))
            assert end.unsent > 1_000_000
            end.abort()
            await end.over.wait()
            assert end.endings == [None]

    run(main)


def test_a_session_of_tls_is_resumed(contexts: Any) -> None:
    async def main() -> None:
        if contexts[0] is None:
            return
        async with listening(contexts[0]) as (port, _):
            first = await connect(port, contexts[1])
            await first.is_open.wait()
            first.send(b"?")
            await first.until(1)
            assert first.resumable is None
            first.close()
            await first.over.wait()
            second = await connect(port, contexts[1], resumes=first.resumable)
            await second.is_open.wait()
            assert contexts[0].session_stats()["hits"] == 1
            second.close()
            await second.over.wait()
            with_another_context = ssl.create_default_context()
            with_another_context.check_hostname = False
            with_another_context.verify_mode = ssl.CERT_NONE
            third = await connect(port, with_another_context, resumes=first.resumable)
            await third.is_open.wait()
            assert contexts[0].session_stats()["hits"] == 1
            third.abort()
            await third.over.wait()

    run(main)


def test_a_certificate_that_does_not_verify_ends_it(certificate: Path) -> None:
    async def main() -> None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate)
        async with listening(server) as (port, ends):
            end = await connect(port, ssl.create_default_context())
            await end.over.wait()
            await ends[0].over.wait()
            assert isinstance(end.endings[0], ssl.SSLCertVerificationError) and not end.is_open.is_set()
            assert isinstance(ends[0].endings[0], ssl.SSLError)  # it is told why

    run(main)


@pytest.mark.parametrize("noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01\xff\xff" * 40, b""])
def test_a_peer_that_does_not_speak_tls_ends_it(noise: bytes) -> None:
    async def main() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(noise)
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            end = await connect(port, ssl.create_default_context())
            await end.over.wait()
            assert len(end.endings) == 1 and isinstance(end.endings[0], OSError)

    run(main)


def test_a_host_name_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(ValueError):
        link.Link(ssl.create_default_context(), server_hostname=".")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=4), st.booleans())
def test_a_damaged_handshake_ends_it_and_nothing_else(
    certificate: Path, damages: list[tuple[int, int]], is_new: bool
) -> None:
    async def main() -> None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate)
        if not is_new:
            server.maximum_version = ssl.TLSVersion.TLSv1_2

        class Damaging(link.Link):
            """Speaks TLS well, through a wire that does not."""

            count = 0

            def connection_made(self, transport: Any) -> None:
                self.wire = transport.write
                transport.write = self.write
                super().connection_made(transport)

            def write(self, data: bytes) -> None:
                told = bytearray(data)
                for place, byte in damages:
                    if 0 <= place - self.count < len(told):
                        told[place - self.count] = byte
                self.count += len(told)
                self.wire(bytes(told))

            def opened(self) -> None:
                self.send(b"hello")
                self.close()

            def ended(self, error: Exception | None) -> None:
                over.set()

        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(lambda: Damaging(server, server_side=True), "127.0.0.1", 0)
        end = await connect(listener.sockets[0].getsockname()[1], trusting)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):  # damaged lengths make each side wait for the other
                await end.over.wait()
        end.abort()
        await end.over.wait()
        await over.wait()
        listener.close()
        await listener.wait_closed()
        assert len(end.endings) == 1
        assert end.endings[0] is None or isinstance(end.endings[0], OSError)

    trusting = ssl.create_default_context(cafile=str(certificate))
    run(main)
