"""Compares a list with an enrolled node: which fields differ, and which columns change."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from podium import errors, masking
from podium.client import texts
from podium.client.enrolling import enrolment, plain_values, portable, scalars
from podium.client.enrolling.catalog import Catalog
from podium.client.local import other_driver, set_records
from podium.client.local.import_rows import Row
from podium.client.local.update_ports import Ports, compare
from podium.client.records import maintenance, node_records
from podium.client.records.node_fields import FIELDS
from podium.client.records.node_records import RECORDS
from podium.db import sealed
from podium.db.api import NodeRecord
from podium.db.provision_states import AVAILABLE, ENROLL

_OF_DRIVER: Final = ("name", "driver", "conductor_group", "driver_info", "properties", "extra")
#: Documents that may have secrets.
_DOCUMENTS: Final = ("driver_info", "properties", "extra", "driver_internal_info", "record")
#: Mappings whose entries are named individually.
_ENTRIES: Final = ("driver_info", "properties", "extra", "instance_info", "network_data")
#: Columns that are not fields of their own, and change with others.
_DERIVED: Final = ("identity", "controller", "endpoint")
#: Fields that need not be listed among those that stay as they are.
_UNMISSED: Final = ("name", "uuid", "driver", "provision_state", "maintenance_reason")


@dataclass(eq=False)
class Change:
    """An enrolled node of a list.

    :param row: the columns that change, new ports, and the faults
    :param fields: what changes, with the entries of mappings
    :param left: what the node has and the list does not name
    """

    node: NodeRecord
    row: Row
    fields: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    ports: Ports = field(default_factory=lambda: Ports([], [], []))


class Comparison:
    """Compares nodes in a list with enrolled nodes.

    :param columns: for a table: its fields and entries
    """

    def __init__(self, catalog: Catalog, columns: Sequence[str]) -> None:
        self._catalog = catalog
        self._entries = frozenset(columns)
        self._columns = dict.fromkeys(column.partition(".")[0] for column in columns)

    def change(
        self, place: int, given: Mapping[str, Any], node: NodeRecord, ports: Sequence[Mapping[str, Any]]
    ) -> Change:
        """Return the changes that a list makes to a node.

        :param ports: the node's
        """
        documents = {name: getattr(node, name) for name in _DOCUMENTS}
        node = node._replace(**{name: sealed.partly(its) for name, its in documents.items()})
        change = Change(node, Row(place, {}, [], is_there=True))
        shown = portable.of_node(self._catalog.masked(node._asdict()), [masking.mask(one) for one in ports])
        if same(given, shown):  # as exported: no driver is needed
            return change
        wanted = self._wanted(given, node)
        change.left += self._left(wanted, shown, node)
        change.row.faults += _damaged(documents, wanted)
        if not change.row.faults:
            self._compare(change, wanted)
        if "ports" in wanted:
            change.ports, faults = compare(wanted["ports"], ports)
            change.row.faults += faults
            change.row.ports += change.ports.new
            change.fields += ["ports"] if any(change.ports) else []
        return change

    def _wanted(self, given: Mapping[str, Any], node: NodeRecord) -> dict[str, Any]:
        """Return the fields in the list, without ``******`` where the node has a secret."""
        known = {**node._asdict(), **node_records.of_node(node._asdict())}
        secrets = self._catalog.secrets(node.driver)
        if isinstance(driver := given.get("driver"), str):
            secrets |= self._catalog.secrets(driver)
        found: dict[str, Any] = {}
        for name in {**given, **self._columns}:
            value = given.get(name)
            if name in _ENTRIES and (isinstance(value, dict) or scalars.is_null(value)):
                value = {**self._kept(name, known[name]), **(value or {})}
            found[name] = value if name == "ports" else masking.restored(value, known.get(name), secrets)
        return found

    def _kept(self, name: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entries of a mapping that a table does not name."""
        if name not in self._columns or name in self._entries:
            return {}
        return {key: value for key, value in known.items() if f"{name}.{key}" not in self._entries}

    def _left(self, wanted: Mapping[str, Any], shown: Mapping[str, Any], node: NodeRecord) -> Iterable[str]:
        for name in shown:
            if name not in wanted and name not in _UNMISSED:
                yield name
            elif name in _ENTRIES:
                yield from (f"{name}.{key}" for key in self._kept(name, shown[name]))
        state = wanted.get("provision_state")
        if not scalars.is_null(state) and state != shown.get("provision_state", AVAILABLE):
            yield "provision_state"

    def _compare(self, change: Change, wanted: Mapping[str, Any]) -> None:
        """Find the columns of a node that change, except for its ports, and the faults."""
        node, faults = change.node, change.row.faults
        settled, wrong = enrolment.settle(
            _candidate(node, wanted), self._catalog, complete=node.provision_state != ENROLL
        )
        faults += wrong
        values: dict[str, Any] = {}
        for name in _OF_DRIVER:
            if name in wanted and name in settled and not same(settled[name], getattr(node, name)):
                values[name] = settled[name]
        if values:
            values |= {name: settled[name] for name in _DERIVED if name in settled}
        if "driver" in values:
            faults += other_driver.revelations(self._catalog, node, values)
        values |= _maintenance(node, settled)
        before = node_records.of_node(node._asdict())
        after = before | _noted(wanted, faults)
        try:
            values |= set_records.columns_of(node, before, after)
        except errors.NodeConflict as conflict:
            faults.append(str(conflict).removeprefix(f"{node.name}: "))
        except errors.InvalidNode as fault:
            faults += [one.removeprefix(f"{node.name}: ") for one in fault.faults]
        change.row.columns |= {
            name: value for name, value in values.items() if not same(value, getattr(node, name))
        }
        change.fields += _fields(node, change.row.columns, before, after)


