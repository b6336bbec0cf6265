"""The place of one call among its driver's calls: a thread, if needed, and a share of its endpoint."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from podium.conductor.rooms.places import Endpoint, Limit, NotAsked, Threads

_numbers = itertools.count()


class Place:
    """The place of one call: the call waits for it, and keeps it until it has returned.

    It never holds one limit while it waits for another: a call that waits for a thread would block users'
    calls to its endpoint.

    :param limits: the limits that the call needs
    :param urgent: whether a user waits for it
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
        self._passed: list[Limit] = []  # given back, but others wait until the call has its thread
        self._is_lost = False
        self._turn: asyncio.Future[None] | None = None
        self._refused: NotAsked | None = None
        #: Whether the driver was called.
        self.was_made = False
        #: The limit that has no room for the call yet.
        self.waits_for: Limit | None = None

    async def take(self, seconds: float | None = None) -> None:
        """Wait until there is room; :meth:`end` must be called in any case.

        :raises NotAsked: there is no room within these seconds, or there never will be
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
                        if self._refused is not None:  # at the very moment when its turn came
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
        """End the wait with :class:`NotAsked`; return whether the call was waiting."""
        if self.waits_for is None:
            return False
        self._refused = NotAsked(why)
        if self._turn is not None and not self._turn.done():
            self._turn.set_exception(self._refused)
        return True

    def _take_free(self) -> Limit | None:
        """Take the remaining limits; if one has no room, release all and return that limit."""
        for limit in self._limits:
            if limit in self._held:
                continue
            if not limit.take_free(self._urgent):
                held, self._held = self._held, []
                if isinstance(limit, Threads):  # calls behind it need a thread too, and would only move
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
        """The error of a call that has waited for this many seconds."""
        limit = self.waits_for or self._limits[-1]
        count = limit.under_way + limit.lost
        calls = "1 other call" if count == 1 else f"{count} other calls"
        return NotAsked(f"{limit.name} had {calls} under way for {round(seconds, 2):g} s")

    def moves(self, since: float) -> bool:
        """Whether the call waits for other calls that return, or have returned since then."""
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
        """Free the place when a call is done, instead of with :meth:`end`: nobody waits for the call."""
        still = Place(self._limits)
        still._held, still._is_lost, self._held = self._held, self._is_lost, []
        call.add_done_callback(lambda _: still.end())

    def end(self, *, was_cancelled: bool = False) -> None:
        """Free the place: the call has returned, or was not made.

        :param was_cancelled: whether the call may have returned only because it was cancelled
        """
        held, self._held = self._held, []
        has_returned = self.was_made and not (self._is_lost or was_cancelled)
        for limit in held:
            limit.end(was_lost=self._is_lost, has_returned=has_returned)
