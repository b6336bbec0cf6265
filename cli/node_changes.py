"""``podium node create`` and ``delete``, and the options that ``create`` shares with ``set``."""

import argparse
import uuid
from collections.abc import Collection

from podium import errors
from podium.cli import arguments, command
from podium.client import enrolment, identities
from podium.client.catalog import Catalog
from podium.db import api, machines


class Change(command.Command):
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
            help="the conductors that serve it: those with this [conductor] conductor_group",
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


class Create(Change):
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


class Delete(command.Command):
    """Forget nodes: all of the named nodes, or none. Their history of power changes is kept."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.podium() as podium:
            done = podium.delete_nodes(parsed_args.nodes)
        self.say(f"{done.changed} deleted")
