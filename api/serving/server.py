"""The server of one process: its application, at every socket of podium-api."""

import asyncio
import socket
import ssl
from collections.abc import Mapping

from oslo_log import log
from starlette.types import ASGIApp
from uvicorn.config import Config

from podium.api.serving.connections import IDLE_SECONDS, Connection, Connections, LocalConnection
from podium.api.serving.listening import BACKLOG, Listeners
from podium.api.serving.peers import Peers, named

LOG = log.getLogger(__name__)

#: The most connections over TCP, and over the Unix socket, which strangers on the network cannot reach.
#: Streams of changes, at most 2000, keep their connections; each takes 30 KiB.
_MOST_TCP, _MOST_UNIX = 3000, 200
#: Seconds for the handshake and for the shutdown of TLS.
_HANDSHAKE, _TLS_END = 10.0, 5.0


class Server:
    """Serves an application in the running event loop.

    uvicorn's own Server has one kind of socket, wakes up ten times a second, and has no limits for TLS.

    :param longest_body: the largest body in bytes that the application accepts
    :param longest_of: the same for single requests, by method and path
    """

    def __init__(
        self,
        app: ASGIApp,
        longest_body: int,
        longest_of: Mapping[tuple[str, str], int],
    ) -> None:
        self._app = app
        # A body may be sent in chunks of one byte, with five bytes around each; large bodies are not.
        self._longest_body = 8 * longest_body
        self._longest_of = {what: 2 * longest for what, longest in longest_of.items()}
        self._servers: list[asyncio.Server] = []
        self._all: list[Connections] = []

    async def start(self, listeners: Listeners, context: ssl.SSLContext | None) -> None:
        """Accept connections.

        :param context: of TLS, for TCP
        """
        tcp = self._of(self._app, Connection, _MOST_TCP)
        for listener in listeners.tcp:
            await self._accept(tcp, listener, context)
        if listeners.unix is not None:
            local = self._of(named(self._app, Peers()), LocalConnection, _MOST_UNIX)
            await self._accept(local, listeners.unix, None)

    def _of(self, app: ASGIApp, kind: type[Connection], most: int) -> tuple[Config, Connections]:
        config = Config(
            app,
            http=kind,
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=IDLE_SECONDS,
        )
        config.load()
        self._all.append(Connections(most, self._longest_body, self._longest_of))
        return config, self._all[-1]

    async def _accept(
        self, kind: tuple[Config, Connections], listener: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        config, connections = kind
        loop = asyncio.get_running_loop()
        protocol = config.http_protocol_class
        self._servers.append(
            await loop.create_server(
                lambda: protocol(config, connections, {}, loop),  # type: ignore[call-arg]
                sock=listener,
                ssl=context,
                backlog=BACKLOG,
                ssl_handshake_timeout=_HANDSHAKE if context else None,
                ssl_shutdown_timeout=_TLS_END if context else None,
            )
        )

    async def stop(self, seconds: float) -> None:
        """Stop accepting, close idle connections at once, and the others after their answers.

        :param seconds: after which the remaining connections are aborted
        """
        for server in self._servers:
            server.close()
        ends = [asyncio.ensure_future(each.end()) for each in self._all]
        _, late = await asyncio.wait(ends, timeout=seconds)
        if late:
            LOG.warning("Requests are cut that took more than %g s to end", seconds)
        for one in late:
            one.cancel()
        for each in self._all:
            each.cut()
