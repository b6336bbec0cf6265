"""The query of ``podium node list``: columns chosen by the user, for nodes that meet conditions.

100,000 nodes take seconds, so only the columns shown are read.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, states
from podium.db import name_keys, node_conditions
from podium.db.api import find_keys
from podium.db.bulk import chunks
from podium.db.models import members, node_columns, nodes, slots
from podium.db.provision_states import IS_CONDUCTED
from podium.db.sealed import as_sealed
from podium.db.slots import OF_NODE

CONDUCTOR: Final = "conductor"
_OWNER: Final = sa.select(slots.c.owner).where(OF_NODE).correlate(nodes).scalar_subquery()


def select_nodes(
    connection: sa.Connection,
    shown: Iterable[str],
    *,
    wanted: Sequence[str] | None = None,
    failing: bool = False,
    fresh: tuple[datetime, datetime] | None = None,
    enforced_by_default: bool | None = None,
    conductor: str | None = None,
    unserved: bool = False,
    health: str | None = None,
    chosen: sa.ColumnElement[bool] | None = None,
    extra: Mapping[str, str] = MappingProxyType({}),
    limit: int | None = None,
    after: str | None = None,
    sealed: bool = False,
    **equal: Any,
) -> list[dict[str, Any]]:
    """Some columns of the nodes that meet every condition, in natural order or, when wanted, as given.

    :param shown: the columns to read; ``conductor``: the number of the member that has the node's slot; or
        entries such as ``extra.rack``, as JSON
    :param wanted: names or UUIDs of the only nodes to look at; None for all
    :param failing: only those whose last read of the power failed, or that nobody reads: without an owner
        that has not ended, or reserved by a worker that has ended
    :param fresh: only those whose last read of the power is outside that time range, or that were never read
    :param enforced_by_default: only those whose power is to be restored; whether nodes without a policy of
        their own are enforced
    :param conductor: only those of members of this host
    :param unserved: only those whose slot is owned by no member that has not ended
    :param health: only those with this status; ``none`` for those without a report, or with an outdated one
    :param chosen: only those that also meet this condition
    :param extra: the texts of entries in ``extra``
    :param limit: how many nodes to return at most
    :param after: only those after this place: the name of one of the wanted nodes, or else a place as in
        podium.db.name_keys
    :param sealed: whether secrets stay encrypted
    :param equal: the values that columns must have
    :returns: the values by column; a node that no conductor reads yet is neither failing, stale nor unserved
    :raises podium.errors.NodeNotFound: naming every wanted node that does not exist
    :raises podium.errors.BadRequest: nodes are wanted, and ``after`` is none of them
    """
    names = tuple(shown)
    kind = connection.dialect.name
    read = [_read(kind, name) for name in names]
    if sealed:
        read = [as_sealed(one) for one in read]
    query = sa.select(nodes.c.id, *read).where(
        *(nodes.c[column] == value for column, value in equal.items()),
        *(node_conditions.entry(kind, nodes.c.extra, key) == value for key, value in extra.items()),
    )
    if chosen is not None:
        query = query.where(chosen)
    if failing:
        query = query.where(node_conditions.is_failing(connection))
    if fresh is not None:
        query = query.where(node_conditions.is_stale(fresh))
    if unserved:
        query = query.where(node_conditions.is_unserved(connection))
    if enforced_by_default is not None:
        query = query.where(node_conditions.to_be_enforced(enforced_by_default))
    if conductor is not None:
        query = query.where(node_conditions.has_owner(members.c.host == conductor))
    if health is not None:
        query = query.where(node_conditions.has_health(connection, health))
    if wanted is None:
        if after is not None:
            query = query.where(name_keys.after(connection, after))
        rows = connection.execute(query.order_by(*name_keys.ORDER).limit(limit))
        return [dict(zip(names, values, strict=True)) for _, *values in rows]
    keys = find_keys(connection, wanted)
    order = [key.id for key in keys]
    if after is not None:
        places = {key.name: place for place, key in enumerate(keys, 1)}
        if after not in places:
            raise errors.BadRequest(
                f"the marker is not next of another page: {after[:80]} is not among these nodes"
            )
        order = order[places[after] :]
    found: dict[int, dict[str, Any]] = {}
    for chunk in chunks(order):
        if limit is not None and len(found) >= limit:
            break
        for number, *values in connection.execute(query.where(nodes.c.id.in_(chunk))):
            found[number] = dict(zip(names, values, strict=True))
    return [found[number] for number in order if number in found][:limit]


def _read(kind: str, name: str) -> sa.ColumnElement[Any]:
    if name == CONDUCTOR:
        return _OWNER
    column, _, key = name.partition(".")
    return node_conditions.entry_as_json(kind, nodes.c[column], key) if key else node_columns([name])[0]


def names_by(
    connection: sa.Connection, conditions: Mapping[str, sa.ColumnElement[bool]]
) -> dict[str, list[str]]:
    """Return the names of the nodes that conductors look after and that meet each of these conditions."""
    labelled = (condition.label(f"its_{place}") for place, condition in enumerate(conditions.values()))
    query = sa.select(nodes.c.name, *labelled).where(IS_CONDUCTED, sa.or_(*conditions.values()))
    found: dict[str, list[str]] = {name: [] for name in conditions}
    for name, *met in connection.execute(query):
        for its, is_met in zip(found.values(), met, strict=True):
            if is_met:
                its.append(name)
    return found


def healths(connection: sa.Connection) -> dict[tuple[str, bool], int]:
    """Return how many of the nodes that conductors look after have each known health.

    :returns: by the health as people type it, and by ``maintenance``
    """
    status = node_conditions.entry(connection.dialect.name, nodes.c.health, "status")
    query = sa.select(status, nodes.c.maintenance, sa.func.count())
    query = query.where(
        IS_CONDUCTED, nodes.c.health.is_not(sa.null()), node_conditions.is_health_known(connection)
    )
    query = query.group_by(sa.literal_column("1"), sa.literal_column("2"))
    typed = {reported: word for word, reported in states.HEALTHS.items()}
    return {
        (typed.get(health, health), maintenance): count
        for health, maintenance, count in connection.execute(query)
    }


def shards(connection: sa.Connection) -> list[tuple[str | None, int]]:
    """Return the shards in order of name, None for no shard, and how many nodes are in each."""
    query = sa.select(nodes.c.shard, sa.func.count()).group_by(nodes.c.shard)
    found = [(row[0], row[1]) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one[0] is not None, one[0] or ""))


def children(connection: sa.Connection, node: str) -> list[str]:
    """Return the UUIDs of the nodes that are recorded as parts of the node with this UUID."""
    query = sa.select(nodes.c.uuid).where(nodes.c.parent_node == node).order_by(nodes.c.id)
    return list(connection.scalars(query))
