"""Connections of clients, with limits on sizes and on the time that a client takes.

uvicorn only limits the time between two requests. A client that sends slowly, or nothing, or does not take
its answer, would keep its connection forever; here the connection is closed. If there are too many
connections, the one that has kept podium-api waiting the longest is closed.
"""

import asyncio
import math
import socket
import struct
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from podium.api.serving.joining import Joining

#: The key of a request's scope for the user and group ids of the client at the Unix socket.
CREDENTIALS: Final = "podium.credentials"

#: Seconds for a request's line and headers, from its first byte, or from the start of the connection.
HEAD_SECONDS: Final = 10.0
#: Seconds for a request's body.
BODY_SECONDS: Final = 30.0
#: Seconds between two requests.
IDLE_SECONDS: Final = 75
#: Seconds in which a client must take what was written for it.
TAKE_SECONDS: Final = 60.0
#: Seconds for the last bytes of a closing connection.
LINGER_SECONDS: Final = 5.0
#: The most bytes of a request's line and headers.
LONGEST_HEAD: Final = 65_536
_OF_HEAD: Final = (LONGEST_HEAD, 431, "headers")


class Connections(ServerState):
    """The connections to one listener in one process, used in its event loop.

    :param most: the most connections
    :param longest_body: the most bytes of a body as sent, with everything around them
    :param longest_of: the same for single requests, by method and path
    """

    def __init__(self, most: int, longest_body: int, longest_of: Mapping[tuple[str, str], int]) -> None:
        super().__init__()
        self.most = most
        self.longest_body = longest_body
        self.longest_of = longest_of
        #: Connections that wait for their clients, in the order in which they began to wait.
        self.waiting: dict[Connection, None] = {}
        self._second = 0
        self._emptied: asyncio.Event | None = None

    def forget(self, connection: "Connection") -> None:
        """Remove a lost connection."""
        self.waiting.pop(connection, None)
        if self._emptied is not None and not self.connections:
            self._emptied.set()

    async def end(self) -> None:
        """Close connections once their requests are answered, and wait for them."""
        self._emptied = asyncio.Event()
        for connection in list(self.connections):
            connection.shutdown()
        while self.connections:
            self._emptied.clear()
            await self._emptied.wait()
        if self.tasks:
            await asyncio.wait(self.tasks)

    def cut(self) -> None:
        """Abort the remaining connections."""
        for task in list(self.tasks):
            task.cancel()
        for connection in list(self.connections):
            cast(Connection, connection).transport.abort()

    def date(self) -> None:
        """Keep the Date header of answers up to date."""
        if (now := int(time.time())) != self._second:
            self._second = now
            self.default_headers = [(b"date", formatdate(now, usegmt=True).encode())]

    def has_room(self) -> bool:
        """Whether a new connection can stay; another one that waits for its client may be closed for it."""
        if len(self.connections) <= self.most:
            return True
        if not self.waiting:
            return False
        next(iter(self.waiting)).cut()
        return True


class Connection(HttpToolsProtocol):
    """A connection over TCP."""

    server_state: Connections

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        #: The time at which the client has taken too long.
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        #: Whether a request has begun and has not been received completely.
        self._is_receiving = False
        #: Bytes of this request's line, headers and trailers; and bytes received for its head, or its body.
        self._head = self._taken = 0
        self._bound = _OF_HEAD
        self._status, self._reason = 400, "what was sent is no request of HTTP/1.1"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(cast(asyncio.Transport, Joining(transport, self.loop)))
        if self.server_state.has_room():
            self._wait(HEAD_SECONDS)
        else:
            self._refuse(503, "there are too many connections; try again later", b"retry-after: 5\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self.server_state.forget(self)

    def _wait(self, seconds: float) -> None:
        """Begin to wait for the client, for this time."""
        waiting = self.server_state.waiting
        waiting.pop(self, None)
        waiting[self] = None
        self._due = due = self.loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= due:
                return  # the timer then sets itself again
            self._timer.cancel()
        self._timer = self.loop.call_at(due, self._look)

    def _work(self) -> None:
        """Stop the clock: from now on, the client waits."""
        self._due = math.inf
        self.server_state.waiting.pop(self, None)

    def _look(self) -> None:
        self._timer = None
        if self._due == math.inf:
            return
        if self.loop.time() < self._due:
            self._timer = self.loop.call_at(self._due, self._look)
        elif self._is_receiving and self.flow.read_paused:
            self._wait(BODY_SECONDS)  # the application does not take the body
        else:
            self.cut()

    def cut(self) -> None:
        """Close a connection whose client takes too long."""
        if self.transport.is_closing():
            self.transport.abort()
        elif self._is_receiving:
            self._refuse(408, "the request did not arrive in time")
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._is_receiving = False
        self._wait(LINGER_SECONDS)

    def _refuse(self, status: int, reason: str, header: bytes = b"") -> None:
        """Refuse a request, unless an answer has begun, and close the connection."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            text = reason.encode()
            self.transport.write(
                b"%bcontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
                b"%bconnection: close\r\n\r\n%b" % (STATUS_LINE[status], len(text), header, text)
            )
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self._close()

    def data_received(self, data: bytes) -> None:
        self._taken += len(data)
        super().data_received(data)
        if not self._is_receiving or self.transport.is_closing():
            return
        most, status, what = self._bound
        if self._taken > most:
            self._refuse(status, f"the request's {what} are too large")

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._status, self._reason)

    # Callbacks of the parser. An exception becomes its HttpParserCallbackError, and that a 400.

    def on_message_begin(self) -> None:
        self.server_state.date()
        super().on_message_begin()
        self._is_receiving = True
        self._head = self._taken = 0
        self._bound = _OF_HEAD
        self._wait(HEAD_SECONDS)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > LONGEST_HEAD:
            self._status, self._reason = 431, f"the request's headers are larger than {LONGEST_HEAD} bytes"
            raise ValueError(self._reason)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._taken = 0
        state, scope = self.server_state, self.scope
        what = scope["method"], scope["path"].rstrip("/")
        self._bound = state.longest_of.get(what, state.longest_body), 413, "body"
        self._wait(BODY_SECONDS)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_receiving = False
        if self.cycle.response_complete:
            self._wait(IDLE_SECONDS)
        else:
            self._work()

    def on_response_complete(self) -> None:
        more = bool(self.pipeline)
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait(LINGER_SECONDS)
        elif not self._is_receiving and not more:
            self._wait(IDLE_SECONDS)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(TAKE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


class LocalConnection(Connection):
    """A connection over the Unix socket, whose client the kernel identifies."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        opened: socket.socket = transport.get_extra_info("socket")
        # struct ucred, see unix(7): the credentials at the time of the connection.
        packed = opened.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, *self._ids = struct.unpack("iII", packed)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[CREDENTIALS] = tuple(self._ids)
