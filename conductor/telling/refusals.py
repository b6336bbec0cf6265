"""For how long a sink has been refusing one event."""

from collections.abc import Callable
from typing import Final

#: Seconds after which an event that is definitely refused is set aside.
_LONGEST: Final = 3600.0


class Refusals:
    """Measures for how long a sink has been refusing the event that is next.

    Only the time from one refusal to the next counts, so neither that in which the sink could not be reached
    nor that in which nobody delivered.

    :param number: of the event that was refused last; None for none
    :param seconds: for which it was refused so far
    :param clock: seconds, which also count while the machine sleeps
    """

    def __init__(self, number: int | None, seconds: float, clock: Callable[[], float]) -> None:
        self.number = number
        self.seconds = seconds
        self._clock = clock
        self._last: float | None = None

    def note(self, number: int, is_definite: bool) -> bool:
        """Take in that an event was not taken; return whether it was refused for long enough.

        :param is_definite: whether the sink said that it does not take this event
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
        """Begin anew, with another event."""
        self.number, self.seconds, self._last = None, 0.0, None
