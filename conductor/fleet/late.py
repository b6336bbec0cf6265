"""Changes that failed because the hardware did not show the new state in time, and may still take effect.

They are kept in memory only: after a restart of the conductor, a late state looks like somebody else's
change.
"""

import threading
from typing import Final, NamedTuple

#: Seconds after the end of a change within which its state still counts as its result.
_LATEST: Final = 600.0


class _Expected(NamedTuple):
    state: str
    request_id: int
    until: float


class Late:
    """The states that failed changes may still lead to, by node. For any thread.

    Every ``now`` is in seconds of :func:`podium.clocks.boottime`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected: dict[int, _Expected] = {}  # the earliest to end comes first

    def expect(self, number: int, state: str, request_id: int, now: float) -> None:
        """Expect a state of a node for a while, as the result of a request."""
        with self._lock:
            self._expected.pop(number, None)
            while self._expected:
                first = next(iter(self._expected))
                if self._expected[first].until >= now:
                    break
                del self._expected[first]
            self._expected[number] = _Expected(state, request_id, now + _LATEST)

    def forget(self, number: int) -> None:
        """Stop expecting a state of a node."""
        with self._lock:
            self._expected.pop(number, None)

    def came(self, number: int, state: str) -> None:
        """Stop expecting a state that was read and written; if it comes again, somebody else caused it."""
        expected = self._expected.get(number)
        if expected is not None and expected.state == state:
            self.forget(number)

    def __len__(self) -> int:
        """The number of nodes of which a state is, or recently was, expected."""
        return len(self._expected)

    def request(self, number: int, state: str, now: float) -> int | None:
        """The failed request that led to a node's new state; None if somebody else caused it."""
        expected = self._expected.get(number)
        if expected is None or expected.state != state or now > expected.until:
            return None
        return expected.request_id
