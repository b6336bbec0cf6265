"""``podium node create``, ``set`` and ``delete``: each changes all of its nodes, or none."""

import argparse
import difflib
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, node_ranges
from podium.cli import arguments, command, outcomes
from podium.client import enrolment, identities
from podium.client.catalog import Catalog
from podium.db import api, machines
from podium.db.api import NodeRecord
from podium.drivers import base

#: The options of ``podium node set`` that change something.
_WHAT: Final = (
    "name",
    "driver",
    "driver_info",
    "property",
    "extra",
    "conductor_group",
    "unset_driver_info",
    "power_policy",
)


class _Change(command.Command):
    """A command with values for nodes."""

    def get_epilog(self) -> str:
        return arguments.SECRETS

    def add_values(self, parser: argparse.ArgumentParser) -> None:
        """Add the options for these values."""
        for option, text in (
            ("--driver-info", "a setting for the driver, see podium driver show"),
            ("--property", "something to note about the machine"),
            ("--extra", "something else to note"),
        ):
            parser.add_argument(
                option, action="append", default=[], metavar="KEY=VALUE", type=arguments.key_value, help=text
            )
        parser.add_argument(
            "--conductor-group",
            metavar="GROUP",
            type=arguments.group_name,
            help="the conductors that own it: those with this [conductor] conductor_group",
        )

    def driver_info(
        self, parsed_args: argparse.Namespace, catalog: Catalog, drivers: Collection[str]
    ) -> dict[str, str]:
        """Return the values of --driver-info, from the command line, files and the terminal.

        :param drivers: of the nodes
        """
        return arguments.read_values(
            parsed_args.driver_info, self.app.stdin, self.warn, lambda key: catalog.is_secret(key, drivers)
        )


