"""Recognizes outages: many nodes of one group that change or vanish together, which nobody wished for.

Enforcement is frozen meanwhile. Each node counts once within the window, however often it changes.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from podium.conductor.enforcement.groups import groups_of
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.entry import Entry

#: A group of fewer nodes than this needs at least three disturbed nodes to freeze enforcement.
_SMALL: Final = 10
_FEWEST: Final = 2
#: The share of the limit up to which nodes may still vanish while enforcement thaws.
_FEW: Final = 0.1


@dataclass(slots=True)
class _Disturbance:
    """The last time that a node changed or vanished."""

    at: float
    groups: Sequence[str]
    vanished: bool


class Outage:
    """Counts disturbed nodes by group. A part of the gate, which guards it with its lock.

    Every ``now`` is in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        #: The number of nodes in each group. Groups that are missing here never freeze enforcement.
        self.sizes: Mapping[str, int] = {}
        #: Why enforcement is frozen, and since when.
        self.frozen: tuple[str, float] | None = None
        self._disturbed: dict[int, _Disturbance] = {}  # within the window, the oldest first
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        """The number of nodes that changed or vanished within the window."""
        return len(self._disturbed)

    def note(self, entry: Entry, now: float, *, vanished: bool) -> None:
        """Count a node that changed or vanished."""
        disturbance = self._disturbed.pop(entry.number, None)
        if disturbance is None:
            disturbance = _Disturbance(now, groups_of(entry.node), vanished)
            self._counts.update(disturbance.groups)
        disturbance.at, disturbance.vanished = now, vanished
        self._disturbed[entry.number] = disturbance  # at the end, as the newest

    def judge(self, now: float, settling: float, rules: Rules) -> None:
        """Freeze when too many nodes of a group were disturbed within the window; thaw when few are.

        :param settling: seconds without vanishing nodes before a thaw
        """
        self._expire(now, rules)
        if self.frozen is None:
            over = [group for group in self._counts if self._counts[group] > self._limit(group, rules)]
            if over:
                worst = max(over, key=lambda group: self._counts[group])
                self.frozen = self._described(worst, rules), now
        elif now - self.frozen[1] >= rules.correlated_window and self._is_calm(now, settling, rules):
            self.frozen = None

    def end(self) -> None:
        """Thaw and forget every disturbance."""
        self.frozen = None
        self._disturbed.clear()
        self._counts.clear()

    def _expire(self, now: float, rules: Rules) -> None:
        while self._disturbed:
            number, oldest = next(iter(self._disturbed.items()))
            if now - oldest.at <= rules.correlated_window:
                return
            del self._disturbed[number]
            for group in oldest.groups:
                self._counts[group] -= 1
                if not self._counts[group]:
                    del self._counts[group]

    def _limit(self, group: str, rules: Rules) -> float:
        size = self.sizes.get(group)
        if size is None:
            return math.inf
        share = rules.correlated_share * size
        return share if size >= _SMALL else max(share, _FEWEST)

    def _is_calm(self, now: float, settling: float, rules: Rules) -> bool:
        """Whether less than half of what freezes is left, and hardly any node still vanishes."""
        if any(count > self._limit(group, rules) / 2 for group, count in self._counts.items()):
            return False
        vanishing: Counter[str] = Counter()
        for one in reversed(self._disturbed.values()):
            if now - one.at > settling:
                break
            if one.vanished:
                vanishing.update(one.groups)
        return all(count <= self._limit(group, rules) * _FEW for group, count in vanishing.items())

    def _described(self, group: str, rules: Rules) -> str:
        return (
            f"{self._counts[group]} of {self.sizes[group]} nodes {group} changed or vanished within"
            f" {rules.correlated_window:g} s"
        )
