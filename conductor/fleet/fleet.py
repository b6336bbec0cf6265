"""The nodes that this conductor owns, in memory, kept up to date from the changes in the database."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from podium import masking
from podium.conductor.fleet.entry import ENFORCE, Entry, entry_of
from podium.conductor.fleet.late import Late
from podium.conductor.fleet.share import share_of
from podium.conductor.fleet.taken import Taken
from podium.conductor.rooms.clock import DatabaseClock
from podium.conductor.rooms.sql import Sql
from podium.db import changes
from podium.db import fleet as statements
from podium.db.api import chunks
from podium.db.changes import Pulse
from podium.db.fleet import Changed
from podium.drivers.base import Node

#: A number that no change has.
_NEVER: Final = -1


class Fleet:
    """Entries by number. Any thread may look them up.

    The conductor's loop alone replaces entries, under the lock; so do the threads of drivers that report a
    health.

    :param share: decides by UUID whether a node of the group and drivers is this process's; by default all
        are
    """

    def __init__(
        self, group: str, drivers: Sequence[str], share: Callable[[str], bool] | None = None
    ) -> None:
        self.group = group
        self.drivers = tuple(drivers)
        self.share = share or share_of(0, 1)
        self.taken = Taken()
        self.late = Late()
        #: Numbers of the nodes whose own policy is to be enforced.
        self.enforced: set[int] = set()
        self._entries: dict[int, Entry] = {}
        self._numbers: dict[str, int] = {}  # by UUID
        self._by_driver: dict[str, tuple[Node, ...]] = {}
        self._pulse = Pulse(0, 0, 0)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def seen(self) -> int:
        """The number of the newest change that the entries show."""
        return self._pulse.changes

    def get(self, number: int) -> Entry | None:
        """The node with this row number, None when it is not owned."""
        return self._entries.get(number)

    def find(self, uuid: str) -> Entry | None:
        """The node with this UUID, None when it is not owned."""
        number = self._numbers.get(uuid)
        return None if number is None else self._entries.get(number)

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
        return masking.scrub(text, {"": [node.driver_info for node in self.nodes(driver)]}, secret)

    async def refresh(self, sql: Sql) -> list[Entry] | None:
        """Take over what people and power changes have changed in the database.

        :returns: the entries that are new, or whose driver or driver_info is; None when nothing changed and
            no node became free
        :raises podium.errors.DatabaseUnavailable: when it cannot be asked
        """
        if await sql.pulse() == self._pulse:
            return [] if self.taken.note_seen(self.seen) else None
        fresh = self._apply(await sql.read(lambda connection: self._find(connection, sql.now)))
        self.taken.note_seen(self.seen)
        return fresh

    def doubt(self) -> None:
        """Have the next refresh load every node anew: the database may be at an older change."""
        self.taken.count_anew()
        with self._lock:
            for number, entry in list(self._entries.items()):
                self._entries[number] = replace(entry, version=_NEVER)
            self._pulse = Pulse(*[_NEVER] * len(Pulse._fields))

    async def wait_for_change(self, sql: Sql, *, every: float, most: float) -> bool:
        """Wait until there is something to refresh; see :meth:`Sql.wait_for_change`.

        :raises podium.errors.DatabaseUnavailable: when the database cannot be asked
        """
        changed = await sql.wait_for_change(self._pulse, every=every, most=most)
        # An outcome may be seen here before whoever wrote it hears of that: no other change need follow.
        return changed or self.taken.has_ended

    def _find(self, connection: sa.Connection, clock: DatabaseClock) -> "_Changes":
        # The pulse first: what changes after it is asked for again, and never missed.
        pulse = changes.pulse(connection)
        differ, gone = [], []
        for row in statements.changed(connection, self._pulse.changes):
            known = self._entries.get(row.id)
            if not self._owns(row):
                gone.append(row.id)
            elif known is None or known.version != row.version:
                differ.append(row.id)
        if pulse.deletions != self._pulse.deletions:
            left = statements.numbers(connection)
            gone += [number for number in list(self._entries) if number not in left]
        entries: list[Entry] = []
        for chunk in chunks(differ):  # the rows of a large fleet at once are larger than its entries
            loaded = statements.load(connection, chunk)
            now = time.monotonic()  # what the rows show of the hardware is older
            entries += (entry_of(owned, clock, now) for owned in loaded)
        return _Changes(pulse, entries, gone)

    def _owns(self, node: Changed) -> bool:
        return node.driver in self.drivers and node.conductor_group == self.group and self.share(node.uuid)

    def _apply(self, found: "_Changes") -> list[Entry]:
        fresh: list[Entry] = []
        with self._lock:
            for number in found.gone:
                entry = self._entries.pop(number, None)
                self.enforced.discard(number)
                if entry is not None:
                    self._numbers.pop(entry.node.uuid, None)
            for entry in found.entries:
                old = self._entries.get(entry.number)
                if old is None or not _same_hardware(old.node, entry.node):
                    fresh.append(entry)
                else:
                    reads = entry.reads.following(old.reads, is_forgiven=old.node.maintenance)
                    # A health that was reported may not be written yet either.
                    switched_at = entry.switched_at if old.node.target_power_state else old.switched_at
                    entry = replace(
                        entry, reads=reads, fare=old.fare, since=old.since, switched_at=switched_at
                    )
                if entry.policy == ENFORCE:
                    self.enforced.add(entry.number)
                else:
                    self.enforced.discard(entry.number)
                self._entries[entry.number] = entry
                self._numbers[entry.node.uuid] = entry.number
            self._by_driver.clear()
            # Last: whoever reads "seen" and then an entry finds at least what "seen" stands for.
            self._pulse = found.pulse
        return fresh

    def note_columns(self, written: Mapping[int, Mapping[str, Any]]) -> None:
        """Take over JSON columns that were written, by number and name."""
        with self._lock:
            for number, columns in written.items():
                entry = self._entries.get(number)
                if entry is not None:
                    self._put_node(entry, replace(entry.node, **columns))

    def note_power(self, states: Iterable[tuple[int, int, str]]) -> None:
        """Take over power states that were written: number, version and state of each."""
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
    """What a fleet does not know yet: changed nodes, and the numbers of nodes that it no longer owns."""

    pulse: Pulse
    entries: Sequence[Entry]
    gone: Sequence[int]
