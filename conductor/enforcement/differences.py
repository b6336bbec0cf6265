"""The nodes whose power state is not the wanted one, and the reads that confirm it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Seconds that must lie between the two reads that confirm a state.
_APART: Final = 5.0


@dataclass(slots=True)
class Difference:
    """A node that differs.

    :param state: the state that was read
    :param first: when the state was first read; None when that read no longer counts
    :param second: when a second read confirmed it; None when there was none yet
    :param asked_again: when a second read was last asked for
    :param tries: how often the node was switched back in vain
    :param not_before: when it may be tried again
    """

    state: str
    first: float | None = None
    second: float | None = None
    asked_again: float = 0.0
    tries: int = 0
    not_before: float = 0.0

    def doubt(self) -> None:
        """Let earlier reads count no more."""
        self.first = self.second = None


class Differences:
    """The nodes that differ, by number. A part of the gate, which guards it with its lock.

    Every ``now`` is in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._found: dict[int, Difference] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._found

    def get(self, number: int) -> Difference | None:
        """What is known of a node that differs; None for one that does not."""
        return self._found.get(number)

    def states(self) -> Sequence[tuple[int, str]]:
        """The numbers and the states of the nodes that differ."""
        return [(number, one.state) for number, one in self._found.items()]

    def note(self, number: int, state: str, now: float) -> None:
        """Take in a read that found a node in a state that is not the wanted one."""
        one = self._found.setdefault(number, Difference(state))
        if one.first is None or one.state != state:
            one.state, one.first, one.second = state, now, None
        elif one.second is None and now - one.first >= _APART:
            one.second = now

    def doubt(self, number: int) -> None:
        """Let the reads of a node count no more, since the newest one failed or found an error."""
        if (one := self._found.get(number)) is not None:
            one.doubt()

    def drop(self, number: int) -> None:
        """Forget a node that differs no more."""
        self._found.pop(number, None)

    def unconfirmed(self, now: float) -> list[int]:
        """The nodes that are to be read a second time now; each is named once in a while."""
        due = [
            number
            for number, one in self._found.items()
            if one.first is not None
            and one.second is None
            and now - max(one.first, one.asked_again) >= _APART
        ]
        for number in due:
            self._found[number].asked_again = now
        return due

    def tried(self, number: int, now: float, first_pause: float, longest_pause: float) -> None:
        """Note that a node was switched back. If it still differs, it is tried again at growing pauses."""
        if (one := self._found.get(number)) is not None:
            one.not_before = now + min(first_pause * 2 ** min(one.tries, 16), longest_pause)
            one.tries += 1
            one.doubt()
