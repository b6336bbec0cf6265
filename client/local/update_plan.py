"""The plan of the changes that make nodes match a list."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from podium import errors, masking, node_ranges
from podium.client.calls.updating import Fields, Listed, Plan
from podium.client.enrolling import enrolment, scalars
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.rows import lines
from podium.client.local import import_rows
from podium.client.local.enrolment import check_rows, with_words
from podium.client.local.import_rows import Row
from podium.client.local.update_rows import Change, Comparison, same
from podium.client.records import record_rules
from podium.db import api, belongings, claims, credentials_given, node_list
from podium.db.api import NodeRecord
from podium.db.sealed import Sealing

#: Maximum reasons shown why nodes are busy.
_MOST_BUSY: Final = 5


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """The changes of one transaction.

    :ivar deleted: the nodes that are forgotten
    :ivar gone: the names of all nodes that are not in the list; if they stay, only if they were looked for
    """

    new: list[Row]
    changed: list[Change]
    unchanged: list[Change]
    deleted: list[NodeRecord]
    gone: list[str]
    new_chassis: list[Row]
    changed_chassis: list[Row]

    def plan(self, *, everything: bool = False) -> Plan:
        """Return it in a form for people.

        :param everything: include what is not changed
        """
        listed = [*self.changed, *self.unchanged] if everything else []
        found = Plan(
            new=[row.columns["name"] for row in self.new],
            changed=_alike((one.node.name, one.fields) for one in self.changed),
            left=_alike((one.node.name, one.left) for one in listed if one.left),
            gone=self.gone,
            unchanged=len(self.unchanged),
            new_chassis=[row.columns["uuid"] for row in self.new_chassis],
            changed_chassis=_alike(
                (row.columns["uuid"], [name for name in row.columns if name != "uuid"])
                for row in self.changed_chassis
            ),
            busy=self._busy(),
            digest="",
        )
        done = (found.new, found.changed, [node.name for node in self.deleted])
        text = msgspec.json.encode((*done, found.new_chassis, found.changed_chassis))
        return msgspec.structs.replace(found, digest=hashlib.sha256(text).hexdigest()[:32])

    def _busy(self) -> list[str]:
        reasons = [claims.refusal(node) for node in self.deleted if node.reservation is not None]
        for one in self.changed:
            if one.node.reservation is not None:
                reasons.append(claims.refusal(one.node))
            elif (refusal := credentials_given.refusal(one.node, one.row.columns)) is not None:
                reasons.append(refusal)
        folded = node_ranges.folded_lines(reasons)
        more = len(folded) - _MOST_BUSY
        return [*folded[:_MOST_BUSY], *([f"and {more} reasons more"] if more > 0 else [])]


def _alike(found: Iterable[tuple[str, Sequence[str]]]) -> list[Fields]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, fields in found:
        alike.setdefault(tuple(fields), []).append(name)
    return [Fields(fields=[*fields], nodes=names) for fields, names in alike.items()]


class Wanted:
    """Nodes and chassis as they should be, and the existing nodes.

    :ivar given: the list
    """

    def __init__(self, call: Listed, catalog: Catalog) -> None:
        self.given = with_words(call.nodes, call.nulls)
        self._call = call
        self._catalog = catalog
        self._columns = frozenset(call.columns)
        self._comparison = Comparison(catalog, call.columns)
        self._there: dict[str, NodeRecord] = {}
        self._ports: dict[str, list[dict[str, Any]]] = {}
        self._rows: list[Row] = []
        self._changes: dict[int, Change] = {}
        self._chassis: list[dict[str, Any]] = []

    @classmethod
    def read(cls, connection: sa.Connection, call: Listed, catalog: Catalog) -> "Wanted":
        """Return what a call wants, with the existing nodes."""
        found = cls(call, catalog)
        if call.delete_missing and not call.nodes:
            raise errors.BadRequest("a list without nodes would have all nodes forgotten")
        named = [*map(_keys, found.given)]
        wanted: set[str] = set()
        for column in ("uuid", "name"):
            values = {value for one in named if (value := one[column]) is not None}
            wanted.update(api.taken(connection, column, sorted(values)))
        found._put(api.find_nodes(connection, sorted(wanted)))
        uuids = sorted({node.uuid for node in found._there.values()})
        found._ports = belongings.read_ports(connection, uuids)
        return found

    def _put(self, nodes: Iterable[NodeRecord]) -> None:
        for node in nodes:
            self._there[node.uuid] = self._there[node.name] = node

    @property
    def nodes(self) -> list[NodeRecord]:
        """The nodes of the list that exist."""
        return [one.node for one in self._changes.values()]

    def compare(self, sealing: Sealing | None) -> None:
        """Find the differences, and the faults in the list itself.

        :param sealing: encrypts secrets, so that this need not be done in the transaction
        :raises podium.errors.InvalidNode: there are too many different faults
        """
        self._rows = check_rows("node", "s", self.given, lambda place, one: self._row(place, one, sealing))

    def _row(self, place: int, given: Any, sealing: Sealing | None) -> Row:
        keys = _keys(given)
        node = self._there.get(keys["uuid"] or keys["name"] or "")
        if node is None:
            row = import_rows.node(place, given, self._catalog)
            if keys["name"] in self._there:
                row.faults.append("the name is that of an enrolled node with another uuid")
        else:
            try:
                change = self._comparison.change(place, given, node, self._ports.get(node.uuid, ()))
            except errors.SecretUnreadable as fault:  # of a port
                change = Change(node, Row(place, {}, [errors.one_line(fault)], is_there=True))
            self._changes[place] = change
            row = change.row
        if sealing is not None and not row.faults and "driver_info" in row.columns:
            row.columns["driver_info"] = sealing.prepared(row.columns["driver_info"])
        return row

    def renew(self, connection: sa.Connection, others: Sequence[NodeRecord], sealing: Sealing | None) -> None:
        """Compare nodes again that others have changed.

        :param others: these nodes as they are now
        """
        self._put(others)
        speaks = [
            place for place in self._changes if "ports" in self._columns or "ports" in self.given[place - 1]
        ]
        uuids = [self._changes[place].node.uuid for place in speaks]
        now = belongings.read_ports(connection, uuids)
        again = {node.uuid for node in others}
        again |= {uuid for uuid in uuids if now.get(uuid) != self._ports.get(uuid)}
        self._ports |= {uuid: now.get(uuid, []) for uuid in uuids}
        for place, change in [*self._changes.items()]:
            if change.node.uuid in again:
                self._rows[place - 1] = self._row(place, self.given[place - 1], sealing)

    def step(self, connection: sa.Connection) -> Step:
        """Return the changes to make.

        :raises podium.errors.InvalidNode: with every fault
        """
        rows = [replace(row, faults=[*row.faults]) for row in self._rows]  # it may be called several times
        changes = [replace(one, row=rows[place - 1]) for place, one in self._changes.items()]
        places = self._chassis_rows(connection)
        changed = [one for one in changes if one.row.columns or any(one.ports)]
        new = [row for row in rows if not row.is_there]
        gone = self._gone(connection)
        deleted = api.find_nodes(connection, gone) if self._call.delete_missing else []
        self._check(connection, rows, changes, places, deleted)
        faults = lines("chassis", "", self._call.chassis, ((row.place, row.faults) for row in places))
        faults += lines("node", "s", self.given, ((row.place, row.faults) for row in rows))
        faults += _undeletable(deleted)
        if faults:
            raise errors.InvalidNode(faults)
        return Step(
            new=new,
            changed=changed,
            unchanged=[one for one in changes if not (one.row.columns or any(one.ports))],
            deleted=deleted,
            gone=gone,
            new_chassis=[row for row in places if not row.is_there],
            changed_chassis=[row for row in places if row.is_there and len(row.columns) > 1],
        )

    def _gone(self, connection: sa.Connection) -> list[str]:
        """Return the names of nodes that are not in the list."""
        listed = {node.uuid for node in self.nodes}
        rows = node_list.select_nodes(connection, ["uuid", "name"])
        return [row["name"] for row in rows if row["uuid"] not in listed]

    def _check(
        self,
        connection: sa.Connection,
        rows: Sequence[Row],
        changes: Sequence[Change],
        places: Sequence[Row],
        deleted: Sequence[NodeRecord],
    ) -> None:
        """Add faults that concern other rows or existing nodes."""
        first: dict[int, int] = {}
        for one in changes:
            if one.node.id in first:
                one.row.faults.append(f"it is the same node as node {first[one.node.id]} too")
            first.setdefault(one.node.id, one.row.place)
        for column in ("name", "uuid", "instance_uuid"):
            import_rows.find_repeated(column, [(row, row.columns) for row in rows], "node")
        for column in ("address", "uuid", "name"):
            ports = [(row, port) for row in rows for port in row.ports]
            import_rows.find_repeated(column, ports, "node", "port ")
        import_rows.find_repeated("uuid", [(row, row.columns) for row in places], "chassis")
        renamed = {row.columns["name"]: row for row in rows if row.is_there and "name" in row.columns}
        leaving = {node.name for node in deleted}
        for name in api.taken(connection, "name", sorted(renamed.keys() - leaving)):
            renamed[name].faults.append(f"name {name} is that of another node")
        import_rows.find_taken_instances(connection, rows, {node.instance_uuid for node in deleted})
        freed = {
            str(port[key])
            for one in changes
            for port in one.ports.gone
            for key in ("address", "name", "uuid")
        }
        import_rows.find_taken_ports(connection, rows, freed, leaving)
        import_rows.find_missing_chassis(connection, rows, {row.columns.get("uuid") for row in places})

    def _chassis_rows(self, connection: sa.Connection) -> list[Row]:
        """Return the chassis of the list; of existing ones, only the differences."""
        listed = [one.get("uuid") if isinstance(one, dict) else None for one in self._call.chassis]
        uuids = [own.lower() for own in listed if isinstance(own, str)]
        known = {one["uuid"]: one for one in belongings.read_chassis(connection, uuids)}

        def check(place: int, given: Any) -> Row:
            own = given.get("uuid") if isinstance(given, dict) else None
            there = known.get(own.lower()) if isinstance(own, str) else None
            if there is None:
                return import_rows.chassis(place, given)
            row = import_rows.chassis(place, masking.restored(given, there))
            differ = {name: row.columns[name] for name in given if name in row.columns}
            row.columns = {name: one for name, one in differ.items() if not same(one, there[name])}
            row.columns["uuid"] = there["uuid"]
            row.is_there = True
            return row

        return check_rows("chassis", "", self._call.chassis, check)


def _keys(given: Any) -> dict[str, str | None]:
    """Return uuid and name of a node of a list, if they are texts."""
    found: dict[str, str | None] = {"uuid": None, "name": None}
    for key in found:
        value = given.get(key) if isinstance(given, dict) else None
        if not scalars.is_null(value) and not isinstance(value, dict | list):
            text = scalars.text(value)
            found[key] = text if key == "name" else enrolment.canonical(text)
    return found


def _undeletable(nodes: Iterable[NodeRecord]) -> list[str]:
    found = []
    for node in nodes:
        try:
            record_rules.check_deletion(node)
        except errors.NodeConflict as conflict:
            found.append(str(conflict))
    return node_ranges.folded_lines(found)
