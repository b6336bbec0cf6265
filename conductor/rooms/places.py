"""Limits a driver's concurrent calls, in threads and to one endpoint; users' calls go first.

A call that was given up and has not returned is *lost*. It keeps its place at the endpoint, so that calls
that hang use up only their own share. A call that would have to wait for lost calls is refused.
"""

import asyncio
import heapq
import math
from collections.abc import Callable
from typing import Final

from oslo_log import log

from podium import errors
from podium.pacing import Gaps

LOG = log.getLogger(__name__)

#: Lost calls of a driver that have extra threads; each further one takes one of the driver's usual threads.
MOST_LOST: Final = 64
#: Threads that are reserved for calls that users wait for.
KEPT: Final = 2
#: Seconds before an endpoint with only lost calls is tried again: it may answer although they never return.
_TRIES: Final = Gaps(10.0, 600.0)


class NotAsked(errors.PodiumError, TimeoutError):
    """The driver was not called."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not asked: {why}")


class Limit:
    """A limit of concurrent calls. Only the room's loop may use it, except for ``lost``.

    :param name: what the calls are for, as users know it
    :param most: the most calls under way that are not lost
    :param kept: how many more calls there may be that users wait for
    :param spare: how many calls may be lost before each takes a place
    """

    def __init__(self, name: str, most: int, *, kept: int = 0, spare: int = 0) -> None:
        self.name = name
        self.most = most
        self.kept = kept
        self.spare = spare
        self.under_way = 0
        #: Calls that were given up and have not returned.
        self.lost = 0
        # Heaps: the call that was first at any of its limits goes first.
        self._urgent: list[tuple[int, asyncio.Future[None]]] = []
        self._others: list[tuple[int, asyncio.Future[None]]] = []
        self._left = 0  # about this many in them no longer wait

    def room(self, urgent: bool) -> int:
        """How many calls there may be that are not lost; if there may be none, no call waits."""
        return self.most + (self.kept if urgent else 0) - max(self.lost - self.spare, 0)

    def moves(self, since: float) -> bool:
        """Whether waiting is normal: sooner or later every call returns or is given up."""
        return True

    def take_free(self, urgent: bool) -> bool:
        """Take a place if one is free; return whether one was."""
        is_free = self.under_way < self.room(urgent)
        self.under_way += is_free
        return is_free

    async def take(self, urgent: bool, number: int, turn: asyncio.Future[None]) -> None:
        """Take a place, in turn.

        :param number: calls with lower numbers go first
        :param turn: done when the turn has come
        :raises NotAsked: only lost calls could make room
        """
        if self.take_free(urgent):
            return
        if self.room(urgent) <= 0:
            raise self._refusal()
        waiting = self._urgent if urgent else self._others
        heapq.heappush(waiting, (number, turn))
        try:
            await turn
        except (asyncio.CancelledError, NotAsked):
            self._forget_some()
            if not turn.cancelled() and turn.exception() is None:  # the turn came at this very moment
                self.end()
            raise

    def give_up(self) -> None:
        """Count a call that has a place as lost."""
        self.under_way -= 1
        self.lost += 1
        self.admit()

    def end(self, *, was_lost: bool = False, has_returned: bool = False) -> None:
        """Free the place of a call that has returned, or was not made."""
        if was_lost:
            self.lost -= 1
        else:
            self.under_way -= 1
        self.admit()

    def give_back(self) -> None:
        """Free an unused place for users' calls only; :meth:`admit` must be called later."""
        self.under_way -= 1
        self._admit(self._urgent)

    def admit(self) -> None:
        """Let calls in while there is room."""
        self._admit(self._urgent, self._others)

    def _forget_some(self) -> None:
        self._left += 1
        if 2 * self._left > len(self._urgent) + len(self._others):
            self._left = 0
            for waiting in (self._urgent, self._others):
                waiting[:] = [one for one in waiting if not one[1].done()]
                heapq.heapify(waiting)

    def _admit(self, *queues: list[tuple[int, asyncio.Future[None]]]) -> None:
        for waiting in queues:
            urgent = waiting is self._urgent
            while waiting:
                room = self.room(urgent)
                if 0 < room <= self.under_way:
                    break
                _, turn = heapq.heappop(waiting)
                if turn.done():  # cancelled at this very moment
                    continue
                if room <= 0:
                    turn.set_exception(self._refusal())
                else:
                    self.under_way += 1
                    turn.set_result(None)

    def _refusal(self) -> NotAsked:
        words = "1 call that does" if self.lost == 1 else f"{self.lost} calls that do"
        return NotAsked(f"{self.name} has {words} not return")


class Threads(Limit):
    """The plain calls of a driver. Lost calls are replaced up to a limit; reaching it is logged."""

    def __init__(self, driver: str, most: int) -> None:
        super().__init__(f"driver {driver}", most, kept=KEPT, spare=MOST_LOST)
        self._driver = driver
        self._is_short = False

    @property
    def ceiling(self) -> int:
        """The most threads: including one for the driver's start and close, which take no place."""
        return self.most + self.kept + self.lost + 1

    def give_up(self) -> None:
        super().give_up()
        if self.lost >= self.spare and not self._is_short:
            self._is_short = True
            LOG.error(
                "Driver %s: %d calls of plain methods do not return, and no more threads take their place:"
                " soon its nodes will not be asked any more; repair what hangs, or restart the conductor",
                self._driver,
                self.lost,
            )

    def end(self, *, was_lost: bool = False, has_returned: bool = False) -> None:
        super().end(was_lost=was_lost, has_returned=has_returned)
        if self._is_short and self.lost <= self.spare // 2:
            self._is_short = False
            LOG.error("Driver %s has threads again: %d calls do not return", self._driver, self.lost)


class Endpoint(Limit):
    """The calls to one endpoint.

    If all of them are lost, one more call is made at growing gaps. If it returns, the endpoint answers, and
    the lost calls no longer count.

    :param driver: the driver's name
    :param may_try: whether there are spare threads for such a call
    """

    def __init__(self, driver: str, name: str, most: int, may_try: Callable[[], bool]) -> None:
        super().__init__(name, most)
        self._driver = driver
        self._may_try = may_try
        self._tries = 0
        self._next_try = 0.0
        self._is_refusing = False
        #: When a call last returned without an error, in seconds of the loop's clock.
        self.answered_at = -math.inf

    def moves(self, since: float) -> bool:
        return self.answered_at >= since

    def room(self, urgent: bool) -> int:
        room = super().room(urgent)
        is_due = room <= 0 and asyncio.get_running_loop().time() >= self._next_try
        return 1 if is_due and self._may_try() else room

    def give_up(self) -> None:
        if self.lost + 1 - self.spare >= self.most:
            self._next_try = asyncio.get_running_loop().time() + _TRIES[self._tries]
            self._tries += 1
        super().give_up()

    def end(self, *, was_lost: bool = False, has_returned: bool = False) -> None:
        if was_lost:
            self.spare = min(self.spare, self.lost - 1)
        elif has_returned:
            self.spare, self._tries = self.lost, 0
        super().end(was_lost=was_lost, has_returned=has_returned)
        if self._is_refusing and self.lost - self.spare < self.most:
            self._is_refusing = False
            LOG.info("Driver %s: %s answers again", self._driver, self.name)

    def _refusal(self) -> NotAsked:
        refusal = super()._refusal()
        if not self._is_refusing:
            self._is_refusing = True
            LOG.warning("Driver %s: the nodes of %s are %s", self._driver, self.name, refusal)
        return refusal
