"""Restores what a standby that took over lacks of the power changes of a member."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa

from podium.db import clock, credential_changes
from podium.db.bulk import AMONG, AT_ONCE, among, chunks
from podium.db.changes import next_change
from podium.db.models import nodes
from podium.db.models import power_requests as requests
from podium.db.operations import BEGUN, ITS_NODE, WAITING, note_progress_of
from podium.db.outcomes import Outcome, finish
from podium.db.worker import Worker

_LOOK: Final[sa.Select[Any]] = (
    sa.select(
        *(requests.c[name] for name in ("id", "node_id", "state", "holder", "sent_at")),
        *(nodes.c[name] for name in ("reservation", "power_request_id")),
    )
    .join_from(requests, nodes, ITS_NODE)
    .where(among(requests.c.id), requests.c.state.in_((WAITING, BEGUN)))
    .order_by(nodes.c.id)
    .with_for_update()
)


def restore(
    connection: sa.Connection, holder: Worker, sent: Mapping[int, int], ended: Iterable[Outcome]
) -> int:
    """Claim requests that ``holder`` knows to have sent, and end those that it knows to have ended.

    Nobody has taken over anything from a member that has not ended, whoever holds a request in this history.

    :param sent: the node of each request, by the request's number, which may be another request's by now
    :returns: how many requests were different
    """
    outcomes = {outcome.request_id: outcome for outcome in ended}
    its_node = {**sent, **{number: outcome.node_id for number, outcome in outcomes.items()}}
    version, now = next_change(connection), clock.now(connection)
    claimed = (
        sa.update(requests)
        .where(among(requests.c.id))
        .values(
            state=BEGUN,
            holder=holder,
            begun_at=sa.func.coalesce(requests.c.begun_at, now),
            sent_at=sa.func.coalesce(requests.c.sent_at, now),
        )
    )
    reserved = (
        sa.update(nodes)
        .where(AMONG)
        .values(reservation=holder, reserved_for=nodes.c.target_power_state, reserved_at=now, version=version)
    )
    different = 0
    for chunk in chunks(sorted(its_node), AT_ONCE):
        rows = [
            row
            for row in connection.execute(_LOOK, {"numbers": chunk})
            if row.node_id == its_node[row.id] and row.power_request_id == row.id
        ]
        lost = [row for row in rows if not (row.holder == row.reservation == holder and row.sent_at)]
        if lost:
            connection.execute(claimed, {"numbers": [row.id for row in lost]})
            connection.execute(reserved, {"numbers": [row.node_id for row in lost]})
            note_progress_of(connection, [row.id for row in lost], version)
            credential_changes.note_sent(connection, [row.id for row in lost])
        again = [outcomes[row.id] for row in rows if row.id in outcomes]
        finish(connection, again)
        different += len({row.id for row in lost} | {outcome.request_id for outcome in again})
    return different
