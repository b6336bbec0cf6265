"""The tables, as SQLAlchemy sees them. Times are UTC; a change here needs a migration.

All tables use the same names: ``hostname`` and ``conductor`` are the host name of a daemon, and ``worker``
beside them is the index of one of its workers. ``reservation``, ``holder`` and ``writer`` name one worker of
one daemon, ``host/index@incarnation``, see podium.db.worker; ``owner`` is its incarnation alone, the number
of its row in ``members``. With ``sqlite_autoincrement``, numbers of deleted rows are never reused.

They are tables of SQLAlchemy's Core: importing its ORM, which nothing here needs, takes longer than most
commands take to answer.
"""

from podium.db.models.access import api_tokens, kept_answers, sessions
from podium.db.models.changes import change_counter, deletions, schema_floor
from podium.db.models.credentials import credential_changes, secret_keys
from podium.db.models.fleet import (
    avoidances,
    conductor_workers,
    conductors,
    cross_checks,
    leases,
    members,
    slots,
)
from podium.db.models.hardware import (
    CHECKED_AT,
    chassis,
    hardware_reads,
    node_columns,
    nodes,
    ports,
    power_readings,
)
from podium.db.models.kinds import Exact, Texts, UTCDateTime, WorkerName, columns, metadata, utcnow
from podium.db.models.power import (
    enforcement,
    enforcement_counts,
    operations,
    power_events,
    power_requests,
    power_starts,
)
from podium.db.models.tasks import disabled_tasks, periodic_tasks, task_commands
from podium.db.models.telling import notification_cursors, notification_refusals, notification_sinks

__all__ = [
    "CHECKED_AT",
    "Exact",
    "Texts",
    "UTCDateTime",
    "WorkerName",
    "api_tokens",
    "avoidances",
    "change_counter",
    "chassis",
    "columns",
    "conductor_workers",
    "conductors",
    "credential_changes",
    "cross_checks",
    "deletions",
    "disabled_tasks",
    "enforcement",
    "enforcement_counts",
    "hardware_reads",
    "kept_answers",
    "leases",
    "members",
    "metadata",
    "node_columns",
    "nodes",
    "notification_cursors",
    "notification_refusals",
    "notification_sinks",
    "operations",
    "periodic_tasks",
    "ports",
    "power_events",
    "power_readings",
    "power_requests",
    "power_starts",
    "schema_floor",
    "secret_keys",
    "sessions",
    "slots",
    "task_commands",
    "utcnow",
]
