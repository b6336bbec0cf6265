"""Processes the results of power reads: compares them in memory, and hands over the changes to be written.

The state of most nodes has not changed. For these only the number is handed over, with a time that many
share.
"""

import functools
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from podium import errors, masking, states
from podium.clocks import boottime
from podium.conductor.enforcement.gate import Gate
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.reads import Failing
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.sweep.cross_checks import CrossChecks
from podium.conductor.sweep.notices import Notices
from podium.db.clock import later
from podium.db.readings import Checked, Reading, ReadOfChange
from podium.drivers.base import Node
from podium.drivers.node import held
from podium.wording import safe_repr, safe_str

#: Seconds for which nodes with an unchanged power state are gathered.
HAND_OVER: Final = 0.5

_KINDS: Final = (
    (NotAsked, "not_asked"),
    (errors.AuthenticationRefused, "authentication"),
    (errors.BMCUnreachable, "unreachable"),
    (errors.DriverError, "driver_error"),
    (TimeoutError, "timeout"),
)


def shared(error: Exception, scrubbed: Callable[[str], str]) -> Exception:
    """Return an error of the same kind whose text contains no secret of the nodes that share it.

    :param scrubbed: returns a text without secrets
    """
    kind = next((one for one, _ in _KINDS if isinstance(error, one)), errors.PodiumError)
    return kind(_line(error, scrubbed))


def _line(error: Exception, scrubbed: Callable[[str], str]) -> str:
    if isinstance(error, TimeoutError):
        error = errors.PodiumError(safe_str(error))  # the class says nothing
    return errors.one_line(error, scrubbed)


