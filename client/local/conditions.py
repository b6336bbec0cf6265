"""Conditions of calls, given as text, and patterns of names, as SQL."""

from collections.abc import Sequence

import sqlalchemy as sa

from podium import errors
from podium.client.calls.call import Where
from podium.client.local.backend import Backend
from podium.client.local.choosing import check_entries, drivers_knowing, enforces_by_default
from podium.db import node_list
from podium.db.selection.compiling import compiled
from podium.db.selection.fields import DRIVER_INFO, FIELDS, Kind
from podium.db.selection.parsing import parse
from podium.db.selection.tree import All, Condition, Tree, conditions


def pattern(patterns: Sequence[str]) -> Tree:
    """Return the condition that a name matches one of some patterns."""
    return Condition(FIELDS["name"], "", "~", tuple(patterns))


def fitting(connection: sa.Connection, one: str, limit: int | None = None) -> list[str]:
    """Return the names that match a pattern, in order.

    :raises podium.errors.NodeNotFound: no name matches
    """
    fits = compiled(connection, pattern([one]), enforced_by_default=False)
    rows = node_list.select_nodes(connection, ["name"], chosen=fits, limit=limit)
    if not rows and one == "*":
        raise errors.NodeNotFound("there are no nodes yet; enrol some: podium node import FILE")
    if not rows:
        raise errors.NodeNotFound(f"no node has a name that fits {one[:255]}; see: podium node list")
    return [row["name"] for row in rows]


def understood(
    backend: Backend, connection: sa.Connection, where: Where
) -> tuple[Tree, dict[str, list[str]]]:
    """Parse a text; also return, by its keys of driver_info, the drivers for which they are not secret.

    :raises podium.errors.BadRequest: it cannot be understood, or concerns a secret
    """
    tree = parse(where)
    knowing: dict[str, list[str]] = {}
    for one in conditions(tree):
        if one.field.kind is Kind.ENTRY:
            texts = [value for value in one.values if isinstance(value, str)]
            check_entries(backend, connection, one.field.name, {one.key: texts})
        if one.field.name == DRIVER_INFO:
            knowing[one.key] = drivers_knowing(backend, connection, one.key)
    return tree, knowing


def condition(
    backend: Backend, connection: sa.Connection, where: Where | None, fits: Tree | None
) -> sa.ColumnElement[bool]:
    """Return the condition that nodes must meet.

    :param where: as a text
    :param fits: a further condition
    :raises podium.errors.BadRequest: as in :func:`understood`
    """
    trees = [] if fits is None else [fits]
    knowing: dict[str, list[str]] = {}
    if where is not None:
        tree, knowing = understood(backend, connection, where)
        trees.append(tree)
    by_default = enforces_by_default(backend)
    return compiled(connection, All(tuple(trees)), enforced_by_default=by_default, knowing=knowing)
