"""The nodes that this conductor owns, in memory, kept true by what changed in the database."""

import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from podium.conductor.fleet.share import share_of
from podium.conductor.fleet.taken import Taken
from podium.conductor.rooms.sql import Sql
from podium.db import changes
from podium.db import fleet as statements
from podium.db.api import chunks
from podium.db.changes import Pulse
from podium.db.faults import POWER_FAILURE
from podium.db.fleet import Changed, OwnedNode
from podium.drivers.base import Node

#: The policies of nodes that are switched back, and of nodes that are not even read.
ENFORCE: Final = "enforce"
IGNORE: Final = "ignore"


@dataclass(slots=True, eq=False)
class Entry:
    """One owned node; a change that a person or a power action made comes as another entry.

    :param version: the number of the change that ``node`` was made of
    :param failures: failed reads in a row
    :param checked: when the power was last read, in Unix time; None when it never was
    :param wanted: the power state that the last request reached
    :param policy: what is done when the power is another: record, enforce, ignore; None for the usual
    :param fault: who put the node into maintenance, where that was no person
    :param enforcement: what was last written of why enforcement waits with the node
    :param failing_since: of the failed reads, the moment of the first that this process saw, in seconds of
        the monotonic clock
    :param marked: whether the fault was handed over that comes of them
    """

    number: int
    version: int
    node: Node
    failures: int
    health: Mapping[str, Any] | None
    checked: float | None
    wanted: str | None = None
    policy: str | None = None
    fault: str | None = None
    enforcement: str | None = None
    failing_since: float | None = None
    marked: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether what happens to it is judged: of a node that a person looks after it is only noted."""
        return not self.node.maintenance or self.unreadable

    @property
    def unreadable(self) -> bool:
        """Whether the node is in maintenance because its power could not be read, and for nothing else."""
        return self.node.maintenance and self.fault == POWER_FAILURE


def node_of(owned: OwnedNode) -> Node:
    """The snapshot of a node that drivers see."""
    return Node(
        uuid=owned.uuid,
        name=owned.name,
        driver=sys.intern(owned.driver),
        driver_info=_shared(owned.driver_info),
        power_state=_interned(owned.power_state),
        target_power_state=_interned(owned.target_power_state),
        maintenance=owned.maintenance,
        properties=_shared(owned.properties),
        driver_internal_info=_shared(owned.driver_internal_info),
        extra=_shared(owned.extra),
    )


def _interned(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


#: Texts that were met lately, to have those that many nodes share in memory once.
_texts: dict[str, str] = {}
_MOST_TEXTS: Final = 4096


def _shared(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with keys and values of other nodes."""
    if len(_texts) > _MOST_TEXTS:
        _texts.clear()
    return {
        sys.intern(key): _texts.setdefault(value, value) if type(value) is str else value
        for key, value in values.items()
    }


def _entry_of(owned: OwnedNode) -> Entry:
    checked = None if owned.power_checked_at is None else owned.power_checked_at.timestamp()
    return Entry(
        number=owned.id,
        version=owned.version,
        node=node_of(owned),
        failures=owned.power_failures,
        health=owned.health,
        checked=checked,
        wanted=_interned(owned.wanted_power_state),
        policy=_interned(owned.power_policy),
        fault=_interned(owned.fault),
        enforcement=owned.enforcement,
    )


class Fleet:
    """Entries by number. Changed by the conductor's loop alone; its reading methods serve any thread.

    :param share: whether a node of the group and drivers, by its UUID, is this process's; by default all are
    """

    def __init__(
        self, group: str, drivers: Sequence[str], share: Callable[[str], bool] | None = None
    ) -> None:
        self.group = group
        self.drivers = tuple(drivers)
        self.share = share or share_of(0, 1)
        self.taken = Taken()
        #: Numbers of nodes that are to be enforced whatever is usual.
        self.enforced: set[int] = set()
        self._entries: dict[int, Entry] = {}
        self._by_uuid: dict[str, Entry] = {}
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
        return self._by_uuid.get(uuid)

    def entries(self, driver: str | None = None) -> list[Entry]:
        """The nodes that are enrolled with this very driver, or all."""
        with self._lock:
            return [one for one in self._entries.values() if driver in (None, one.node.driver)]

    def nodes(self, driver: str) -> tuple[Node, ...]:
        """Snapshots of the nodes that are enrolled with this very driver."""
        with self._lock:
            if driver not in self._by_driver:
                found = (one.node for one in self._entries.values() if one.node.driver == driver)
                self._by_driver[driver] = tuple(found)
            return self._by_driver[driver]

    async def refresh(self, sql: Sql) -> list[Entry] | None:
        """Take over what people and power changes did in the database.

        :returns: the entries that are new, or whose driver or driver_info is; None when nothing changed and
            no node became free
        :raises podium.errors.DatabaseUnavailable: when it cannot be asked
        """
        if await sql.pulse() == self._pulse:
            return [] if self.taken.note_seen(self.seen) else None
        fresh = self._apply(await sql.read(self._find))
        self.taken.note_seen(self.seen)
        return fresh

    async def wait_for_change(self, sql: Sql, *, every: float, most: float) -> None:
        """Wait until there is something to refresh; see :meth:`Sql.wait_for_change`.

        :raises podium.errors.DatabaseUnavailable: when the database cannot be asked
        """
        await sql.wait_for_change(self._pulse, every=every, most=most)

    def _find(self, connection: sa.Connection) -> "_Changes":
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
            entries += map(_entry_of, statements.load(connection, chunk))
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
                    self._by_uuid.pop(entry.node.uuid, None)
            for entry in found.entries:
                old = self._entries.get(entry.number)
                if old is None or not _same_hardware(old.node, entry.node):
                    fresh.append(entry)
                else:  # what was read may not be written yet
                    entry.failures = old.failures
                    entry.checked = max(entry.checked or 0.0, old.checked or 0.0) or None
                    if not (old.marked or old.node.maintenance):
                        entry.failing_since = old.failing_since
                if entry.policy == ENFORCE:
                    self.enforced.add(entry.number)
                else:
                    self.enforced.discard(entry.number)
                self._entries[entry.number] = entry
                self._by_uuid[entry.node.uuid] = entry
            self._by_driver.clear()
            # Last: who reads "seen" and then an entry finds what it stands for.
            self._pulse = found.pulse
        return fresh

    def note_columns(self, written: Mapping[int, Mapping[str, Any]]) -> None:
        """Take over JSON columns that were written, by number and name."""
        with self._lock:
            for number, columns in written.items():
                entry = self._entries.get(number)
                if entry is not None:
                    entry.node = replace(entry.node, **columns)
                    self._by_driver.pop(entry.node.driver, None)

    def note_power(self, states: Iterable[tuple[int, int, str]]) -> None:
        """Take over power states that were written: number, version and state of each."""
        with self._lock:
            for number, version, state in states:
                entry = self._entries.get(number)
                if entry is not None and entry.version == version and entry.node.power_state != state:
                    entry.node = replace(entry.node, power_state=state)
                    self._by_driver.pop(entry.node.driver, None)


def _same_hardware(old: Node, new: Node) -> bool:
    return (old.driver, old.driver_info) == (new.driver, new.driver_info)


@dataclass(frozen=True, slots=True)
class _Changes:
    """What a fleet does not know yet: changed nodes, and numbers that it owns no more."""

    pulse: Pulse
    entries: Sequence[Entry]
    gone: Sequence[int]
