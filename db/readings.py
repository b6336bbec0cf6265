"""The results of sweeps, written for many nodes at once, as functions of an open connection.

Most results are that a node was read and did not change, 100,000 times in every sweep. Nodes for which the
same values are written share a statement, for which Python only writes the node's number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.db import bulk
from podium.db.bulk import AMONG, AT_ONCE, Texts, among, chunks
from podium.db.changes import next_change
from podium.db.ledger import event
from podium.db.models import columns, nodes, power_readings
from podium.db.models import power_events as events
from podium.db.models import power_requests as requests
from podium.db.outcomes import cause_of
from podium.db.worker import Worker


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one read of one node's power.

    :param version: the version of the node that was read
    :param state: ``power on``, ``power off`` or ``error``; None when the read failed
    :param failure: why the read failed, in one line
    :param late: the failed request that caused the new state after all
    """

    node_id: int
    version: int
    at: datetime
    state: str | None
    failure: str | None = None
    request_id: str | None = None
    late: int | None = None


@dataclass(frozen=True, slots=True)
class ReadOfChange:
    """The result of the last read by a power change of its node, if that is news.

    :param failures: failed reads in a row
    :param failure: why the last of them failed; None when the node answers again
    """

    node_id: int
    failures: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class Checked:
    """Nodes whose power was read and did not change.

    :param at: when the first of them was read
    :param seen: the newest change known at that time; nodes that changed since are left alone
    :param numbers: of their rows
    """

    at: datetime
    seen: int
    numbers: Sequence[int]


_READ_OF_CHANGE: Final = (
    sa.update(nodes)
    .where(nodes.c.id == sa.bindparam("number"), nodes.c.reservation == sa.bindparam("holder"))
    .values(
        power_failures=sa.bindparam("failures"),
        last_error=sa.bindparam("failure"),
        learned=sa.bindparam("change"),
    )
)


def record_reads_of_changes(connection: sa.Connection, reads: Iterable[ReadOfChange], holder: Worker) -> None:
    """Record which nodes do not answer during power changes under way; ended changes are left alone.

    :param holder: the worker that carries the changes out
    """
    found = sorted(reads, key=attrgetter("node_id"))
    if found:
        alike = {"holder": holder, "change": next_change(connection, learned=True)}
        values = [
            {"number": one.node_id, "failures": one.failures, "failure": one.failure, **alike}
            for one in found
        ]
        connection.execute(_READ_OF_CHANGE, values)


#: Nodes in one statement that records only that they were read.
_CHECKED_AT_ONCE: Final = 5000
_CHECKED: Final = "UPDATE power_readings SET checked_at = :at WHERE {}"
_AT: Final = sa.bindparam("at", type_=power_readings.c.checked_at.type)
_BETWEEN: Final = nodes.c.id.between(sa.bindparam("first"), sa.bindparam("last"))
#: Uses two indexes. A condition in the writing statement would read the row of every node.
_OTHERS: Final = sa.union(
    sa.select(nodes.c.id).where(_BETWEEN, nodes.c.version > sa.bindparam("seen")),
    sa.select(nodes.c.id).where(_BETWEEN, nodes.c.reservation.is_not(None)),
)


def record_checked(connection: sa.Connection, checks: Iterable[Checked]) -> None:
    """Write when unchanged nodes were read; nodes that changed or are reserved are left alone.

    A concurrent change of a node is not waited for: it is treated as if it came afterwards.
    """
    for check in checks:
        # In order, so that two transactions that write the same nodes do not deadlock.
        for chunk in chunks(sorted(check.numbers), _CHECKED_AT_ONCE):
            between = {"first": chunk[0], "last": chunk[-1], "seen": check.seen}
            others = set(connection.scalars(_OTHERS, between))
            left = [number for number in chunk if number not in others] if others else chunk
            if left:
                # No two statements are alike: a text compiles fast, and caching them would only fill the
                # cache.
                checked = sa.text(_CHECKED.format(bulk.listed(left, "node_id"))).bindparams(_AT)
                connection.execute(checked, {"at": check.at}, execution_options={"compiled_cache": None})


def record_readings(connection: sa.Connection, readings: Sequence[Reading], writer: Worker) -> set[int]:
    """Write readings, each only if its node has not changed since it was read and is not reserved.

    Nodes for which the same values are written share a statement, and the oldest of their times, so that no
    age is shown too small. So do the events of first readings; every other event has its own time.

    The transaction takes a number only if people see a change, and before it locks nodes.

    :param writer: the worker that records the readings
    :returns: the numbers of the nodes that were left alone because they had changed
    """
    left_alone: set[int] = set()
    change = _change_of_news(connection, readings)
    for chunk in chunks(sorted(readings, key=attrgetter("node_id")), AT_ONCE):
        rows = _free(connection, [one.node_id for one in chunk])
        if change is None and _has_news(rows, chunk):
            raise errors.DatabaseBusy("nodes changed while their readings were compared with them")
        failed: list[tuple[sa.Row[Any], Reading]] = []
        changed: list[tuple[sa.Row[Any], Reading]] = []
        alike: dict[_Effect, list[Reading]] = {}
        first: dict[tuple[str, str | None], list[Reading]] = {}
        for reading in chunk:
            row = rows.get(reading.node_id)
            if row is None or row.version != reading.version:
                left_alone.add(reading.node_id)
            elif reading.state is None:
                failed.append((row, reading))
            else:
                effect = _Effect(reading.state, reading.state != row.power_state, row.power_failures > 0)
                alike.setdefault(effect, []).append(reading)
                if row.power_state is None:
                    first.setdefault((reading.state, reading.request_id), []).append(reading)
                elif effect.changed:
                    changed.append((row, reading))
        _record_failures(connection, failed, change)
        for (state, request_id), members in first.items():
            values = {"state": state, "request_id": request_id, "writer": writer, "change": change}
            connection.execute(_FIRST_EVENTS, {**values, **_together(members)})
        for effect, members in alike.items():
            if effect.changed or effect.recovered:
                connection.execute(effect.statement(), {"change": change, **_together(members)})
        if read := [one for members in alike.values() for one in members]:
            bulk.write_checked(connection, **_together(read))
        _record_changes(connection, changed, writer, change)
    return left_alone


