"""What people do to nodes, as functions of an open connection.

The caller holds the transaction (``Database.read()`` or ``.write()``), so that several calls can share one.
"""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from oslo_db.exception import DBDuplicateEntry

from podium import errors, node_ranges
from podium.db import canaries, clock, credential_changes, credentials_given, endpoints, likely_names, news
from podium.db.bulk import chunks
from podium.db.changes import next_change
from podium.db.claims import lock
from podium.db.models import cross_checks, node_columns, nodes, ports, power_readings, power_requests
from podium.db.models.hardware import key_of
from podium.db.operations import HELD, WAITING, note_progress
from podium.db.provision_states import AVAILABLE
from podium.db.subnets import Places
from podium.db.worker import Worker
from podium.wording import which

_N = TypeVar("_N", "NodeKey", "NodeRecord")


class NodeKey(NamedTuple):
    """Identifies a node and the conductors that may own it."""

    id: int
    uuid: str
    name: str
    driver: str
    conductor_group: str


class ClockSetting(NamedTuple):
    """When Podium last set the clock of a node's hardware.

    :param offset_before: seconds that it was ahead until then; None if unknown
    """

    set_at: datetime
    offset_before: float | None


class NodeRecord(NamedTuple):
    """The columns of :data:`podium.db.models.nodes`, and when the power was last read.

    Leaves out ``name_key`` and the columns with which old log entries are dated.
    """

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
    clock_offset: float | None
    clock_checked_at: datetime | None
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
    provision_state: str
    provision_updated_at: datetime | None
    instance_uuid: str | None
    instance_name: str | None
    resource_class: str | None
    owner: str | None
    lessee: str | None
    shard: str | None
    parent_node: str | None
    chassis_uuid: str | None
    retired: bool | None
    disable_power_off: bool | None
    description: str | None
    record: dict[str, Any] | None
    version: int
    learned: int
    credentials_changed_at: datetime | None
    credentials_expire_at: datetime | None
    credentials_in_doubt: bool | None
    created_at: datetime
    updated_at: datetime

    def __repr__(self) -> str:
        return which(self)


