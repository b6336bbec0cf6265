"""What a conductor reads about its nodes and writes about them, as functions of an open connection."""

import json
import operator
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.db import bulk, clock
from podium.db.bulk import AMONG, AT_ONCE, chunks
from podium.db.changes import next_change
from podium.db.endpoints import SLOTS
from podium.db.models import columns, node_columns, nodes, slots
from podium.db.sealed import Unreadable
from podium.db.slots import OF_NODE, Pair
from podium.db.worker import Worker
from podium.wording import which


class Changed(NamedTuple):
    """A node: enough to see who owns it and whether its newest change is known."""

    id: int
    driver: str
    conductor_group: str
    slot: int
    reservation: Worker | None
    provision_state: str
    version: int


def changed(connection: sa.Connection, since: int) -> list[Changed]:
    """The nodes whose newest change has a higher number, in order of id."""
    query = sa.select(*columns(nodes, Changed._fields)).where(nodes.c.version > since)
    # Not ordered by the database: SQLite would read every node for that.
    return sorted((Changed._make(row) for row in connection.execute(query)), key=_ID)


def in_slots(connection: sa.Connection, pair: Pair, numbers: Collection[int]) -> list[Changed]:
    """The nodes of a group and driver that are in these slots, in order of id."""
    group, driver = pair
    its = nodes.c.conductor_group == group, nodes.c.driver == driver
    query = sa.select(*columns(nodes, Changed._fields)).where(*its)
    further = [slot for slot in sorted(numbers) if slot >= SLOTS]
    if len(numbers) - len(further) < SLOTS:
        query = query.where(nodes.c.slot.in_(sorted(numbers)))
    else:
        query = query.where(sa.or_(nodes.c.slot < SLOTS, nodes.c.slot.in_(further)))
    return sorted((Changed._make(row) for row in connection.execute(query)), key=_ID)


_ID: Final = operator.attrgetter("id")


def rows(connection: sa.Connection, numbers: Iterable[int]) -> list[Changed]:
    """The nodes with these numbers, in order of id; deleted ones are left out."""
    found: list[Changed] = []
    for chunk in chunks(sorted(numbers), AT_ONCE):
        query = sa.select(*columns(nodes, Changed._fields)).where(AMONG).order_by(nodes.c.id)
        found += map(Changed._make, connection.execute(query, {"numbers": chunk}))
    return found


#: Numbers in one statement.
_LOOKED_FOR: Final = 5000


def missing(connection: sa.Connection, numbers: Iterable[int]) -> list[int]:
    """Those of the given numbers that no node has any more."""
    gone: list[int] = []
    for chunk in chunks(sorted(numbers), _LOOKED_FOR):
        where, options = bulk.listed(chunk), {"compiled_cache": None}  # as in podium.db.readings
        count = sa.text(f"SELECT count(*) FROM nodes WHERE {where}")
        if connection.scalar(count, execution_options=options) == len(chunk):
            continue
        left = sa.text(f"SELECT id FROM nodes WHERE {where}")
        found = set(connection.scalars(left, execution_options=options))
        gone += [number for number in chunk if number not in found]
    return gone


