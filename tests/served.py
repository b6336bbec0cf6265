"""podium-api in a thread of the test's process, on a Unix socket: quick, and with the real HTTP server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request

from peers import PATIENCE
from podium import conf
from podium.api import app
from podium.api.access.guard import Guard
from podium.api.access.roles import require
from podium.api.callers import Caller, Role
from podium.api.operations import OPERATIONS
from podium.api.services import Services
from podium.api.serving.listening import Listeners
from podium.api.serving.server import Server
from podium.api.sql import Sql
from podium.client.calls.table import CALLS
from podium.client.enrolling.catalog import Catalog
from podium.client.local.local import this_user
from podium.db.engine import Database


class Everybody:
    """Gives everyone its current role, as the user of this process."""

    def __init__(self) -> None:
        self.role = Role.ADMIN
        self.name, _, self.host = this_user().partition("@")

    async def admit(self, request: Request, role: Role) -> Caller:
        found = Caller(self.name, self.host, self.role)
        require(found, role)
        return found


@contextmanager
def served(config: conf.Config, url: str, socket: Path, access: Any) -> Iterator[None]:
    """Serve a database until the end of the block."""
    listeners = Listeners("127.0.0.1", 0, socket, 0o600)
    ready, end = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        sql = Sql(Database(url))
        services = Services(config, sql, Catalog(config, print))
        large = {(one.method, one.path): config.api.max_import_size for one in CALLS if one.is_large}
        server = Server(Guard(app.create(services, access, OPERATIONS), config), 1_000_000, large)
        await server.start(listeners, None)
        ready.set()
        await end.wait()
        services.feeds.close()
        await server.stop(PATIENCE)
        await asyncio.to_thread(sql.close)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(PATIENCE)
        loop.close()
        listeners.close()
