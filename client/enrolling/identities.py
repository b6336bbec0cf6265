"""Prevents a machine from being enrolled twice: drivers name the machine and the endpoint of a node."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Final

from podium import errors, masking, node_ranges
from podium.client.enrolling.catalog import Catalog
from podium.db import endpoints, machines
from podium.db.bulk import chunks
from podium.db.engine import Database
from podium.drivers import base

#: Nodes whose identities are written in one transaction: everybody else waits for it.
_AT_ONCE: Final = 20_000


def identity(driver: base.Driver, node: base.Node) -> str | None:
    """Return the machine behind a node, as its driver names it.

    :raises ValueError: if the driver fails to do so; the text is for people
    """
    try:
        named = driver.identity(node)
    except Exception as fault:
        text = _words(fault, driver, node)
        raise ValueError(f"driver {driver.name} failed to name the machine: {text}") from None
    if named is None:
        return None
    if not (isinstance(named, str) and named.isprintable() and named.split() == [named]):
        raise ValueError(
            f"driver {driver.name} names the machine with something other than a printable text"
            " without blanks; look for blanks in driver_info"
        )
    return named


def _words(fault: Exception, driver: base.Driver, node: base.Node) -> str:
    return errors.one_line(fault, lambda text: masking.scrub(text, node.driver_info, secrets(driver)))


def endpoint(driver: base.Driver, node: base.Node) -> str | None:
    """Return the endpoint of a node, as its driver names it; None for the node itself.

    :raises ValueError: if the driver fails to do so; the text is for people
    """
    if type(driver).endpoint is base.Driver.endpoint:
        return None
    try:
        named = driver.endpoint(node)
    except Exception as fault:
        text = _words(fault, driver, node)
        raise ValueError(f"driver {driver.name} failed to name what is spoken to: {text}") from None
    if named == node.uuid:  # empty for a node without a UUID
        return None
    if not (isinstance(named, str) and named.isprintable() and named.split() == [named]):
        raise ValueError(
            f"driver {driver.name} names what is spoken to with something other than a printable text"
            " without blanks; look for blanks in driver_info"
        )
    return endpoints.short(named)


def secrets(driver: base.Driver) -> frozenset[str]:
    """Return the properties that a driver declares as secret."""
    return frozenset(key for key, declared in driver.properties.items() if declared.secret)


def refuse(
    shared: Iterable[machines.Shared],
    places: Mapping[str, int] = MappingProxyType({}),
    remedy: str = "correct the address, or use --force",
) -> None:
    """Refuse nodes that are the same machines as other nodes.

    :param places: by name, the positions in their file of nodes from a file
    :raises podium.errors.InvalidNode: naming both nodes, and the remedy
    """

    def label(name: str) -> str:
        return f"node {places[name]} ({name})" if name in places else name

    faults = []
    for one in shared:
        other = label(one.other) if one.other in places else f"{one.other} ({one.other_uuid})"
        faults.append(f"{label(one.name)}: by its address it is the same machine as {other}; {remedy}")
    if faults:
        raise errors.InvalidNode(faults)


def warnings(shared: Iterable[machines.Shared]) -> list[str]:
    """Return a line for each machine that several nodes share."""
    alike: dict[str, list[str]] = {}
    for one in shared:
        alike.setdefault(one.other, []).append(one.name)
    return [
        f"{node_ranges.fold_for_log(names)}: by"
        f" {'their addresses they are' if names[1:] else 'its address it is'} the same machine as {other}"
        for other, names in alike.items()
    ]


def renew(database: Database, catalog: Catalog) -> list[str]:
    """Write the machines and endpoints of nodes again, if an earlier version of drivers named them.

    :returns: warnings about drivers that cannot be used, and about all nodes that are machines of other nodes
    """
    drivers, unknown = {}, []
    with database.read() as connection:
        for name in machines.drivers(connection):
            try:
                drivers[name] = catalog.driver(name)
            except (errors.DriverLoadError, errors.ConfigError) as fault:
                unknown.append(
                    f"which machines the nodes with the driver {name} are, and what is behind one address,"
                    f" is not known: {fault}"
                )
        found = machines.renamed(connection, lambda row: _named(drivers[row["driver"]], row), drivers)
    for some in chunks(found, _AT_ONCE):
        with database.write() as connection:
            machines.rename(connection, some)
    with database.read() as connection:
        return unknown + warnings(machines.repeated(connection))


def _named(driver: base.Driver, row: Mapping[Any, Any]) -> tuple[str | None, str | None]:
    """Return machine and endpoint of a node; None for what its driver does not name."""
    node = base.Node(row["uuid"], row["name"], driver.name, driver_info=row["driver_info"])
    try:
        driver.validate(node)
    except Exception:  # the node does not fit the driver; its reads report that
        return None, None
    machine = place = None
    with suppress(ValueError):
        machine = identity(driver, node)
    with suppress(ValueError):
        place = endpoint(driver, node)
    return machine, place
