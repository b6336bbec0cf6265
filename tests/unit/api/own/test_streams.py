"""Lists that are sent as a whole, to clients that take their time."""

import asyncio
from collections.abc import Callable
from typing import Any

from asgi import Asked
from podium import conf
from podium.api import app
from podium.api.operations import OPERATIONS
from podium.api.services import MOST_STREAMS, Services
from podium.api.sql import Sql
from podium.client.calls import wire
from podium.client.enrolling.catalog import Catalog
from podium.db.api import NodeRecord
from podium.db.engine import Database

Enrol = Callable[..., list[NodeRecord]]

NODES = "/podium/v1/nodes"


def test_lines_come_in_small_pieces_however_many_items_there_are(
    database: Database, enrol: Enrol, config: conf.Config, everybody: Any
) -> None:
    enrol(*(f"n{number}" for number in range(700)), extra={"note": "x" * 1000})
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    async def test() -> None:
        services = Services(config, Sql(database), Catalog(config, print))
        asked = Asked("GET", NODES, {"type": "http.request"}, accept=wire.NDJSON)
        await app.create(services, everybody, OPERATIONS)(asked.scope, asked.receive, send)

    asyncio.run(test())
    assert len(b"".join(sent).splitlines()) == 700
    assert max(map(len, sent)) < 70_000


def test_lists_that_are_sent_as_a_whole_are_counted(
    database: Database, enrol: Enrol, config: conf.Config, everybody: Any
) -> None:
    enrol("n1")

    async def test() -> None:
        services = Services(config, Sql(database), Catalog(config, print))
        served = app.create(services, everybody, OPERATIONS)
        is_full, go_on = asyncio.Event(), asyncio.Event()

        async def stall(message: Any) -> None:
            if services.streams.locked():
                is_full.set()
            await go_on.wait()

        async def ask(send: Any = None, query: bytes = b"") -> Asked:
            asked = Asked("GET", NODES, {"type": "http.request"}, accept=wire.NDJSON)
            asked.scope["query_string"] = query
            await served(asked.scope, asked.receive, send or asked.send)
            return asked

        for _ in range(MOST_STREAMS):  # neither an error nor the end of an answer leaves room taken
            assert (await ask(query=b"nodes=n9")).status == 404
            assert (await ask()).status == 200
        slow = [asyncio.ensure_future(ask(stall)) for _ in range(MOST_STREAMS)]
        await is_full.wait()
        refused = await ask()
        assert (refused.status, b"retry-after" in refused.headers) == (503, True)
        go_on.set()
        await asyncio.gather(*slow)
        assert (await ask()).status == 200

    asyncio.run(test())
