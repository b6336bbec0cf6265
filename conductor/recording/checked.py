"""Records of nodes whose power state did not change, joined into as few records as possible."""

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
#: Entries that may wait per node of the fleet; beyond that, only the newest entry of each node is kept.
_MOST_EACH: Final = 3


class CheckedPile:
    """The checks that wait to be written. Any thread adds them; the conductor's loop writes them.

    :param fleet_size: returns the number of nodes
    """

    def __init__(self, fleet_size: Callable[[], int]) -> None:
        self._fleet_size = fleet_size
        self._lock = threading.Lock()
        self._checks: list[Checked] = []

    def __len__(self) -> int:
        """The number of nodes, each counted as often as it was read."""
        return sum(len(one.numbers) for one in list(self._checks))

    def add(self, checked: Checked) -> None:
        """Add nodes that were read and had not changed."""
        with self._lock:
            self._checks.append(checked)

    async def write(self, sql: Sql) -> None:
        """Write the waiting records, each in its own transaction.

        :raises podium.errors.DatabaseUnavailable: unwritten records wait on, unless they are outdated
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
    """Join consecutive records with the same ``seen`` and nearly the same time.

    :param most: a record with this many nodes is not extended further
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
    """Drop outdated entries if there are more than ``most``."""
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
