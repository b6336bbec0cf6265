"""Serves metrics to Prometheus over HTTP.

prometheus-client writes the exposition format, with its rules for names, escapes and content types, and reads
the process's own figures. Its server starts a thread for every connection, without a limit and without a
timeout. The server here answers one reader at a time, and compresses only as hard as is worth the CPU time.
"""

import asyncio
import contextlib
import socket
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from oslo_log import log
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.registry import Collector

from podium import errors

LOG = log.getLogger(__name__)

#: Seconds that a reader has for its request and the answer.
_LONGEST_READ: Final = 5.0
#: What ends a text in the OpenMetrics format.
_END: Final = b"# EOF\n"


class MetricsServer:
    """Serves a collector's metrics and the process's own metrics from a thread; used with ``async with``.

    :param host: a name or an address to listen on
    :param port: 0 for a free one; the attribute ``port`` then has its number
    :param more: returns further gauges, in the text format
    """

    def __init__(
        self, host: str, port: int, collector: Collector, more: Callable[[], Iterable[str]] = lambda: ()
    ) -> None:
        self.host = host
        self.port = port
        self._more = more
        # Not the global registry, to which any library in this process may write.
        self._registry = CollectorRegistry()
        self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    async def __aenter__(self) -> Self:
        """:raises podium.errors.ConfigError: it cannot listen there"""
        try:
            self._server = await asyncio.to_thread(_Server, self.host, self.port)
        except OSError as fault:
            place = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
            raise errors.ConfigError(
                f"[metrics] listen = {place} cannot be used: {fault.strerror}; name another address or port"
            ) from None
        self.port = self._server.server_port
        self._server.set_app(self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()
        LOG.info("Metrics are served at %s port %d", self.host, self.port)
        return self

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET":
            start_response("405 Method Not Allowed", [("Allow", "GET")])
            return ()
        encode, kind = choose_encoder(environ.get("HTTP_ACCEPT", ""))
        headers, pieces = [("Content-Type", kind)], self._pieces(encode(self._registry))
        if gzip_accepted(environ.get("HTTP_ACCEPT_ENCODING", "")):
            headers.append(("Content-Encoding", "gzip"))
            pieces = _compressed(pieces)
        start_response("200 OK", headers)
        return pieces

    def _pieces(self, text: bytes) -> Iterator[bytes]:
        yield text.removesuffix(_END)
        for piece in self._more():
            yield piece.encode(errors="replace")  # names from BMCs may contain anything
        if text.endswith(_END):
            yield _END

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    stream = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)  # with the head and the tail of gzip
    for piece in pieces:
        yield stream.compress(piece)
    yield stream.flush()


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a line for every read would flood the log."""


class _Server(WSGIServer):
    def __init__(self, host: str, port: int) -> None:
        found: list[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self.address_family, _, _, _, address = found[0]
        super().__init__(address, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one reader, or disconnect it if it is slow, because the others wait."""
        breaking_off = threading.Timer(_LONGEST_READ, _break_off, [request])
        breaking_off.daemon = True
        breaking_off.start()
        try:
            super().finish_request(request, client_address)
        finally:
            breaking_off.cancel()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: a reader may go away."""


def _break_off(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has already ended
        connection.shutdown(socket.SHUT_RDWR)
