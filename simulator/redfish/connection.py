"""One connection to a simulated Redfish BMC: HTTP requests in, answers and events out."""

import asyncio
import ssl
from typing import Final, Protocol

import httptools

from podium.drivers.redfish.http.link import Link
from podium.simulator.redfish.answers import Answer
from podium.simulator.redfish.request import Request
from podium.simulator.redfish.service import Service

_REQUEST_LIMIT: Final = 128 << 10  # bytes, head and body
_LATE_LIMIT: Final = 64
_HEADERS: Final = frozenset(
    (b"authorization", b"host", b"if-match", b"if-none-match", b"odata-version", b"x-auth-token")
)
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Directory(Protocol):
    """The interface of the simulator for its connections."""

    old_tls: ssl.SSLContext | None

    def accept(self, connection: "Connection") -> Service | None:
        """Return the BMC at the address, if it accepts another connection."""

    def leave(self, connection: "Connection") -> None:
        """Note that a connection has ended."""


class Connection(Link):
    """A connection to the BMC at the address.

    The parser delivers one request at a time. Late answers are sent in the order of the requests.
    """

    __slots__ = ("_deaf", "_directory", "_free_at", "_late", "_parser", "_request", "_taken", "service")
    service: Service | None

    def __init__(self, tls: ssl.SSLContext | None, directory: Directory) -> None:
        super().__init__(tls, server_side=True)
        self._directory = directory
        self._parser: httptools.HttpRequestParser | None = None
        self._request = Request(b"", b"")
        self._taken = 0  # bytes since the last complete request
        self._late = 0  # answers still to be sent
        self._free_at = 0.0  # when the last of them is sent
        self._deaf = False
        self.service = None

    # -- of Link --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.service = self._directory.accept(self)
        if self.service is None:
            transport.abort()
        else:
            old = self._directory.old_tls
            if self.service.bmc.faults.old_tls and old is not None:
                self._tls = old.wrap_bio(self._incoming, self._outgoing, server_side=True)
            super().connection_made(transport)

    def buffer_updated(self, nbytes: int) -> None:
        """Of asyncio. A BMC that was dead has forgotten its connections."""
        if self.service is None or self.service.bmc.is_dead:
            self._deaf = True
        elif self._deaf:
            self.abort()
        else:
            super().buffer_updated(nbytes)

    def opened(self) -> None:
        """Of Link."""
        self._parser = httptools.HttpRequestParser(self)

    def received(self, data: bytes) -> None:
        """Of Link."""
        if self._parser is None:
            return
        self._taken += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # to an unsupported protocol
            self._parser = None
            self.close()
        except httptools.HttpParserError:
            self._refuse()
        else:
            if self._taken > _REQUEST_LIMIT or self._late > _LATE_LIMIT:
                self._refuse()

    def ended(self, error: Exception | None) -> None:
        """Of Link."""
        self._parser = None
        self._directory.leave(self)

    # -- of the parser --------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        self._request = Request(b"", b"")

    def on_url(self, url: bytes) -> None:
        """Part of its target arrived."""
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header arrived."""
        name = name.lower()
        if name in _HEADERS:
            self._request.headers[name] = value

    def on_body(self, body: bytes) -> None:
        """Part of its body arrived."""
        self._request.body += body

    def on_message_complete(self) -> None:
        """The request is complete."""
        parser, request = self._parser, self._request
        self._taken = 0
        if parser is None or self.service is None:
            return
        request.method, request.secure = parser.get_method(), self._tls is not None
        answer = self.service.answer(request)
        keeps = parser.should_keep_alive() and not answer.closes
        if answer.late or self._late:
            self._send_late(answer, keeps)
        else:
            self._send(answer, keeps)

    def _send_late(self, answer: Answer, keeps: bool) -> None:
        loop = asyncio.get_running_loop()
        # Slightly after the last answer, to keep the order.
        self._free_at = max(loop.time() + answer.late, self._free_at + 1e-6)
        self._late += 1

        def send() -> None:
            self._late -= 1
            self._send(answer, keeps)

        loop.call_at(self._free_at, send)

    def _send(self, answer: Answer, keeps: bool) -> None:
        service = self.service
        if self._parser is None or service is None or service.bmc.faults.dead:
            return
        wire = answer.wire
        if not (keeps or answer.closes or answer.streams):
            wire = wire.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        self.send(wire)
        if answer.streams:
            self._parser = None  # only events from now on
            service.publisher.add(self)
        elif not keeps:
            self._parser = None
            self.close()

    def _refuse(self) -> None:
        self._parser = None
        self.send(_BAD_REQUEST)
        self.close()
