"""``podium conductor list``."""

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium.cli import command
from podium.db import conductors

_COLUMNS: Final = ("hostname", "online", "conductor_group", "drivers", "started_at", "heartbeat_at")


class List(command.Lister):
    """List the daemons on this database; one is online while it is heard of and has not said goodbye."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.read() as connection:
            rows = conductors.list_conductors(connection)
        shown = [{**row._mapping, "online": conductors.is_alive(row, timeout)} for row in rows]
        return _COLUMNS, [[row[column] for column in _COLUMNS] for row in shown]
