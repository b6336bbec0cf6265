"""How many calls a driver gets at the same time, in threads and to one endpoint; people's calls go first.

A call that was given up and has not returned is *lost*. It goes on taking a place at its endpoint, so that
what hangs fills its own share and nothing else. Whoever would have to wait for lost calls is refused.
"""

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from oslo_log import log

from podium import errors
from podium.pacing import Gaps

LOG = log.getLogger(__name__)

#: Lost calls of a driver that have threads of their own; of more, each takes one of its usual threads.
MOST_LOST: Final = 64
#: Threads that only calls that people wait for may take.
KEPT: Final = 2
#: Seconds before an endpoint that has only lost calls is tried again: it may answer though they never return.
_TRIES: Final = Gaps(10.0, 600.0)

_numbers = itertools.count()


class NotAsked(errors.PodiumError, TimeoutError):
    """The driver was not called."""

    def __init__(self, why: str) -> None:
        super().__init__(f"not asked: {why}")


class Limit:
    """So many calls at the same time. For the room's loop alone, but for ``lost``.

    :param name: what the calls are for, as people know it
    :param most: calls under way that are not lost
    :param kept: how many more there may be of those that people wait for
    :param spare: how many may be lost before each takes a place
    """

    def __init__(self, name: str, most: int, *, kept: int = 0, spare: int = 0) -> None:
        self.name = name
        self.most = most
        self.kept = kept
        self.spare = spare
        self.under_way = 0
        #: Calls that were given up and have not returned.
        self.lost = 0
        # Heaps: who has come first to any of a call's limits goes first.
        self._urgent: list[tuple[int, asyncio.Future[None]]] = []
        self._others: list[tuple[int, asyncio.Future[None]]] = []
        self._left = 0  # about so many in them no longer wait

    def room(self, urgent: bool) -> int:
        """How many calls there may be that are not lost; none is waited for if that is nothing."""
        return self.most + (self.kept if urgent else 0) - max(self.lost - self.spare, 0)

    def moves(self, since: float) -> bool:
        """Whether waiting is no sign of a fault: sooner or later every call returns or is given up."""
        return True

    def take_free(self, urgent: bool) -> bool:
        """Take a place if one is free; return whether one is."""
        is_free = self.under_way < self.room(urgent)
        self.under_way += is_free
        return is_free

    async def take(self, urgent: bool, number: int, turn: asyncio.Future[None]) -> None:
        """Take a place, in turn.

        :param number: calls with lower ones go first
        :param turn: done when the turn has come
        :raises NotAsked: if nothing but lost calls could make room
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
            if not turn.cancelled() and turn.exception() is None:  # it has come at this very moment
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
        """Free a place that was not used, for people alone; :meth:`admit` is to be called later."""
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
    """The plain calls of a driver. Lost ones are replaced, up to a number that is logged once reached."""

    def __init__(self, driver: str, most: int) -> None:
        super().__init__(f"driver {driver}", most, kept=KEPT, spare=MOST_LOST)
        self._driver = driver
        self._is_short = False

    @property
    def ceiling(self) -> int:
        """How many threads there may be: one is for the driver's start and close, which take no place."""
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

    Where all of them are lost, one more is made at growing gaps. If it returns, the endpoint answers, and the
    lost calls no longer count.

    :param driver: its name
    :param may_try: whether there are threads to spare for such a call
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


class Place:
    """The place of one call: it waits for it, and has it until the call has returned.

    It never has one and waits for another: what waits for a thread would keep people from its endpoint.

    :param limits: what the call needs
    :param urgent: whether a person waits for it
    """

    __slots__ = (
        "_held",
        "_is_lost",
        "_limits",
        "_number",
        "_passed",
        "_refused",
        "_turn",
        "_urgent",
        "waits_for",
        "was_made",
    )

    def __init__(self, limits: Sequence[Limit], *, urgent: bool = False) -> None:
        self._limits = limits
        self._urgent = urgent
        self._number = next(_numbers)
        self._held: list[Limit] = []
        self._passed: list[Limit] = []  # given back, but others wait until it has its thread
        self._is_lost = False
        self._turn: asyncio.Future[None] | None = None
        self._refused: NotAsked | None = None
        #: Whether the driver was called.
        self.was_made = False
        #: What has no room for the call yet.
        self.waits_for: Limit | None = None

    async def take(self, seconds: float | None = None) -> None:
        """Wait until there is room; :meth:`end` is to be called whatever comes of it.

        :raises NotAsked: if there is none within these seconds, or never will be
        """
        if (limit := self._take_free()) is None:
            return
        try:
            async with asyncio.timeout(seconds):
                while limit is not None:
                    self.waits_for = limit
                    self._turn = asyncio.get_running_loop().create_future()
                    passed, self._passed = self._passed, []
                    try:
                        await limit.take(self._urgent, self._number, self._turn)
                        self._held.append(limit)
                        if self._refused is not None:  # at the moment at which its turn came
                            raise self._refused
                        limit = self._take_free()
                    finally:
                        for one in passed:
                            one.admit()
            self.waits_for = None
        except TimeoutError as error:
            if isinstance(error, NotAsked):
                raise
            raise self.overdue(seconds or 0.0) from None

    def refuse(self, why: str) -> bool:
        """End the wait with :class:`NotAsked`; return whether it waits."""
        if self.waits_for is None:
            return False
        self._refused = NotAsked(why)
        if self._turn is not None and not self._turn.done():
            self._turn.set_exception(self._refused)
        return True

    def _take_free(self) -> Limit | None:
        """Take what is not held yet; where there is no room, hold nothing and return what has none."""
        for limit in self._limits:
            if limit in self._held:
                continue
            if not limit.take_free(self._urgent):
                held, self._held = self._held, []
                if isinstance(limit, Threads):  # those behind it need one too, and would only move
                    self._passed = held
                for one in held:
                    if self._passed:
                        one.give_back()
                    else:
                        one.end()
                return limit
            self._held.append(limit)
        return None

    def overdue(self, seconds: float) -> NotAsked:
        """The error of a call that has waited for so many seconds."""
        limit = self.waits_for or self._limits[-1]
        count = limit.under_way + limit.lost
        calls = "1 other call" if count == 1 else f"{count} other calls"
        return NotAsked(f"{limit.name} had {calls} under way for {round(seconds, 2):g} s")

    def moves(self, since: float) -> bool:
        """Whether the call waits for others that are answered, or were since then."""
        return self.waits_for is not None and self.waits_for.moves(since)

    def note_answer(self) -> None:
        """Note that the call has returned without an error."""
        for limit in self._limits:
            if isinstance(limit, Endpoint):
                limit.answered_at = asyncio.get_running_loop().time()

    def give_up(self) -> None:
        """Count the call as lost, if it is under way."""
        if self.waits_for is None and not self._is_lost:
            self._is_lost = True
            for limit in self._held:
                limit.give_up()

    def end_with(self, call: asyncio.Future[Any]) -> None:
        """Free the place once a call is done, and not with :meth:`end`: nobody waits for it any more."""
        still = Place(self._limits)
        still._held, still._is_lost, self._held = self._held, self._is_lost, []
        call.add_done_callback(lambda _: still.end())

    def end(self, *, was_cancelled: bool = False) -> None:
        """Free the place: the call has returned, or was not made.

        :param was_cancelled: whether it may have returned for that alone
        """
        held, self._held = self._held, []
        has_returned = self.was_made and not (self._is_lost or was_cancelled)
        for limit in held:
            limit.end(was_lost=self._is_lost, has_returned=has_returned)
