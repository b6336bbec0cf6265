"""The answer to SetNodes: it changes all of its nodes, or none."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, node_ranges
from podium.client.calls.node_changes import Changed, SetNodes
from podium.client.enrolling import enrolment, identities
from podium.client.enrolling.catalog import Catalog
from podium.client.local import other_driver
from podium.client.local.backend import Backend, some_of
from podium.client.local.nodes import required_names
from podium.client.local.set_records import Records
from podium.client.records import node_records, record_rules, unsetting
from podium.client.records.node_records import RECORDS
from podium.client.records.unsetting import without
from podium.db import api, machines, renewing
from podium.db.api import NodeRecord
from podium.db.provision_states import ENROLL
from podium.db.sealed import Sealing, Unreadable, partly
from podium.drivers import base
from podium.wording import MOST_FAULTS, nearest

#: Mappings whose entries are added to the existing ones.
_MERGED: Final = ("driver_info", "properties", "extra")
#: Documents that may have secrets.
_DOCUMENTS: Final = (*_MERGED, "driver_internal_info", "record")
#: Fields that drivers check.
_OF_DRIVER: Final = ("name", "driver", "conductor_group", *_MERGED)
_POLICIES: Final = ("record", "enforce", "ignore", "default")
_ALL: Final = (*_OF_DRIVER, "power_policy", *RECORDS)


def set_nodes(backend: Backend, call: SetNodes) -> Changed:
    """Change nodes."""
    change = _Change(call, backend.catalog, backend.database.sealing)
    with backend.database.read() as connection:
        wanted = required_names(backend, connection, call.nodes, call.where)
        found = change.opened(api.find_nodes(connection, wanted))
        if len(found) > 1 and (twice := [one for one in ("name", "instance_uuid") if one in call.set]):
            raise errors.BadRequest(f"two nodes cannot have one {twice[0]}")
        change.check_unset(found)
        change.link(connection, found)
    new = change.new(found)  # before the transaction, for which everybody waits
    shared: list[machines.Shared] = []

    def work(connection: sa.Connection) -> Changed:
        changed_since = renewing.renewed(connection, [node for node, _ in new.values()])
        others = change.new(change.opened(changed_since))
        changed, shared[:] = change.write(connection, {**new, **others})
        return Changed(changed=changed, unchanged=len(new) - changed)

    return backend.write(call, work, lambda _: some_of(identities.warnings(shared)))


class _Change:
    """The changes of a call.

    ``is_of_driver`` is whether it changes fields that drivers check; if not, the drivers need not be
    installed here.

    :raises podium.errors.PodiumError: it makes no sense for any nodes
    """

    def __init__(self, call: SetNodes, catalog: Catalog, sealing: Sealing | None) -> None:
        self._given = _checked(call.set)
        self._force = call.force
        self._catalog = catalog
        self._sealing = sealing
        self._unset: dict[str, list[str | None]] = {"driver_info": []}
        for field, key in map(_parsed, call.unset):
            self._unset.setdefault(field, []).append(key)
        self._records = Records({name: its for name, its in call.set.items() if name in RECORDS}, self._unset)
        self.is_of_driver = not self._given.keys().isdisjoint(_OF_DRIVER)
        self.is_of_driver |= any(self._unset.get(field) for field in _MERGED)
        self._damaged: dict[int, dict[str, Unreadable]] = {}

    def opened(self, nodes: Iterable[NodeRecord]) -> list[NodeRecord]:
        """Return nodes with documents that can be read, and record what is damaged in them."""
        found = []
        for node in nodes:
            documents = {name: getattr(node, name) for name in _DOCUMENTS}
            self._damaged[node.id] = {
                name: its for name, its in documents.items() if isinstance(its, Unreadable)
            }
            if self._damaged[node.id]:
                node = node._replace(**{name: partly(its) for name, its in documents.items()})
            found.append(node)
        return found

    def _drivers(self, nodes: Iterable[NodeRecord]) -> set[base.Driver]:
        """Return the new drivers of nodes, if they must check something.

        :raises podium.errors.DriverLoadError: one of them cannot be used
        """
        found = {self._given.get("driver") or node.driver for node in nodes}
        return {self._catalog.driver(name) for name in sorted(found)} if self.is_of_driver else set()

    def check_unset(self, nodes: Sequence[NodeRecord]) -> None:
        """Refuse to unset entries that none of the nodes has or can have.

        :raises podium.errors.InvalidNode: naming each of them, and a similar one
        :raises podium.errors.DriverLoadError: a driver of the nodes cannot be used
        """
        drivers = self._drivers(nodes)
        declared = {key for driver in drivers for key in driver.properties}
        faults: list[str] = []
        for field, keys in self._unset.items():
            known = {key for node in nodes for key in _entries(node, field)}
            known |= declared if field == "driver_info" else set()
            for key in keys:
                if key is not None and key not in known:
                    near = nearest(key, known) if len(faults) < MOST_FAULTS else None
                    faults.append(f"{key[:80]} is not set" + (f"; did you mean {near}?" if near else ""))
        if faults:
            raise errors.InvalidNode(faults)

    def link(self, connection: sa.Connection, nodes: Iterable[NodeRecord]) -> None:
        """Check that the new chassis and parent of nodes exist.

        :raises podium.errors.InvalidNode: one of them does not
        """
        record_rules.link(connection, self._records.values, [node.uuid for node in nodes])

    def new(self, nodes: Iterable[NodeRecord]) -> dict[int, tuple[NodeRecord, dict[str, Any]]]:
        """Return nodes with the values that each does not have yet, by number.

        :raises podium.errors.InvalidNode: for faults of the values
        """
        faults: list[str] = []
        found = {node.id: (node, self._new(node, faults)) for node in nodes}
        if faults:
            raise errors.InvalidNode(node_ranges.folded_lines(faults))
        if self._sealing is not None:
            for _, values in found.values():
                values |= {name: self._sealing.prepared(values[name]) for name in _MERGED if name in values}
        return found

    def write(
        self, connection: sa.Connection, new: Mapping[int, tuple[NodeRecord, dict[str, Any]]]
    ) -> tuple[int, list[machines.Shared]]:
        """Change nodes; return how many were changed, and which are now machines of other nodes.

        :raises podium.errors.InvalidNode: for machines of other nodes
        """
        its = [node for node, _ in new.values()]
        self.link(connection, its)
        given = {node.id for node in its if self._has_password(node)}
        told = {node.id for node in its if node.id in given and node.credentials_in_doubt}
        changes = {number: values for number, (_, values) in new.items() if values or number in told}
        for values in changes.values():  # of one node, if any
            _check_instance(connection, values.get("instance_uuid"))
        api.update_nodes(connection, changes, {node.id: node for node in its}, given=given)
        moved = [number for number, values in changes.items() if "identity" in values]
        shared = machines.shared(connection, moved) if moved else []
        if not self._force:
            identities.refuse(shared)
        return len(changes), shared

    def _has_password(self, node: NodeRecord) -> bool:
        """Return whether the call sets the password of a node's login."""
        login = self._catalog.login(self._given.get("driver", node.driver)) if self.is_of_driver else None
        return login is not None and login.password in self._given.get("driver_info", {})

    def _new(self, node: NodeRecord, faults: list[str]) -> dict[str, Any]:
        """Return the values that a node does not have yet: nodes with the same values share a statement."""
        values: dict[str, Any] = {}
        found: Sequence[str] = ()
        damaged = self._damaged[node.id]
        if self.is_of_driver:
            complete, of_driver = node.provision_state != ENROLL, self._of_driver(node)
            found = _left(damaged, {name: of_driver[name] for name in _MERGED})
            if not found:
                values, found = enrolment.settle(of_driver, self._catalog, complete=complete)
        faults += [f"{node.name}: {fault}" for fault in found]
        try:
            values |= self._records.columns(node) if self._records else {}
        except errors.NodeConflict as conflict:
            faults.append(str(conflict))
        except errors.InvalidNode as wrong:
            faults += [
                fault if fault.startswith(f"{node.name}: ") else f"{node.name}: {fault}"
                for fault in wrong.faults
            ]
        if "record" in values:
            faults += [f"{node.name}: {fault}" for fault in _left(damaged, values)]
        if "driver_internal_info" in damaged:  # a driver collects again what it saved and is lost
            lost = damaged["driver_internal_info"].damaged
            values["driver_internal_info"] = without(node.driver_internal_info, lost)
        if "driver" in self._given:
            moved = {**values, "driver": values.get("driver", node.driver)}
            faults += [
                f"{node.name}: {fault}" for fault in other_driver.revelations(self._catalog, node, moved)
            ]
            values = moved
        values |= _policy(self._given.get("power_policy"))
        return {column: value for column, value in values.items() if getattr(node, column) != value}

    def _of_driver(self, node: NodeRecord) -> dict[str, Any]:
        found: dict[str, Any] = {"uuid": node.uuid}
        for name in ("name", "driver", "conductor_group"):
            found[name] = self._given.get(name, getattr(node, name))
        for name in _MERGED:
            there = {key: one for key, one in getattr(node, name).items() if one is not None}
            found[name] = without(there, self._unset.get(name, ())) | self._given.get(name, {})
        return found