def _change_of_news(connection: sa.Connection, readings: Sequence[Reading]) -> int | None:
    """Take a number if there is any news, found by a query that locks nothing."""
    for chunk in chunks(readings, AT_ONCE):
        found = connection.execute(_LOOK, {"numbers": [one.node_id for one in chunk]})
        if _has_news({row.id: row for row in found}, chunk):
            return next_change(connection, learned=True)
    return None


def _has_news(rows: Mapping[int, sa.Row[Any]], readings: Iterable[Reading]) -> bool:
    pairs = ((rows.get(one.node_id), one) for one in readings)
    return any(row is not None and row.version == one.version and _is_news(row, one) for row, one in pairs)


def _is_news(row: sa.Row[Any], reading: Reading) -> bool:
    """Whether people see the result: not how often a node did not answer, but why."""
    if reading.state is None:
        return bool(row.power_failures == 0 or reading.failure != row.last_error)
    return bool(reading.state != row.power_state or row.power_failures > 0)


_COUNT_FAILURE: Final = sa.update(nodes).where(AMONG).values(power_failures=nodes.c.power_failures + 1)
_COUNT_NEWS: Final = _COUNT_FAILURE.values(learned=sa.bindparam("change"))
_SAY_WHY: Final = Texts(nodes.c.last_error)


def _record_failures(
    connection: sa.Connection, failed: Sequence[tuple[sa.Row[Any], Reading]], change: int | None
) -> None:
    """Count failed reads, and write why they failed if the reason is new."""
    news = [row.id for row, reading in failed if _is_news(row, reading)]
    if news:
        connection.execute(_COUNT_NEWS, {"numbers": news, "change": change})
    if others := sorted({row.id for row, _ in failed}.difference(news)):
        connection.execute(_COUNT_FAILURE, {"numbers": others})
    new = [(row.id, reading.failure) for row, reading in failed if reading.failure != row.last_error]
    _SAY_WHY.write(connection, new)


_ASKED: Final = sa.select(*columns(requests, ("id", "operation_id", "requested_by", "reason"))).where(
    among(requests.c.id)
)


def _record_changes(
    connection: sa.Connection,
    changed: Sequence[tuple[sa.Row[Any], Reading]],
    writer: Worker,
    change: int | None,
) -> None:
    """Write the events of new states: changes by others, and late results of requests."""
    late = [reading.late for _, reading in changed if reading.late is not None]
    asked = {row.id: row for row in connection.execute(_ASKED, {"numbers": late})} if late else {}
    happened = [_change(row, reading, asked.get(reading.late), writer, change) for row, reading in changed]
    if happened:
        connection.execute(sa.insert(events), happened)


def _change(
    row: sa.Row[Any], reading: Reading, asked: sa.Row[Any] | None, writer: Worker, change: int | None
) -> dict[str, Any]:
    return event(
        row,
        "out-of-band" if asked is None else cause_of(asked.requested_by, asked.reason),
        at=reading.at,
        to_state=reading.state,
        writer=writer,
        change=change,
        who=asked and asked.requested_by,
        reason=asked and asked.reason,
        operation_id=asked and asked.operation_id,
        request_id=reading.request_id,
    )


@dataclass(frozen=True, slots=True)
class _Effect:
    """The effect of a reading of ``state`` on the row of its node."""

    state: str
    changed: bool
    recovered: bool

    def statement(self) -> sa.Update:
        """The statement that writes it to the nodes in ``numbers``, with the time ``at``."""
        values: dict[str, Any] = {}
        if self.changed:
            values = {"power_state": self.state, "power_changed_at": sa.bindparam("at")}
        if self.recovered:
            values |= {"power_failures": 0, "last_error": None}
        return sa.update(nodes).where(AMONG).values(**values, learned=sa.bindparam("change"))


#: After a start there is an event for every node.
_FIRST_EVENTS: Final = sa.insert(events).from_select(
    ["node_uuid", "node_name", "at", "to_state", "cause", "request_id", "writer", "change"],
    sa.select(
        nodes.c.uuid,
        nodes.c.name,
        sa.bindparam("at", type_=events.c.at.type),
        sa.bindparam("state", type_=events.c.to_state.type),
        sa.literal("first reading"),
        sa.bindparam("request_id", type_=events.c.request_id.type),
        sa.bindparam("writer", type_=events.c.writer.type),
        sa.bindparam("change", type_=events.c.change.type),
    ).where(AMONG),
)


def _together(readings: Sequence[Reading]) -> dict[str, Any]:
    return {"numbers": [one.node_id for one in readings], "at": min(one.at for one in readings)}


_LOOKED_AT: Final = ("id", "uuid", "name", "version", "power_state", "power_failures", "last_error")
_LOOK: Final = sa.select(*(nodes.c[name] for name in _LOOKED_AT)).where(AMONG, nodes.c.reservation.is_(None))
_FREE: Final = _LOOK.order_by(nodes.c.id).with_for_update()


def _free(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, sa.Row[Any]]:
    """Those of the given nodes that nobody has reserved, locked until the end of the transaction."""
    return {row.id: row for row in connection.execute(_FREE, {"numbers": numbers})}