class Create(_Change):
    """Enrol a node."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--driver", required=True, help="see podium driver list")
        parser.add_argument("--name", help="a host name, by default the UUID")
        parser.add_argument("--uuid", help="by default a new one")
        self.add_values(parser)
        arguments.add_force(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        number = parsed_args.uuid or str(uuid.uuid4())
        catalog = Catalog(self.config, self.warn)
        driver = catalog.driver(parsed_args.driver)
        row = {
            "name": parsed_args.name or number,
            "uuid": number,
            "driver": driver.name,
            "driver_info": self.driver_info(parsed_args, catalog, [driver.name]),
            "properties": dict(parsed_args.property),
            "extra": dict(parsed_args.extra),
            "conductor_group": parsed_args.conductor_group or "",
        }
        settled, faults = enrolment.settle(row, catalog)
        if faults:
            raise errors.InvalidNode([f"{row['name']}: {fault}" for fault in faults])
        with self.database() as database:
            with database.write() as connection:
                uuids = api.create_nodes(connection, [settled])
                shared = machines.shared(connection)
                if not parsed_args.force:
                    identities.refuse(shared)
                (node,) = api.find_keys(connection, uuids)
            self.say(f"{node.name} enrolled, UUID {node.uuid}")
            self.warn_of(identities.warnings(shared))
            self.warn_of_unowned(database, [node])


class Set(_Change):
    """Change what nodes were enrolled with: all of the named nodes, or none."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument("--name", help="a new name, for a single node")
        parser.add_argument("--driver", help="another driver")
        self.add_values(parser)
        arguments.add_force(parser)
        parser.add_argument(
            "--unset-driver-info", action="append", default=[], metavar="KEY", help="a setting to remove"
        )
        parser.add_argument(
            "--power-policy",
            choices=("record", "enforce", "ignore", "default"),
            help="when somebody else switches it: note that, or switch it back; ignore: do not even read its"
            " power; default: as [conductor] force_power_state_during_sync says",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        wanted = node_ranges.expand(parsed_args.nodes)
        if parsed_args.name and len(wanted) > 1:
            self.parser.error("argument --name: two nodes cannot have one name")
        if not any(getattr(parsed_args, option) not in (None, []) for option in _WHAT):
            self.parser.error("nothing to change; give at least one option, see podium node set --help")
        catalog = Catalog(self.config, self.warn)
        with self.database() as database:
            with database.read() as connection:
                found = api.find_keys(connection, wanted)
            names = {parsed_args.driver or node.driver for node in found}
            drivers = {catalog.driver(name) for name in sorted(names)}  # before secrets are asked for
            given = self.driver_info(parsed_args, catalog, names)
            with database.write() as connection:
                nodes = api.find_nodes(connection, wanted)
                _check_unset(parsed_args.unset_driver_info, nodes, drivers)
                changed, shared = _change(connection, nodes, parsed_args, given, catalog)
        unchanged = len(nodes) - changed
        self.say(f"{changed} changed" + (f", {unchanged} unchanged" if unchanged else ""))
        self.warn_of(identities.warnings(shared))


def _change(
    connection: sa.Connection,
    nodes: Sequence[NodeRecord],
    parsed_args: argparse.Namespace,
    given: Mapping[str, str],
    catalog: Catalog,
) -> tuple[int, list[machines.Shared]]:
    """Change nodes; return how many of them it changed, and which are now machines of other nodes.

    :raises podium.errors.InvalidNode: for faults of the values, and for machines of other nodes
    """
    wanted_values = [_changed(node, parsed_args, given, catalog) for node in nodes]
    changes = [enrolment.settle(values, catalog) for values in wanted_values]
    faults = [
        f"{node.name}: {fault}" for node, (_, found) in zip(nodes, changes, strict=True) for fault in found
    ]
    if faults:
        raise errors.InvalidNode(outcomes.folded_lines(faults))
    policy = _policy(parsed_args.power_policy)
    new = [(node, values | policy) for node, (values, _) in zip(nodes, changes, strict=True)]
    changed = [one for one in new if _new(*one)]
    api.update_nodes(connection, {node.id: _new(node, values) for node, values in changed})
    moved = [node.id for node, values in changed if values["identity"] != node.identity]
    shared = machines.shared(connection, moved) if moved else []
    if not parsed_args.force:
        identities.refuse(shared)
    return len(changed), shared


def _check_unset(keys: Iterable[str], nodes: Iterable[NodeRecord], drivers: Iterable[base.Driver]) -> None:
    """Refuse to unset what none of the nodes has nor can have.

    :raises podium.errors.InvalidNode: naming each key, and one that is like it
    """
    known = {key for node in nodes for key in node.driver_info}
    known |= {key for driver in drivers for key in driver.properties}
    faults = []
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            faults.append(f"{key} is not set" + (f"; did you mean {near[0]}?" if near else ""))
    if faults:
        raise errors.InvalidNode(faults)


def _new(node: NodeRecord, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the node does not have yet: nodes that get the same share a statement."""
    return {column: value for column, value in values.items() if getattr(node, column) != value}


def _changed(
    node: NodeRecord, parsed_args: argparse.Namespace, given: Mapping[str, str], catalog: Catalog
) -> dict[str, Any]:
    """Return the new values of a node."""
    driver = catalog.driver(parsed_args.driver or node.driver)
    info = {key: value for key, value in node.driver_info.items() if value is not None} | dict(given)
    unset = parsed_args.unset_driver_info
    group = parsed_args.conductor_group
    return {
        "uuid": node.uuid,
        "name": parsed_args.name or node.name,
        "driver": driver.name,
        "driver_info": {key: value for key, value in info.items() if key not in unset},
        "properties": node.properties | dict(parsed_args.property),
        "extra": node.extra | dict(parsed_args.extra),
        "conductor_group": node.conductor_group if group is None else group,
    }


def _policy(word: str | None) -> dict[str, Any]:
    """Return the columns that a --power-policy changes."""
    if word is None:
        return {}
    changed: dict[str, Any] = {"power_policy": None if word == "default" else word}
    if word in ("record", "ignore"):
        changed["enforcement"] = None  # enforcement's text about the node, which it will not clear itself
    return changed


class Delete(command.Command):
    """Forget nodes: all of the named nodes, or none. Their history of power changes is kept."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        wanted = node_ranges.expand(parsed_args.nodes)
        with self.database() as database, database.write() as connection:
            nodes = api.find_keys(connection, wanted)
            api.delete_nodes(connection, [node.id for node in nodes])
        self.say(f"{len(nodes)} deleted")
