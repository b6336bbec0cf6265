"""The nodes that this conductor owns, in memory, kept true by what changed in the database."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from podium.conductor.sql import Sql
from podium.db import fleet as statements
from podium.drivers.base import Node


@dataclass(slots=True)
class Entry:
    """One owned node.

    :param version: the version of the row that ``node`` was made of
    :param failures: failed reads in a row
    """

    number: int
    version: int
    node: Node
    failures: int
    health: Mapping[str, Any] | None


def node_of(row: sa.Row[Any]) -> Node:
    """The snapshot that drivers see of a row."""
    return Node(
        uuid=row.uuid,
        name=row.name,
        driver=row.driver,
        driver_info=row.driver_info,
        power_state=row.power_state,
        target_power_state=row.target_power_state,
        maintenance=row.maintenance,
        properties=row.properties,
        driver_internal_info=row.driver_internal_info,
        extra=row.extra,
    )


class Fleet:
    """Entries by number. Changed by the conductor's loop alone; its reading methods serve any thread."""

    def __init__(self, group: str, drivers: Sequence[str]) -> None:
        self.group = group
        self.drivers = tuple(drivers)
        #: Numbers of nodes whose power is being changed: nobody else reads or switches them.
        self.busy: set[int] = set()
        self._entries: dict[int, Entry] = {}
        self._by_uuid: dict[str, Entry] = {}
        self._by_driver: dict[str, tuple[Node, ...]] = {}
        self._pulse: tuple[int, int, int, int] | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, number: int) -> Entry | None:
        """The node with this row number, None when it is not owned."""
        return self._entries.get(number)

    def find(self, uuid: str) -> Entry | None:
        """The node with this UUID, None when it is not owned."""
        return self._by_uuid.get(uuid)

    def entries(self, driver: str) -> list[Entry]:
        """The nodes that are enrolled with this very driver."""
        with self._lock:
            return [one for one in self._entries.values() if one.node.driver == driver]

    def nodes(self, driver: str) -> tuple[Node, ...]:
        """Snapshots of the nodes that are enrolled with this very driver."""
        with self._lock:
            if driver not in self._by_driver:
                found = (one.node for one in self._entries.values() if one.node.driver == driver)
                self._by_driver[driver] = tuple(found)
            return self._by_driver[driver]

    async def refresh(self, sql: Sql) -> list[Entry] | None:
        """Take over what people and power changes did in the database.

        :returns: the entries that are new, or whose driver or driver_info is; None when nothing changed
        :raises podium.errors.DatabaseUnavailable: when it cannot be asked
        """
        if await sql.read(statements.pulse) == self._pulse:
            return None
        known = {number: entry.version for number, entry in self._entries.items()}
        return self._apply(await sql.read(lambda connection: self._find(connection, known)))

    def _find(self, connection: sa.Connection, known: Mapping[int, int]) -> "_Changes":
        pulse = statements.pulse(connection)
        versions = statements.versions(connection, self.group, self.drivers)
        differ = [number for number, version in versions.items() if known.get(number) != version]
        gone = [number for number in known if number not in versions]
        return _Changes(pulse, statements.load(connection, differ), gone)

    def _apply(self, changes: "_Changes") -> list[Entry]:
        fresh: list[Entry] = []
        with self._lock:
            for number in changes.gone:
                entry = self._entries.pop(number, None)
                if entry is not None:
                    self._by_uuid.pop(entry.node.uuid, None)
            for row in changes.rows:
                node = node_of(row)
                old = self._entries.get(row.id)
                entry = Entry(row.id, row.version, node, row.power_failures, row.health)
                if old is None or (old.node.driver, old.node.driver_info) != (node.driver, node.driver_info):
                    fresh.append(entry)
                self._entries[row.id] = entry
                self._by_uuid[node.uuid] = entry
            self._by_driver.clear()
            self._pulse = changes.pulse
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


@dataclass(frozen=True, slots=True)
class _Changes:
    """What a fleet does not know yet: changed rows, and numbers that it owns no more."""

    pulse: tuple[int, int, int, int]
    rows: Sequence[sa.Row[Any]]
    gone: Sequence[int]
