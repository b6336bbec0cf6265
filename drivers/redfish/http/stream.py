"""A connection on which a BMC sends continuously: Server-Sent Events (DSP0266, "Server-sent events")."""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final, Self

import httptools

from podium import errors
from podium.drivers.redfish.http import answers, origin, requests
from podium.drivers.redfish.http.connection import MAX_HEAD, Answer, Connection, NoAnswer, reason
from podium.drivers.redfish.http.link import Resumable
from podium.drivers.redfish.http.wire import Network, Target

_WAITING: Final = 64 << 10  # unread bytes above which the BMC is made to wait
_OK: Final = 200
_REDIRECTS: Final = 3
_NO_STREAM: Final = ("application/json", "text/html")
# Seconds after which TCP probes a silent peer, and how often.
_KEEPALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


class Stream(Connection):
    """An iterator over the pieces that the BMC sends; it ends when the BMC ends the stream."""

    __slots__ = ("_framed", "_lost", "_over", "_pieces", "_streaming", "_waiter", "_waiting", "_where")

    def __init__(
        self,
        tls: ssl.SSLContext | None,
        server_hostname: str | None,
        resumes: Resumable | None,
        forget: Callable[[Connection], None],
    ) -> None:
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._waiter: asyncio.Future[None] | None = None
        self._streaming = self._over = self._framed = False
        self._lost: Exception | None = None
        self._where = ""
        super().__init__(tls, server_hostname, resumes, forget)

    @classmethod
    async def open(
        cls, network: Network, target: Target, path: str, head: str, deadline: float, own: origin.Own
    ) -> Self | Answer:
        """Request a stream; return the BMC's answer instead if it opens none.

        :param deadline: in the loop's clock, for the beginning
        :param own: converts the BMC's links to paths, for redirects
        :raises podium.errors.DriverError: no connection, no answer
        """
        for _ in range(_REDIRECTS + 1):
            found = await cls._ask(network, target, path, head, deadline)
            if not isinstance(found, Answer) or found.status not in origin.REDIRECTING:
                break
            step = origin.redirected("GET", path, found, own)
            if step is None:
                break
            path = step[1]
        return found

    @classmethod
    async def _ask(
        cls, network: Network, target: Target, path: str, head: str, deadline: float
    ) -> Self | Answer:
        stream = await network.open(target, cls, deadline)
        stream._where = f"the stream {path} of BMC {target}"
        network.counts.requests += 1
        sock = stream.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        request = requests.request("GET", path, head.replace("application/json", "text/event-stream"))
        try:
            answer = await network.watchdog.ask(stream, request, deadline)
        except NoAnswer as lost:
            if lost.came is not None and answers.is_enough(lost.came, reads=True):
                return lost.came
            raise errors.BMCUnreachable(f"{stream._where} does not begin: {lost}") from None
        if stream._streaming:
            return stream
        stream.abort()
        return answer

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """:raises podium.errors.BMCUnreachable: when the connection breaks"""
        while not self._pieces:
            if self._lost is not None:
                raise errors.BMCUnreachable(f"{self._where} broke off: {reason(self._lost)}")
            if self._over:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        if not self._pieces and self.alive:
            self.transport.resume_reading()
        return piece

    def received(self, data: bytes) -> None:
        if not self._streaming:
            super().received(data)
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._break(error)
        if self._size > MAX_HEAD:
            self._break(NoAnswer("it sends much that is no event"))

    def ended(self, error: Exception | None) -> None:
        if error is not None or (self._framed and not self._over):
            self._lost = self._lost or error or ConnectionResetError("the BMC closed the connection")
        self._over = True
        super().ended(error)
        self._wake()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Callback of httptools."""
        if not self._streaming:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Callback of httptools."""
        super().on_headers_complete()
        kind = answers.header(self._headers, b"content-type") or ""
        if self._parser.get_status_code() == _OK and not kind.lower().startswith(_NO_STREAM):
            self._streaming = True
            self._framed = not self._until_close()
            self._finish()

    def on_body(self, data: bytes) -> None:
        """Callback of httptools."""
        if not self._streaming:
            super().on_body(data)
            return
        self._size = 0
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting > _WAITING:
            self.transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """Callback of httptools."""
        if not self._streaming:
            super().on_message_complete()
            return
        self._over = True
        self.alive = False
        self.close()

    def _break(self, error: Exception) -> None:
        self._lost = self._lost or error
        self.alive = False
        self.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
