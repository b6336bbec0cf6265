"""The one writer: what rooms, tasks and power changes learned, gathered and written in few statements.

Anyone may hand something over, from any thread, at any time; it is kept in memory until the database has
taken it. Only the newest of each kind is kept for a node, so that a long outage costs no more than the fleet.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.checked import joined, newest
from podium.conductor.rooms.sql import Sql
from podium.db import conductors, faults, fleet, readings
from podium.db.changes import next_change
from podium.db.conductors import TaskReport
from podium.db.models import utcnow
from podium.db.outcomes import Outcome, finish
from podium.db.readings import Checked, Reading
from podium.drivers.base import Health
from podium.node_ranges import fold_for_log

LOG = log.getLogger(__name__)

#: Seconds between two writes; what is learned is at most this much older in the database.
FLUSH_INTERVAL: Final = 1.0

#: Checks that may wait for each node before all but the newest are dropped.
_MOST_CHECKS: Final = 3
#: Nodes that are written in one transaction, so that nobody else waits long for the database.
_MOST_AT_ONCE: Final = 20_000

_K = TypeVar("_K")
_V = TypeVar("_V")
_R = TypeVar("_R")


class Recorder:
    """Gathers and writes.

    :param hostname: the conductor whose tasks these are
    :param worker: which of its workers runs them, counted from 0
    :param holder: what reservations are made in the name of, by default the conductor
    """

    def __init__(
        self, sql: Sql, owned: Fleet, hostname: str, *, worker: int = 0, holder: str | None = None
    ) -> None:
        self._sql = sql
        self._fleet = owned
        self._hostname = hostname
        self._worker = worker
        self._holder = holder or hostname
        self._lock = threading.Lock()
        self._writing_outcomes = asyncio.Lock()
        self._outcomes: dict[int, Outcome] = {}
        self._readings: dict[int, Reading] = {}
        self._checked: list[Checked] = []
        self._oldest: float | None = None  # since when something waits to be written
        self._healths: dict[int, dict[str, Any]] = {}
        self._tasks: dict[str, TaskReport] = {}
        self._values: dict[tuple[int, str, str], Any] = {}  # by node, column and key
        self._maintenance: dict[int, tuple[str, str | None]] = {}
        self._releases: dict[int, None] = {}
        self._faults: dict[int, str] = {}
        self._recoveries: dict[int, None] = {}
        self._enforcement: dict[int, str | None] = {}

    def add_reading(self, reading: Reading) -> None:
        """Have a reading written, unless its node changes before that."""
        with self._lock:
            self._readings[reading.node_id] = reading
            self._note_time()

    def add_checked(self, checked: Checked) -> None:
        """Have it written that nodes were read and found as they were."""
        with self._lock:
            self._checked.append(checked)
            self._note_time()

    def add_outcome(self, outcome: Outcome) -> None:
        """Have the end of a power change written."""
        with self._lock:
            self._outcomes[outcome.node_id] = outcome

    def add_health(self, uuid: str, health: Health) -> None:
        """Have a node's health written if it is another than before."""
        document = {"status": health.status, "reasons": list(health.reasons)}
        with self._lock:  # so that what the fleet shows last is written last
            number = self._fleet.note_health(uuid, document)
            if number is not None:
                self._healths[number] = document

    def add_values(self, uuid: str, column: str, values: Mapping[str, Any]) -> None:
        """Have values put into a JSON column of a node."""
        entry = self._fleet.find(uuid)
        if entry is not None:
            with self._lock:
                self._values.update({(entry.number, column, key): value for key, value in values.items()})

    def add_maintenance(self, uuid: str, who: str, reason: str | None) -> None:
        """Have a node put into maintenance, or, without a reason, taken out."""
        entry = self._fleet.find(uuid)
        if entry is not None:
            with self._lock:
                self._maintenance[entry.number] = who, reason

    def add_fault(self, number: int, reason: str) -> None:
        """Have a node put into maintenance because its power cannot be read."""
        with self._lock:
            self._faults[number] = reason

    def add_recovery(self, number: int) -> None:
        """Have a node taken out of the maintenance that :meth:`add_fault` put it into."""
        with self._lock:
            self._faults.pop(number, None)
            self._recoveries[number] = None

    def add_enforcement(self, number: int, text: str | None) -> None:
        """Have written what enforcement says of a node."""
        with self._lock:
            self._enforcement[number] = text

    def add_release(self, number: int) -> None:
        """Have a reservation given up that was made without a power change."""
        with self._lock:
            self._releases[number] = None

    def add_task(self, report: TaskReport) -> None:
        """Have a periodic task's report written."""
        with self._lock:
            self._tasks[report.task] = report

    def _note_time(self) -> None:
        if self._oldest is None:
            self._oldest = time.monotonic()

    @property
    def lag(self) -> float:
        """For how many seconds the oldest reading has been waiting to be written."""
        oldest = self._oldest
        return 0.0 if oldest is None else time.monotonic() - oldest

    @property
    def waiting(self) -> dict[str, int]:
        """How many records of each kind are still to be written."""
        return {
            "outcomes": len(self._outcomes),
            "readings": len(self._readings),
            "checked": sum(len(one.numbers) for one in list(self._checked)),
            "health": len(self._healths),
            "columns": len(self._values),
            "maintenance": len(self._maintenance),
            "faults": len(self._faults) + len(self._recoveries),
            "enforcement": len(self._enforcement),
            "releases": len(self._releases),
            "tasks": len(self._tasks),
        }

    async def run(self) -> None:
        """Write every now and then, for ever."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL)
            await self.flush()

    async def flush(self) -> bool:
        """Write what was handed over; False when the database did not take all of it."""
        oldest, self._oldest = self._oldest, None
        try:
            await self.write_outcomes()
            await self._write_readings()
            await self._write_checked()
            await self._write_faults()
            await self._write(self._healths, fleet.record_health)
            _, columns = await self._write(
                self._values, lambda sql, batch: fleet.record_patches(sql, _by_column(batch))
            )
            self._fleet.note_columns(columns or {})
            await self._write(self._maintenance, fleet.record_maintenance)
            released, _ = await self._write(
                self._releases, lambda sql, batch: fleet.let_go(sql, batch, self._holder)
            )
            self._fleet.taken.free(released)
            await self._write(
                self._tasks,
                lambda sql, batch: conductors.save_tasks(
                    sql, self._hostname, list(batch.values()), self._worker
                ),
            )
        except errors.DatabaseUnavailable:
            self._oldest = oldest or self._oldest
            return False
        return True

    async def write_outcomes(self) -> None:
        """Write how power changes ended; those that end during one transaction share the next.

        :raises podium.errors.DatabaseUnavailable: when it does not take them; they are kept
        """
        async with self._writing_outcomes:
            written, number = await self._write(self._outcomes, _finish)
            if number is not None:
                self._fleet.taken.free_when_seen(number, written)

    async def _write_readings(self) -> None:
        while self._readings:
            written, left_alone = await self._write(
                self._readings,
                lambda sql, batch: readings.record_readings(sql, list(batch.values()), self._holder),
                most=_MOST_AT_ONCE,
            )
            self._fleet.note_power(
                (one.node_id, one.version, one.state)
                for one in written.values()
                if one.state is not None and one.node_id not in (left_alone or ())
            )

    async def _write_faults(self) -> None:
        now, holder = utcnow(), self._holder
        given_up = await self._write_all(
            self._faults, lambda sql, batch: faults.record_faults(sql, batch, now, holder)
        )
        if given_up:
            LOG.error("%s: in maintenance until the power can be read again", self._names(given_up))
        back = await self._write_all(
            self._recoveries, lambda sql, batch: faults.record_recoveries(sql, list(batch), now, holder)
        )
        if back:
            LOG.info("%s: out of maintenance, the power can be read again", self._names(back))
        await self._write(self._enforcement, faults.record_enforcement)

    async def _write_all(
        self,
        gathered: dict[int, _V],
        statements: Callable[[sa.Connection, Mapping[int, _V]], set[int]],
    ) -> set[int]:
        """Write what was gathered by now; the numbers of the nodes that this has changed."""
        changed: set[int] = set()
        for _ in range(0, len(gathered), _MOST_AT_ONCE):
            _, some = await self._write(gathered, statements, most=_MOST_AT_ONCE)
            changed |= some or set()
        return changed

    def _names(self, numbers: Iterable[int]) -> str:
        return fold_for_log([entry.node.name for number in numbers if (entry := self._fleet.get(number))])

    async def _write_checked(self) -> None:
        with self._lock:
            gathered, self._checked = dict(enumerate(joined(self._checked, _MOST_AT_ONCE))), []
        try:
            while gathered:
                await self._write(
                    gathered, lambda sql, batch: readings.record_checked(sql, batch.values()), most=1
                )
        finally:
            if gathered:
                left = [gathered[place] for place in sorted(gathered)]
                with self._lock:
                    self._checked = newest(left + self._checked, _MOST_CHECKS * len(self._fleet))

    async def _write(
        self,
        gathered: dict[_K, _V],
        statements: Callable[[sa.Connection, Mapping[_K, _V]], _R],
        most: int | None = None,
    ) -> tuple[Mapping[_K, _V], _R | None]:
        """Write what was gathered; what was written, and what the statements tell of it.

        :param most: write no more than the oldest so many
        """
        with self._lock:
            batch = dict(itertools.islice(gathered.items(), most))
            for key in batch:
                del gathered[key]
        if not batch:
            return {}, None
        try:
            return batch, await self._sql.write(lambda connection: statements(connection, batch))
        except (errors.DatabaseUnavailable, asyncio.CancelledError):
            with self._lock:
                for key, value in batch.items():
                    gathered.setdefault(key, value)
            raise
        except Exception:
            LOG.exception("%d records cannot be written and are dropped", len(batch))
            return {}, None


def _finish(connection: sa.Connection, outcomes: Mapping[int, Outcome]) -> int:
    """The number of the change that it is."""
    finish(connection, outcomes.values())
    return next_change(connection)


def _by_column(values: Mapping[tuple[int, str, str], Any]) -> dict[int, dict[str, dict[str, Any]]]:
    nested: dict[int, dict[str, dict[str, Any]]] = {}
    for (number, column, key), value in values.items():
        nested.setdefault(number, {}).setdefault(column, {})[key] = value
    return nested
