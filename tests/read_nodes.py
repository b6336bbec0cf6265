"""Nodes whose power was read at some time: that is not in their own row."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from podium.db import api
from podium.db.models import CHECKED_AT, power_readings


def create_nodes(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """As :func:`podium.db.api.create_nodes`, of rows that may say when the power was last read."""
    plain = [dict(row) for row in rows]
    times = [row.pop(CHECKED_AT, None) for row in plain]
    uuids = api.create_nodes(connection, plain)
    for uuid, at in zip(uuids, times, strict=True):
        if at is not None:
            set_checked(connection, api.find_keys(connection, [uuid])[0].id, at)
    return uuids


def set_checked(connection: sa.Connection, number: int, at: datetime) -> None:
    """Have the power of a node been read at some time."""
    its = sa.update(power_readings).where(power_readings.c.node_id == number)
    connection.execute(its.values(checked_at=at))
