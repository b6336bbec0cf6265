"""The groups of nodes that may fail together: the whole fleet, by driver, and by subnet."""

import contextlib
import socket
from collections import defaultdict
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.entry import Entry
from podium.db.sealed import Unreadable
from podium.drivers.base import Node


def groups_of(node: Node) -> tuple[str, ...]:
    """The groups that a node belongs to, in words to put after "nodes"."""
    info = node.driver_info
    subnets = (
        subnet
        for key, value in (() if isinstance(info, Unreadable) else info.items())
        if key.endswith("_address") and isinstance(value, str) and (subnet := _subnet(value))
    )
    return ("of the fleet", f"of the driver {node.driver}", *subnets)


def sizes_of(entries: Iterable[Entry], rules: Rules) -> Mapping[str, int]:
    """The number of nodes in each group that are read and are neither in maintenance nor being verified."""
    sizes: dict[str, int] = defaultdict(int)
    for entry in entries:
        if rules.reads(entry) and not entry.node.maintenance and not entry.is_verifying:
            for group in groups_of(entry.node):
                sizes[group] += 1
    return dict(sizes)


def _subnet(address: str) -> str | None:
    """The subnet of a literal address; None for a name. ipaddress takes seconds for 100,000 addresses."""
    if "://" in address:
        with contextlib.suppress(ValueError):  # an invalid port or address
            address = urlsplit(address).hostname or ""
    try:
        first, second, third, _ = socket.inet_pton(socket.AF_INET, address)
        return f"in {first}.{second}.{third}.0/24"
    except (OSError, ValueError):
        pass
    try:
        network = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])[:8]
    except (OSError, ValueError):  # ValueError: a text with a null character
        return None
    return f"in {socket.inet_ntop(socket.AF_INET6, network + bytes(8))}/64"
