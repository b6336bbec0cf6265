"""``podium node import``."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from podium import errors
from podium.cli import command, enrolment, node_file
from podium.cli.catalog import Catalog
from podium.db import api


class Import(command.Command):
    """Enrol the nodes that a YAML or JSON file lists: all of them or, when any is wrong, none.

    The file is {"nodes": [{"name": ..., "driver": ..., "driver_info": {...}}, ...]}; a node may also have
    uuid, properties, extra, conductor_group and maintenance.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("file", metavar="FILE", help="its path, or - for standard input")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        given = node_file.read(parsed_args.file)
        catalog = Catalog(self.config)
        found = [enrolment.faults(row, catalog) for row in given]
        with self.database() as database, database.write() as connection:
            _find_duplicates(given, found, connection)
            lines = [
                f"node {position} ({_label(row)}): {fault}"
                for position, (row, wrong) in enumerate(zip(given, found, strict=True), 1)
                for fault in wrong
            ]
            if lines:
                raise errors.InvalidNode(lines)
            api.create_nodes(connection, [_complete(row) for row in given])
        self.say(f"{len(given)} imported")


def _label(row: Any) -> str:
    name = row.get("name") if isinstance(row, dict) else None
    return repr(name)[1:-1][:80] if isinstance(name, str) else "no name"


def _complete(row: Mapping[str, Any]) -> dict[str, Any]:
    filled = {key: value for key, value in row.items() if value is not None}
    if "uuid" in filled:
        filled["uuid"] = enrolment.canonical(filled["uuid"])
    return filled


def _find_duplicates(given: Sequence[Any], found: Sequence[list[str]], connection: sa.Connection) -> None:
    """Add to the faults of each row the names and UUIDs that another row or an enrolled node has."""
    for column in ("name", "uuid"):
        values = [_text(row, column) for row in given]
        enrolled = set(api.taken(connection, column, list({value for value in values if value})))
        first: dict[str, int] = {}
        for position, value in enumerate(values, 1):
            if value is None:
                continue
            if value in enrolled:
                found[position - 1].append(f"{column} {value[:80]!r} is already enrolled")
            if first.setdefault(value, position) != position:
                found[position - 1].append(f"{column} {value[:80]!r} is that of node {first[value]} too")


def _text(row: Any, column: str) -> str | None:
    value = row.get(column) if isinstance(row, dict) else None
    if not isinstance(value, str):
        return None
    return enrolment.canonical(value) if column == "uuid" else value
