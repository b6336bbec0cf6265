"""Nodes and chassis to enrol: their faults, and which of them exist already."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from podium.client.enrolling import enrolment, portable
from podium.client.enrolling.catalog import Catalog
from podium.client.records import chassis_records, port_records
from podium.db import api, belongings, node_list

_REMEDY: Final = "podium node import --update or podium node set changes it, podium node delete forgets it"


@dataclass(eq=False)
class Row:
    """A node or chassis of a list.

    :param place: its position in the list, from 1 on
    :param columns: those in the list
    :param faults: its faults
    :param ports: for a node, the columns of its ports
    :param is_there: whether it already exists in the database
    """

    place: int
    columns: dict[str, Any]
    faults: list[str]
    ports: list[dict[str, Any]] = field(default_factory=list)
    is_there: bool = False


def node(place: int, given: Any, catalog: Catalog) -> Row:
    """Return a node of a list, with all faults that it has by itself."""
    if not isinstance(given, dict):
        return Row(place, *enrolment.settle(given, catalog))
    columns, faults = enrolment.settle({key: one for key, one in given.items() if key != "ports"}, catalog)
    ports, wrong = port_records.settle(given.get("ports"))
    return Row(place, columns, faults + wrong, ports)


def chassis(place: int, given: Any) -> Row:
    """Return a chassis of a list, with all faults that it has by itself."""
    return Row(place, *chassis_records.settle(given))


def compare(connection: sa.Connection, nodes: Sequence[Row], chassis: Sequence[Row], *, keep: bool) -> None:
    """Find what already exists in the database, and add faults that concern other rows or existing nodes.

    :param keep: whether nodes may already exist
    """
    for column in ("name", "uuid", "instance_uuid"):
        find_repeated(column, [(row, row.columns) for row in nodes], "node")
    for column in ("address", "uuid", "name"):
        find_repeated(column, [(row, port) for row in nodes for port in row.ports], "node", "port ")
    find_repeated("uuid", [(row, row.columns) for row in chassis], "chassis")
    if keep:
        _compare_nodes(connection, nodes)
    _compare_chassis(connection, chassis)
    new = [row for row in nodes if not row.is_there]
    find_taken_instances(connection, new)
    find_taken_ports(connection, new)
    find_missing_chassis(connection, new, {row.columns["uuid"] for row in chassis})


def find_repeated(
    column: str, parts: Iterable[tuple[Row, Mapping[str, Any]]], noun: str, what: str = ""
) -> None:
    """Add faults for the values of a column that an earlier part of the list also has."""
    first: dict[str, int] = {}
    for row, columns in parts:
        if (value := columns.get(column)) is None:
            continue
        if value in first:
            row.faults.append(f"{what}{column} {value[:80]!r} is that of {noun} {first[value]} too")
        first.setdefault(value, row.place)


def _compare_nodes(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Compare enrolled nodes with those of the list."""
    wanted: set[str] = set()
    for column in ("uuid", "name"):
        values = {row.columns[column] for row in rows if row.columns.get(column)}
        wanted.update(api.taken(connection, column, list(values)))
    enrolled = node_list.select_nodes(connection, portable.COLUMNS, wanted=sorted(wanted))
    ports = belongings.read_ports(connection, [one["uuid"] for one in enrolled])
    known = {one[column]: one for one in enrolled for column in ("name", "uuid")}
    for row in rows:
        name, own = row.columns.get("name"), row.columns.get("uuid")
        if (there := known.get(own or name)) is not None:
            row.is_there = True
            if not row.faults:
                row.faults += _differences(row, there, ports.get(there["uuid"], []))
        elif name in known:
            row.faults.append(f"the name is that of an enrolled node with another uuid; {_REMEDY}")


def _differences(row: Row, there: Mapping[str, Any], ports: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the differences between a node of the list and the enrolled one."""
    ours = portable.of_node(dict.fromkeys(portable.COLUMNS) | row.columns, row.ports)
    theirs = portable.of_node(there, ports)
    if "uuid" not in ours:
        del theirs["uuid"]
    if "maintenance_reason" not in ours:  # files of older versions do not have it
        theirs.pop("maintenance_reason", None)
    mine, others = _by_address(ours), _by_address(theirs)
    for address, port in others.items():
        if "uuid" not in mine.get(address, port):
            del port["uuid"]
    ours["ports"], theirs["ports"] = mine, others
    names = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
    return [f"it is enrolled already, and differs in {', '.join(names)}; {_REMEDY}"] if names else []


def _by_address(node: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {port["address"]: port for port in node.get("ports", ())}


def _compare_chassis(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Compare existing chassis with those of the list."""
    uuids = [row.columns["uuid"] for row in rows if row.columns["uuid"]]
    known = {one["uuid"]: one for one in belongings.read_chassis(connection, uuids)}
    for row in rows:
        if (there := known.get(row.columns["uuid"])) is None:
            continue
        row.is_there = True
        if names := [name for name, value in row.columns.items() if there[name] != value]:
            row.faults.append(
                f"it is there already, and differs in {', '.join(names)}; leave it out to keep that one"
            )


def find_taken_instances(
    connection: sa.Connection, new: Iterable[Row], freed: Collection[str | None] = ()
) -> None:
    """Add faults for instances that other nodes have.

    :param freed: instances of nodes that are forgotten
    """
    wanted = {row.columns["instance_uuid"]: row for row in new if row.columns.get("instance_uuid")}
    for instance in api.taken(connection, "instance_uuid", [one for one in wanted if one not in freed]):
        wanted[instance].faults.append(
            f"another node has the instance {instance}; podium node set --unset instance_uuid takes it away"
        )


def find_taken_ports(
    connection: sa.Connection,
    new: Sequence[Row],
    freed: Collection[str] = (),
    leaving: Collection[str] = (),
) -> None:
    """Add faults for ports that enrolled nodes have.

    :param freed: values of ports that are forgotten
    :param leaving: names of nodes that are forgotten
    """
    for column in ("address", "uuid", "name"):
        wanted = {port[column]: row for row in new for port in row.ports if port[column]}
        for value, owner in belongings.taken_ports(connection, column, list(wanted)).items():
            if value in wanted and value not in freed and owner not in leaving:
                wanted[value].faults.append(
                    f"the port {column} {value} is that of the enrolled node {owner}; leave one of them out"
                )


def find_missing_chassis(
    connection: sa.Connection, new: Sequence[Row], listed: Collection[str | None]
) -> None:
    """Add faults for chassis that are neither in the list nor in the database."""
    wanted = {its for row in new if (its := row.columns.get("chassis_uuid")) and its not in listed}
    missing = wanted.difference(one["uuid"] for one in belongings.read_chassis(connection, [*wanted]))
    for row in new:
        if (its := row.columns.get("chassis_uuid")) in missing:
            row.faults.append(f"chassis_uuid: there is no chassis {its}; list it under chassis")
