"""``podium node set``: it changes all of its nodes, or none."""

import argparse
import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, node_ranges
from podium.cli import arguments, node_changes, outcomes, record_options
from podium.cli.record_options import without
from podium.client import enrolment, identities, node_records, record_rules
from podium.client.catalog import Catalog
from podium.client.node_records import RECORDS
from podium.db import api, machines
from podium.db.api import NodeRecord
from podium.db.provision_states import ENROLL
from podium.drivers import base

#: The options for what drivers are asked about.
_OF_DRIVER: Final = ("name", "driver", "driver_info", "property", "extra", "conductor_group")
_WHAT: Final = (
    *_OF_DRIVER,
    *(name for name in RECORDS if name != "traits"),
    "trait",
    "unset",
    "unset_driver_info",
    "power_policy",
)


class Set(node_changes.Change):
    """Change what nodes were enrolled with, and what is noted of them: all of the named nodes, or none."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument("--name", help="a new name, for a single node")
        parser.add_argument("--driver", help="another driver")
        self.add_values(parser)
        arguments.add_force(parser)
        parser.add_argument(
            "--unset-driver-info",
            action="append",
            default=[],
            metavar="KEY",
            help="a setting to remove, as --unset driver_info.KEY",
        )
        parser.add_argument(
            "--power-policy",
            choices=("record", "enforce", "ignore", "default"),
            help="when somebody else switches it: note that, or switch it back; ignore: do not even read its"
            " power; default: as [conductor] force_power_state_during_sync says",
        )
        record_options.add(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        wanted = node_ranges.expand(parsed_args.nodes)
        for option in ("name", "instance_uuid"):
            if getattr(parsed_args, option) and len(wanted) > 1:
                self.parser.error(
                    f"argument --{option.replace('_', '-')}: two nodes cannot have one {option}"
                )
        if not any(getattr(parsed_args, option) not in (None, []) for option in _WHAT):
            self.parser.error("nothing to change; give at least one option, see podium node set --help")
        catalog = Catalog(self.config, self.warn)
        with self.database() as database:
            with database.read() as connection:
                found = api.find_keys(connection, wanted)
            names = {parsed_args.driver or node.driver for node in found}
            records = record_options.Wanted(parsed_args, self.app.stdin, self.warn)
            change = _Change(parsed_args, records, catalog)
            # before secrets are asked for
            drivers = {catalog.driver(name) for name in sorted(names)} if change.is_of_driver else set()
            change.driver_info = self.driver_info(parsed_args, catalog, names)
            with database.write() as connection:
                nodes = api.find_nodes(connection, wanted)
                change.check_unset(nodes, drivers)
                changed, shared = change.write(connection, nodes)
        unchanged = len(nodes) - changed
        self.say(f"{changed} changed" + (f", {unchanged} unchanged" if unchanged else ""))
        self.warn_of(identities.warnings(shared))


class _Change:
    """What a command line changes of nodes.

    ``is_of_driver`` is whether it is about what drivers are asked about; if not, they need not be installed
    here. ``driver_info`` are the new settings.
    """

    def __init__(
        self, parsed_args: argparse.Namespace, records: record_options.Wanted, catalog: Catalog
    ) -> None:
        self._given = parsed_args
        self._records = records
        self._catalog = catalog
        self._unset: dict[str, list[str | None]] = {"driver_info": [*parsed_args.unset_driver_info]}
        for field, key in parsed_args.unset:
            self._unset.setdefault(field, []).append(key)
        self.driver_info: Mapping[str, str] = {}
        self.is_of_driver = any(getattr(parsed_args, option) not in (None, []) for option in _OF_DRIVER)
        self.is_of_driver |= any(self._unset.get(field) for field in ("driver_info", "properties", "extra"))

    def check_unset(self, nodes: Sequence[NodeRecord], drivers: Collection[base.Driver]) -> None:
        """Refuse to unset entries that none of the nodes has nor can have.

        :raises podium.errors.InvalidNode: naming each of them, and one that is like it
        """
        declared = {key for driver in drivers for key in driver.properties}
        faults = []
        for field, keys in self._unset.items():
            known = {key for node in nodes for key in _entries(node, field)}
            known |= declared if field == "driver_info" else set()
            for key in keys:
                if key is not None and key not in known:
                    near = difflib.get_close_matches(key, known, 1)
                    faults.append(f"{key} is not set" + (f"; did you mean {near[0]}?" if near else ""))
        if faults:
            raise errors.InvalidNode(faults)

    def write(
        self, connection: sa.Connection, nodes: Sequence[NodeRecord]
    ) -> tuple[int, list[machines.Shared]]:
        """Change nodes; return how many of them it changed, and which are now machines of other nodes.

        :raises podium.errors.InvalidNode: for faults of the values, and for machines of other nodes
        """
        record_rules.link(connection, self._records.values, [node.uuid for node in nodes])
        faults: list[str] = []
        new = [(node, self._new(node, faults)) for node in nodes]
        if faults:
            raise errors.InvalidNode(outcomes.folded_lines(faults))
        changed = [(node, values) for node, values in new if values]
        for _, values in changed:  # of one node, if any
            _check_instance(connection, values.get("instance_uuid"))
        api.update_nodes(connection, {node.id: values for node, values in changed})
        moved = [node.id for node, values in changed if "identity" in values]
        shared = machines.shared(connection, moved) if moved else []
        if not self._given.force:
            identities.refuse(shared)
        return len(changed), shared

    def _new(self, node: NodeRecord, faults: list[str]) -> dict[str, Any]:
        """Return the values that a node does not have yet: nodes that get the same share a statement."""
        values: dict[str, Any] = {}
        found: Sequence[str] = ()
        if self.is_of_driver:
            complete = node.provision_state != ENROLL
            values, found = enrolment.settle(self._of_driver(node), self._catalog, complete=complete)
        faults += [f"{node.name}: {fault}" for fault in found]
        try:
            values |= self._records.columns(node)
        except errors.NodeConflict as conflict:
            faults.append(str(conflict))
        except errors.InvalidNode as wrong:
            faults += [
                fault if fault.startswith(f"{node.name}: ") else f"{node.name}: {fault}"
                for fault in wrong.faults
            ]
        if self._given.driver is not None:
            faults += [f"{node.name}: {fault}" for fault in self._revelations(node, values)]
        values |= _policy(self._given.power_policy)
        return {column: value for column, value in values.items() if getattr(node, column) != value}

    def _revelations(self, node: NodeRecord, values: dict[str, Any]) -> list[str]:
        """Return what the new driver would show that the old one hides, and drop what the old one saved."""
        before, after = node.driver, self._given.driver
        if saved := self._catalog.revealed(node.driver_internal_info, before, after):
            values["driver_internal_info"] = without(node.driver_internal_info, saved)
        names = ("driver_info", "properties", "extra", "record")
        fields = {name: values.get(name, getattr(node, name)) for name in names}
        return self._catalog.revelations(fields, before, after)

    def _of_driver(self, node: NodeRecord) -> dict[str, Any]:
        given, unset = self._given, self._unset
        info = {key: value for key, value in node.driver_info.items() if value is not None}
        group = given.conductor_group
        return {
            "uuid": node.uuid,
            "name": given.name or node.name,
            "driver": given.driver or node.driver,
            "driver_info": without(info | dict(self.driver_info), unset["driver_info"]),
            "properties": without(node.properties, unset.get("properties", ())) | dict(given.property),
            "extra": without(node.extra, unset.get("extra", ())) | dict(given.extra),
            "conductor_group": node.conductor_group if group is None else group,
        }


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
    """Return the columns that a --power-policy changes."""
    if word is None:
        return {}
    changed: dict[str, Any] = {"power_policy": None if word == "default" else word}
    if word in ("record", "ignore"):
        changed["enforcement"] = None  # enforcement's text about the node, which it will not clear itself
    return changed
