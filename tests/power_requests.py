"""Power requests with two members, C1 and C2. C1 owns all nodes of the driver ``fake``."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from fakes import joined
from podium import states
from podium.db import api, beginning, ledger, members, operations, power
from podium.db.api import NodeRecord
from podium.db.beginning import Begun
from podium.db.engine import Database
from podium.db.ledger import Event
from podium.db.operations import PowerRequest
from podium.db.outcomes import Outcome, SetClock, finish
from podium.db.worker import Worker

Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[NodeRecord]]

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=9)


C1, C2 = Worker("c1", 0, 1), Worker("c2", 0, 2)


def only(database: Database) -> NodeRecord:
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    return row


def ask(
    database: Database, rows: list[NodeRecord], action: str = states.POWER_ON, **more: Any
) -> power.Asked:
    with database.write() as connection:
        return power.ask(connection, rows, action, **{"who": "ada@desk", **more})


def due(database: Database, holder: Worker = C1, reached: beginning.Reached | None = None) -> list[int]:
    with database.read() as connection:
        found = beginning.due(connection, holder, ["fake"], reached or {}, limit=9999)
    return [row.request_id for row in found]


def begin(database: Database, request_ids: list[int], holder: Worker = C1) -> list[Begun]:
    with database.write() as connection:
        return beginning.begin(connection, request_ids, holder, NOON)


def begun(database: Database, rows: list[NodeRecord], *asked: Any, **more: Any) -> Begun:
    """Make a request, and return it as conductor c1 has begun it."""
    ask(database, rows, *asked, **more)
    (row,) = begin(database, due(database))
    return row


def end(
    database: Database,
    row: Begun,
    state: str | None,
    error: str | None = None,
    result: str | None = None,
    clock: SetClock | None = None,
) -> None:
    outcome = Outcome(
        row.node.id, row.request_id, C1, LATER, state, error, "req-1", result=result, clock=clock
    )
    with database.write() as connection:
        finish(connection, [outcome])


def requests(database: Database, operation_id: int | None) -> list[PowerRequest]:
    assert operation_id is not None
    with database.read() as connection:
        return list(operations.requests_of(connection, operation_id))


def told(database: Database) -> list[Event]:
    with database.read() as connection:
        return ledger.newest_events(connection, ledger.Chosen(), limit=100)


def hand_over(database: Database) -> None:
    """End the first member, and give its slots to the second one."""
    with database.write() as connection:
        members.leave(connection, C1)
    joined(database, C2, drivers=["fake"])


def only_named(database: Database, name: str) -> NodeRecord:
    with database.read() as connection:
        return api.find_nodes(connection, [name])[0]
