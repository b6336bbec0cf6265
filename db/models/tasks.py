"""Periodic tasks, and people's commands to them."""

from typing import Final

import sqlalchemy as sa

from podium.db.models.kinds import RowId, UTCDateTime, metadata

#: One periodic task of one worker of a conductor, and the results of its runs.
periodic_tasks: Final = sa.Table(
    "periodic_tasks",
    metadata,
    sa.Column("conductor", sa.String(255), primary_key=True),
    sa.Column("task", sa.String(255), primary_key=True),
    sa.Column("worker", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("spacing", sa.Double, nullable=False),
    sa.Column("last_run", UTCDateTime),
    sa.Column("duration", sa.Double),
    sa.Column("runs", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("skipped", sa.Integer, nullable=False),
    sa.Column("deadline_misses", sa.Integer, nullable=False),
    sa.Column("last_error", sa.Text),
)

#: A periodic task that people have disabled: for one conductor, or with an empty name for all.
disabled_tasks: Final = sa.Table(
    "disabled_tasks",
    metadata,
    sa.Column("task", sa.String(255), primary_key=True),
    sa.Column("conductor", sa.String(255), primary_key=True),
)

#: A person's command to a periodic task of a running daemon, one row for each of its workers.
task_commands: Final = sa.Table(
    "task_commands",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("conductor", sa.String(255), nullable=False, index=True),
    sa.Column("worker", sa.Integer, nullable=False),
    sa.Column("task", sa.String(255), nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("node_uuid", sa.String(36)),
    sa.Column("requested_by", sa.String(255)),
    sa.Column("requested_at", UTCDateTime, nullable=False),
    sa.Column("finished_at", UTCDateTime),
    sa.Column("duration", sa.Double),
    sa.Column("error", sa.Text),
    sqlite_autoincrement=True,
)
