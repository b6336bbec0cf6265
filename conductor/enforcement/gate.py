"""When a node may be switched back by the conductor itself, so that an automaton makes no outage worse.

Pure: it is told what reads found and what the time is, and answers. It knows four reasons to wait: a node
that does not answer, a state that was not read twice, a node that flaps, and many nodes that change or vanish
together, which is an outage and no wish of anybody.
"""

import contextlib
import socket
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from podium import states
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.fleet import Entry
from podium.drivers.base import Node
from podium.pacing import Gaps

#: Seconds between the two reads of a state that count.
_APART: Final = 5.0
#: Seconds after the second one in which other nodes may turn out to have changed too, at the least.
_SHORTEST_SETTLING: Final = 10.0
#: Groups of fewer nodes than this are frozen by no fewer than three of them.
_SMALL: Final = 10
_FEWEST: Final = 2
#: The share of the limit up to which nodes may still vanish while it thaws.
_FEW: Final = 0.1


class Verdict(NamedTuple):
    """What is to be done about a node that differs.

    :param kind: ``go`` when it may be enforced; else unreachable, frozen, flapping, waiting or dry run
    :param text: why it is not, in a few words that stay the same while the reason does
    """

    kind: str
    text: str | None


@dataclass(slots=True)
class _Case:
    """A node whose state is not the wanted one; times are those of its reads, None when there was none."""

    state: str
    first: float | None = None
    second: float | None = None
    asked_again: float = 0.0
    tries: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class _Disturbance:
    at: float
    groups: Sequence[str]
    vanished: bool


@dataclass(slots=True)
class _Changes:
    """The changes of a node that nobody asked for; ``last`` tells one that was told already."""

    last: tuple[int, str]
    times: list[float] = field(default_factory=list)
    flaps: bool = False


def groups_of(node: Node) -> tuple[str, ...]:
    """What a node shares with others and may fail together with them, in words that follow "nodes"."""
    subnets = (
        subnet
        for key, value in node.driver_info.items()
        if key.endswith("_address") and isinstance(value, str) and (subnet := _subnet(value))
    )
    return ("of this conductor", f"of the driver {node.driver}", *subnets)


def _subnet(address: str) -> str | None:
    """The subnet of an address, None for a name; for 100,000 nodes, for which ipaddress takes seconds."""
    if "://" in address:
        with contextlib.suppress(ValueError):  # of a port or an address that is none
            address = urlsplit(address).hostname or ""
    try:
        first, second, third, _ = socket.inet_pton(socket.AF_INET, address)
        return f"in {first}.{second}.{third}.0/24"
    except (OSError, ValueError):
        pass
    try:
        network = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:8]
    except (OSError, ValueError):  # ValueError: a text with a null character
        return None
    return f"in {socket.inet_ntop(socket.AF_INET6, network + bytes(8))}/64"


def sizes_of(entries: Iterable[Entry], rules: Rules) -> Mapping[str, int]:
    """How many nodes that are read are in each group."""
    sizes: dict[str, int] = defaultdict(int)
    for entry in entries:
        if rules.reads(entry) and not entry.node.maintenance:
            for group in groups_of(entry.node):
                sizes[group] += 1
    return dict(sizes)


