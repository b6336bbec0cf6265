"""The nodes that this conductor owns, in memory, kept up to date from the changes in the database."""

import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from podium import masking, states
from podium.conductor.fleet.entry import ENFORCE, Entry, entry_of
from podium.conductor.fleet.late import Late
from podium.conductor.fleet.taken import Taken
from podium.conductor.rooms.clock import DatabaseClock
from podium.conductor.rooms.sql import Sql
from podium.db import changes
from podium.db import fleet as statements
from podium.db.bulk import chunks
from podium.db.changes import Pulse
from podium.db.fleet import Changed
from podium.db.members import living
from podium.db.provision_states import ENROLL
from podium.db.slots import Pair
from podium.db.worker import Worker
from podium.drivers.base import Node
from podium.drivers.node import held

#: Called with a node and whether it is this member's, when the node is added, changed or removed.
Note = Callable[[Node, bool], None]

#: A number that no change has.
_NEVER: Final = -1


class Fleet:
    """The entries, by number. Any thread may look them up.

    Entries are replaced under the lock, only by the conductor's loop and by threads of drivers that report a
    health.

    The nodes are those of the slots that this member has begun with, see podium.conductor.fleet.shares,
    except for nodes in the provision state ``enroll``. A node that another member has reserved is left out
    until the reservation ends. A node that this member has taken stays after its slot is lost, until it is
    free again.

    :param member: whose nodes these are
    """

    def __init__(self, member: Worker) -> None:
        self.member = member
        self.taken = Taken()
        self.late = Late()
        #: Numbers of nodes that are read once for their owner, see podium.conductor.sweep.cross_checks.
        self.lent: set[int] = set()
        #: Names of drivers that have reported a node's power on their own.
        self.reporting: set[str] = set()
        #: Numbers of the nodes whose own policy is to be enforced.
        self.enforced: set[int] = set()
        self._begun: dict[Pair, set[int]] = {}
        self._held: set[int] = set()  # nodes of these slots that others have reserved
        self._staying: set[int] = set()  # nodes of other slots that are still taken
        self._dropped: list[Entry] = []
        self._entries: dict[int, Entry] = {}
        self._numbers: dict[str, int] = {}  # by UUID
        self._by_driver: dict[str, tuple[Node, ...]] = {}
        self._by_name: dict[str, int] | None = None  # built when a name is looked up
        self._notes: dict[str, Note] = {}
        # By driver and the names that it declared as secret; valid for one count of changes of driver_info.
        self._scrubbers: dict[tuple[str, frozenset[str]], tuple[int, Callable[[str], str]]] = {}
        self._info_changes = 0
        self._pulse = Pulse(0, 0, 0, 0, 0)
        # Reentrant: the garbage collector may trigger a log line at any step, whose secrets are then hidden.
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def seen(self) -> int:
        """The number of the newest change that the entries show."""
        return self._pulse.changes

    @property
    def pulse(self) -> Pulse:
        """How far the entries have followed the database."""
        return self._pulse

    @property
    def begun(self) -> Mapping[Pair, Set[int]]:
        """The slots whose nodes are known, by group and driver."""
        return self._begun

    def get(self, number: int) -> Entry | None:
        """The node with this row number; None if it is not owned."""
        return self._entries.get(number)

    def find(self, uuid: str) -> Entry | None:
        """The node with this UUID; None if it is not owned."""
        number = self._numbers.get(uuid)
        return None if number is None else self._entries.get(number)

    def named(self, name_or_uuid: str) -> Entry | None:
        """The node with this UUID or name; None if it is not owned."""
        if (entry := self.find(name_or_uuid)) is not None:
            return entry
        with self._lock:
            if self._by_name is None:
                self._by_name = {one.node.name: number for number, one in self._entries.items()}
            return self._entries.get(self._by_name.get(name_or_uuid, _NEVER))

    def owns(self, entry: Entry) -> bool:
        """Whether a node is this member's own, rather than read once for its owner."""
        return entry.slot in self._begun.get(entry.pair, ()) or entry.number in self._staying

    def tell(self, notes: Mapping[str, Note]) -> None:
        """Report own nodes that are added, changed and removed, from now on.

        :param notes: functions to call, by the node's driver, in the conductor's loop; they return at once
        """
        self._notes = dict(notes)

    def entries(self, driver: str | None = None) -> list[Entry]:
        """The nodes with this driver, or all."""
        with self._lock:
            return [one for one in self._entries.values() if driver in (None, one.node.driver)]

    def nodes(self, driver: str) -> tuple[Node, ...]:
        """Snapshots of the nodes with this driver."""
        with self._lock:
            if driver not in self._by_driver:
                found = (one.node for one in self._entries.values() if one.node.driver == driver)
                self._by_driver[driver] = tuple(found)
            return self._by_driver[driver]

    def scrubbed(self, text: str, driver: str, secret: frozenset[str]) -> str:
        """Return a text without the secrets of the nodes with a driver.

        :param secret: names that the driver declared as secret
        """
        changes, scrubbed = self._scrubbers.get((driver, secret), (_NEVER, str))
        if changes != self._info_changes:
            changes = self._info_changes  # read before the nodes
            infos = {"": [held(node) for node in self.nodes(driver)]}
            scrubbed = masking.scrubber(infos, secret)
            self._scrubbers[driver, secret] = changes, scrubbed
        return scrubbed(text)

    async def refresh(self, sql: Sql) -> list[Entry] | None:
        """Load what users and power changes have changed in the database.

        :returns: the entries that are new, that have a new driver or driver_info, or that are to be verified;
            None if nothing changed and no node became free
        :raises podium.errors.DatabaseUnavailable: the database cannot be queried
        """
        if await sql.pulse() == self._pulse:
            return [] if self.taken.note_seen(self.seen) else None
        fresh = self._apply(await sql.read(lambda connection: self._find(connection, sql.now)))
        self.taken.note_seen(self.seen)
        return fresh

    def doubt(self) -> None:
        """Have the next refresh reload every node: the database may be at an older change."""
        self.taken.count_anew()
        with self._lock:
            for number, entry in list(self._entries.items()):
                self._entries[number] = replace(entry, version=_NEVER)
            self._pulse = Pulse(*[_NEVER] * len(Pulse._fields))

    async def wait_for_change(self, sql: Sql, *, every: float, most: float) -> bool:
        """Wait until there is a change to load; see :meth:`Sql.wait_for_change`.

        :raises podium.errors.DatabaseUnavailable: the database cannot be queried
        """
        changed = await sql.wait_for_change(self._pulse, every=every, most=most)
        # An outcome may be seen here before its writer learns that it was written; no other change may
        # follow.
        return changed or self.taken.has_ended

    async def begin(self, sql: Sql, slots: Mapping[Pair, Collection[int]]) -> list[Entry]:
        """Load the nodes of slots that this member has gained.

        :returns: the new entries, starting with those that have not been read for the longest time
        :raises podium.errors.DatabaseUnavailable: they cannot be loaded; nothing has begun
        """
        found = await sql.read(lambda connection: self._load(connection, sql.now, slots))
        for pair, numbers in slots.items():
            self._begun.setdefault(pair, set()).update(numbers)
        self._staying.difference_update([number for number in self._staying if self._is_in(number, slots)])
        fresh = self._apply(found)
        return sorted(fresh, key=lambda entry: entry.reads.checked or -math.inf)

    async def borrow(self, sql: Sql, numbers: Collection[int]) -> list[Entry]:
        """Load nodes that others have reserved for this member, which keeps them until they are free.

        :returns: the new entries
        :raises podium.errors.DatabaseUnavailable: they cannot be loaded
        """

        def load(connection: sa.Connection) -> "_Changes":
            return self._sorted(connection, sql.now, self._pulse, statements.rows(connection, numbers), [])

        return self._apply(await sql.read(load))

    def lose(self, slots: Mapping[Pair, Collection[int]]) -> None:
        """Drop the nodes of slots that another member has gained; nodes that are taken stay for now."""
        for pair, numbers in slots.items():
            self._begun[pair].difference_update(numbers)
        lost = [entry.number for entry in self._entries.values() if entry.slot in slots.get(entry.pair, ())]
        self._staying.update(number for number in lost if self.taken.is_under_way(number))
        with self._lock:
            self._drop(number for number in lost if number not in self._staying)

    def _is_in(self, number: int, slots: Mapping[Pair, Collection[int]]) -> bool:
        entry = self._entries.get(number)
        return entry is not None and entry.slot in slots.get(entry.pair, ())

    def is_lost(self, number: int) -> bool:
        """Whether a node's slot belongs to another member, which gets the node when it is free."""
        return number in self._staying

    def take_dropped(self) -> list[Entry]:
        """The nodes that were dropped since the last call: deleted, changed, or now another member's."""
        free = [number for number in self._staying if number not in self.taken]
        self._staying.difference_update(free)
        with self._lock:
            self._drop(free)
            dropped, self._dropped = self._dropped, []
        return dropped

    def _find(self, connection: sa.Connection, clock: DatabaseClock) -> "_Changes":
        # The pulse first: later changes are read again, and never missed.
        pulse = changes.pulse(connection)
        # Without nodes there is no need to read the changes of all nodes.
        is_known = self._begun or self._entries
        rows = statements.changed(connection, self._pulse.changes) if is_known else []
        if pulse.rosters != self._pulse.rosters:  # their holders may have ended
            rows += statements.rows(connection, self._held)
        gone: list[int] = []
        if pulse.deletions != self._pulse.deletions:
            gone = statements.missing(connection, list(self._entries))
        return self._sorted(connection, clock, pulse, rows, gone)

    def _load(
        self, connection: sa.Connection, clock: DatabaseClock, slots: Mapping[Pair, Collection[int]]
    ) -> "_Changes":
        # The rows read below show all earlier changes; nodes of slots begun before may not show them yet.
        pulse = self._pulse if self._begun else changes.pulse(connection)
        rows = [row for pair in slots for row in statements.in_slots(connection, pair, slots[pair])]
        return self._sorted(connection, clock, pulse, rows, [], slots)

    def _sorted(
        self,
        connection: sa.Connection,
        clock: DatabaseClock,
        pulse: Pulse,
        rows: Iterable[Changed],
        gone: list[int],
        gained: Mapping[Pair, Collection[int]] = MappingProxyType({}),
    ) -> "_Changes":
        """Find out which rows belong to the fleet, and load those that are not known yet.

        :param gone: numbers of nodes that no longer belong to it
        :param gained: slots that begin now
        """
        unended: set[Worker] | None = None
        differ, held, reserved = [], set(), set()
        for row in rows:
            pair, known = (row.conductor_group, row.driver), self._entries.get(row.id)
            is_mine = row.slot in self._begun.get(pair, ()) or row.slot in gained.get(pair, ())
            is_mine = is_mine and row.provision_state != ENROLL
            if row.reservation not in (None, self.member):
                if unended is None:
                    unended = set(living(connection))
                if is_mine and row.reservation in unended:
                    held.add(row.id)
                    is_mine = False
            if not is_mine and row.reservation != self.member:
                gone.append(row.id)
                continue
            if row.reservation is not None:
                reserved.add(row.id)
            if known is None or known.version != row.version or gained:
                differ.append(row.id)  # a known node of a gained slot was another's until now
        entries: list[Entry] = []
        for chunk in chunks(differ):  # all rows of a large fleet at once take more memory than its entries
            loaded = statements.load(connection, chunk)
            now = time.monotonic()  # the hardware's state in the rows is older
            entries += (entry_of(owned, clock, now) for owned in loaded)
        doubtful = (entry for entry in entries if entry.is_password_in_doubt)
        left_alone = {one.number for one in doubtful if one.in_doubt or one.number in reserved}
        return _Changes(pulse, entries, gone, held, left_alone)

    def _apply(self, found: "_Changes") -> list[Entry]:
        fresh: list[Entry] = []
        self._held -= {*found.gone, *(entry.number for entry in found.entries)}
        self._held |= found.held
        self.taken.leave_alone(found.left_alone, (entry.number for entry in found.entries))
        with self._lock:
            self._drop(found.gone)
            for entry in found.entries:
                old = self._entries.get(entry.number)
                if old is None or old.node.name != entry.node.name:
                    self._by_name = None
                if old is not None and old.node.driver != entry.node.driver:
                    self._let_go(old)
                if old is None or entry.is_verifying or not _same_hardware(old.node, entry.node):
                    fresh.append(entry)
                else:
                    reads = entry.reads.following(old.reads, is_forgiven=old.node.maintenance)
                    # A reported health may not be written yet either.
                    was_switched = old.node.target_power_state not in (None, *states.BESIDE_POWER)
                    switched_at = entry.switched_at if was_switched else old.switched_at
                    entry = replace(
                        entry, reads=reads, fare=old.fare, since=old.since, switched_at=switched_at
                    )
                if entry.policy == ENFORCE:
                    self.enforced.add(entry.number)
                else:
                    self.enforced.discard(entry.number)
                self._entries[entry.number] = entry
                self._numbers[entry.node.uuid] = entry.number
                # While its password changes, the driver must not log in on its own; it is notified
                # afterwards.
                is_hidden = entry.is_password_in_doubt and entry.number in self.taken
                note = None if is_hidden else self._notes.get(entry.node.driver)
                if note is not None and self.owns(entry):
                    note(entry.node, True)
            self._by_driver.clear()
            self._info_changes += bool(fresh)
            # Last: a reader of "seen" and then of an entry finds at least the changes up to "seen".
            self._pulse = found.pulse
        return fresh

    def _drop(self, numbers: Iterable[int]) -> None:
        """Forget nodes. The lock must be held."""
        numbers = list(numbers)
        self.taken.leave_alone((), numbers)
        for number in numbers:
            entry = self._entries.pop(number, None)
            if entry is not None:
                self._numbers.pop(entry.node.uuid, None)
                self._by_driver.pop(entry.node.driver, None)
                self.enforced.discard(number)
                self.late.forget(number)
                self._by_name = None
                self._let_go(entry)

    def _let_go(self, entry: Entry) -> None:
        self._dropped.append(entry)
        if (note := self._notes.get(entry.node.driver)) is not None:
            note(entry.node, False)

    def note_columns(self, written: Mapping[int, Mapping[str, Any]]) -> None:
        """Apply JSON columns that were written, by number and name."""
        with self._lock:
            for number, columns in written.items():
                entry = self._entries.get(number)
                if entry is not None:
                    self._put_node(entry, replace(entry.node, **columns))

    def note_power(self, states: Iterable[tuple[int, int, str]]) -> None:
        """Apply power states that were written: number, version and state of each."""
        with self._lock:
            for number, version, state in states:
                entry = self._entries.get(number)
                if entry is not None and entry.version == version and entry.node.power_state != state:
                    self._put_node(entry, replace(entry.node, power_state=state))
                    self.late.came(number, state)

    def _put_node(self, entry: Entry, node: Node) -> None:
        self._entries[entry.number] = entry.with_node(node)
        self._by_driver.pop(node.driver, None)


def _same_hardware(old: Node, new: Node) -> bool:
    return (old.driver, old.driver_info) == (new.driver, new.driver_info)


@dataclass(frozen=True, slots=True)
class _Changes:
    """Changes that a fleet has not applied yet.

    :param entries: changed nodes
    :param gone: the numbers of changed nodes that are not its own
    :param held: the nodes among these that become its own when their holder frees them or ends
    :param left_alone: the numbers of entries, see :meth:`Taken.leave_alone`
    """

    pulse: Pulse
    entries: Sequence[Entry]
    gone: Sequence[int]
    held: Set[int]
    left_alone: Set[int]
