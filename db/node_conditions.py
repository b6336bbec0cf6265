"""Conditions on nodes that involve more than one column."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from podium import states
from podium.db import clock, roster
from podium.db.fleet_figures import IS_READ
from podium.db.models import members, nodes, power_readings, slots
from podium.db.provision_states import IS_CONDUCTED
from podium.db.slots import OF_NODE


def is_failing(connection: sa.Connection) -> sa.ColumnElement[bool]:
    """Return whether the last read of the power failed, or nobody reads it.

    Nobody reads it if its owner, or the worker that has reserved it, has ended or is silent.
    """
    failed = sa.or_(nodes.c.power_failures > 0, sa.and_(IS_READ, _is_left_alone(connection)))
    return sa.and_(IS_CONDUCTED, failed)


def is_stale(fresh: tuple[datetime, datetime]) -> sa.ColumnElement[bool]:
    """Return whether the last read of the power is outside that time range, or there was none."""
    checked_at = power_readings.c.checked_at
    stale = sa.select(power_readings.c.node_id)
    stale = stale.where(sa.or_(checked_at.is_(None), ~checked_at.between(*fresh)))
    return sa.and_(IS_CONDUCTED, nodes.c.id.in_(stale))


def is_unserved(connection: sa.Connection) -> sa.ColumnElement[bool]:
    """Return whether the node is to be conducted, and the owner of its slot has ended or is silent."""
    return sa.and_(IS_CONDUCTED, ~has_owner(members.c.id.in_(roster.heard(connection))))


def _is_left_alone(connection: sa.Connection) -> sa.ColumnElement[bool]:
    alive = roster.heard(connection)
    is_held = sa.and_(nodes.c.reservation.is_not(None), nodes.c.reservation.not_in(alive.values()))
    return sa.or_(is_held, ~has_owner(members.c.id.in_(alive)))


def has_owner(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return whether a member that has not ended and meets these conditions owns the node."""
    owned = slots.join(members, members.c.id == slots.c.owner)
    present = sa.select(slots.c.slot).select_from(owned).where(OF_NODE, members.c.ended_at.is_(None))
    return present.where(*conditions).correlate(nodes).exists()


def to_be_enforced(by_default: bool) -> sa.ColumnElement[bool]:
    """Return whether the power is to be restored.

    :param by_default: whether nodes without a policy of their own are enforced
    """
    policies = [nodes.c.power_policy == "enforce", *([nodes.c.power_policy.is_(None)] if by_default else [])]
    power = nodes.c.power_state
    differs = power != nodes.c.wanted_power_state, power != states.ERROR  # false if either is missing
    enforced = sa.and_(*differs, nodes.c.maintenance.is_(False), sa.or_(*policies))
    return sa.or_(nodes.c.enforcement.is_not(None), enforced)


def has_health(connection: sa.Connection, status: str) -> sa.ColumnElement[bool]:
    """Return whether nodes have this health, by the rule of podium.db.fleet.known_health."""
    is_known = is_health_known(connection)
    if status == "none":
        return sa.or_(nodes.c.health.is_(sa.null()), ~is_known)
    return sa.and_(
        is_known, entry(connection.dialect.name, nodes.c.health, "status") == states.HEALTHS[status]
    )


def is_health_known(connection: sa.Connection) -> sa.ColumnElement[bool]:
    """Return whether the health of nodes that have one is recent enough."""
    now = clock.now(connection)
    since, lasts = nodes.c.health_checked_at, nodes.c.health_lasts
    # As many values as tasks have intervals; adding seconds to a time takes other SQL in each database.
    spans = connection.scalars(sa.select(lasts).where(lasts.is_not(None)).distinct()).all()
    is_recent = [
        sa.and_(lasts == span, since.between(clock.later(now, -span), clock.later(now, clock.AHEAD)))
        for span in spans
    ]
    return sa.or_(since.is_(None), lasts.is_(None), *is_recent)


def entry(kind: str, column: sa.Column[Any], key: str) -> sa.ColumnElement[Any]:
    """Return the text of an entry in a JSON column, ``true`` and numbers as JSON writes them.

    :param kind: of the database
    :param key: without quotation marks and backslashes
    """
    path = f'$."{key}"'
    if kind == "postgresql":
        # The extraction fails if there is a null character anywhere in the column.
        is_fit = sa.func.strpos(sa.cast(column, sa.Text), r"\u0000") == 0
        return sa.case((is_fit, sa.func.json_extract_path_text(column, key)))
    found = sa.func.json_extract(column, path)
    if kind == "sqlite":
        truth = sa.func.json_type(column, path)
        return sa.case((truth.in_(("true", "false")), truth), else_=sa.cast(found, sa.Text))
    return sa.collate(sa.func.json_unquote(found), "utf8mb4_bin")


def entry_as_json(kind: str, column: sa.Column[Any], key: str) -> sa.ColumnElement[Any]:
    """Return an entry in a JSON column as JSON; NULL if there is none. Python does not read other entries.

    :param kind: of the database
    :param key: without quotation marks and backslashes
    """
    path = f'$."{key}"'
    if kind == "postgresql":
        is_fit = sa.func.strpos(sa.cast(column, sa.Text), r"\u0000") == 0
        return sa.case((is_fit, sa.cast(sa.func.json_extract_path(column, key), sa.Text)))
    found = sa.func.json_extract(column, path, type_=sa.Text)
    if kind == "sqlite":
        what = sa.func.json_type(column, path)
        words = sa.case((what.in_(("true", "false", "null")), what), else_=sa.func.json_quote(found))
        return sa.case((what.is_not(None), words))
    return found
