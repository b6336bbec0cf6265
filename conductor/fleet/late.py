"""Changes that failed because the hardware showed nothing in time, and may still come true.

They are kept in memory: after a restart of the conductor, what comes late looks like somebody else's change.
"""

import threading
from typing import Final, NamedTuple

#: Seconds after the end of a change within which its state is taken for its result.
_LATEST: Final = 600.0


class _Expected(NamedTuple):
    state: str
    request_id: int
    until: float


class Late:
    """The states that failed changes may still bring about, by node. For any thread.

    Every ``now`` is in seconds of :func:`podium.clocks.boottime`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected: dict[int, _Expected] = {}  # those that end first come first

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
        """Expect nothing of a node any more."""
        with self._lock:
            self._expected.pop(number, None)

    def came(self, number: int, state: str) -> None:
        """Expect a state no longer that was read and written; when it comes again, somebody else did it."""
        expected = self._expected.get(number)
        if expected is not None and expected.state == state:
            self.forget(number)

    def __len__(self) -> int:
        """Of how many nodes something is expected, or was lately."""
        return len(self._expected)

    def request(self, number: int, state: str, now: float) -> int | None:
        """The failed request whose result a node's new state is; None when somebody else did it."""
        expected = self._expected.get(number)
        if expected is None or expected.state != state or now > expected.until:
            return None
        return expected.request_id
