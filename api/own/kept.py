"""A cache of answers for which all nodes are counted.

Without it, ``podium status --watch`` of three people would keep a core busy at 100,000 nodes.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from podium.client.calls.call import Call
from podium.client.calls.conductors import GetFreshness
from podium.client.calls.status import GetStatus

_T = TypeVar("_T")

#: Returns the number of nodes that were counted for an answer.
_COUNTED: Final[dict[type[Call[Any]], Callable[[Any], int]]] = {
    GetStatus: lambda found: found.nodes.total,
    GetFreshness: lambda found: found.nodes or 0,
}
#: The most seconds for which an answer is kept, and the number of nodes for this time. With fewer nodes the
#: time is shorter, because counting is faster; a few nodes are counted each time.
_LONGEST: Final = 2.0
_NODES: Final = 100_000
_FEW: Final = 5000


class Kept:
    """The answers that one process keeps; used in its event loop.

    :param clock: seconds, monotonic
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[Call[Any], tuple[float, Any]] = {}
        self._forgotten = 0

    async def get(self, call: Call[Any], make: Callable[[], Awaitable[tuple[Any, _T]]]) -> tuple[Any, _T]:
        """Return the answer to a call, and the data that belongs to it.

        :param make: returns a new answer
        """
        kept = self._answers.get(call)
        if kept is not None and self._clock() < kept[0]:
            found: tuple[Any, _T] = kept[1]
            return found
        forgotten = self._forgotten
        found = await make()
        count = _COUNTED[type(call)](found[0])
        if count >= _FEW and forgotten == self._forgotten:
            self._answers[call] = self._clock() + min(_LONGEST, _LONGEST * count / _NODES), found
        return found

    def forget(self) -> None:
        """Drop all answers, so that callers see their own changes."""
        self._answers.clear()
        self._forgotten += 1


def is_kept(call: Call[Any]) -> bool:
    """Return whether answers to this call may be kept."""
    return type(call) in _COUNTED
