"""Nodes whose power state did not change, in as few records as say it."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from podium.conductor.recording.pile import MOST_AT_ONCE, write_batch
from podium.conductor.rooms.sql import Sql
from podium.db.readings import Checked, record_checked

#: Records that differ in time by less than this share the time of the first.
_ALIKE: Final = timedelta(seconds=1)
#: Numbers that may wait for each node of the fleet before all but the newest are dropped.
_MOST_EACH: Final = 3


class CheckedPile:
    """The checks that wait to be written. Added from any thread, and written in the conductor's loop.

    :param fleet_size: how many nodes there are
    """

    def __init__(self, fleet_size: Callable[[], int]) -> None:
        self._fleet_size = fleet_size
        self._lock = threading.Lock()
        self._checks: list[Checked] = []

    def __len__(self) -> int:
        """How many nodes, counted as often as they were read."""
        return sum(len(one.numbers) for one in list(self._checks))

    def add(self, checked: Checked) -> None:
        """Have it written that nodes were read and had not changed."""
        with self._lock:
            self._checks.append(checked)

    async def write(self, sql: Sql) -> None:
        """Write what waits now, a transaction for each record.

        :raises podium.errors.DatabaseUnavailable: what is not written waits on, unless it is outdated
        """
        with self._lock:
            waiting, self._checks = deque(joined(self._checks, MOST_AT_ONCE)), []
        try:
            while waiting:
                await write_batch(sql, [waiting[0]], record_checked)
                waiting.popleft()
        finally:
            if waiting:
                with self._lock:
                    self._checks = newest([*waiting, *self._checks], _MOST_EACH * self._fleet_size())


def joined(checks: Sequence[Checked], most: int) -> list[Checked]:
    """Join records that share what the fleet had seen and, all but, their time.

    :param most: nodes that a record has before it is joined with no other
    """
    fewer: list[Checked] = []
    for one in checks:
        last = fewer[-1] if fewer else None
        if (
            last is not None
            and last.seen == one.seen
            and abs(one.at - last.at) < _ALIKE
            and len(last.numbers) < most
        ):
            fewer[-1] = Checked(min(last.at, one.at), one.seen, [*last.numbers, *one.numbers])
        else:
            fewer.append(one)
    return fewer


def newest(checks: Sequence[Checked], most: int) -> list[Checked]:
    """Drop what is outdated, where there are more than so many numbers."""
    if sum(len(one.numbers) for one in checks) <= most:
        return list(checks)
    known: set[int] = set()
    kept: list[Checked] = []
    for one in reversed(checks):
        numbers = [number for number in one.numbers if number not in known]
        known.update(numbers)
        if numbers:
            kept.append(Checked(one.at, one.seen, numbers))
    return kept[::-1]
