"""What people do to nodes, as functions of an open connection.

The caller holds the transaction (``Database.read()`` or ``.write()``), so that several of these can be one.
"""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors, node_ranges
from podium.db import clock, endpoints
from podium.db.changes import next_change
from podium.db.models import columns, node_columns, nodes, power_readings, power_requests
from podium.db.worker import Worker

_T = TypeVar("_T")
_N = TypeVar("_N", "NodeKey", "NodeRecord")


class NodeKey(NamedTuple):
    """Which node it is, and which conductors own it."""

    id: int
    uuid: str
    name: str
    driver: str
    conductor_group: str


class NodeRecord(NamedTuple):
    """Every column of a node, see :class:`podium.db.models.NodeRow`, and when its power was last read."""

    id: int
    uuid: str
    name: str
    driver: str
    driver_info: dict[str, Any]
    driver_internal_info: dict[str, Any]
    properties: dict[str, Any]
    extra: dict[str, Any]
    power_state: str | None
    wanted_power_state: str | None
    power_policy: str | None
    enforcement: str | None
    target_power_state: str | None
    power_request_id: int | None
    power_requested_by: str | None
    power_requested_at: datetime | None
    power_checked_at: datetime | None
    power_changed_at: datetime | None
    power_failures: int
    health: dict[str, Any] | None
    health_checked_at: datetime | None
    health_lasts: float | None
    last_error: str | None
    maintenance: bool
    maintenance_reason: str | None
    fault: str | None
    reservation: Worker | None
    reserved_for: str | None
    reserved_at: datetime | None
    conductor_group: str
    identity: str | None
    controller: str | None
    endpoint: str | None
    slot: int
    version: int
    created_at: datetime
    updated_at: datetime


class Claim(NamedTuple):
    """What is known of a node that somebody wants to change: who has it, and for what."""

    id: int
    uuid: str
    name: str
    target_power_state: str | None
    power_request_id: int | None
    power_requested_by: str | None
    power_requested_at: datetime | None
    reservation: Worker | None
    reserved_for: str | None
    reserved_at: datetime | None


#: To be given to statements that select claims.
CLAIM: Final = columns(nodes, Claim._fields)


