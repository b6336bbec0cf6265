"""Measures for how long a sink has been refusing one event."""

from collections.abc import Callable
from typing import Final

#: Seconds after which a definitely refused event is skipped.
_LONGEST: Final = 3600.0


class Refusals:
    """Measures for how long a sink has been refusing the next event.

    Only the time from one refusal to the next counts, not the time in which the sink was unreachable or
    nobody delivered.

    :param number: the number of the event that was refused last; None if there is none
    :param seconds: for how long it has been refused so far
    :param clock: seconds, which also count while the machine sleeps
    """

    def __init__(self, number: int | None, seconds: float, clock: Callable[[], float]) -> None:
        self.number = number
        self.seconds = seconds
        self._clock = clock
        self._last: float | None = None

    def note(self, number: int, is_definite: bool) -> bool:
        """Note that an event was not accepted; return whether it has been refused for long enough.

        :param is_definite: whether the sink reported that it does not accept this event
        """
        now = self._clock()
        if number != self.number:
            self.forget()
        if is_definite:
            self.seconds += 0.0 if self._last is None else now - self._last
            self.number = number
        self._last = now if is_definite else None
        return self.seconds >= _LONGEST

    def forget(self) -> None:
        """Start again, with another event."""
        self.number, self.seconds, self._last = None, 0.0, None
