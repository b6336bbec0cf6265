"""Recognizes nodes whose power changes repeatedly. Switching them back would only add changes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from podium.conductor.enforcement.rules import Rules


@dataclass(slots=True)
class _History:
    """The changes of one node that nobody requested.

    :param last: the version and the state of the newest change
    :param times: the times of the newest changes, the oldest first
    :param flaps: whether there were ever too many changes within the window
    """

    last: tuple[int, str] | None = None
    times: list[float] = field(default_factory=list)
    flaps: bool = False


class Flapping:
    """Counts the changes of each node within the window. Part of the gate, whose lock protects it.

    Every ``now`` is in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._changes: dict[int, _History] = {}  # by node; the node that changed last is at the end

    def note(self, number: int, version: int, state: str, now: float, rules: Rules) -> None:
        """Count a change of a node that nobody requested.

        :param version: the node's version before the change; a change that is reported again, because it is
            not yet written to the database, counts once
        """
        self._forget_quiet(now, rules)
        changes = self._changes.pop(number, None) or _History()
        self._changes[number] = changes
        if changes.last != (version, state):
            changes.last = version, state
            changes.times = [*changes.times[-rules.flap_changes :], now]
            recent = [at for at in changes.times if now - at <= rules.flap_window]
            changes.flaps = changes.flaps or len(recent) > rules.flap_changes

    def flaps(self, number: int, now: float, rules: Rules) -> bool:
        """Whether a node changed too often and has not been quiet for a whole window since."""
        changes = self._changes.get(number)
        return changes is not None and changes.flaps and now - changes.times[-1] <= rules.flap_window

    def _forget_quiet(self, now: float, rules: Rules) -> None:
        """Drop the nodes whose last change no longer counts."""
        for number in list(self._quiet(now, rules)):
            del self._changes[number]

    def _quiet(self, now: float, rules: Rules) -> Iterator[int]:
        for number, changes in self._changes.items():
            if now - changes.times[-1] <= rules.flap_window:
                return
            yield number
