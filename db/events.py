"""Writing the ledger of power events, and keeping it from growing without end."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from podium.db.models import power_events


def event(
    node: sa.Row[Any],
    cause: str,
    *,
    at: datetime,
    to_state: str | None,
    conductor: str,
    who: str | None = None,
    reason: str | None = None,
    operation_id: int | None = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """The row of an event.

    :param node: its uuid, name and power_state as they were before
    :param cause: request, enforced, out-of-band, first reading, fault or recovery
    :param conductor: the holder who writes it down
    """
    return {
        "node_uuid": node.uuid,
        "node_name": node.name,
        "at": at,
        "from_state": node.power_state,
        "to_state": to_state,
        "cause": cause,
        "who": who,
        "reason": reason,
        "operation_id": operation_id,
        "request_id": request_id,
        "conductor": conductor,
    }


def prune_events(connection: sa.Connection, before: datetime, most: int) -> int:
    """Delete events from before a moment, and the oldest of more than ``most``; how many there were."""
    columns = power_events.c
    too_old = connection.execute(sa.delete(power_events).where(columns.at < before)).rowcount
    first = connection.scalar(sa.select(columns.id).order_by(columns.id.desc()).offset(most).limit(1))
    if first is None:
        return too_old
    return too_old + connection.execute(sa.delete(power_events).where(columns.id <= first)).rowcount
