"""Recently written outcomes, in case the database loses them again."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from podium.clocks import boottime
from podium.db.outcomes import Outcome

#: The most outcomes that are kept.
_MOST: Final = 50_000


class Written:
    """Used by the conductor's loop alone.

    :param clock: seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._outcomes: deque[tuple[float, Outcome]] = deque(maxlen=_MOST)

    def add(self, outcomes: Iterable[Outcome], keep: float) -> None:
        """Note outcomes that have now been written, and forget those older than ``keep`` seconds."""
        now = self._clock()
        self._forget(now - keep)
        self._outcomes.extend((now, outcome) for outcome in outcomes)

    def latest(self, seconds: float) -> list[Outcome]:
        """The outcomes that were written within the last ``seconds``, the newest last."""
        self._forget(self._clock() - seconds)
        return [outcome for _, outcome in self._outcomes]

    def _forget(self, before: float) -> None:
        while self._outcomes and self._outcomes[0][0] < before:
            self._outcomes.popleft()