def _damaged(documents: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return the secrets that cannot be decrypted, and that a list does not replace."""
    of_record = not wanted.keys().isdisjoint(name for name, one in RECORDS.items() if not one.is_column)
    needed = {}
    for name, document in documents.items():
        its = wanted.get(name)
        if name == "record" and of_record:
            needed[name] = document
        elif isinstance(document, sealed.Unreadable) and isinstance(its, dict):
            kept = [key for key in document.damaged if key in its and its[key] == document.partly[key]]
            needed[name] = document if kept else None
    return sealed.faults(needed)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are the same in JSON, where 1 is neither true nor 1.0."""
    if one != other or not isinstance(one, dict | list):
        return bool(one == other)
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _candidate(node: NodeRecord, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new fields of a node, except for its state and its records."""
    found: dict[str, Any] = {"uuid": node.uuid}
    for name in _OF_DRIVER:
        value = wanted.get(name)
        if name in wanted and not (scalars.is_null(value) and name in ("name", "driver")):
            found[name] = "" if scalars.is_null(value) else value
        else:
            there = getattr(node, name)
            found[name] = there
            if name == "driver_info":
                found[name] = {key: one for key, one in there.items() if one is not None}
    for name in wanted:
        is_null = scalars.is_null(wanted[name])
        if name not in (*_OF_DRIVER, *RECORDS, "uuid", "ports") and not (name in FIELDS and is_null):
            found[name] = wanted[name]  # or an unknown name, which is refused
    if "provision_state" in found:
        found.pop("provision_state")
    return found


def _maintenance(node: NodeRecord, settled: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that change if a list says whether a node is in maintenance."""
    if "maintenance" not in settled:
        return {}
    if not settled["maintenance"]:
        ends = node.maintenance and node.fault is None  # the conductor ends its own
        return {**maintenance.UNSET} if ends else {}
    found = {**maintenance.SET}
    reason = settled.get("maintenance_reason")
    if reason is not None and reason != texts.as_reason(node.maintenance_reason or ""):
        found["maintenance_reason"] = reason
    return found


def _noted(wanted: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """Return the records in a list, as stored; faults are added."""
    noted: dict[str, Any] = {}
    for name in wanted:
        if name not in RECORDS:
            continue
        try:
            noted[name] = plain_values.of_file(name, wanted[name], RECORDS[name].kind)
        except ValueError as fault:
            faults.append(str(fault))
    faults += [
        f"{place[:80]} is {masking.MASK}, which Podium shows instead of a secret; give the secret itself"
        for place in masking.masked_places(noted)
    ]
    try:
        checked = node_records.columns(noted)
    except errors.InvalidNode as wrong:
        faults += wrong.faults
        return {}
    checked |= checked.pop("record", None) or {}
    return {name: RECORDS[name].default if checked.get(name) is None else checked[name] for name in noted}


def _fields(
    node: NodeRecord, values: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[str]:
    """Return what changes, including the entries of mappings."""
    pairs = {name: (getattr(node, name), value) for name, value in values.items() if name in FIELDS}
    pairs |= {name: (before[name], after[name]) for name in RECORDS if not same(before[name], after[name])}
    found = []
    for name, (old, new) in pairs.items():
        if name in _ENTRIES:
            keys = {**old, **new}
            found += [
                f"{name}.{key}"
                for key in keys
                if key not in old or key not in new or not same(old[key], new[key])
            ]
        else:
            found.append(name)
    return found