class Gate:
    """What is known of nodes that differ, flap or vanish; for any thread, as it is told by several.

    Every ``now`` is seconds of one monotonic clock.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        #: How many nodes are in each group; what is in none of these groups freezes nothing.
        self.sizes: Mapping[str, int] = {}
        #: Why nothing is enforced, and since when.
        self.frozen: tuple[str, float] | None = None
        self._settling = _SHORTEST_SETTLING
        self._lock = threading.Lock()
        self._cases: dict[int, _Case] = {}
        self._disturbed: dict[int, _Disturbance] = {}  # within the window, the oldest first
        self._counts: Counter[str] = Counter()
        self._changes: dict[int, _Changes] = {}  # the node that changed last at the end

    @property
    def disturbed(self) -> int:
        """How many nodes changed or vanished within the window."""
        return len(self._disturbed)

    def settle(self, interval: float) -> None:
        """Take over how long it takes until every node was read, in seconds."""
        self._settling = max(interval, _SHORTEST_SETTLING)

    def concerns(self, entry: Entry, state: str) -> bool:
        """Whether a reading of this state is to be told."""
        return entry.wanted is not None and (state != entry.wanted or entry.number in self._cases)

    def changed(self, entry: Entry, state: str, now: float) -> None:
        """A node was found in another state than before, which nobody asked for."""
        with self._lock:
            self._disturb(entry, now, vanished=False)
            self._forget_quiet(now)
            seen = entry.version, state
            changes = self._changes.pop(entry.number, None) or _Changes((0, ""))
            self._changes[entry.number] = changes
            if changes.last != seen:  # otherwise it is not written yet, and told again
                changes.last = seen
                changes.times = [*changes.times[-self.rules.flap_changes :], now]
                recent = [at for at in changes.times if now - at <= self.rules.flap_window]
                changes.flaps = changes.flaps or len(recent) > self.rules.flap_changes

    def failed(self, entry: Entry, now: float) -> None:
        """A read of a node failed."""
        with self._lock:
            if entry.failures == 1:
                self._disturb(entry, now, vanished=True)
            if (case := self._cases.get(entry.number)) is not None:
                case.first = case.second = None

    def answered(self, entry: Entry, state: str, now: float) -> None:
        """A node was read that :meth:`concerns` us."""
        with self._lock:
            case = self._cases.get(entry.number)
            if state == entry.wanted or not self.rules.enforce(entry):
                self._cases.pop(entry.number, None)
                return
            if state == states.ERROR:  # what it stands for is not known, as with a node that is silent
                if case is not None:
                    case.first = case.second = None
                return
            if case is None:
                # It may have changed while nobody looked, as well as all others.
                self._disturb(entry, now, vanished=False)
                case = self._cases[entry.number] = _Case(state)
            if case.first is None or case.state != state:
                case.state, case.first, case.second = state, now, None
            elif case.second is None and now - case.first >= _APART:
                case.second = now

    def judge(self, now: float) -> None:
        """Freeze when too many nodes were disturbed within the window, thaw when few are."""
        with self._lock:
            self._expire(now)
            if self.frozen is None:
                over = [group for group in self._counts if self._counts[group] > self._limit(group)]
                if over:
                    worst = max(over, key=lambda group: self._counts[group])
                    self.frozen = self._told(worst), now
            elif now - self.frozen[1] >= self.rules.correlated_window and self._calm(now):
                self.frozen = None

    def freeze(self, reason: str, now: float) -> None:
        """Go on with a freeze of an earlier run, for a window at least."""
        self.frozen = reason, now

    def thaw(self) -> None:
        """Enforce again, whatever was: a person has looked at it."""
        with self._lock:
            self.frozen = None
            self._disturbed.clear()
            self._counts.clear()

    def again(self, now: float) -> list[int]:
        """Nodes that are to be read a second time now."""
        with self._lock:
            due = [
                number
                for number, case in self._cases.items()
                if case.first is not None
                and case.second is None
                and now - max(case.first, case.asked_again) >= _APART
            ]
            for number in due:
                self._cases[number].asked_again = now
            return due

    def cases(self) -> list[tuple[int, str]]:
        """Numbers and states of the nodes that differ."""
        with self._lock:
            return [(number, case.state) for number, case in self._cases.items()]

    def drop(self, number: int) -> None:
        """Forget that a node differs."""
        with self._lock:
            self._cases.pop(number, None)

    def tried(self, number: int, now: float) -> None:
        """A node was switched back; should it differ still, it is tried again after growing times."""
        with self._lock:
            if (case := self._cases.get(number)) is not None:
                case.not_before = now + Gaps(self._settling, self.rules.flap_window)[case.tries]
                case.tries += 1
                case.first = case.second = None

    def verdict(self, entry: Entry, now: float, oldest_read: float) -> Verdict:
        """What is to be done about a node that differs.

        :param oldest_read: when the oldest read under way was begun, of a node that answered until now: what
            was read before that is known
        """
        with self._lock:
            case = self._cases.get(entry.number)
            changes = self._changes.get(entry.number)
            if case is None:  # it was read just now, and differs no more
                return Verdict("waiting", None)
            if entry.failures:
                return Verdict("unreachable", "it cannot be read; nothing is done before it answers")
            if self.frozen is not None:
                return Verdict("frozen", f"frozen: {self.frozen[0]}")
            if changes is not None and self._flaps(changes, now):
                quiet = f"{self.rules.flap_window:g} s"
                return Verdict("flapping", f"it changes again and again; left alone until quiet for {quiet}")
            if case.second is None:
                return Verdict("waiting", f"{case.state} is to be read a second time")
            if now < case.not_before:
                return Verdict("waiting", f"{entry.wanted} was tried in vain; tried again later")
            if min(now, oldest_read) < case.second + self._settling:
                return Verdict("waiting", "waits to see whether others change too")
            if self.rules.dry_run:
                return Verdict("dry run", f"would be switched to {entry.wanted}")
            return Verdict("go", None)

    def _flaps(self, changes: _Changes, now: float) -> bool:
        return changes.flaps and now - changes.times[-1] <= self.rules.flap_window

    def _forget_quiet(self, now: float) -> None:
        """Drop the nodes that changed so long ago that it counts no more."""
        for number in list(self._quiet(now)):
            del self._changes[number]

    def _quiet(self, now: float) -> Iterator[int]:
        for number, changes in self._changes.items():
            if now - changes.times[-1] <= self.rules.flap_window:
                return
            yield number

    def _disturb(self, entry: Entry, now: float, *, vanished: bool) -> None:
        disturbance = self._disturbed.pop(entry.number, None)
        if disturbance is None:
            disturbance = _Disturbance(now, groups_of(entry.node), vanished)
            self._counts.update(disturbance.groups)
        disturbance.at, disturbance.vanished = now, vanished
        self._disturbed[entry.number] = disturbance  # at the end, as the newest

    def _expire(self, now: float) -> None:
        while self._disturbed:
            number, oldest = next(iter(self._disturbed.items()))
            if now - oldest.at <= self.rules.correlated_window:
                return
            del self._disturbed[number]
            for group in oldest.groups:
                self._counts[group] -= 1
                if not self._counts[group]:
                    del self._counts[group]

    def _limit(self, group: str) -> float:
        size = self.sizes.get(group)
        if size is None:
            return float("inf")
        share = self.rules.correlated_share * size
        return share if size >= _SMALL else max(share, _FEWEST)

    def _calm(self, now: float) -> bool:
        """Whether less than half of what freezes is left, and hardly any node vanishes any more."""
        if any(count > self._limit(group) / 2 for group, count in self._counts.items()):
            return False
        vanishing: Counter[str] = Counter()
        for one in reversed(self._disturbed.values()):
            if now - one.at > self._settling:
                break
            if one.vanished:
                vanishing.update(one.groups)
        return all(count <= self._limit(group) * _FEW for group, count in vanishing.items())

    def _told(self, group: str) -> str:
        return (
            f"{self._counts[group]} of {self.sizes[group]} nodes {group} changed or vanished within"
            f" {self.rules.correlated_window:g} s"
        )
