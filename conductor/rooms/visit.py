"""One call to a node at a time, users' calls first, and none beside a call that has not returned.

An abandoned call keeps its node until it returns: the hardware may still carry it out, and a thread may still
run it. Nobody waits for that; other calls to the node are refused meanwhile.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from podium.conductor.rooms.place import Place
from podium.conductor.rooms.places import NotAsked, Threads

#: The beginning of an abandoned call's error.
NO_ANSWER: Final = "no answer"


class Cancellable(Protocol):
    """A task, or an object that represents a task that several visits share."""

    def done(self) -> bool: ...
    def cancel(self) -> object: ...


class Visit:
    """One call to a node, from taking the node to the return of the call. Only the room's loop may use it.

    A visit takes its node, at once or in its turn, and ends when the call has returned. It may be given up
    before that, and a visit that gives way may be cancelled.

    :param held: the room's visits that have taken a node, by its UUID
    :param uuid: the node
    :param task: the task that makes the call; :meth:`make` starts its own
    :param urgent: whether a user waits for it: it goes before visits that are not urgent
    :param gives_way: whether its task is cancelled when an urgent visit waits for the node
    """

    __slots__ = (
        "_held", "_turn", "_waiting", "given_up", "gives_way", "place", "task", "urgent", "uuid", "yielded",
    )  # fmt: skip

    def __init__(
        self,
        held: dict[str, "Visit"],
        uuid: str,
        task: Cancellable | None = None,
        *,
        urgent: bool = False,
        gives_way: bool = False,
    ) -> None:
        self._held = held
        self.uuid = uuid
        self.task = task
        self.urgent = urgent
        self.gives_way = gives_way
        #: Whether it was given up, and whether it ended for an urgent visit.
        self.given_up = self.yielded = False
        #: The place among the driver's calls, if the call needs one; it ends with the visit.
        self.place: Place | None = None
        self._turn: asyncio.Future[bool] | None = None
        # Used by the visit that has the node. None until another visit waits: for most nodes none ever does.
        self._waiting: deque[Visit] | None = None

    def take(self) -> bool:
        """Take the node if it is free; return False if this visit must wait for its turn.

        :raises NotAsked: an earlier call was given up and has not returned
        """
        holder = self._held.setdefault(self.uuid, self)
        if holder is self:
            return True
        if holder.given_up:
            raise NotAsked("the last call for it has not returned")
        return False

    def note_call(self) -> None:
        """Note that the driver is called now."""
        if self.place is not None:
            self.place.was_made = True

    async def turn(self, seconds: float | None = None) -> None:
        """Wait for the turn of this visit, when :meth:`take` returned False.

        :raises NotAsked: it does not come within these seconds, or the call before it is given up
        """
        holder = self._held[self.uuid]
        if holder._waiting is None:
            holder._waiting = deque()
        waiting = holder._waiting
        waiting.append(self)
        if self.urgent:
            holder._give_way()
        self._turn = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                has_come = await self._turn
        except BaseException as error:
            with contextlib.suppress(ValueError):
                waiting.remove(self)
            self.end()  # the turn may have come at this very moment
            if isinstance(error, TimeoutError):
                raise NotAsked(
                    f"another call for it took longer than {round(seconds or 0.0, 3):g} s"
                ) from None
            raise
        if not has_come:
            raise NotAsked("the last call for it has not returned")

    async def take_place(self, place: Place, seconds: float | None = None) -> None:
        """Wait for the call's place among the driver's calls.

        :raises NotAsked: there is no room within these seconds, or there never will be
        """
        self.place = place
        try:
            await place.take(seconds)
        except BaseException:
            self.end()
            raise

    def is_in_line(self, since: float) -> bool:
        """Whether it waits for its place among the driver's calls while other calls return."""
        return self.place is not None and self.place.moves(since)

    @property
    def waits_for_thread(self) -> bool:
        """Whether it waits because all threads of the driver are in calls."""
        return self.place is not None and isinstance(self.place.waits_for, Threads)

    def overdue(self, seconds: float) -> TimeoutError:
        """The error of a visit that has lasted for this many seconds; shows if the driver was called."""
        if self._turn is not None and not self._turn.done():
            return NotAsked(f"another call for it took longer than {seconds:g} s")
        if self.place is not None and self.place.waits_for is not None:
            return self.place.overdue(seconds)
        return TimeoutError(f"{NO_ANSWER} within {round(seconds, 2 if seconds < 1 else None):g} s")

    async def make(self, call: Coroutine[Any, Any, Any], seconds: float) -> Any:
        """Make the call, and give it up after some seconds.

        :raises TimeoutError: it was given up
        """
        # A separate task, which continues if the driver ignores the cancellation.
        self.task = task = asyncio.ensure_future(call)
        task.add_done_callback(self._returned)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if not done:
                raise self.overdue(seconds)
            result = task.result()
            if self.place is not None:
                self.place.note_answer()
            return result
        finally:
            self.give_up()

    def _returned(self, call: "asyncio.Task[Any]") -> None:
        if not call.cancelled():
            call.exception()  # otherwise asyncio would log it with all secrets if nobody waits for it
        self.end()

    def give_up(self) -> None:
        """Give up the call if it has not returned: cancel it, and refuse the visits that wait."""
        if self.task is None and self.place is not None:
            self.place.refuse("it was withdrawn while it waited")
        if self.given_up or self.task is None or self.task.done():
            return
        self.given_up = True
        self.refuse_waiting()
        if self.place is not None:
            self.place.give_up()
        if not self.yielded:  # a second cancellation would end the wait for a plain method that is under way
            self.task.cancel()

    def refuse_waiting(self) -> None:
        """Refuse the visits that wait for the node."""
        for visit in self._waiting or ():
            visit._answer(False)
        self._waiting = None

    def end_after(self, other: "Visit") -> None:
        """Keep the node until another visit's abandoned call has returned."""
        self.given_up, self.task = True, other.task
        if isinstance(other.task, asyncio.Future):
            other.task.add_done_callback(lambda _: self.end())

    def withdraw(self) -> None:
        """Cancel the call, because nobody needs its answer; once it has returned, the visit ends."""
        if self.gives_way:
            self._give_way()
        else:
            self.give_up()

    def make_way(self) -> None:
        """Give way from now on, also to an urgent visit that is already waiting."""
        self.gives_way = True
        if any(visit.urgent for visit in self._waiting or ()):
            self._give_way()

    def end(self) -> None:
        """Release the node: the call has returned, or was not made."""
        if self.place is not None:
            self.place.end(was_cancelled=self.yielded)
        if self._held.get(self.uuid) is not self:
            return
        while self._waiting:
            following = next((visit for visit in self._waiting if visit.urgent), self._waiting[0])
            self._waiting.remove(following)
            if following._answer(True):
                following._waiting = self._waiting
                self._held[self.uuid] = following
                return
        del self._held[self.uuid]

    def _give_way(self) -> None:
        if self.given_up or self.yielded:
            return
        if self.gives_way and self.task is not None:
            self.yielded = True
            self.task.cancel()
        elif self.task is None and self.place is not None and not self.urgent:  # nothing is under way yet
            self.yielded = self.place.refuse("a person's call went first")

    def _answer(self, has_come: bool) -> bool:
        """Wake a waiting visit: its turn has come, or never will; return False if it no longer waits."""
        if self._turn is None or self._turn.done():
            return False
        self._turn.set_result(has_come)
        return True