def _checked(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values to set, in the types of their names.

    :raises podium.errors.InvalidNode: with each fault
    """
    faults: list[str] = []
    for name, value in given.items():
        if len(faults) == MOST_FAULTS:
            break
        if name not in _ALL:
            near = nearest(name, _ALL)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(_ALL)}"
            faults.append(f"{name[:80]!r} cannot be set; {hint}")
        elif value is None:
            faults.append(f"{name} has no value; unset takes one away")
        elif name in _MERGED and not isinstance(value, dict):
            faults.append(f"{name} is not a mapping of the entries to set")
        elif name in ("name", "driver", "conductor_group") and not isinstance(value, str):
            faults.append(f"{name} is not text")
        elif name == "power_policy" and value not in _POLICIES:
            faults.append(f"power_policy is none of {', '.join(_POLICIES)}")
    if faults:
        raise errors.InvalidNode(faults)
    return given


def _left(damaged: Mapping[str, Unreadable], new: Mapping[str, Any]) -> list[str]:
    """Return the entries of new documents that would still contain damaged values of the node."""
    return [
        f"{name}: {key}: {why}"
        for name, document in damaged.items()
        for key, why in document.damaged.items()
        if (new.get(name) or {}).get(key) == document.partly[key]
    ]


def _parsed(text: str) -> unsetting.Unset:
    try:
        return unsetting.parse(text)
    except ValueError as fault:
        raise errors.BadRequest(f"unset: {fault}") from None


def _entries(node: NodeRecord, field: str) -> Iterable[str]:
    found = node_records.of_node(node._asdict())[field] if field in RECORDS else getattr(node, field)
    return found if isinstance(found, dict | list) else ()


def _check_instance(connection: sa.Connection, instance: str | None) -> None:
    """Refuse an instance that another node has.

    :raises podium.errors.InvalidNode: naming it
    """
    if instance is not None and api.taken(connection, "instance_uuid", [instance]):
        raise errors.InvalidNode([f"another node has the instance {instance}; unset it there first"])


def _policy(word: str | None) -> dict[str, Any]:
    """Return the columns that a power_policy changes."""
    if word is None:
        return {}
    changed: dict[str, Any] = {"power_policy": None if word == "default" else word}
    if word in ("record", "ignore"):
        changed["enforcement"] = None  # enforcement's text about the node, which it will not clear itself
    return changed
