"""How long to wait without progress."""

import time
from collections.abc import Callable


class Patience:
    """Decides when to give up waiting for progress.

    :param seconds: give up after this time without any progress
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._since = clock()
        self._seen: object = None

    def ends(self, seen: object) -> bool:
        """Return whether the state has been the same for too long."""
        if seen != self._seen:
            self._seen, self._since = seen, self._clock()
        return self._clock() - self._since >= self._seconds


class Outage:
    """Tolerates an unavailable database or podium-api, but not for ever.

    :param tell: called with a line when an outage begins
    :param longest: seconds, after which its error is raised
    """

    def __init__(
        self, tell: Callable[[str], None], clock: Callable[[], float], longest: float = 3600.0
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._longest = longest
        self._since: float | None = None

    def goes_on(self, fault: Exception) -> None:
        """Record that there was no answer.

        :raises Exception: the fault, after a very long time
        """
        now = self._clock()
        if self._since is None:
            self._since = now
            self._tell(f"{fault}; waiting for it")
        elif now - self._since >= self._longest:
            raise fault

    def ends(self) -> bool:
        """Record that there was an answer; return whether this ended an outage."""
        was_away, self._since = self._since is not None, None
        return was_away
