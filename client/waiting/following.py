"""Follows the ledger of power events."""

from collections.abc import Callable
from typing import Final, NamedTuple

from podium.causes import Cause, Severity
from podium.client.calls.call import Nodes, Where
from podium.client.calls.events import Event, FollowEvents, News
from podium.clocks import boottime

#: Seconds for which a skipped number is looked for: events are not committed in the order of numbers.
_AWAITED: Final = 30.0
_MOST_RANGES: Final = 100


class _Range(NamedTuple):
    """Numbers that were skipped, and when."""

    first: int
    last: int
    noted: float


class Following:
    """Returns every event once, in the order in which they are committed.

    :param nodes: whose events; None for all nodes
    :param cause: only events of this cause
    :param where: conditions that the nodes meet at the beginning
    :param min_severity: only events of this severity or a greater one
    """

    def __init__(
        self,
        nodes: Nodes | None = None,
        cause: Cause | None = None,
        clock: Callable[[], float] = boottime,
        *,
        where: Where | None = None,
        min_severity: Severity | None = None,
    ) -> None:
        self._next = FollowEvents(nodes=nodes, cause=cause, min_severity=min_severity, where=where)
        self._clock = clock
        self._late: list[_Range] = []
        self._last = 0
        #: Whether there are more events already.
        self.more = False

    def look(self) -> FollowEvents:
        """Return the call for the next look."""
        return self._next

    def take(self, news: News) -> list[Event]:
        """Return the events that a look found; none for the first look, which returns where to begin."""
        now = self._clock()
        late = [self._noted(text, now) for text in news.late]
        # An event that was not found for so long after its number was skipped was rolled back.
        self._late = [one for one in late if now - one.noted < _AWAITED][-_MOST_RANGES:]
        self._last, self.more = news.last, news.more
        self._next = FollowEvents(
            nodes=news.nodes,
            cause=self._next.cause,
            min_severity=self._next.min_severity,
            after=news.last,
            late=[f"{one.first}-{one.last}" for one in self._late],
        )
        return news.events

    def _noted(self, text: str, now: float) -> _Range:
        first, last = map(int, text.split("-"))
        noted = (one.noted for one in self._late if one.first <= first <= one.last)
        return _Range(first, last, next(noted, now))

    def has_passed(self, number: int) -> bool:
        """Return whether the event of a number will not come any more."""
        return number <= self._last and not any(one.first <= number <= one.last for one in self._late)