def chunks(items: Sequence[_T], size: int = 500) -> Iterator[Sequence[_T]]:
    """Slices small enough for one statement on every database."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def create_nodes(
    connection: sa.Connection,
    rows: Iterable[Mapping[str, Any]],
    progress: Callable[[int], None] | None = None,
) -> list[str]:
    """Enrol nodes; all of them or, when the transaction fails, none.

    :param rows: at least ``name`` and ``driver`` each; what is left out is empty, a uuid is made
    :param progress: called now and then with the number of nodes that were written since
    :returns: their UUIDs, in order
    :raises podium.errors.InvalidNode: naming each name or UUID that is given twice or already taken
    """
    now = clock.now(connection)
    # Marks these rows until they have a number: taken first, the number would keep everyone else waiting.
    mark = -1 - random.getrandbits(62)
    filled = [
        {
            "uuid": (own := row.get("uuid") or str(uuid.uuid4())),
            "driver_info": {},
            "driver_internal_info": {},
            "properties": {},
            "extra": {},
            "power_failures": 0,
            "maintenance": False,
            "conductor_group": "",
            "identity": None,
            "controller": None,
            **row,
            **endpoints.columns_of(row.get("endpoint"), own),
            "version": mark,
            "created_at": now,
            "updated_at": now,
        }
        for row in rows
    ]
    faults = []
    for column in ("name", "uuid"):
        given = Counter(row[column] for row in filled)
        faults += [f"{column} {value} is given twice" for value, times in given.items() if times > 1]
        in_use = taken(connection, column, list(given))
        faults += [f"{column} {value} is already enrolled" for value in in_use]
    if faults:
        raise errors.InvalidNode(faults)
    with _nobody_faster():
        for chunk in chunks(filled):
            connection.execute(sa.insert(nodes), chunk)
            if progress is not None:
                progress(len(chunk))
    new = sa.select(nodes.c.id).where(nodes.c.version == mark)
    connection.execute(sa.insert(power_readings).from_select(["node_id"], new))
    number = next_change(connection)
    connection.execute(sa.update(nodes).where(nodes.c.version == mark).values(version=number))
    return [row["uuid"] for row in filled]


@contextmanager
def _nobody_faster() -> Iterator[None]:
    try:
        yield
    except DBDuplicateEntry:
        raise errors.InvalidNode(["a name or UUID was taken by someone else just now; try again"]) from None


def taken(connection: sa.Connection, column: str, values: Sequence[str]) -> list[str]:
    """The names or UUIDs, of those given, that a node has already.

    :param column: ``name`` or ``uuid``
    """
    found: list[str] = []
    for chunk in chunks(values):
        found += connection.scalars(sa.select(nodes.c[column]).where(nodes.c[column].in_(chunk)))
    return found


def count_nodes(connection: sa.Connection) -> int:
    """How many nodes are enrolled."""
    return connection.scalar(sa.select(sa.func.count()).select_from(nodes)) or 0


def list_nodes(connection: sa.Connection, **equal: Any) -> list[NodeRecord]:
    """The nodes whose columns have the given values, in order of name."""
    query = sa.select(*node_columns(NodeRecord._fields)).order_by(nodes.c.name)
    for column, value in equal.items():
        query = query.where(nodes.c[column] == value)
    return list(map(NodeRecord._make, connection.execute(query)))


def find_nodes(connection: sa.Connection, wanted: Sequence[str]) -> list[NodeRecord]:
    """The nodes with these names or UUIDs, in the order given and each once.

    :raises podium.errors.NodeNotFound: naming every one that does not exist
    """
    return _find(connection, NodeRecord, wanted)


def find_keys(connection: sa.Connection, wanted: Sequence[str]) -> list[NodeKey]:
    """As :func:`find_nodes`, where the rest of 100,000 nodes would be read for nothing."""
    return _find(connection, NodeKey, wanted)


def _find(connection: sa.Connection, record: type[_N], wanted: Sequence[str]) -> list[_N]:
    found: dict[str, _N] = {}
    for chunk in chunks(wanted):
        query = sa.select(*node_columns(record._fields))
        query = query.where(sa.or_(nodes.c.name.in_(chunk), nodes.c.uuid.in_(chunk)))
        for node in map(record._make, connection.execute(query)):
            found[node.uuid] = node
            found[node.name] = node
    missing = [one for one in wanted if one not in found]
    if missing:
        named = node_ranges.fold_for_log(missing)
        raise errors.NodeNotFound(f"no node has the name or UUID {named}; see: podium node list")
    return list({found[one].id: found[one] for one in wanted}.values())


def update_node(connection: sa.Connection, node_id: int, values: Mapping[str, Any]) -> None:
    """Change columns of a node, which is a change that conductors notice.

    :raises podium.errors.NodeConflict: while a conductor has reserved the node
    :raises podium.errors.InvalidNode: when the new name is taken
    """
    if "name" in values:
        others = sa.select(nodes.c.id).where(nodes.c.name == values["name"], nodes.c.id != node_id)
        if connection.execute(others).first():
            raise errors.InvalidNode([f"name {values['name']} is already enrolled"])
    if "endpoint" in values:
        own = sa.select(nodes.c.uuid).where(nodes.c.id == node_id)
        where = endpoints.columns_of(values["endpoint"], connection.scalar(own) or "")
        values = {**values, **where}
    changed = sa.update(nodes).where(*_unreserved(node_id))
    version, now = next_change(connection), clock.now(connection)
    changed = changed.values(**values, updated_at=now, version=version)
    with _nobody_faster():
        if not connection.execute(changed).rowcount:
            _refuse(connection, node_id)


def delete_node(connection: sa.Connection, node_id: int) -> None:
    """Forget a node, and with it what is asked of it.

    :raises podium.errors.NodeConflict: while a conductor has reserved the node
    """
    next_change(connection, deleted=True)
    if not connection.execute(sa.delete(nodes).where(*_unreserved(node_id))).rowcount:
        _refuse(connection, node_id)
    connection.execute(sa.delete(power_readings).where(power_readings.c.node_id == node_id))
    asked = sa.update(power_requests).where(
        power_requests.c.node_id == node_id, power_requests.c.state == "waiting"
    )
    now = clock.now(connection)
    connection.execute(asked.values(state="failed", finished_at=now, error="the node was deleted"))


def _unreserved(node_id: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return nodes.c.id == node_id, nodes.c.reservation.is_(None)


def _refuse(connection: sa.Connection, node_id: int) -> NoReturn:
    row = connection.execute(sa.select(*CLAIM).where(nodes.c.id == node_id)).first()
    if row is None:
        raise errors.NodeNotFound("the node was deleted meanwhile")
    raise errors.NodeConflict(refusal(Claim._make(row)))


def refusal(node: Claim) -> str:
    """Why a node that is reserved cannot be changed, in one line."""
    if node.target_power_state is None:
        purpose = f" for {node.reserved_for}" if node.reserved_for else ""
        holder = f"{node.reservation}{purpose}{_since(node.reserved_at)}"
        return f"{node.name}: reserved by {holder}; try again later"
    return (
        f"{node.name}: {node.target_power_state} is under way, asked for by"
        f" {node.power_requested_by or 'someone'}{_since(node.power_requested_at)}; wait for it to end"
    )


def _since(moment: datetime | None) -> str:
    return f" since {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
