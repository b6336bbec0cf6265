"""Decides when enforcement may switch a node back. Guards against making an outage worse.

The gate performs no I/O: it takes the results of reads and the time, and returns verdicts. There are four
reasons to wait: the node does not answer, its state was not confirmed by a second read, it flaps, or many
nodes change or vanish together, which means an outage that nobody intended.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from podium import states
from podium.conductor.enforcement.differences import Differences
from podium.conductor.enforcement.flapping import Flapping
from podium.conductor.enforcement.outage import Outage
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.entry import Entry
from podium.db.enforcement import Group

#: The fewest seconds to wait after the confirming read, in case other nodes have changed too.
_SHORTEST_SETTLING: Final = 10.0


class Verdict(NamedTuple):
    """What to do about a node that differs.

    :param kind: ``go`` if it may be switched back; else unreachable, frozen, flapping, waiting or dry run
    :param text: why it is not switched back, in a few words that do not change while the reason stays
    """

    kind: str
    text: str | None


class Gate:
    """What is known of nodes that differ, flap or vanish.

    One lock protects its state. The loops of the rooms report reads (:meth:`concerns`, :meth:`changed`,
    :meth:`failed`, :meth:`answered`), as does any thread of a driver that reports a power state. Only the
    conductor's loop judges and asks for verdicts. It also replaces ``rules`` and ``sizes`` as a whole; others
    read them. Every ``now`` is in seconds of one monotonic clock.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        #: By driver, the seconds in which its nodes are read, if that is longer than for the other drivers.
        self.intervals: Mapping[str, float] = {}
        self._settling = _SHORTEST_SETTLING
        self._lock = threading.Lock()
        self._differences = Differences()
        self._flapping = Flapping()
        self._outage = Outage()

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of nodes in each group, see :func:`podium.conductor.enforcement.groups.sizes_of`."""
        return self._outage.sizes

    @sizes.setter
    def sizes(self, sizes: Mapping[str, int]) -> None:
        with self._lock:
            self._outage.sizes = sizes

    def counts(self, now: float) -> dict[str, Group]:
        """This member's counts, by group."""
        with self._lock:
            return self._outage.counts(now, self._settling, self.rules)

    def add_others(self, others: Mapping[str, Group]) -> None:
        """Replace the counts of all other members."""
        with self._lock:
            self._outage.others = others

    @property
    def frozen(self) -> tuple[str, float] | None:
        """Why enforcement is frozen, and since when; None if it is not."""
        return self._outage.frozen

    @property
    def disturbed(self) -> int:
        """The number of nodes that changed or vanished within the window."""
        return len(self._outage)

    def settle(self, interval: float) -> None:
        """Set the time within which every node is read, in seconds."""
        self._settling = max(interval, _SHORTEST_SETTLING)

    def concerns(self, entry: Entry, state: str) -> bool:
        """Whether :meth:`answered` is to be called for a read that found this state."""
        return entry.wanted is not None and (state != entry.wanted or entry.number in self._differences)

    def changed(self, entry: Entry, state: str, now: float) -> None:
        """Note that a node was found in another state than before, although nobody requested the change."""
        with self._lock:
            self._outage.note(entry, now, vanished=False)
            self._flapping.note(entry.number, entry.version, state, now, self.rules)

    def failed(self, entry: Entry, now: float) -> None:
        """Note that a read of a node failed. A node that has never answered does not count as vanished."""
        with self._lock:
            if entry.reads.failures == 1 and entry.node.power_state is not None:
                self._outage.note(entry, now, vanished=True)
            self._differences.doubt(entry.number)

    def answered(self, entry: Entry, state: str, now: float) -> None:
        """Note the state of a node that :meth:`concerns` the gate."""
        with self._lock:
            if state == entry.wanted or not self.rules.enforce(entry):
                self._differences.drop(entry.number)
            elif state == states.ERROR:  # tells no more about the power than a failed read
                self._differences.doubt(entry.number)
            else:
                if entry.number not in self._differences:
                    # It may have changed while it was not read, and so may all others.
                    self._outage.note(entry, now, vanished=False)
                self._differences.note(entry.number, state, now)

    def judge(self, now: float) -> None:
        """Freeze enforcement if too many nodes were disturbed within the window; thaw it if few were."""
        with self._lock:
            self._outage.judge(now, self._settling, self.rules)

    def freeze(self, reason: str, now: float) -> None:
        """Join a freeze of another member or an earlier run, for at least one window."""
        with self._lock:
            self._outage.frozen = reason, now

    def thaw(self) -> None:
        """Join the end of a freeze."""
        with self._lock:
            self._outage.frozen = None

    def forgive(self) -> None:
        """End the freeze and forget all disturbances: a person has checked."""
        with self._lock:
            self._outage.end()

    def again(self, now: float) -> list[int]:
        """The nodes that are due for a second read."""
        with self._lock:
            return self._differences.unconfirmed(now)

    def cases(self) -> Sequence[tuple[int, str]]:
        """The numbers and the states of the nodes that differ."""
        with self._lock:
            return self._differences.states()

    def drop(self, number: int) -> None:
        """Forget that a node differs."""
        with self._lock:
            self._differences.drop(number)

    def tried(self, number: int, now: float) -> None:
        """Note that a node was switched back. If it still differs, it is retried at growing intervals."""
        with self._lock:
            self._differences.tried(number, now, self._settling, self.rules.flap_window)

    def verdict(self, entry: Entry, now: float, oldest_read: float) -> Verdict:
        """What to do about a node that differs.

        :param oldest_read: when the oldest read under way of an answering node began; the results of all
            earlier reads are known
        """
        with self._lock:
            case = self._differences.get(entry.number)
            if case is None:  # a read has just found the wanted state
                return Verdict("waiting", None)
            if entry.reads.failures:
                return Verdict("unreachable", "it cannot be read; nothing is done before it answers")
            if self.frozen is not None:
                return Verdict("frozen", f"frozen: {self.frozen[0]}")
            if self._flapping.flaps(entry.number, now, self.rules):
                quiet = f"{self.rules.flap_window:g} s"
                return Verdict("flapping", f"it changes again and again; left alone until quiet for {quiet}")
            if case.second is None:
                return Verdict("waiting", f"{case.state} is to be read a second time")
            if now < case.not_before:
                return Verdict("waiting", f"{entry.wanted} was tried in vain; tried again later")
            settling = max(self._settling, self.intervals.get(entry.node.driver, 0.0))
            if min(now, oldest_read) < case.second + settling:
                return Verdict("waiting", "waits to see whether others change too")
            if self.rules.dry_run:
                return Verdict("dry run", f"would be switched to {entry.wanted}")
            return Verdict("go", None)
