"""What conductors conclude about nodes on their own, written by functions of an open connection."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from podium.db import bulk
from podium.db.bulk import AMONG, AT_ONCE, chunks
from podium.db.changes import next_change
from podium.db.ledger import event
from podium.db.models import nodes, power_events
from podium.db.worker import Worker

#: The fault of a node whose power could not be read for a long time.
POWER_FAILURE: Final = "power failure"

_COLUMNS: Final = [nodes.c[name] for name in ("id", "uuid", "name", "power_state")]
_SOUND: Final = nodes.c.maintenance.is_(False)
_FAULTY: Final = sa.and_(nodes.c.maintenance.is_(True), nodes.c.fault == POWER_FAILURE)


def record_faults(
    connection: sa.Connection, reasons: Mapping[int, str], at: datetime, writer: Worker
) -> set[int]:
    """Put nodes into maintenance because their power cannot be read; nodes in maintenance are left alone.

    :param reasons: why, in plain words, by the number of the node
    :param writer: the worker that records it
    :returns: the numbers of the nodes that were put into maintenance
    """
    values = {"maintenance": True, "fault": POWER_FAILURE}
    return _record(connection, _SOUND, reasons, values, "fault", at, writer)


def record_recoveries(
    connection: sa.Connection, numbers: Sequence[int], at: datetime, writer: Worker
) -> set[int]:
    """Take nodes out of the maintenance that :func:`record_faults` put them into, and out of no other.

    If the reading is written later, it finds a node that has changed.

    :returns: the numbers of the nodes that were taken out
    """
    values = {"maintenance": False, "fault": None, "power_failures": 0, "last_error": None}
    reasons = dict.fromkeys(numbers, "the power can be read again")
    return _record(connection, _FAULTY, reasons, values, "recovery", at, writer)


def _record(
    connection: sa.Connection,
    condition: sa.ColumnElement[bool],
    reasons: Mapping[int, str],
    values: Mapping[str, Any],
    cause: str,
    at: datetime,
    writer: Worker,
) -> set[int]:
    written: set[int] = set()
    look = sa.select(*_COLUMNS).where(AMONG, condition).order_by(nodes.c.id).with_for_update()
    for chunk in chunks(sorted(reasons), AT_ONCE):
        version = next_change(connection)
        rows = connection.execute(look, {"numbers": chunk}).all()
        alike: dict[str | None, list[int]] = {}
        for row in rows:
            reason = reasons[row.id] if values["maintenance"] else None
            alike.setdefault(reason, []).append(row.id)
        for reason, members in alike.items():
            changed = sa.update(nodes).where(AMONG).values(**values, maintenance_reason=reason)
            connection.execute(changed.values(version=version, updated_at=at), {"numbers": members})
        happened = [
            event(
                row,
                cause,
                at=at,
                to_state=row.power_state,
                writer=writer,
                change=version,
                reason=reasons[row.id],
            )
            for row in rows
        ]
        if happened:
            connection.execute(sa.insert(power_events), happened)
        written.update(row.id for row in rows)
    return written


def record_enforcement(connection: sa.Connection, texts: Mapping[int, str | None]) -> None:
    """Write why enforcement waits, by the number of the node; None if it does not wait."""
    alike: dict[str | None, list[int]] = {}
    change = next_change(connection, learned=True)
    for number, text in texts.items():
        alike.setdefault(text and text[:255], []).append(number)
    for said, members in alike.items():
        written = sa.update(nodes).where(AMONG).values(enforcement=said, learned=change)
        bulk.execute(connection, written, members)
