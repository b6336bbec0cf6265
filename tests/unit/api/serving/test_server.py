"""What one process serves, over real sockets in one loop."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from apis import in_a_loop
from peers import PATIENCE
from podium.api.serving.listening import Listeners
from podium.api.serving.peers import PEER
from podium.api.serving.server import Server

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Site:
    """A server whose application answers when it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked = asyncio.Event()
        self.answering = asyncio.Event()
        self.scopes: list[Any] = []
        self.server = Server(self._answer, 1000, {})
        self.listeners = Listeners("127.0.0.1", 0, path, 0o600)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.asked.set()
        await self.answering.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[Site]:
    site = Site(path)
    await site.server.start(site.listeners, None)
    async with asyncio.timeout(PATIENCE):
        try:
            yield site
        finally:
            await site.server.stop(0)
            site.listeners.close()


@in_a_loop
async def test_the_user_who_asks_over_the_unix_socket_is_in_the_scope(tmp_path: Path) -> None:
    async with serving(tmp_path / "socket") as site:
        site.answering.set()
        reader, writer = await asyncio.open_unix_connection(site.path)
        writer.write(REQUEST)
        assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        name, uid, groups = site.scopes[0][PEER]
        assert uid == os.getuid()
        assert name
        assert isinstance(groups, tuple)
        writer.close()


@in_a_loop
async def test_nobody_over_tcp_is_a_user_of_the_host(tmp_path: Path) -> None:
    async with serving(tmp_path / "socket") as site:
        site.answering.set()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.listeners.port)
        writer.write(REQUEST)
        await reader.readline()
        assert PEER not in site.scopes[0]
        writer.close()


@in_a_loop
async def test_a_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    async with serving(tmp_path / "socket") as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.listeners.port)
        writer.write(REQUEST)
        await site.asked.wait()
        end = asyncio.ensure_future(site.server.stop(PATIENCE))
        await asyncio.sleep(0)
        site.answering.set()
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 204")
        assert b"connection: close" in answer
        await end
        writer.close()


@in_a_loop
async def test_what_takes_too_long_at_the_end_is_cut(tmp_path: Path) -> None:
    async with serving(tmp_path / "socket") as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.listeners.port)
        writer.write(REQUEST)
        await site.asked.wait()
        await site.server.stop(0)
        assert b"204" not in await reader.read()
        writer.close()