class Findings:
    """The results of the reads of one driver's nodes. Only the room's loop may use it, except for the counts.

    :param gate: notified of nodes that change, vanish or differ from the wanted state
    :param now: the database's clock
    :param is_safe: see :class:`podium.conductor.sweep.notices.Notices`
    :param checks: notified of nodes that have failed for so long that they should be given up, and of nodes
        that are read for other members
    """

    def __init__(
        self,
        room: DriverRoom,
        fleet: Fleet,
        recorder: Recorder,
        gate: Gate,
        now: Callable[[], datetime],
        is_safe: Callable[[], bool] = lambda: True,
        checks: CrossChecks | None = None,
    ) -> None:
        self._room = room
        self._fleet = fleet
        self._recorder = recorder
        self._gate = gate
        self._checks = checks
        self._now = now
        self._wall, self._moment = now(), boottime()
        self._same: list[int] = []
        self._same_seen = 0
        self._same_at = self._wall
        self._same_since = 0.0
        self._time = 0.0
        #: Seconds from one sweep to the next.
        self.interval = 0.0
        self.request_id: str | None = None
        self.notices = Notices(is_safe)
        #: Completed reads, and failed reads by kind.
        self.reads = 0
        self.failures: Counter[str] = Counter()

    @property
    def pending(self) -> bool:
        """Whether results wait to be handed over or logged."""
        return bool(self._same or self.notices)

    def tick(self, now: float) -> None:
        """Set the time of all reads until the next tick, and hand over the gathered nodes if it is time.

        :param now: seconds of the loop's clock
        """
        self._time, self._wall, self._moment = now, self._now(), boottime()
        if now - self._same_since > HAND_OVER:
            self.hand_over()

    def hand_over(self) -> None:
        """Hand over the times of nodes with an unchanged power state."""
        if self._same:
            self._recorder.add_checked(Checked(self._same_at, self._same_seen, self._same))
            self._same = []

    def take(self, asked: Entry, answer: Any, error: Exception | None) -> bool:
        """Process the result of a read; return whether it failed.

        :param asked: the node when the read began; if it has changed or was taken since, the answer is
            ignored
        """
        # In this order: the entry then includes all changes up to "seen".
        seen = self._fleet.seen
        entry = self._fleet.get(asked.number)
        if entry is None or entry.version != asked.version or entry.number in self._fleet.taken:
            return False
        self.reads += 1
        if self._checks is not None and entry.number in self._fleet.lent:
            self._answer(entry, answer, error)
            return False
        if error is not None or not isinstance(answer, str) or answer not in states.READINGS:
            self._note_failure(entry, answer, error)
            return True
        reads = entry.reads
        reads.checked = self._moment
        if self._gate.concerns(entry, answer) and entry.is_watched:
            self._gate.answered(entry, answer, self._time)
        failing = reads.failing
        if entry.unreadable or (failing is not None and failing.is_reported):
            self._recorder.add_recovery(entry.number)
        if failing is not None:
            reads.failing = None
            self.notices.recovered(entry.node.name)
        elif answer == entry.node.power_state:
            self._note_same(entry.number, seen)
            return False
        self._note_news(entry, answer)
        return False

    def take_of_change(
        self, number: int, answer: Any, error: Exception | None, now: float, *, is_early: bool
    ) -> int:
        """Process a read that a power change made, and return how many reads in a row have failed.

        The state is written at the end of the change.

        :param now: seconds of the loop's clock
        :param is_early: whether the sweep would not have read a failing node yet; the failure does not count
            then, because a change reads more often, and nodes would be given up sooner
        """
        entry = self._fleet.get(number)
        if entry is None:
            return 0
        self.reads += 1
        reads, failing = entry.reads, entry.reads.failing
        if error is not None or not isinstance(answer, str) or answer not in states.READINGS:
            failing, text = self._count_failure(entry, answer, error, is_early=is_early)
            if failing.since is None and not entry.node.maintenance:
                failing.since = now
            self._recorder.add_read_of_change(ReadOfChange(number, failing.count, text))
            return failing.count
        if failing is not None:
            reads.failing = None
            self.notices.recovered(entry.node.name)
            self._recorder.add_read_of_change(ReadOfChange(number, 0, None))
            if failing.is_reported:
                self._recorder.add_recovery(number)
        return 0

    def _note_same(self, number: int, seen: int) -> None:
        if not self._same or seen != self._same_seen:
            self.hand_over()
            self._same_seen, self._same_since, self._same_at = seen, self._time, self._wall
        self._same.append(number)

    def _note_news(self, entry: Entry, state: str) -> None:
        node, late = entry.node, None
        if node.power_state not in (None, state):
            late = self._fleet.late.request(entry.number, state, self._moment)
            self.notices.changed(node.name, node.power_state or "", state, is_late=late is not None)
            if entry.is_watched and late is None:
                self._gate.changed(entry, state, self._time)
        reading = Reading(entry.number, entry.version, self._wall, state, None, self.request_id, late)
        if entry.is_verifying:
            self._recorder.add_verified(reading)
        else:
            self._recorder.add_reading(reading)

    def _count_failure(
        self, entry: Entry, answer: Any, error: Exception | None, *, is_early: bool = False
    ) -> tuple[Failing, str]:
        """Count a failed read; return the failures so far, and the reason of this one."""
        kind, text = self._words(entry.node, answer, error)
        self.failures[kind] += 1
        failing = entry.reads.failing
        if failing is None or not is_early:
            failing = entry.reads.note_failure()
            if failing.count == 1:
                self.notices.failed(entry.node.name, text)
        return failing, text

    def _words(self, node: Node, answer: Any, error: Exception | None) -> tuple[str, str]:
        """The kind of a failed read, and the reason."""
        scrubbed = functools.partial(masking.scrub, values=held(node), secret=self._room.secret)
        if error is None:
            kind = "fault"
            text = f"driver {node.driver} answered {safe_repr(answer, scrubbed)}, which is no power state"
        else:
            kind = next((word for one, word in _KINDS if isinstance(error, one)), "fault")
            text = _line(error, scrubbed)
            if kind == "fault":
                text = f"fault of the driver {node.driver}: {text}"
        return kind, text

    def _answer(self, entry: Entry, answer: Any, error: Exception | None) -> None:
        """Send the result of a read to the node's owner."""
        assert self._checks is not None
        note = self._checks.for_others.note_answer
        if error is None and isinstance(answer, str) and answer in states.READINGS:
            note(entry.number, answer, None)
        else:
            note(entry.number, None, self._words(entry.node, answer, error)[1])

    def _note_failure(self, entry: Entry, answer: Any, error: Exception | None) -> None:
        node = entry.node
        failing, text = self._count_failure(entry, answer, error)
        reading = Reading(entry.number, entry.version, self._wall, None, text, self.request_id)
        if entry.is_verifying:
            self._recorder.add_verified(reading)
            return
        self._recorder.add_reading(reading)
        if entry.is_watched:
            self._gate.failed(entry, self._time)
        if not node.maintenance:
            self._note_fault(entry.number, failing, text)

    def _note_fault(self, number: int, failing: Failing, failure: str) -> None:
        """Give up a node that has failed often and long enough that a short outage gives up no fleet.

        Other members are asked first if possible: perhaps only this conductor cannot reach the node.
        """
        if failing.since is None:
            failing.since = self._time
        most, lasted = self._gate.rules.max_retries, self._time - failing.since
        if most and failing.count >= most and lasted >= most * self.interval:
            failing.is_reported = True
            since = later(self._wall, -lasted).strftime("%Y-%m-%d %H:%M:%S UTC")
            times = f"{failing.count} times in a row since {since}"
            what = f"power could not be read {times}"
            if self._checks is None:
                self._recorder.add_fault(number, what, failure)
            else:
                self._checks.suspect(number, self._moment - lasted, what, failure)
