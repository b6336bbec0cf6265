"""``podium conductor list`` and ``podium task list``."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium.cli import command
from podium.db import conductors

_COLUMNS: Final = ("hostname", "online", "conductor_group", "drivers", "started_at", "heartbeat_at")
_TASK_COLUMNS: Final = (
    "task",
    "conductor",
    "state",
    "spacing",
    "last_run",
    "duration",
    "runs",
    "failures",
    "skipped",
    "last_error",
)


class List(command.Lister):
    """List the daemons on this database; one is online while it is heard of and has not said goodbye."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.read() as connection:
            rows = conductors.list_conductors(connection)
        shown = [{**row._mapping, "online": conductors.is_alive(row, timeout)} for row in rows]
        return _COLUMNS, [[row[column] for column in _COLUMNS] for row in shown]


class ListTasks(command.Lister):
    """List periodic tasks and how they fare, in seconds; offline is one whose conductor is gone."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.read() as connection:
            rows = conductors.list_tasks(connection)
            alive = {
                row.hostname
                for row in conductors.list_conductors(connection)
                if conductors.is_alive(row, timeout)
            }
        shown = [
            {**row._mapping, "state": row.state if row.conductor in alive else "offline"} for row in rows
        ]
        return _TASK_COLUMNS, [[row[column] for column in _TASK_COLUMNS] for row in shown]
