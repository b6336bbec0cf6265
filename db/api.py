"""What people do to nodes, as functions of an open connection.

The caller holds the transaction (``Database.read()`` or ``.write()``), so that several of these can be
one. Rows come as SQLAlchemy rows with the columns of podium.db.models.
"""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors, states
from podium.db.changes import next_change
from podium.db.models import nodes, power_requests, utcnow

_T = TypeVar("_T")


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
    now = utcnow()
    # What tells these rows until they have a number: taken first, it would keep everyone else waiting.
    mark = -1 - random.getrandbits(62)
    filled = [
        {
            "uuid": str(uuid.uuid4()),
            "driver_info": {},
            "driver_internal_info": {},
            "properties": {},
            "extra": {},
            "power_failures": 0,
            "maintenance": False,
            "conductor_group": "",
            **row,
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
    """Those of some names or UUIDs that a node has already.

    :param column: ``name`` or ``uuid``
    """
    found: list[str] = []
    for chunk in chunks(values):
        found += connection.scalars(sa.select(nodes.c[column]).where(nodes.c[column].in_(chunk)))
    return found


def count_nodes(connection: sa.Connection) -> int:
    """How many nodes are enrolled."""
    return connection.scalar(sa.select(sa.func.count()).select_from(nodes)) or 0


def list_nodes(connection: sa.Connection, **equal: Any) -> Sequence[sa.Row[Any]]:
    """The nodes whose columns have the given values, in order of name."""
    query = sa.select(nodes).order_by(nodes.c.name)
    for column, value in equal.items():
        query = query.where(nodes.c[column] == value)
    return connection.execute(query).all()


def select_nodes(
    connection: sa.Connection,
    columns: Iterable[str],
    *,
    wanted: Sequence[str] = (),
    failing: bool = False,
    checked_before: datetime | None = None,
    enforced_by_default: bool | None = None,
    **equal: Any,
) -> list[sa.Row[Any]]:
    """Some columns of the nodes that meet every condition, in order of name or, when wanted, as given.

    :param wanted: names or UUIDs of the only nodes to look at
    :param failing: only those whose last read of the power failed
    :param checked_before: only those whose power was last read before that, or never
    :param enforced_by_default: only those whose power is to be put back; whether that is done with nodes
        that have no policy of their own
    :param equal: the values that columns must have
    :raises podium.errors.NodeNotFound: naming every wanted one that there is not
    """
    query = sa.select(nodes.c.id, *(nodes.c[column] for column in columns))
    query = query.where(*(nodes.c[column] == value for column, value in equal.items()))
    if failing:
        query = query.where(nodes.c.power_failures > 0)
    if checked_before is not None:
        checked_at = nodes.c.power_checked_at
        query = query.where(sa.or_(checked_at.is_(None), checked_at < checked_before))
    if enforced_by_default is not None:
        query = query.where(_to_be_enforced(enforced_by_default))
    if not wanted:
        return list(connection.execute(query.order_by(nodes.c.name)))
    order = [row.id for row in find_nodes(connection, wanted, (nodes.c.id, nodes.c.name, nodes.c.uuid))]
    found: dict[int, sa.Row[Any]] = {}
    for chunk in chunks(order):
        found |= {row.id: row for row in connection.execute(query.where(nodes.c.id.in_(chunk)))}
    return [found[number] for number in order if number in found]


def _to_be_enforced(by_default: bool) -> sa.ColumnElement[bool]:
    policies = [nodes.c.power_policy == "enforce", *([nodes.c.power_policy.is_(None)] if by_default else [])]
    power = nodes.c.power_state
    differs = power != nodes.c.wanted_power_state, power != states.ERROR  # not so where either is missing
    enforced = sa.and_(*differs, nodes.c.maintenance.is_(False), sa.or_(*policies))
    return sa.or_(nodes.c.enforcement.is_not(None), enforced)


def find_nodes(
    connection: sa.Connection, wanted: Sequence[str], columns: Iterable[sa.Column[Any]] = tuple(nodes.columns)
) -> list[sa.Row[Any]]:
    """The nodes with these names or UUIDs, in the order given and each once.

    :param columns: those to read, among them id, name and uuid
    :raises podium.errors.NodeNotFound: naming every one that there is not
    """
    found: dict[str, sa.Row[Any]] = {}
    for chunk in chunks(wanted):
        query = sa.select(*columns).where(sa.or_(nodes.c.name.in_(chunk), nodes.c.uuid.in_(chunk)))
        for row in connection.execute(query):
            found[row.uuid] = row
            found[row.name] = row
    missing = [one for one in wanted if one not in found]
    if missing:
        more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
        named = ", ".join(missing[:20]) + more
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
    changed = sa.update(nodes).where(*_unreserved(node_id))
    changed = changed.values(**values, updated_at=utcnow(), version=next_change(connection))
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
    asked = sa.update(power_requests).where(
        power_requests.c.node_id == node_id, power_requests.c.state == "waiting"
    )
    connection.execute(asked.values(state="failed", finished_at=utcnow(), error="the node was deleted"))


def _unreserved(node_id: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return nodes.c.id == node_id, nodes.c.reservation.is_(None)


def _refuse(connection: sa.Connection, node_id: int) -> NoReturn:
    row = connection.execute(sa.select(nodes).where(nodes.c.id == node_id)).first()
    if row is None:
        raise errors.NodeNotFound("the node was deleted meanwhile")
    raise errors.NodeConflict(refusal(row))


def refusal(row: sa.Row[Any]) -> str:
    """Why a node that is reserved cannot be changed, in one line.

    :param row: its name, target_power_state, power_requested_by and _at, reservation, reserved_for and _at
    """
    if row.target_power_state is None:
        purpose = f" for {row.reserved_for}" if row.reserved_for else ""
        return f"{row.name}: reserved by {row.reservation}{purpose}{_since(row.reserved_at)}; try again later"
    return (
        f"{row.name}: {row.target_power_state} is under way, asked for by"
        f" {row.power_requested_by or 'someone'}{_since(row.power_requested_at)}; wait for it to end"
    )


def _since(moment: datetime | None) -> str:
    return f" since {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""
