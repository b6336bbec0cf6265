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

from podium import errors
from podium.db.changes import next_change
from podium.db.models import nodes, utcnow

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
    **equal: Any,
) -> list[sa.Row[Any]]:
    """Some columns of the nodes that meet every condition, in order of name or, when wanted, as given.

    :param wanted: names or UUIDs of the only nodes to look at
    :param failing: only those whose last read of the power failed
    :param checked_before: only those whose power was last read before that, or never
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
    if not wanted:
        return list(connection.execute(query.order_by(nodes.c.name)))
    order = [row.id for row in find_nodes(connection, wanted, (nodes.c.id, nodes.c.name, nodes.c.uuid))]
    found: dict[int, sa.Row[Any]] = {}
    for chunk in chunks(order):
        found |= {row.id: row for row in connection.execute(query.where(nodes.c.id.in_(chunk)))}
    return [found[number] for number in order if number in found]


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


def list_power(connection: sa.Connection, numbers: Sequence[int]) -> list[sa.Row[Any]]:
    """Where the power of the nodes with these numbers stands: the few columns that tell."""
    columns = [nodes.c[name] for name in ("id", "power_state", "target_power_state", "last_error")]
    rows: list[sa.Row[Any]] = []
    for chunk in chunks(numbers):
        rows += connection.execute(sa.select(*columns).where(nodes.c.id.in_(chunk)))
    return rows


def update_node(connection: sa.Connection, node_id: int, values: Mapping[str, Any]) -> None:
    """Change columns of a node, which is a change that conductors notice.

    :raises podium.errors.NodeConflict: while a conductor is changing the node's power
    :raises podium.errors.InvalidNode: when the new name is taken
    """
    if "name" in values:
        others = sa.select(nodes.c.id).where(nodes.c.name == values["name"], nodes.c.id != node_id)
        if connection.execute(others).first():
            raise errors.InvalidNode([f"name {values['name']} is already enrolled"])
    with _nobody_faster():
        _change(connection, node_id, {**values, "updated_at": utcnow()})


def delete_node(connection: sa.Connection, node_id: int) -> None:
    """Forget a node.

    :raises podium.errors.NodeConflict: while a conductor is changing the node's power
    """
    next_change(connection, deleted=True)
    if not connection.execute(sa.delete(nodes).where(*_unreserved(node_id))).rowcount:
        _refuse(connection, node_id)


def request_power(connection: sa.Connection, node_id: int, target: str, who: str) -> None:
    """Ask for a power state; the conductor that owns the node carries it out.

    :param target: one of ``podium.states.TARGETS``
    :param who: user and host of the one who asks
    :raises podium.errors.NodeConflict: while another change is asked for or under way
    """
    now = utcnow()
    values = {
        "target_power_state": target,
        "power_requested_by": who,
        "power_requested_at": now,
        "last_error": None,
        "updated_at": now,
    }
    _change(connection, node_id, values, nodes.c.target_power_state.is_(None))


def _change(
    connection: sa.Connection, node_id: int, values: Mapping[str, Any], *conditions: sa.ColumnElement[bool]
) -> None:
    changed = sa.update(nodes).where(*_unreserved(node_id), *conditions)
    if not connection.execute(changed.values(**values, version=next_change(connection))).rowcount:
        _refuse(connection, node_id)


def _unreserved(node_id: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return nodes.c.id == node_id, nodes.c.reservation.is_(None)


def _refuse(connection: sa.Connection, node_id: int) -> NoReturn:
    row = connection.execute(sa.select(nodes).where(nodes.c.id == node_id)).first()
    if row is None:
        raise errors.NodeNotFound("the node was deleted meanwhile")
    if row.target_power_state is None:
        raise errors.NodeConflict(f"{row.name}: reserved by {row.reservation}; try again later")
    since = f" since {row.power_requested_at:%Y-%m-%d %H:%M:%S} UTC" if row.power_requested_at else ""
    raise errors.NodeConflict(
        f"{row.name}: {row.target_power_state} is under way, asked for by"
        f" {row.power_requested_by or 'someone'}{since}; wait for it to end"
    )
