"""The conductors: daemons, their workers, and which nodes they own."""

from typing import Final

import sqlalchemy as sa

from podium.db.models.kinds import RowId, Texts, UTCDateTime, WorkerName, metadata

#: One worker process from its entry to its end; its number is never reused.
#:
#: ``process`` distinguishes one run of the daemon from the next. ``lease`` is for how many seconds a
#: heartbeat promises that it lives, and ``interval`` the seconds from one heartbeat to the next.
#: ``conductor_groups`` are the groups that it serves, its own first, and ``fallback_groups`` those that it
#: serves when nobody else does. ``acknowledged`` is the newest generation for which it has given up what it
#: lost. A member that ``leaves`` gets no slots. ``version`` is Podium's, ``revision`` is that of the schema
#: for which it was written, and ``fingerprint`` identifies its options. ``change`` is the number of the
#: newest change to what people see of it. ``secret_keys`` are the names of the keys that it holds, None for a
#: version without keys.
members: Final = sa.Table(
    "members",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("worker", sa.Integer, nullable=False),
    sa.Column("process", sa.String(255), nullable=False),
    sa.Column("drivers", Texts, nullable=False),
    sa.Column("conductor_groups", Texts, nullable=False),
    sa.Column("fallback_groups", Texts, nullable=False),
    sa.Column("lease", sa.Double, nullable=False),
    sa.Column("interval", sa.Double, nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("revision", sa.String(32), nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("leaves", sa.Boolean, nullable=False),
    sa.Column("acknowledged", sa.BigInteger, nullable=False),
    sa.Column("started_at", UTCDateTime, nullable=False),
    sa.Column("ended_at", UTCDateTime, index=True),
    sa.Column("ended_by", WorkerName),
    sa.Column("ended_why", sa.String(255)),
    sa.Column("change", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("secret_keys", Texts),
    sqlite_autoincrement=True,
)

#: The number that a member that has not ended raises at each heartbeat, in a row that nobody else locks for
#: long.
#:
#: ``renewed_at`` is for people to read; no decision depends on it.
leases: Final = sa.Table(
    "leases",
    metadata,
    sa.Column("member_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("worker", sa.Integer, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("renewed_at", UTCDateTime, nullable=False),
    sa.Index("ix_leases_worker", "host", "worker", unique=True),
)

#: The owner of the nodes in one slot of a group and driver, and since which generation; None for nobody.
slots: Final = sa.Table(
    "slots",
    metadata,
    sa.Column("conductor_group", sa.String(255), primary_key=True),
    sa.Column("driver", sa.String(64), primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.BigInteger, index=True),
    sa.Column("generation", sa.BigInteger, nullable=False),
)

#: A conductor that must not have the nodes of a subnet, with the subnet's number, see podium.db.subnets.
avoidances: Final = sa.Table(
    "avoidances",
    metadata,
    sa.Column("subnet", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
)

#: A node that its owner cannot read, and that another member reads once, see podium.db.cross_checks.
#:
#: ``network`` is the network in which the owner can read nothing, ``reader`` the other member. The result is
#: in ``power_state``, or ``failure`` is why nothing could be read.
cross_checks: Final = sa.Table(
    "cross_checks",
    metadata,
    sa.Column("node_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("network", sa.String(255)),
    sa.Column("asked_by", WorkerName, nullable=False),
    sa.Column("reader", WorkerName, nullable=False),
    sa.Column("asked_at", UTCDateTime, nullable=False),
    sa.Column("answered_at", UTCDateTime),
    sa.Column("power_state", sa.String(20)),
    sa.Column("failure", sa.Text),
)

#: A daemon, by its host name: data that outlives its workers, which are members.
#:
#: ``retention_at`` is the time up to which it has measured, see podium.db.retention. While ``draining_since``
#: is set, its members get no slots that others could have; ``change`` is the number of the newest change of
#: that.
conductors: Final = sa.Table(
    "conductors",
    metadata,
    sa.Column("hostname", sa.String(255), primary_key=True),
    sa.Column("workers", sa.Integer, nullable=False),
    sa.Column("started_at", UTCDateTime, nullable=False),
    sa.Column("retention_at", UTCDateTime),
    sa.Column("draining_since", UTCDateTime),
    sa.Column("change", sa.BigInteger, nullable=False, server_default=sa.text("0")),
)

#: One worker process of a daemon, and its last recorded figures.
conductor_workers: Final = sa.Table(
    "conductor_workers",
    metadata,
    sa.Column("conductor", sa.String(255), primary_key=True),
    sa.Column("worker", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("statistics", sa.JSON, nullable=False),
    sa.Column("updated_at", UTCDateTime, nullable=False),
)
