"""``podium node import``."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.progress import Progress

from podium import errors, node_ranges
from podium.cli import arguments, command, ironic_import, node_file
from podium.client import enrolment, identities, scalars
from podium.client.catalog import Catalog
from podium.db import api, machines


class Import(command.Command):
    """Enrol the nodes that a YAML or JSON file lists: all of them or, if any is wrong, none.

    The file is {"nodes": [{"name": ..., "driver": ..., "driver_info": {...}}, ...]}; a node may also have
    uuid, properties, extra, conductor_group and maintenance. Passwords, names and other texts are those of
    the file, quoted or not: 0123456 and no are texts. On a terminal a bar shows how far it is.

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
        settled = [enrolment.settle(row, catalog) for row in progress.track(given, description="checking")]
        rows = [row for row, _ in settled]
        found = [wrong for _, wrong in settled]
        with self.database() as database, database.write() as connection:
            _find_duplicates(rows, found, connection)
            if any(found):
                raise errors.InvalidNode(_lines(given, found))
            writing = progress.add_task("writing", total=len(rows))
            api.create_nodes(
                connection,
                rows,
                progress=lambda written: progress.advance(writing, written),
            )
            shared = machines.shared(connection)
            if not force:
                identities.refuse(shared, {row["name"]: place for place, row in enumerate(rows, 1)})
        return f"{len(rows)} imported", shared


def _lines(given: Sequence[Any], found: Sequence[Sequence[str]]) -> list[str]:
    """Return each fault with the rows that have it, by the places of the first."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for position, (row, wrong) in enumerate(zip(given, found, strict=True), 1):
        for fault in wrong:
            alike.setdefault(fault, []).append((str(position), _label(row)))
    lines = []
    for fault, rows in alike.items():
        places, labels = zip(*rows, strict=True)
        named = node_ranges.fold_for_log([*dict.fromkeys(labels)])
        place = node_ranges.fold_for_log(places).strip("[]")
        lines.append(f"node{'s' if rows[1:] else ''} {place} ({named}): {fault}")
    return lines


def _label(row: Any) -> str:
    name = row.get("name") if isinstance(row, dict) else None
    named = name is not None and not isinstance(name, dict | list)
    return repr(scalars.text(name))[1:-1][:80] if named else "no name"


def _find_duplicates(
    rows: Sequence[Mapping[str, Any]], found: Sequence[list[str]], connection: sa.Connection
) -> None:
    """Add to each row's faults the names and UUIDs that another row or an enrolled node has."""
    for column in ("name", "uuid"):
        values = [row.get(column) for row in rows]
        enrolled = set(api.taken(connection, column, list({value for value in values if value})))
        first: dict[str, int] = {}
        for position, value in enumerate(values, 1):
            if value is None:
                continue
            if value in enrolled:
                found[position - 1].append(f"the {column} is already enrolled")
            if first.setdefault(value, position) != position:
                found[position - 1].append(f"{column} {value[:80]!r} is that of node {first[value]} too")
