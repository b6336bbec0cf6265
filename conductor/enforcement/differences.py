"""The nodes whose power state is not the wanted one, and the reads that confirm it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Seconds that must lie between the two reads that confirm a state.
_APART: Final = 5.0


@dataclass(slots=True)
class Difference:
    """A node whose power state is not the wanted one.

    :param state: the state that was read
    :param first: when the state was first read; None if that read no longer counts
    :param second: when a second read confirmed it; None if none has yet
    :param asked_again: when a second read was last requested
    :param tries: how often the node was switched back in vain
    :param not_before: the earliest time of the next attempt
    """

    state: str
    first: float | None = None
    second: float | None = None
    asked_again: float = 0.0
    tries: int = 0
    not_before: float = 0.0

    def doubt(self) -> None:
        """Discard the earlier reads."""
        self.first = self.second = None


class Differences:
    """The nodes that differ, by number. Part of the gate, whose lock protects it.

    Every ``now`` is in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._found: dict[int, Difference] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._found

    def get(self, number: int) -> Difference | None:
        """What is known of a node that differs; None if the node does not differ."""
        return self._found.get(number)

    def states(self) -> Sequence[tuple[int, str]]:
        """The numbers and the states of the nodes that differ."""
        return [(number, one.state) for number, one in self._found.items()]

    def note(self, number: int, state: str, now: float) -> None:
        """Process a read that found a node in a state that is not the wanted one."""
        one = self._found.setdefault(number, Difference(state))
        if one.first is None or one.state != state:
            one.state, one.first, one.second = state, now, None
        elif one.second is None and now - one.first >= _APART:
            one.second = now

    def doubt(self, number: int) -> None:
        """Discard the reads of a node, because the newest read failed or found an error."""
        if (one := self._found.get(number)) is not None:
            one.doubt()

    def drop(self, number: int) -> None:
        """Forget a node that no longer differs."""
        self._found.pop(number, None)

    def unconfirmed(self, now: float) -> list[int]:
        """The nodes that are due for a second read; repeated calls within five seconds omit them."""
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
        """Note that a node was switched back. If it still differs, it is retried at growing intervals."""
        if (one := self._found.get(number)) is not None:
            one.not_before = now + min(first_pause * 2 ** min(one.tries, 16), longest_pause)
            one.tries += 1
            one.doubt()
