"""Makes the calls of a trial in the driver's room, as the conductor does, and times and prints them.

The main thread waits for them, so that neither a driver that blocks its own loop nor a plain method that
hangs stops a trial.
"""

import concurrent.futures
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podium.cli.trials.transcript import Transcript
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.run import Run
from podium.drivers.context import RunContext

#: Seconds past its deadline after which a call is abandoned, if the room has not given it up.
_GRACE: Final = 1.0
_WATCH_INTERVAL: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is made once or repeatedly; times in seconds.

    :param name: the method or task, after the driver's name and a dot
    :param make: makes the coroutine that calls it, for a task of the room
    :param deadline: the time after which it is given up
    :param spacing: the time from one call to the next
    :param words: returns a result in words, and raises for one that is wrong
    :param is_wanted: returns whether the conductor would make the call now
    """

    name: str
    make: Callable[[RunContext], Coroutine[Any, Any, Any]]
    deadline: float
    spacing: float = 0.0
    words: Callable[[Any], str] = lambda _: "done"
    is_wanted: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: its result in words or the error, and the seconds that it took."""

    words: str
    seconds: float
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    call: Call
    run: Run
    at: float

    @property
    def end(self) -> float:
        """When the call is abandoned."""
        return self.at + self.call.deadline + _GRACE


class Caller:
    """Makes calls in a room. For the main thread.

    :param clock: seconds, monotonic
    :param pause: waits for so many seconds
    """

    def __init__(
        self,
        room: DriverRoom,
        transcript: Transcript,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._room = room
        self._transcript = transcript
        self.clock = clock
        self.pause = pause

    def once(self, call: Call) -> bool:
        """Make a call and print how it ended; return whether it succeeded."""
        outcome = self.made(call)
        self.show(call, outcome)
        return outcome.error is None

    def made(self, call: Call) -> Outcome:
        """Make a call and return how it ended."""
        begun = self._begin(call, on_demand=True)
        while (outcome := self._ended(begun)) is None:
            self._rest([begun.run.future], begun.end - self.clock())
        return outcome

    def show(self, call: Call, outcome: Outcome, *, counts: bool = True) -> None:
        """Print how a call ended.

        :param counts: whether an error makes the trial a failure
        """
        if outcome.error is None:
            self._transcript.line(f"{outcome.words}, in {outcome.seconds:.3f} s", call.name)
        else:
            self._transcript.failure(outcome.error, outcome.seconds, call.name, counts=counts)

    def repeat(self, calls: Sequence[Call]) -> None:
        """Make calls at their spacings, for ever, and print how each ended."""
        due = dict.fromkeys([call.name for call in calls], self.clock())
        begun: dict[str, _Begun] = {}
        while True:
            now = self.clock()
            for call in calls:
                if call.name not in begun and due[call.name] <= now:
                    due[call.name] = now + call.spacing
                    if call.is_wanted():
                        begun[call.name] = self._begin(call, on_demand=False)
            soonest = min((due[call.name] for call in calls if call.name not in begun), default=now + 1)
            self._rest([one.run.future for one in begun.values()], soonest - now)
            for one in list(begun.values()):
                if (outcome := self._ended(one)) is not None:
                    del begun[one.call.name]
                    self.show(one.call, outcome)

    def _begin(self, call: Call, *, on_demand: bool) -> _Begun:
        request = contexts.new(on_demand=on_demand, task=call.name, spacing=call.spacing)
        return _Begun(call, self._room.start(lambda: call.make(request), request), self.clock())

    def _ended(self, begun: _Begun) -> Outcome | None:
        """Return how a call ended; None while it is under way."""
        call, seconds = begun.call, self.clock() - begun.at
        if begun.run.future.done():
            try:
                return Outcome(call.words(begun.run.future.result()), seconds)
            except Exception as error:
                return Outcome("", seconds, error)
        if self.clock() < begun.end:
            return None
        begun.run.cancel()
        return Outcome("", seconds, TimeoutError(f"no answer within {call.deadline:g} s"))

    def _rest(self, futures: Collection["concurrent.futures.Future[Any]"], seconds: float) -> None:
        """Wait until a call has ended, for some seconds at most, and watch the driver's loop."""
        seconds = min(max(seconds, 0.0), _WATCH_INTERVAL)
        if futures:
            concurrent.futures.wait(futures, seconds, concurrent.futures.FIRST_COMPLETED)
        else:
            self.pause(seconds)
        self._room.watch(self.clock())
