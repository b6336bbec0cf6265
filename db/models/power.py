"""Requests for the power and their results, including enforcement."""

from typing import Final

import sqlalchemy as sa

from podium.db.models.kinds import Exact, RowId, UTCDateTime, WorkerName, metadata

#: A request by a person, or by enforcement, to change the power of some nodes, or their credentials.
#:
#: ``change`` is the number of the newest change of it or of the states of its requests. ``canaries`` and
#: ``undoes`` apply to operations that change credentials: how many nodes are tried before the others, and
#: which operation is undone. ``what`` describes in words what ``action`` leaves open: the kind of a change of
#: credentials, or ``arguments``, which are those of a change of something else than the power.
operations: Final = sa.Table(
    "operations",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("requested_by", sa.String(255), nullable=False),
    sa.Column("requested_at", UTCDateTime, nullable=False, index=True),
    sa.Column("reason", sa.Text),
    sa.Column("nodes", sa.Integer, nullable=False),
    sa.Column("timeout", sa.Double),
    sa.Column("then_off", sa.Boolean, nullable=False),
    sa.Column("cancelled_by", sa.String(255)),
    sa.Column("cancelled_at", UTCDateTime),
    sa.Column("change", sa.BigInteger, nullable=False, index=True, server_default=sa.text("0")),
    sa.Column("canaries", sa.Integer),
    sa.Column("undoes", sa.BigInteger),
    sa.Column("what", sa.String(64)),
    sa.Column("arguments", sa.JSON(none_as_null=True)),
    sqlite_autoincrement=True,
)

#: The part of an operation that concerns one node, from the request to its end.
#:
#: ``state`` is held, waiting, begun, done, failed, cancelled or replaced: a held request waits when others of
#: its operation are done. ``holder`` is the worker that began it; ``sent_at`` is when its first command was
#: sent; ``power_state`` is the last state read, and ``result`` what else the hardware reported, in words.
power_requests: Final = sa.Table(
    "power_requests",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("operation_id", sa.BigInteger, nullable=False),
    sa.Column("node_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("node_uuid", sa.String(36), nullable=False),
    sa.Column("node_name", sa.String(255), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("not_before", UTCDateTime, nullable=False),
    sa.Column("timeout", sa.Double),
    sa.Column("then_off", sa.Boolean, nullable=False),
    sa.Column("requested_by", sa.String(255), nullable=False),
    sa.Column("requested_at", UTCDateTime, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("holder", WorkerName),
    sa.Column("begun_at", UTCDateTime),
    sa.Column("sent_at", UTCDateTime),
    sa.Column("finished_at", UTCDateTime),
    sa.Column("power_state", sa.String(20)),
    sa.Column("error", sa.Text),
    sa.Column("result", sa.Text),
    sa.Index("ix_power_requests_operation_id", "operation_id", "node_id"),
    sqlite_autoincrement=True,
)

#: A machine of a power domain that was begun lately, see podium.db.power_limits.
power_starts: Final = sa.Table(
    "power_starts",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("domain", Exact, nullable=False, index=True),
    sa.Column("begun_at", UTCDateTime, nullable=False),
    sqlite_autoincrement=True,
)

#: One event of a node's power: who changed what, when and why, and which worker recorded it.
#:
#: ``change`` is the number of the change; None for events recorded by older versions.
power_events: Final = sa.Table(
    "power_events",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("node_uuid", sa.String(36), nullable=False, index=True),
    sa.Column("node_name", sa.String(255), nullable=False),
    sa.Column("at", UTCDateTime, nullable=False, index=True),
    sa.Column("from_state", sa.String(20)),
    sa.Column("to_state", sa.String(20)),
    sa.Column("cause", sa.String(32), nullable=False),
    sa.Column("who", sa.String(255)),
    sa.Column("reason", sa.Text),
    sa.Column("request_id", sa.String(64)),
    sa.Column("operation_id", sa.BigInteger),
    sa.Column("writer", WorkerName),
    sa.Column("change", sa.BigInteger, index=True),
    sqlite_autoincrement=True,
)

#: Whether enforcement is frozen in the whole fleet; the only row has the id 1.
#:
#: ``thaws`` counts how often people ended a freeze, and ``asked`` how often members were asked for their
#: counts, see podium.db.enforcement.
enforcement: Final = sa.Table(
    "enforcement",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("frozen_at", UTCDateTime),
    sa.Column("frozen_reason", sa.Text),
    sa.Column("thaws", sa.BigInteger, nullable=False),
    sa.Column("asked", sa.BigInteger, nullable=False),
)

#: The counts of a member about its nodes, by group, see podium.db.enforcement.
enforcement_counts: Final = sa.Table(
    "enforcement_counts",
    metadata,
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("groups", sa.JSON, nullable=False),
    sa.Column("round", sa.Double, nullable=False),
    sa.Column("thaws", sa.BigInteger, nullable=False),
    sa.Column("answered", sa.BigInteger, nullable=False),
)
