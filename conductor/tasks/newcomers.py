"""Nodes that wait for the first call of a task, soon after this conductor gained them."""

import math
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from podium.clocks import boottime
from podium.conductor.fleet.entry import IGNORE, Entry
from podium.conductor.fleet.fleet import Fleet

#: Nodes that are checked at a time, or this share of the nodes that wait for their first read if that is
#: more.
_LOOK: Final = 512
_PART: Final = 1 / 16
#: Seconds after which an unread node is due, if no other node was read meanwhile either.
_PATIENCE: Final = 60.0

#: Stands for a node that was read.
_READ: Final = (-math.inf, -1)


class Newcomers:
    """The nodes that wait for the first call of one task. Only the room's loop may use it.

    A node is due once its power was read or the read failed, because tasks use the session that the first
    read opens. If the task must not be called for the node then, for example because the node is in
    maintenance or off, the node waits until the task may. No check goes through all nodes.

    :param driver: the name of the task's driver
    :param may_call: whether the task may be called for a node now
    :param clock: the boot clock, in seconds
    """

    def __init__(
        self,
        fleet: Fleet,
        driver: str,
        may_call: Callable[[Entry], bool],
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._fleet = fleet
        self._driver = driver
        self._may_call = may_call
        self._clock = clock
        # By number: since when each waits, and how many reads had failed then.
        self._unread: dict[int, tuple[float, int]] = {}
        self._unfit: dict[int, None] = {}
        self._last_read = -math.inf  # when a node was last found to be read

    def __len__(self) -> int:
        return len(self._unread) + len(self._unfit)

    @property
    def awaited(self) -> bool:
        """Whether nodes wait to be read, or are due."""
        return bool(self._unread)

    def awaits(self, numbers: list[int]) -> bool:
        """Whether one of these nodes waits to be read, or is due; drops some that do not from the list."""
        while numbers and numbers[-1] not in self._unread:
            numbers.pop()
        return bool(numbers)

    def add(self, numbers: Iterable[int]) -> None:
        """Have the task called for the nodes with these numbers."""
        now = self._clock()
        alike: dict[int, tuple[float, int]] = {}  # one object for many nodes
        for number in numbers:
            entry = self._fleet.get(number)
            if entry is not None:
                failures = entry.reads.failures
                self._unfit.pop(number, None)
                self._unread[number] = alike.setdefault(failures, (now, failures))

    def discard(self, number: int) -> None:
        """Forget a node, because the task is called for it."""
        self._unread.pop(number, None)
        self._unfit.pop(number, None)

    @property
    def part(self) -> int:
        """How many nodes :meth:`due` checks."""
        return max(_LOOK, int(len(self._unread) * _PART))

    def due(self) -> list[Entry]:
        """The nodes that are due, from a part of those that wait to be read.

        Until the task is called for it, each of them counts as a node that the task must not be called for.
        """
        due = []
        now = self._clock()
        began = now - time.monotonic()
        for number in _first(self._unread, self.part):
            waiting = self._unread.pop(number)
            entry = self._entry(number)
            if entry is None:
                continue
            if not self._is_read(entry, waiting, now, began + entry.since):
                self._unread[number] = waiting
                continue
            self._unfit[number] = None
            if self._may_call(entry):
                due.append(entry)
        return due

    def look_again(self) -> bool:
        """Check for a part of the other nodes whether the task may be called; return whether any is due."""
        for number in _first(self._unfit, _LOOK):
            del self._unfit[number]
            entry = self._entry(number)
            if entry is not None and self._may_call(entry):
                self._unread[number] = _READ
            elif entry is not None:
                self._unfit[number] = None
        return self.awaited

    def _entry(self, number: int) -> Entry | None:
        entry = self._fleet.get(number)
        return entry if entry is not None and entry.node.driver == self._driver else None

    def _is_read(self, entry: Entry, waiting: tuple[float, int], now: float, known_since: float) -> bool:
        """Whether a node was read here, or should not be waited for.

        :param known_since: since when this conductor has known it, by the boot clock
        """
        since, failures = waiting
        reads = entry.reads
        if (reads.checked is not None and reads.checked >= known_since) or reads.failures > failures:
            self._last_read = now
            return True
        is_left_alone = entry.policy == IGNORE or (entry.node.maintenance and not entry.unreadable)
        return is_left_alone or now - max(since, self._last_read) > _PATIENCE


def _first(numbers: Iterable[int], most: int) -> list[int]:
    return list(islice(numbers, most))
