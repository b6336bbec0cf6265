"""Nodes whose power was read at a given time, which is not stored in their own row."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from podium.db import api
from podium.db.models import CHECKED_AT, power_readings


def create_nodes(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Like :func:`podium.db.api.create_nodes`, for rows that may contain the time of the last power read."""
    plain = [dict(row) for row in rows]
    times = [row.pop(CHECKED_AT, None) for row in plain]
    uuids = api.create_nodes(connection, plain)
    for uuid, at in zip(uuids, times, strict=True):
        if at is not None:
            set_checked(connection, api.find_keys(connection, [uuid])[0].id, at)
    return uuids


def set_checked(connection: sa.Connection, number: int, at: datetime) -> None:
    """Set the time at which the power of a node was read."""
    its = sa.update(power_readings).where(power_readings.c.node_id == number)
    connection.execute(its.values(checked_at=at))