def create_nodes(
    connection: sa.Connection,
    rows: Iterable[Mapping[str, Any]],
    progress: Callable[[int], None] | None = None,
) -> list[str]:
    """Enrol nodes; all of them or, if the transaction fails, none.

    :param rows: each has at least ``name`` and ``driver``; other columns are empty by default, and a uuid is
        generated
    :param progress: called now and then with the number of nodes written since the last call
    :returns: their UUIDs, in order
    :raises podium.errors.NodeExists: naming each name or UUID that is given twice or already taken
    :raises podium.errors.NodeConflict: while credentials of hardware that one of the nodes uses are being
        changed
    """
    now = clock.now(connection)
    # Marks these rows until they have a number: taking the number first would make everyone else wait.
    mark = -1 - random.getrandbits(62)
    rows = list(rows)
    missing = dict.fromkeys(key for row in rows for key in row)  # one statement writes all of them
    filled = [
        {
            **missing,
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
            "provision_state": AVAILABLE,
            "credentials_changed_at": credentials_given.given_at(connection, row.get("driver_info"), now),
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
        raise errors.NodeExists(faults)
    credentials_given.refuse_beside(
        connection, {(row["driver"], row["endpoint"]): row["name"] for row in filled if row["endpoint"]}
    )
    with _nobody_faster():
        for chunk in chunks(filled):
            connection.execute(sa.insert(nodes), chunk)
            if progress is not None:
                progress(len(chunk))
    new = sa.select(nodes.c.id).where(nodes.c.version == mark)
    connection.execute(sa.insert(power_readings).from_select(["node_id"], new))
    number = next_change(connection)
    connection.execute(sa.update(nodes).where(nodes.c.version == mark).values(version=number))
    _keep_avoided(connection, filled)
    return [row["uuid"] for row in filled]


def _keep_avoided(connection: sa.Connection, created: Iterable[Mapping[str, Any]]) -> None:
    """Put new nodes of avoided subnets into their slots; no further subnet can be avoided meanwhile."""
    places = Places.read(connection)
    if not places:
        return
    by_slot: dict[int, list[str]] = {}
    for row in created:
        slot = places.slot(row["endpoint"], row["uuid"])
        if slot != row["slot"]:
            by_slot.setdefault(slot, []).append(row["uuid"])
    for slot, uuids in by_slot.items():
        for chunk in chunks(uuids):
            connection.execute(sa.update(nodes).where(nodes.c.uuid.in_(chunk)).values(slot=slot))


@contextmanager
def _nobody_faster() -> Iterator[None]:
    try:
        yield
    except DBDuplicateEntry:
        raise errors.NodeExists(["a name or UUID was taken by someone else just now; try again"]) from None


def taken(connection: sa.Connection, column: str, values: Sequence[str]) -> list[str]:
    """Those of the given names or UUIDs that a node already has.

    :param column: ``name`` or ``uuid``
    """
    found: list[str] = []
    for chunk in chunks(values):
        found += connection.scalars(sa.select(nodes.c[column]).where(nodes.c[column].in_(chunk)))
    return found


def count_nodes(connection: sa.Connection) -> int:
    """The number of enrolled nodes."""
    return connection.scalar(sa.select(sa.func.count()).select_from(nodes)) or 0


def list_nodes(connection: sa.Connection, **equal: Any) -> list[NodeRecord]:
    """The nodes whose columns have the given values, in natural order of name."""
    query = sa.select(*node_columns(NodeRecord._fields)).order_by(nodes.c.name_key)
    for column, value in equal.items():
        query = query.where(nodes.c[column] == value)
    return list(map(NodeRecord._make, connection.execute(query)))


def find_nodes(connection: sa.Connection, wanted: Sequence[str]) -> list[NodeRecord]:
    """The nodes with these names or UUIDs, in the given order and without duplicates.

    :raises podium.errors.NodeNotFound: naming every node that does not exist
    """
    return _find(connection, NodeRecord, wanted)


def find_keys(connection: sa.Connection, wanted: Sequence[str]) -> list[NodeKey]:
    """Like :func:`find_nodes`, without reading the other columns, which for 100,000 nodes would be wasted."""
    return _find(connection, NodeKey, wanted)


def clock_setting(connection: sa.Connection, node_uuid: str) -> ClockSetting | None:
    """When the clock of a node's hardware was last set to another time, if ever."""
    query = sa.select(nodes.c.clock_set_at, nodes.c.clock_offset_before).where(nodes.c.uuid == node_uuid)
    row = connection.execute(query).one_or_none()
    return None if row is None or row[0] is None else ClockSetting(*row)


def in_maintenance(connection: sa.Connection, ids: Sequence[int]) -> set[int]:
    """Those of the given nodes that are in maintenance."""
    found: set[int] = set()
    for chunk in chunks(ids):
        query = sa.select(nodes.c.id).where(nodes.c.id.in_(chunk), nodes.c.maintenance)
        found |= {*connection.scalars(query)}
    return found


def with_values(connection: sa.Connection, ids: Sequence[int], values: Mapping[str, Any]) -> set[int]:
    """Those of the given nodes that have all of these values."""
    equal = [nodes.c[name].is_not_distinct_from(value) for name, value in values.items()]
    found: set[int] = set()
    for chunk in chunks(ids):
        found |= {*connection.scalars(sa.select(nodes.c.id).where(nodes.c.id.in_(chunk), *equal))}
    return found


def _find(connection: sa.Connection, record: type[_N], wanted: Sequence[str]) -> list[_N]:
    found: dict[str, _N] = {}
    for chunk in chunks(wanted):
        # One column at a time: for both at once PostgreSQL may scan the whole table.
        for column in (nodes.c.name, nodes.c.uuid):
            left = [one for one in chunk if one not in found]
            if not left:
                break
            query = sa.select(*node_columns(record._fields)).where(column.in_(left))
            for node in map(record._make, connection.execute(query)):
                found[node.uuid] = node
                found[node.name] = node
    missing = [one for one in wanted if one not in found]
    if missing:
        named = node_ranges.fold_for_log(missing)
        meant = likely_names.hint(connection, missing) or "; see: podium node list"
        raise errors.NodeNotFound(f"no node has the name or UUID {named}{meant}")
    return list({found[one].id: found[one] for one in wanted}.values())


def update_node(connection: sa.Connection, node_id: int, values: Mapping[str, Any]) -> None:
    """Like :func:`update_nodes`, for one node."""
    update_nodes(connection, {node_id: values})


def update_nodes(
    connection: sa.Connection,
    changes: Mapping[int, Mapping[str, Any]],
    known: Mapping[int, NodeRecord] = MappingProxyType({}),
    *,
    given: Collection[int] = (),
) -> None:
    """Change columns of nodes, all of them or none; conductors notice the change.

    :param changes: the new values, by the number of the node
    :param known: nodes that need not be read again, see podium.db.renewing
    :param given: the nodes for which a person gave the password, even an unchanged one: it counts as right
    :raises podium.errors.NodeConflict: while a conductor has reserved one of the nodes, or if its credentials
        are in doubt and the change needs them settled first
    :raises podium.errors.NodeExists: when a new name is taken
    """
    if not changes:
        return
    _check_names(connection, {node: str(its["name"]) for node, its in changes.items() if "name" in its})
    version, now = next_change(connection), clock.now(connection)
    owners = lock(connection, list(changes))
    changes = credentials_given.noted(connection, changes, owners, now, known, given)
    places = Places.read(connection)
    changes = {
        number: _named(_placed(places, values, owners[number].uuid)) for number, values in changes.items()
    }
    alike: dict[str, list[int]] = {}
    for number, values in changes.items():
        alike.setdefault(repr(sorted(values.items())), []).append(number)
    own: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    with _nobody_faster():
        for numbers in alike.values():
            values = {**changes[numbers[0]], "updated_at": now, "version": version}
            if len(numbers) == 1:
                own.setdefault(tuple(sorted(values)), []).append({**values, "number": numbers[0]})
            for chunk in chunks(numbers) if len(numbers) > 1 else ():
                connection.execute(sa.update(nodes).where(nodes.c.id.in_(chunk)).values(values))
        for rows in own.values():
            connection.execute(sa.update(nodes).where(nodes.c.id == sa.bindparam("number")), rows)


def _placed(places: Places, values: Mapping[str, Any], uuid: str) -> Mapping[str, Any]:
    return {**values, **places.columns(values["endpoint"], uuid)} if "endpoint" in values else values


def _named(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**values, "name_key": key_of(values["name"])} if "name" in values else values


def _check_names(connection: sa.Connection, names: Mapping[int, str]) -> None:
    for chunk in chunks(list(names.items())):
        query = sa.select(nodes.c.id, nodes.c.name).where(nodes.c.name.in_([name for _, name in chunk]))
        owners = {row.name: row.id for row in connection.execute(query)}
        for number, name in chunk:
            if owners.get(name, number) != number:
                raise errors.NodeExists([f"name {name} is already enrolled"])


def delete_node(connection: sa.Connection, node_id: int) -> None:
    """Like :func:`delete_nodes`, for one node."""
    delete_nodes(connection, [node_id])


def delete_nodes(connection: sa.Connection, numbers: Sequence[int], *, force: bool = False) -> None:
    """Delete nodes with their ports and the requests for them; all of them or none.

    :param force: also delete nodes whose credentials are unknown; their passwords are then lost
    :raises podium.errors.NodeConflict: while a conductor has reserved one of the nodes
    """
    change = next_change(connection, deleted=True)
    now = clock.now(connection)
    owners = lock(connection, numbers)
    if not force:
        credentials_given.refuse_loss(owners.values())
    gone = [(owners[number].uuid, owners[number].name) for number in numbers]
    news.note_deletions(connection, change, news.NODES, gone, now)
    for chunk in chunks(numbers):
        connection.execute(sa.delete(nodes).where(nodes.c.id.in_(chunk)))
        for table in (power_readings, cross_checks, ports):
            connection.execute(sa.delete(table).where(table.c.node_id.in_(chunk)))
        waiting = power_requests.c.node_id.in_(chunk), power_requests.c.state.in_((HELD, WAITING))
        its = connection.scalars(sa.select(power_requests.c.operation_id).where(*waiting).distinct()).all()
        note_progress(connection, its, change)
        asked = sa.update(power_requests).where(*waiting)
        connection.execute(asked.values(state="failed", finished_at=now, error="the node was deleted"))
        credential_changes.forget(connection, chunk)
        canaries.proceed(connection, its, change, now)
