"""A few nodes of a change are tried first; the others are held until those have ended.

Code that ends requests calls this in the same transaction, however they end.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import sqlalchemy as sa

from podium.db import bulk, credential_changes
from podium.db.bulk import among, chunks
from podium.db.models import operations
from podium.db.models import power_requests as requests
from podium.db.operations import BEGUN, DONE, HELD, WAITING, note_progress


def proceed(connection: sa.Connection, operation_ids: Iterable[int], version: int, now: datetime) -> None:
    """Release or cancel the held requests of operations if all requests before them have ended.

    They are released if all of these were done. If one was not, for whatever reason, the result for the
    others is unpredictable, and they are cancelled.

    :param operation_ids: operations whose requests have ended; other operations do no harm
    """
    for chunk in chunks(sorted(set(operation_ids))):
        tried = sa.select(operations.c.id).where(operations.c.id.in_(chunk))
        for number in connection.scalars(tried.where(operations.c.canaries.is_not(None))).all():
            _proceed(connection, number, version, now)


def _has(connection: sa.Connection, operation_id: int, states: Sequence[str]) -> bool:
    """Whether an operation has requests in one of these states."""
    some = sa.select(requests.c.id).where(requests.c.operation_id == operation_id)
    return connection.scalar(some.where(requests.c.state.in_(states)).limit(1)) is not None


def _proceed(connection: sa.Connection, operation_id: int, version: int, now: datetime) -> None:
    its = requests.c.operation_id == operation_id
    if not _has(connection, operation_id, [HELD]) or _has(connection, operation_id, [WAITING, BEGUN]):
        return
    held = connection.scalars(sa.select(requests.c.id).where(its, requests.c.state == HELD)).all()
    bad = sa.select(requests.c.node_name, requests.c.state, requests.c.error).order_by(requests.c.id).limit(1)
    failed = connection.execute(bad.where(its, requests.c.state.not_in((HELD, DONE)))).one_or_none()
    if failed is None:
        waits = sa.update(requests).where(among(requests.c.id)).values(state=WAITING)
        bulk.execute(connection, waits, held)
        note_progress(connection, [operation_id], version)
        return
    why = f"{failed.node_name} {failed.state}" + (f": {failed.error}" if failed.error else "")
    why = f"a canary did not succeed, {why}; nothing was changed for this node"
    credential_changes.cancel(connection, held, why, version, now)
