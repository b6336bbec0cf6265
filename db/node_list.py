"""The query of ``podium node list``: some columns, chosen by the user, of the nodes that meet conditions.

100,000 nodes take seconds, so that no more than what is shown is read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa

from podium import errors, states
from podium.db import clock
from podium.db.api import find_keys
from podium.db.bulk import chunks
from podium.db.fleet_figures import IS_READ
from podium.db.members import unended
from podium.db.models import members, node_columns, nodes, power_readings, slots
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
    extra: Mapping[str, str] = MappingProxyType({}),
    limit: int | None = None,
    after: str | None = None,
    sealed: bool = False,
    **equal: Any,
) -> list[dict[str, Any]]:
    """Some columns of the nodes that meet every condition, in order of name or, when wanted, as given.

    :param shown: the columns to read, or ``conductor``: the number of the member that has the node's slot
    :param wanted: names or UUIDs of the only nodes to look at; None for all
    :param failing: only those whose last read of the power failed, or that nobody reads: without an owner, or
        reserved by one, that has not ended
    :param fresh: only those whose power was not last read within that time, or never
    :param enforced_by_default: only those whose power is to be restored; whether nodes without a policy of
        their own are enforced
    :param conductor: only those of members of this host
    :param unserved: only those whose slots no member has that has not ended
    :param health: only those with this status; ``none`` for those without a report, or with an outdated one
    :param extra: the texts of entries in ``extra``
    :param limit: greatest number of nodes to return
    :param after: only those that come after the node of this name
    :param sealed: whether secrets stay encrypted
    :param equal: the values that columns must have
    :returns: the values by column; a node that no conductor reads yet is neither failing, stale nor unserved
    :raises podium.errors.NodeNotFound: naming every wanted node that does not exist
    :raises podium.errors.BadRequest: nodes are wanted, and ``after`` is none of them
    """
    names = tuple(shown)
    read = [_OWNER if name == CONDUCTOR else node_columns([name])[0] for name in names]
    if sealed:
        read = [as_sealed(one) for one in read]
    kind = connection.dialect.name
    query = sa.select(nodes.c.id, *read).where(
        *(nodes.c[column] == value for column, value in equal.items()),
        *_of_reading(connection, failing, fresh, unserved),
        *(_entry(kind, nodes.c.extra, key) == value for key, value in extra.items()),
    )
    if enforced_by_default is not None:
        query = query.where(_to_be_enforced(enforced_by_default))
    if conductor is not None:
        query = query.where(_has_owner(members.c.host == conductor))
    if health is not None:
        query = query.where(_has_health(connection, health))
    if wanted is None:
        if after is not None:
            query = query.where(nodes.c.name > after)
        rows = connection.execute(query.order_by(nodes.c.name).limit(limit))
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


def _of_reading(
    connection: sa.Connection, failing: bool, fresh: tuple[datetime, datetime] | None, unserved: bool
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the conditions about how nodes are read, which those that nobody is to read never meet."""
    if failing or fresh is not None or unserved:
        yield IS_CONDUCTED
    if failing:
        yield sa.or_(nodes.c.power_failures > 0, sa.and_(IS_READ, _is_left_alone(connection)))
    if fresh is not None:
        checked_at = power_readings.c.checked_at
        stale = sa.select(power_readings.c.node_id)
        stale = stale.where(sa.or_(checked_at.is_(None), ~checked_at.between(*fresh)))
        yield nodes.c.id.in_(stale)
    if unserved:
        yield ~_has_owner()


def _is_left_alone(connection: sa.Connection) -> sa.ColumnElement[bool]:
    alive = [one.name for one in unended(connection)]
    is_held = sa.and_(nodes.c.reservation.is_not(None), nodes.c.reservation.not_in(alive))
    return sa.or_(is_held, ~_has_owner())


def _has_owner(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    owned = slots.join(members, members.c.id == slots.c.owner)
    present = sa.select(slots.c.slot).select_from(owned).where(OF_NODE, members.c.ended_at.is_(None))
    return present.where(*conditions).correlate(nodes).exists()


def _to_be_enforced(by_default: bool) -> sa.ColumnElement[bool]:
    policies = [nodes.c.power_policy == "enforce", *([nodes.c.power_policy.is_(None)] if by_default else [])]
    power = nodes.c.power_state
    differs = power != nodes.c.wanted_power_state, power != states.ERROR  # not so where either is missing
    enforced = sa.and_(*differs, nodes.c.maintenance.is_(False), sa.or_(*policies))
    return sa.or_(nodes.c.enforcement.is_not(None), enforced)


def _has_health(connection: sa.Connection, status: str) -> sa.ColumnElement[bool]:
    """Return whether nodes have this health, by the rule of podium.db.fleet.known_health."""
    now = clock.now(connection)
    since, lasts = nodes.c.health_checked_at, nodes.c.health_lasts
    # As many as tasks have spacings; a sum of time and seconds would be other SQL in each database.
    spans = connection.scalars(sa.select(lasts).where(lasts.is_not(None)).distinct()).all()
    is_recent = [
        sa.and_(lasts == span, since.between(clock.later(now, -span), clock.later(now, clock.AHEAD)))
        for span in spans
    ]
    is_known = sa.or_(since.is_(None), lasts.is_(None), *is_recent)
    if status == "none":
        return sa.or_(nodes.c.health.is_(sa.null()), ~is_known)
    return sa.and_(is_known, _entry(connection.dialect.name, nodes.c.health, "status") == status)


def _entry(kind: str, column: sa.Column[Any], key: str) -> sa.ColumnElement[Any]:
    """Return the text of an entry in a JSON column, ``true`` and numbers as JSON writes them.

    :param kind: of the database
    :param key: without quotation marks and backslashes
    """
    path = f'$."{key}"'
    if kind == "postgresql":
        # It fails at a null character, wherever that is in the column.
        is_fit = sa.func.strpos(sa.cast(column, sa.Text), r"\u0000") == 0
        return sa.case((is_fit, sa.func.json_extract_path_text(column, key)))
    found = sa.func.json_extract(column, path)
    if kind == "sqlite":
        truth = sa.func.json_type(column, path)
        return sa.case((truth.in_(("true", "false")), truth), else_=sa.cast(found, sa.Text))
    return sa.collate(sa.func.json_unquote(found), "utf8mb4_bin")


def shards(connection: sa.Connection) -> list[tuple[str | None, int]]:
    """Return the shards in order of name, None for none, and how many nodes are in each."""
    query = sa.select(nodes.c.shard, sa.func.count()).group_by(nodes.c.shard)
    found = [(row[0], row[1]) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one[0] is not None, one[0] or ""))


def children(connection: sa.Connection, node: str) -> list[str]:
    """Return the UUIDs of the nodes that are noted to be parts of one with this UUID."""
    query = sa.select(nodes.c.uuid).where(nodes.c.parent_node == node).order_by(nodes.c.id)
    return list(connection.scalars(query))
