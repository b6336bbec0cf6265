"""The sockets at which podium-api listens."""

import asyncio
import socket

from apis import in_a_loop
from podium.api.serving.listening import Listeners


@in_a_loop
async def test_what_is_sent_is_not_held_back_for_what_follows() -> None:
    listeners = Listeners("127.0.0.1", 0, None, 0o600)
    accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        its = writer.get_extra_info("socket")
        accepted.set_result(bool(its.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        writer.close()

    server = await asyncio.start_server(connected, sock=listeners.tcp[0])
    _, writer = await asyncio.open_connection("127.0.0.1", listeners.port)
    assert await accepted
    writer.close()
    server.close()
    listeners.close()