class OwnedNode(NamedTuple):
    """A node with the columns that a conductor works with.

    Columns that only people read are left out: they take a quarter of the time to load 100,000 rows.
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
    power_checked_at: datetime | None
    power_failures: int
    health: dict[str, Any] | None
    health_checked_at: datetime | None
    health_lasts: float | None
    maintenance: bool
    fault: str | None
    conductor_group: str
    endpoint: str | None
    slot: int
    provision_state: str
    disable_power_off: bool | None
    credentials_in_doubt: bool | None
    version: int

    def __repr__(self) -> str:
        return which(self)


#: For statements that select owned nodes.
OWNED_NODE: Final = node_columns(OwnedNode._fields)
_LOAD: Final = sa.select(*OWNED_NODE).where(AMONG)


def load(connection: sa.Connection, numbers: Sequence[int]) -> list[OwnedNode]:
    """The nodes with these numbers, in any order; deleted ones are left out."""
    found: list[OwnedNode] = []
    for chunk in chunks(numbers, AT_ONCE):
        found += map(OwnedNode._make, connection.execute(_LOAD, {"numbers": chunk}))
    return found


def record_health(connection: sa.Connection, healths: Mapping[int, Mapping[str, Any] | None]) -> None:
    """Write the health of nodes, by number."""
    alike: dict[str, list[int]] = {}
    change = next_change(connection, learned=True)
    for number, health in healths.items():
        alike.setdefault(json.dumps(health), []).append(number)
    for members in alike.values():
        written = sa.update(nodes).where(AMONG).values(health=healths[members[0]], learned=change)
        bulk.execute(connection, written, members)


_HEALTH_TIMES: Final = "UPDATE nodes SET health_checked_at = :at, health_lasts = :lasts WHERE {}"
_AT: Final = sa.bindparam("at", type_=nodes.c.health_checked_at.type)


def record_health_times(connection: sa.Connection, times: Mapping[int, tuple[datetime, float]]) -> None:
    """Write when the health of nodes was reported, and for how many seconds the report is valid.

    Nodes reported in the same second share a statement, and the oldest of their times.
    """
    alike: dict[tuple[int, float], list[int]] = {}
    for number, (at, lasts) in times.items():
        alike.setdefault((int(at.timestamp()), lasts), []).append(number)
    for (_, lasts), members in alike.items():
        at = min(times[number][0] for number in members)
        for chunk in chunks(sorted(members), AT_ONCE):
            # No two statements are alike, see podium.db.readings.record_checked.
            written = sa.text(_HEALTH_TIMES.format(bulk.listed(chunk))).bindparams(_AT)
            values = {"at": at, "lasts": lasts}
            connection.execute(written, values, execution_options={"compiled_cache": None})


#: Seconds by which consecutive readings of a clock may differ without being news.
_JITTER: Final = 5.0
_CLOCKS: Final = sa.select(nodes.c.id, nodes.c.clock_offset).where(AMONG)
_CLOCK: Final = (
    sa.update(nodes)
    .where(nodes.c.id == sa.bindparam("number"))
    .values(clock_offset=sa.bindparam("offset"), clock_checked_at=sa.bindparam("at"))
)
_NEW_CLOCK: Final = _CLOCK.values(learned=sa.bindparam("change"))


def record_clocks(connection: sa.Connection, clocks: Mapping[int, tuple[float, datetime]]) -> None:
    """Write by how many seconds the clocks of nodes are ahead, and when they were read, by number.

    Followers of nodes are notified if the value differs from the known one.
    """
    known: dict[int, float | None] = {}
    for chunk in chunks(sorted(clocks), AT_ONCE):
        known |= {row.id: row.clock_offset for row in connection.execute(_CLOCKS, {"numbers": chunk})}
    found = {
        number: {"number": number, "offset": clocks[number][0], "at": clocks[number][1]} for number in known
    }
    new = [number for number, offset in known.items() if _is_new(offset, clocks[number][0])]
    if new:
        change = next_change(connection, learned=True)
        connection.execute(_NEW_CLOCK, [{**found.pop(number), "change": change} for number in sorted(new)])
    if found:
        connection.execute(_CLOCK, [found[number] for number in sorted(found)])


def _is_new(known: float | None, offset: float) -> bool:
    return known is None or abs(known - offset) > _JITTER


def known_health(
    health: dict[str, Any] | None, checked_at: datetime | None, lasts: float | None, now: datetime
) -> dict[str, Any] | None:
    """The stored health; None once its report is outdated.

    :param checked_at: when it was reported, and ``lasts`` the seconds for which the report is valid
    :param now: by the database's clock
    """
    if checked_at is None or lasts is None:
        return health
    age = clock.age(checked_at, now)
    return None if age is None or age > lasts else health


def record_patches(
    connection: sa.Connection,
    patches: Mapping[int, Mapping[str, Mapping[str, Any]]],
    fits: Callable[[int, str, Mapping[str, Any]], bool] = lambda number, column, held: True,
) -> dict[int, dict[str, dict[str, Any]]]:
    """Merge values into JSON columns; None removes a value.

    :param patches: by number and column
    :param fits: whether to write a patch, called with its number, its column, and the column's content
    :returns: the new contents of the columns, by number and column
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    for number in sorted(patches):
        alike.setdefault(tuple(sorted(patches[number])), []).append(number)
    written: dict[int, dict[str, dict[str, Any]]] = {}
    change: int | None = None
    if any(_differs(row, patches) for row in _rows(connection, alike)):  # a query that locks nothing
        change = next_change(connection, learned=True)
    different: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in _rows(connection, alike, locked=True):
        number, patch = row["id"], patches[row["id"]]
        if any(isinstance(row[name], Unreadable) for name in patch):
            continue
        written[number] = {
            name: _patched(row[name], its if fits(number, name, row[name]) else {})
            for name, its in patch.items()
        }
        if any(written[number][name] != row[name] for name in patch):
            values = {"number": number, "learned": change, **written[number]}
            different.setdefault(tuple(sorted(patch)), []).append(values)
    if different and change is None:
        raise errors.DatabaseBusy("nodes changed while what their drivers save was compared with them")
    for found in different.values():
        connection.execute(sa.update(nodes).where(nodes.c.id == sa.bindparam("number")), found)
    return written


