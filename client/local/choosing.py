"""Which nodes a call means: names, ranges and patterns of names, and conditions."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import sqlalchemy as sa

from podium import errors, masking, node_ranges
from podium.client.calls.call import Nodes
from podium.client.calls.nodes import KEY
from podium.client.local.backend import Backend
from podium.db import machines
from podium.wording import nearest

if TYPE_CHECKING:
    from podium.db.selection.tree import Tree

#: Maximum patterns of one request: each is compared with the name of every node.
_MOST_PATTERNS: Final = 128


class Named(NamedTuple):
    """The meaning of the names in a call.

    :param names: names and UUIDs, in order; None for all nodes
    :param pattern: of all nodes, those whose name fits
    """

    names: Sequence[str] | None = None
    pattern: "Tree | None" = None


def expanded(nodes: Nodes) -> list[str]:
    """Return the names, UUIDs and patterns in a call, each once.

    :raises podium.errors.NotUnderstood: for a range that cannot be understood, and if nothing is named
    """
    found = node_ranges.expand([nodes] if isinstance(nodes, str) else nodes)
    if not found:
        raise errors.NotUnderstood("nodes: name at least one")
    count = sum(map(node_ranges.is_pattern, found))
    if count > _MOST_PATTERNS:
        raise errors.NotUnderstood(
            f"nodes: these are {count} patterns of names, and the most are {_MOST_PATTERNS};"
            " write some that fit more names, such as r*"
        )
    return found


def named(connection: sa.Connection, nodes: Nodes | None) -> Named:
    """Return what names, ranges and patterns mean.

    :raises podium.errors.NotUnderstood: as in :func:`expanded`
    :raises podium.errors.NodeNotFound: no node has a name that fits a pattern
    """
    if nodes is None:
        return Named()
    given = expanded(nodes)
    patterns = [one for one in given if node_ranges.is_pattern(one)]
    if not patterns:
        return Named(given)
    from podium.client.local import conditions  # most commands do not need it

    if len(patterns) == len(given):
        for one in patterns:
            conditions.fitting(connection, one, limit=1)
        return Named(pattern=conditions.pattern(patterns))
    names: dict[str, None] = {}
    for one in given:
        names |= dict.fromkeys(conditions.fitting(connection, one) if one in patterns else [one])
    return Named([*names])


def enforces_by_default(backend: Backend) -> bool:
    """Return whether enforcement applies to nodes without a policy of their own."""
    return bool(backend.config.conductor.force_power_state_during_sync)


def drivers_knowing(backend: Backend, connection: sa.Connection, key: str) -> list[str]:
    """Return the drivers of nodes that have a property which is not a secret.

    A property that a driver does not declare may be a secret, and so may all those of a driver not installed
    here.

    :raises podium.errors.NotUnderstood: there are nodes, and none of their drivers has the property
    """
    drivers = machines.drivers(connection)
    known = {name: backend.catalog.open_names(name) for name in drivers}
    found = [name for name in drivers if key in known[name]]
    if drivers and not found:
        near = nearest(key, sorted(frozenset[str]().union(*known.values())))
        hint = f"; did you mean {near}?" if near else ""
        raise errors.NotUnderstood(f"driver_info: no driver of these nodes knows {key[:80]}{hint}")
    return found


def check_entries(
    backend: Backend, connection: sa.Connection, field: str, values: Mapping[str, Iterable[str]]
) -> None:
    """Check that nodes are not selected by hidden values: whoever finds one has guessed the secret.

    :param field: extra, properties or driver_info
    :param values: the values that its entries are compared with, by key
    :raises podium.errors.NotUnderstood: naming the entry
    """
    drivers, sealing = machines.drivers(connection), backend.database.sealing
    declared = sealing.secret_names() if sealing is not None and sealing.writes_with else ()
    for key, texts in values.items():
        if not re.search(KEY, key):
            raise errors.NotUnderstood(f"nodes cannot be found by the entry {key[:80]!r} of {field}")
        is_secret = key in declared or backend.catalog.is_secret(key, drivers)
        if is_secret or any(masking.mask({"": text}) != {"": text} for text in texts):
            raise errors.NotUnderstood(
                f"{field}.{key[:80]} is, or has, a secret: nodes cannot be found by it"
            )
        if any(text.lstrip()[:1] in ("[", "{") for text in texts):
            raise errors.NotUnderstood(f"{field}.{key[:80]}: nodes cannot be found by lists and objects")
