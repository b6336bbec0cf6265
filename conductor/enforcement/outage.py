"""Recognizes outages, in which many nodes of one group change or vanish together.

Enforcement is frozen during an outage. Each node counts once within the window, however often it changes. The
counts of other members are added to those of this member.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from podium.conductor.enforcement.groups import groups_of
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.entry import Entry
from podium.db.enforcement import Group

#: A group with fewer nodes than this needs at least three disturbed nodes to freeze enforcement.
_SMALL: Final = 10
_FEWEST: Final = 2
#: Enforcement thaws only if the number of vanishing nodes is at most this share of the limit.
_FEW: Final = 0.1
_NOBODY: Final = Group(0, 0, 0)


@dataclass(slots=True)
class _Disturbance:
    """The last time that a node changed or vanished."""

    at: float
    groups: Sequence[str]
    vanished: bool


class Outage:
    """Counts disturbed nodes by group. Part of the gate, whose lock protects it.

    Every ``now`` is in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        #: The number of this member's nodes in each group. A group without nodes never freezes enforcement.
        self.sizes: Mapping[str, int] = {}
        #: The counts of all other members.
        self.others: Mapping[str, Group] = {}
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

    def counts(self, now: float, settling: float, rules: Rules) -> dict[str, Group]:
        """This member's counts.

        :param settling: seconds within which a node that vanished counts as vanishing
        """
        self._expire(now, rules)
        vanishing: Counter[str] = Counter()
        for one in reversed(self._disturbed.values()):
            if now - one.at > settling:
                break
            if one.vanished:
                vanishing.update(one.groups)
        return {
            group: Group(self.sizes.get(group, 0), self._counts[group], vanishing[group])
            for group in {**self._counts, **self.sizes}
        }

    def judge(self, now: float, settling: float, rules: Rules) -> None:
        """Freeze if too many nodes of a group were disturbed within the window; thaw if few were.

        :param settling: seconds without vanishing nodes before a thaw
        """
        own = self.counts(now, settling, rules) if self._disturbed or self.others or self.frozen else {}
        total = added(own, self.others)
        if self.frozen is None:
            over = [group for group, one in total.items() if one.disturbed > _limit(one, rules)]
            if over:
                worst = max(over, key=lambda group: (total[group].disturbed, total[group].size))
                self.frozen = _described(worst, total[worst], rules), now
        elif now - self.frozen[1] >= rules.correlated_window and _is_calm(total.values(), rules):
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


def added(*counts: Mapping[str, Group]) -> dict[str, Group]:
    """The sum of the counts of several members."""
    total: dict[str, Group] = {}
    for one in counts:
        for name, group in one.items():
            known = total.get(name, _NOBODY)
            total[name] = Group(*(first + second for first, second in zip(known, group, strict=True)))
    return total


def _limit(group: Group, rules: Rules) -> float:
    if not group.size:
        return math.inf
    share = rules.correlated_share * group.size
    return share if group.size >= _SMALL else max(share, _FEWEST)


def _is_calm(groups: Iterable[Group], rules: Rules) -> bool:
    """Whether disturbances are down to half the limit and hardly any node still vanishes."""
    return all(
        one.disturbed <= _limit(one, rules) / 2 and one.vanishing <= _limit(one, rules) * _FEW
        for one in groups
    )


def _described(name: str, group: Group, rules: Rules) -> str:
    return (
        f"{group.disturbed} of {group.size} nodes {name} changed or vanished within"
        f" {rules.correlated_window:g} s"
    )
