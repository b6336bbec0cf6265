"""Gathers the results of rooms, tasks and power changes, and writes them in few statements.

Any thread may add a record at any time; it is kept in memory until the database has accepted it. For each
node, only the newest record of each kind is kept, so that memory is bounded by the fleet in a long outage.

Other modules write directly what must be in the database before something is done (requests that begin or are
about to be sent, reservations, requests of enforcement and its freeze), and what is no record of nodes
(heartbeats, figures, commands to tasks, cursors of notifications).
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.clocks import boottime
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording import patches
from podium.conductor.recording.checked import CheckedPile
from podium.conductor.recording.patches import Patched, Unsaved
from podium.conductor.recording.pile import MOST_CHANGES, Pile
from podium.conductor.recording.written import Written
from podium.conductor.rooms.clock import DatabaseClock
from podium.conductor.rooms.sql import Sql
from podium.db import clock, conductors, faults, fleet, provisioning, readings
from podium.db.changes import next_change
from podium.db.conductors import TaskReport
from podium.db.outcomes import Outcome, finish
from podium.db.readings import Checked, Reading, ReadOfChange
from podium.db.worker import Worker
from podium.drivers.base import Health
from podium.node_ranges import by_reason, fold_for_log

LOG = log.getLogger(__name__)

#: Seconds between two writes; the database lags behind by at most this much.
FLUSH_INTERVAL: Final = 1.0

#: The most reasons for maintenance that get their own line in the log.
_MOST_REASONS: Final = 5

_Numbers = set[int]
#: How often and since when a node could not be read, why the last read failed, and what its feeds show.
_Fault = tuple[str, str, str | None]


class Recorder:
    """Gathers records from any thread, and writes them in the conductor's loop.

    :param worker: the worker that has the tasks and reservations and records the events
    :param lease: seconds for which written outcomes are kept, see podium.conductor.power.promotion
    """

    def __init__(self, sql: Sql, owned: Fleet, worker: Worker, lease: float = 0.0) -> None:
        self._lease = lease
        self._written = Written()
        self._sql = sql
        self._fleet = owned
        self._worker = worker
        self._oldest: float | None = None  # since when a reading has been waiting to be written
        self._writing_outcomes = asyncio.Lock()
        self._outcomes: Pile[int, Outcome, int] = Pile(
            _finish,
            self._note_outcomes,
            most=MOST_CHANGES,
        )
        self._reads_of_changes: Pile[int, ReadOfChange, None] = Pile(
            lambda sql, reads: readings.record_reads_of_changes(sql, reads.values(), self._worker)
        )
        self._readings: Pile[int, Reading, _Numbers] = Pile(
            self._record_readings, self._note_power, most=MOST_CHANGES
        )
        self._verified: Pile[int, Reading, _Numbers] = Pile(
            lambda sql, read: provisioning.record_verified(sql, list(read.values()), self._worker),
            most=MOST_CHANGES,
        )
        self._checked = CheckedPile(lambda: len(self._fleet))
        self._faults: Pile[int, _Fault, _Numbers] = Pile(
            lambda sql, found: faults.record_faults(sql, _reasons(found), clock.now(sql), self._worker),
            self._report_faults,
            most=MOST_CHANGES,
        )
        self._recoveries: Pile[int, None, _Numbers] = Pile(
            lambda sql, numbers: faults.record_recoveries(sql, list(numbers), clock.now(sql), self._worker),
            self._report_recoveries,
            most=MOST_CHANGES,
        )
        self._enforcement: Pile[int, str | None, None] = Pile(faults.record_enforcement, most=MOST_CHANGES)
        self._health_order = threading.Lock()
        self._healths: Pile[int, Mapping[str, Any] | None, None] = Pile(
            fleet.record_health, most=MOST_CHANGES
        )
        self._health_times: Pile[int, tuple[datetime, float], None] = Pile(fleet.record_health_times)
        self._clocks: Pile[int, tuple[float, datetime], None] = Pile(fleet.record_clocks, most=MOST_CHANGES)
        self._unsaved = Unsaved()
        self._values: Pile[tuple[int, str, str], Any, Patched] = Pile(
            patches.write, self._note_values, most=MOST_CHANGES
        )
        self._maintenance: Pile[int, tuple[str, str | None], None] = Pile(
            fleet.record_maintenance, most=MOST_CHANGES
        )
        self._releases: Pile[int, None, None] = Pile(
            lambda sql, numbers: fleet.let_go(sql, numbers, self._worker),
            lambda numbers, _: self._fleet.taken.free(numbers),
            most=MOST_CHANGES,
        )
        self._tasks: Pile[str, TaskReport, None] = Pile(
            lambda sql, reports: conductors.save_tasks(sql, self._worker, list(reports.values()))
        )
        #: All piles except the outcomes and the reads of changes, in the order in which they are written.
        self._piles: Sequence[Pile[Any, Any, Any] | CheckedPile] = (
            self._readings,
            self._verified,
            self._checked,
            self._faults,
            self._recoveries,
            self._enforcement,
            self._healths,
            self._health_times,
            self._clocks,
            self._values,
            self._maintenance,
            self._releases,
            self._tasks,
        )

    def add_reading(self, reading: Reading) -> None:
        """Add a reading, which is dropped if its node changes before it is written."""
        self._readings.add(reading.node_id, reading)
        self._note_time()

    def add_verified(self, reading: Reading) -> None:
        """Add the reading of a node in ``verifying``; writing it ends that state."""
        self._verified.add(reading.node_id, reading)
        self._note_time()

    def add_read_of_change(self, read: ReadOfChange) -> None:
        """Add the news that a node does not answer its power change, or answers it again."""
        self._reads_of_changes.add(read.node_id, read)

    def add_checked(self, checked: Checked) -> None:
        """Add nodes that were read and had not changed."""
        self._checked.add(checked)
        self._note_time()

    def add_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        """Add the outcomes of power changes, or of a change of the credentials of several nodes."""
        self._outcomes.add_all({outcome.node_id: outcome for outcome in outcomes})

    def add_health(self, uuid: str, health: Health | None, lasts: float) -> None:
        """Add a node's health if it changed, and the time of the report.

        :param health: None if it is unknown
        :param lasts: seconds for which the report is valid
        """
        document = None if health is None else {"status": health.status, "reasons": list(health.reasons)}
        with self._health_order:  # so that the health that the fleet shows last is written last
            entry = self._fleet.find(uuid)
            if entry is None:
                return
            if entry.fare.report(document, boottime() + lasts):
                self._healths.add(entry.number, document)
            self._health_times.add(entry.number, (self._sql.now(), lasts))

    def add_clock(self, uuid: str, offset: float) -> None:
        """Add by how many seconds the clock of a node's controller is ahead."""
        entry = self._fleet.find(uuid)
        if entry is not None:
            self._clocks.add(entry.number, (offset, self._sql.now()))

    def add_values(self, uuid: str, column: str, values: Mapping[str, Any]) -> None:
        """Add values for a JSON column of a node.

        :raises ValueError: its ``driver_internal_info`` has no room for them
        """
        entry = self._fleet.find(uuid)
        if entry is not None:
            if column == "driver_internal_info":
                self._unsaved.add(entry, values)
            self._values.add_all({(entry.number, column, key): value for key, value in values.items()})

    def add_maintenance(self, uuid: str, who: str, reason: str | None) -> None:
        """Put a node into maintenance, or without a reason take it out."""
        entry = self._fleet.find(uuid)
        if entry is not None:
            self._maintenance.add(entry.number, (who, reason))

    def add_fault(self, number: int, what: str, failure: str, opinion: str | None = None) -> None:
        """Put a node into maintenance because its power cannot be read.

        :param what: how often and since when it could not be read
        :param failure: why the last read failed
        :param opinion: what its feeds show about its power
        """
        self._faults.add(number, (what, failure, opinion))

    def add_recovery(self, number: int) -> None:
        """Take a node out of the maintenance into which :meth:`add_fault` put it."""
        self._faults.discard(number)
        self._recoveries.add(number, None)

    def add_enforcement(self, number: int, text: str | None) -> None:
        """Add why enforcement does not switch a node back; None if there is no longer a reason."""
        self._enforcement.add(number, text)

    def add_release(self, number: int) -> None:
        """Release a reservation that was made without a power change."""
        self._releases.add(number, None)

    def add_task(self, report: TaskReport) -> None:
        """Add a periodic task's report."""
        self._tasks.add(report.task, report)

    def _note_time(self) -> None:
        if self._oldest is None:
            self._oldest = time.monotonic()

    @property
    def now(self) -> DatabaseClock:
        """The clock of the database to which the recorder writes."""
        return self._sql.now

    @property
    def lag(self) -> float:
        """The seconds for which the oldest reading has been waiting to be written."""
        oldest = self._oldest
        return 0.0 if oldest is None else time.monotonic() - oldest

    @property
    def waiting(self) -> dict[str, int]:
        """The number of records of each kind that wait to be written."""
        return {
            "outcomes": len(self._outcomes),
            "readings": len(self._readings) + len(self._verified) + len(self._reads_of_changes),
            "checked": len(self._checked),
            "health": len(self._health_times),
            "clocks": len(self._clocks),
            "columns": len(self._values),
            "maintenance": len(self._maintenance),
            "faults": len(self._faults) + len(self._recoveries),
            "enforcement": len(self._enforcement),
            "releases": len(self._releases),
            "tasks": len(self._tasks),
        }

    async def run(self) -> None:
        """Write at regular intervals, forever."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL)
            await self.flush()

    async def flush(self) -> bool:
        """Write the waiting records; return False if the database did not accept all of them."""
        oldest, self._oldest = self._oldest, None
        try:
            await self.write_outcomes()
            for pile in self._piles:
                await pile.write(self._sql)
            if not len(self._values):
                self._unsaved.clear()
        except errors.DatabaseUnavailable:
            self._oldest = oldest or self._oldest
            return False
        return True

    async def write_outcomes(self) -> None:
        """Write how power changes ended; outcomes added during one transaction share the next.

        :raises podium.errors.DatabaseUnavailable: the database does not accept them; they are kept
        """
        async with self._writing_outcomes:
            # Reads first: they are accepted only while their change is under way. Outcomes added meanwhile
            # wait, because the last reads of their changes may not be written yet.
            ended = self._outcomes.keys()
            await self._reads_of_changes.write(self._sql)
            await self._outcomes.write(self._sql, ended)

    @contextlib.asynccontextmanager
    async def known_outcomes(self) -> AsyncIterator[list[Outcome]]:
        """Outcomes that wait or were written within the last lease; no outcome is written meanwhile."""
        async with self._writing_outcomes:
            yield [*self._written.latest(self._lease), *self._outcomes.values()]

    def _record_readings(self, connection: sa.Connection, batch: Mapping[int, Reading]) -> _Numbers:
        return readings.record_readings(connection, list(batch.values()), self._worker)

    def _note_outcomes(self, written: Mapping[int, Outcome], change: int) -> None:
        self._fleet.taken.free_when_seen(change, written)
        self._written.add(written.values(), self._lease)

    def _note_values(self, _: object, patched: Patched) -> None:
        self._fleet.note_columns(patched.columns)
        for number, refusal in patched.refused.items():
            if (entry := self._fleet.get(number)) is not None:
                node = entry.node
                LOG.error("%s: what the driver %s saved is dropped: %s", node.name, node.driver, refusal)

    def _note_power(self, written: Mapping[int, Reading], left_alone: _Numbers) -> None:
        self._fleet.note_power(
            (one.node_id, one.version, one.state)
            for one in written.values()
            if one.state is not None and one.node_id not in left_alone
        )

    def _report_faults(self, written: Mapping[int, _Fault], numbers: _Numbers) -> None:
        entries = (entry for number in numbers if (entry := self._fleet.get(number)))
        failures = by_reason((entry.node.name, written[entry.number][1]) for entry in entries)
        for failure, names in failures[:_MOST_REASONS]:
            LOG.error(
                "%s: in maintenance until the power can be read again; last: %s", fold_for_log(names), failure
            )
        rest = [name for _, names in failures[_MOST_REASONS:] for name in names]
        if rest:
            more = len(failures) - _MOST_REASONS
            LOG.error(
                "%s: in maintenance until the power can be read again, for %d more reasons",
                fold_for_log(rest),
                more,
            )

    def _report_recoveries(self, _: object, numbers: _Numbers) -> None:
        if numbers:
            LOG.info("%s: out of maintenance, the power can be read again", self._names(numbers))

    def _names(self, numbers: Iterable[int]) -> str:
        return fold_for_log([entry.node.name for number in numbers if (entry := self._fleet.get(number))])


def _finish(connection: sa.Connection, outcomes: Mapping[int, Outcome]) -> int:
    """Write how power changes ended; return the number of this change."""
    finish(connection, outcomes.values())
    return next_change(connection)


def _reasons(found: Mapping[int, _Fault]) -> dict[int, str]:
    return {
        number: f"{what}; last: {failure}{f'; {opinion}' if opinion else ''}"
        for number, (what, failure, opinion) in found.items()
    }
