"""The objects that request handlers share: created once for each process, and closed by their creator."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from podium import conf
from podium.api.fleet import OwnFleet
from podium.api.ironic.rendering import Renderer
from podium.api.own.feeds import Feeds
from podium.api.own.kept import Kept
from podium.api.sql import Sql
from podium.client.enrolling.catalog import Catalog
from podium.db.sealed import readable

#: The most whole lists that are sent at the same time.
MOST_STREAMS: Final = 50


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process.

    :param config: the configuration; its mutable options change at a reload
    :param catalog: the installed drivers; it may import one, so it is used only in threads
    :param large: held by the only request at a time whose body may be large
    :param streams: limits the whole lists that are sent, each of which holds a page in memory
    :param parsing: held by the only request at a time whose body is too long to be parsed in the event loop
    """

    config: conf.Config
    sql: Sql
    catalog: Catalog
    renderer: Renderer = field(init=False)
    large: asyncio.Lock = field(default_factory=asyncio.Lock)
    parsing: asyncio.Lock = field(default_factory=asyncio.Lock)
    streams: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_STREAMS))
    fleet: OwnFleet = field(init=False)
    kept: Kept = field(default_factory=Kept, init=False)
    feeds: Feeds = field(default_factory=Feeds, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "renderer", Renderer(self.catalog, self._readable))
        object.__setattr__(self, "fleet", OwnFleet(self.sql))

    def _readable(self, document: object) -> object:
        return readable(self.sql.database.engine.dialect, document)


def services(request: Request) -> Services:
    """Return the services of the process that answers a request."""
    found: Services = request.app.state.services
    return found


def address(request: Request) -> str:
    """Return the address of the server as clients know it, without a trailing slash."""
    public = services(request).config.api.public_endpoint
    if public:
        return str(public).rstrip("/")
    host = request.headers.get("Host") or request.url.netloc
    return f"{request.scope['scheme']}://{host}"
