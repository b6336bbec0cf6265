"""``podium node import --from-ironic-db``: the nodes in Ironic's database that Podium can take."""

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from rich.progress import Progress

from podium import errors, node_ranges
from podium.cli import command, database_urls
from podium.cli.node_import import FROM_IRONIC
from podium.client.enrolling import enrolment, from_ironic, identities
from podium.client.enrolling.catalog import Catalog
from podium.db import api, belongings, machines
from podium.db.ironic import IronicNode, read_nodes


class _Candidate(NamedTuple):
    """A node of Ironic, its columns in Podium, and the reasons why it cannot be taken."""

    node: IronicNode
    row: dict[str, Any]
    faults: list[str]


def run(asked: command.Command, parsed_args: argparse.Namespace, progress: Progress) -> tuple[str, list[str]]:
    """Enrol the nodes that can be taken, and print why others cannot.

    :returns: a summary for people, and warnings about nodes that are the same machine as another node
    """
    found = _read(asked, parsed_args, progress)
    catalog = Catalog(asked.config, asked.warn)
    unused: set[str] = set()
    candidates = [
        _candidate(node, catalog, parsed_args.vendor_types, unused)
        for node in progress.track(found, description="checking")
    ]
    with asked.database() as database, database.write() as connection:
        enrolled = set(api.taken(connection, "uuid", [node.uuid for node in found]))
        new = [one for one in candidates if one.node.uuid not in enrolled]
        _find_taken(new, connection)
        shared = _write([one for one in new if not one.faults], connection, parsed_args.force, progress)
    left = [one for one in new if one.faults]
    for one in left:
        asked.warn(f"{_label(one.node)} is not taken: {'; '.join(one.faults)}")
    if unused:
        asked.warn(f"left out of driver_info, as Podium has no use for it: {', '.join(sorted(unused))}")
    parts = [f"{len(new) - len(left)} imported"]
    parts += [f"{len(enrolled)} enrolled before"] if enrolled else []
    parts += [f"{len(left)} not taken"] if left else []
    return ", ".join(parts), identities.warnings(shared)


def _read(asked: command.Command, parsed_args: argparse.Namespace, progress: Progress) -> list[IronicNode]:
    given = parsed_args.from_ironic_db
    if given != "-" and not given.startswith("@"):
        asked.parser.error(
            f"argument {FROM_IRONIC}: give @FILE, whose first line is the URL, or - for standard input"
        )
    text = database_urls.plain(database_urls.read(FROM_IRONIC, given, asked.warn))
    reading = progress.add_task("reading", total=1)
    found = read_nodes(database_urls.parse(FROM_IRONIC, text))
    progress.update(reading, completed=1)
    if not parsed_args.only:
        return found
    by_name = {name: node for node in found for name in (node.uuid, node.name) if name}
    wanted = node_ranges.expand(parsed_args.only)
    if missing := [name for name in wanted if name not in by_name]:
        raise errors.NodeNotFound(f"Ironic has no node with the name or UUID {node_ranges.fold(missing)}")
    return list({by_name[name].uuid: by_name[name] for name in wanted}.values())


def _candidate(node: IronicNode, catalog: Catalog, vendors: bool, unused: set[str]) -> _Candidate:
    """Return a node with its columns, and add to ``unused`` what is left out of its driver_info."""
    translated = from_ironic.translate(node, catalog, vendors=vendors)
    if translated.faults:
        return _Candidate(node, {}, translated.faults)
    unused.update(translated.unused)
    is_complete = translated.columns["provision_state"] != "enroll"
    settled, faults = enrolment.settle(translated.row, catalog, complete=is_complete)
    return _Candidate(node, {**settled, **translated.columns}, faults)


def _find_taken(candidates: Sequence[_Candidate], connection: sa.Connection) -> None:
    """Add to the faults each value that an enrolled node or its ports have already."""
    for column in ("name", "instance_uuid"):
        values = [one.row[column] for one in candidates if one.row.get(column)]
        taken = set(api.taken(connection, column, values))
        for one in candidates:
            if one.row.get(column) in taken:
                one.faults.append(f"the {column} {one.row[column]} is that of an enrolled node")
    for column in ("uuid", "address", "name"):
        ports = [(one, value) for one in candidates for value in _of_ports(one.node, column)]
        owners = belongings.taken_ports(connection, column, [value for _, value in ports])
        for one, value in ports:
            if value in owners:
                one.faults.append(f"the port {value} is there already, of the node {owners[value]}")


def _of_ports(node: IronicNode, column: str) -> list[str]:
    values = [port[column] for port in from_ironic.ports(node)]
    return [value for value in values if value]


def _write(
    taken: Sequence[_Candidate], connection: sa.Connection, force: bool, progress: Progress
) -> list[machines.Shared]:
    """Write nodes with their ports and chassis, except nodes that are the same machine as another node.

    :returns: nodes that are the same machine as another node, if ``force`` takes them
    """
    if not taken:
        return []
    writing = progress.add_task("writing", total=len(taken))
    api.create_nodes(
        connection,
        [one.row for one in taken],
        progress=lambda written: progress.advance(writing, written),
    )
    shared = machines.shared(connection)
    if shared and not force:
        others = {one.name: one.other for one in shared}
        twice = [one for one in taken if one.row["name"] in others]
        for one in twice:
            one.faults.append(
                f"by its address it is the same machine as {others[one.row['name']]}; --force takes it"
            )
        keys = api.find_keys(connection, [one.node.uuid for one in twice])
        api.delete_nodes(connection, [key.id for key in keys])
        shared = []
    kept = [one.node for one in taken if not one.faults]
    belongings.create_chassis(connection, (node.chassis._asdict() for node in kept if node.chassis))
    belongings.create_ports(connection, {node.uuid: from_ironic.ports(node) for node in kept})
    return shared


def _label(node: IronicNode) -> str:
    return f"{node.name} ({node.uuid})" if node.name else node.uuid