def _rows(
    connection: sa.Connection, alike: Mapping[tuple[str, ...], Sequence[int]], *, locked: bool = False
) -> Iterator[sa.RowMapping]:
    """Yield these columns of nodes, by column name."""
    for names, members in alike.items():
        query = sa.select(nodes.c.id, *columns(nodes, names)).where(AMONG).order_by(nodes.c.id)
        for chunk in chunks(members, AT_ONCE):
            found = connection.execute(query.with_for_update() if locked else query, {"numbers": chunk})
            yield from found.mappings().all()


def _differs(row: sa.RowMapping, patches: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> bool:
    return any(
        not isinstance(row[name], Unreadable) and _patched(row[name], patch) != row[name]
        for name, patch in patches[row["id"]].items()
    )


def _patched(values: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**values, **patch}.items() if value is not None}


def record_maintenance(connection: sa.Connection, wishes: Mapping[int, tuple[str, str | None]]) -> None:
    """Put nodes into maintenance or take them out.

    :param wishes: by number, who requests it (recorded as the fault), and the reason; a reason of None takes
        the node out, but only if the same requester put it into maintenance
    """
    alike: dict[tuple[str, str | None], list[int]] = {}
    for number, wish in wishes.items():
        alike.setdefault(wish, []).append(number)
    for (who, reason), members in alike.items():
        if reason is None:
            mine = sa.and_(AMONG, nodes.c.maintenance.is_(True), nodes.c.fault == who)
            values: dict[str, Any] = {"maintenance": False, "maintenance_reason": None, "fault": None}
        else:
            mine = sa.and_(AMONG, nodes.c.maintenance.is_(False))
            values = {"maintenance": True, "maintenance_reason": reason, "fault": who}
        for chunk in chunks(sorted(members), AT_ONCE):
            # Drivers repeat their requests; a repetition is no change and takes no number.
            if connection.execute(sa.select(nodes.c.id).where(mine).limit(1), {"numbers": chunk}).first():
                values |= {"version": next_change(connection), "updated_at": clock.now(connection)}
                connection.execute(sa.update(nodes).where(mine).values(values), {"numbers": chunk})


_CERTAIN: Final = nodes.c.credentials_in_doubt.is_not(True)


def hold(connection: sa.Connection, number: int, holder: Worker, purpose: str) -> bool:
    """Reserve a node without changing its power.

    :param purpose: shown to requesters that are refused meanwhile
    :returns: False if it is reserved, has a pending request, its credentials are in doubt, or its slot now
        belongs to another member
    """
    free = nodes.c.reservation.is_(None), nodes.c.target_power_state.is_(None), _CERTAIN
    values = {"reservation": holder, "reserved_for": purpose[:255], "reserved_at": clock.now(connection)}
    owned = sa.exists().where(OF_NODE, slots.c.owner == holder.incarnation)
    held = sa.update(nodes).where(nodes.c.id == number, *free, owned).values(values)
    return bool(connection.execute(held.values(version=next_change(connection))).rowcount)


def let_go(connection: sa.Connection, numbers: Iterable[int], holder: Worker) -> None:
    """Give up reservations that :func:`hold` made."""
    mine = AMONG, nodes.c.reservation == holder, nodes.c.power_request_id.is_(None)
    values = {"reservation": None, "reserved_for": None, "reserved_at": None}
    freed = sa.update(nodes).where(*mine).values(**values, version=next_change(connection))
    bulk.execute(connection, freed, numbers)
