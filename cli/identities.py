"""Keeps a machine from being enrolled twice: drivers say which machine a node is."""

import argparse
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from podium import errors, masking, node_ranges
from podium.cli.catalog import Catalog
from podium.db import machines
from podium.drivers import base


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add the option --force."""
    parser.add_argument(
        "--force", action="store_true", help="even if by its address it is the same machine as another node"
    )


def identity(driver: base.Driver, node: base.Node) -> str | None:
    """Return the machine behind a node, as its driver names it.

    :raises ValueError: if the driver fails to do so; the text is for people
    """
    try:
        named = driver.identity(node)
    except Exception as fault:
        text = masking.scrub(errors.one_line(fault), node.driver_info, secrets(driver))
        raise ValueError(f"driver {driver.name} failed to name the machine: {text}") from None
    if named is None:
        return None
    if not (isinstance(named, str) and named.isprintable() and named.split() == [named]):
        raise ValueError(
            f"driver {driver.name} names the machine with something other than a printable text"
            " without blanks; look for blanks in driver_info"
        )
    return named


def secrets(driver: base.Driver) -> frozenset[str]:
    """Return the properties that a driver declares as secret."""
    return frozenset(key for key, declared in driver.properties.items() if declared.secret)


def refuse(shared: Iterable[machines.Shared], places: Mapping[str, int] = MappingProxyType({})) -> None:
    """Refuse nodes that are machines of other nodes.

    :param places: the places in their file of nodes that come from one, by name
    :raises podium.errors.InvalidNode: naming both nodes, and --force
    """

    def label(name: str) -> str:
        return f"node {places[name]} ({name})" if name in places else name

    faults = []
    for one in shared:
        other = label(one.other) if one.other in places else f"{one.other} ({one.other_uuid})"
        faults.append(
            f"{label(one.name)}: by its address it is the same machine as {other};"
            " correct the address, or use --force"
        )
    if faults:
        raise errors.InvalidNode(faults)


def warnings(shared: Iterable[machines.Shared]) -> list[str]:
    """Return a line for each machine that several nodes are."""
    alike: dict[str, list[str]] = {}
    for one in shared:
        alike.setdefault(one.other, []).append(one.name)
    return [
        f"{node_ranges.fold_for_log(names)}: by"
        f" {'their addresses they are' if names[1:] else 'its address it is'} the same machine as {other}"
        for other, names in alike.items()
    ]


def renew(connection: sa.Connection, catalog: Catalog) -> list[str]:
    """Write the identities of nodes that were enrolled by an earlier version of Podium or of their driver.

    :returns: warnings of drivers that cannot be asked, and of all nodes that are machines of other nodes
    """
    drivers, unknown = {}, []
    for name in machines.drivers(connection):
        try:
            drivers[name] = catalog.driver(name)
        except (errors.DriverLoadError, errors.ConfigError) as fault:
            unknown.append(f"which machines the nodes with the driver {name} are is not known: {fault}")

    def named(row: Mapping[Any, Any]) -> str | None:
        driver = drivers[row["driver"]]
        node = base.Node(row["uuid"], row["name"], driver.name, driver_info=row["driver_info"])
        try:
            driver.validate(node)
            return identity(driver, node)
        except Exception:  # of a node that does not fit the driver, which its reads report
            return None

    machines.renew(connection, named, drivers)
    return unknown + warnings(machines.repeated(connection))
