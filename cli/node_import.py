"""``podium node import``."""

import argparse
import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.progress import Progress

from podium import errors, node_ranges
from podium.cli import arguments, command, import_rows, ironic_import, node_file
from podium.cli.import_rows import Row
from podium.client import identities, scalars
from podium.client.catalog import Catalog
from podium.db import api, belongings, machines


class Import(command.Command):
    """Enrol the nodes that a YAML or JSON file lists: all of them or, if any is wrong, none.

    The file is {"nodes": [{"name": ..., "driver": ..., "driver_info": {...}}, ...]}; a node may also have
    uuid, properties, extra, conductor_group, maintenance, ports and whatever podium node set can set. A list
    chassis may stand beside nodes. Passwords, names and other texts are those of the file, quoted or not:
    0123456 and no are texts. Nodes that are enrolled already are left alone if they are the same in every
    way, and an error otherwise. On a terminal a bar shows how far it is.

    With --from-ironic-db nodes come from Ironic's database, with their credentials, ports and chassis. Those
    that cannot be taken are listed with the reason; all others are enrolled.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("file", metavar="FILE", nargs="?", help="its path, or - for standard input")
        source.add_argument(
            ironic_import.OPTION,
            metavar="@FILE",
            help="take the nodes of an Ironic instead, from its database, which is only read: the first line"
            " of this file is the database's URL; - for a line of standard input",
        )
        ironic_import.add_options(parser)
        arguments.add_force(parser)
        parser.add_argument("-q", "--quiet", action="store_true", help="print errors only")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        if (parsed_args.only or parsed_args.vendor_types) and not parsed_args.from_ironic_db:
            self.parser.error(f"--only and --vendor-types go with {ironic_import.OPTION}")
        with Progress(
            console=Console(file=self.app.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=parsed_args.quiet or not self.app.stderr.isatty(),
        ) as progress:
            if parsed_args.from_ironic_db:
                counted, shared = ironic_import.run(self, parsed_args, progress)
            else:
                counted, shared = self._import(parsed_args.file, parsed_args.force, progress)
        if not parsed_args.quiet:
            self.say(counted)
            self.warn_of(identities.warnings(shared))

    def _import(self, file: str, force: bool, progress: Progress) -> tuple[str, list[machines.Shared]]:
        """Return how many nodes were enrolled, for people, and those that are machines of other nodes."""
        reading = progress.add_task("reading", total=1)
        given = node_file.read(file, lambda share: progress.update(reading, completed=share))
        progress.update(reading, completed=1)
        catalog = Catalog(self.config, self.warn)
        checked = progress.track(given.nodes, description="checking")
        nodes = [import_rows.node(place, one, catalog) for place, one in enumerate(checked, 1)]
        chassis = [import_rows.chassis(place, one) for place, one in enumerate(given.chassis, 1)]
        with self.database() as database, database.write() as connection:
            import_rows.compare(connection, nodes, chassis)
            if faults := _lines("chassis", "", given.chassis, chassis) + _lines(
                "node", "s", given.nodes, nodes
            ):
                raise errors.InvalidNode(faults)
            belongings.create_chassis(connection, [row.columns for row in chassis if not row.is_there])
            shared = self._create(connection, [row for row in nodes if not row.is_there], force, progress)
        unchanged = sum(row.is_there for row in nodes)
        counted = f"{len(nodes) - unchanged} imported"
        return counted + (f", {unchanged} unchanged" if unchanged else ""), shared

    def _create(
        self, connection: sa.Connection, rows: Sequence[Row], force: bool, progress: Progress
    ) -> list[machines.Shared]:
        """Write nodes with their ports, and return those that are machines of other nodes."""
        if not rows:
            return []
        writing = progress.add_task("writing", total=len(rows))
        uuids = api.create_nodes(
            connection,
            [row.columns for row in rows],
            progress=lambda written: progress.advance(writing, written),
        )
        belongings.create_ports(
            connection,
            {
                own: [{**port, "uuid": port["uuid"] or str(uuid.uuid4())} for port in row.ports]
                for own, row in zip(uuids, rows, strict=True)
            },
        )
        shared = machines.shared(connection)
        if not force:
            identities.refuse(shared, {row.columns["name"]: row.place for row in rows})
        return shared


def _lines(noun: str, plural: str, given: Sequence[Any], rows: Sequence[Row]) -> list[str]:
    """Return each fault with the rows that have it, by the places of the first.

    :param given: what the file has for the rows
    """
    alike: dict[str, list[tuple[str, str]]] = {}
    for one, row in zip(given, rows, strict=True):
        for fault in row.faults:
            alike.setdefault(fault, []).append((str(row.place), _label(one)))
    lines = []
    for fault, found in alike.items():
        places, labels = zip(*found, strict=True)
        named = node_ranges.fold_for_log([*dict.fromkeys(labels)])
        place = node_ranges.fold_for_log(places).strip("[]")
        lines.append(f"{noun}{plural if found[1:] else ''} {place} ({named}): {fault}")
    return lines


def _label(row: Any) -> str:
    name = row.get("name", row.get("uuid")) if isinstance(row, dict) else None
    named = name is not None and not isinstance(name, dict | list)
    return repr(scalars.text(name))[1:-1][:80] if named else "no name"
