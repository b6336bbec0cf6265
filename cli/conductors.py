"""``podium conductor list`` and ``podium conductor show``."""

import argparse
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.cli import command, statistics
from podium.db import conductors
from podium.db.models import utcnow

_COLUMNS: Final = (
    "hostname",
    "online",
    "conductor_group",
    "drivers",
    "workers",
    "started_at",
    "heartbeat_at",
    "frozen_at",
)
_DETAILS: Final = (*_COLUMNS, "frozen_reason")


class List(command.Lister):
    """List the daemons on this database; one is online while it is heard of and has not said goodbye."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.read() as connection:
            rows = conductors.list_conductors(connection)
        return _COLUMNS, [_shown(row, timeout, _COLUMNS) for row in rows]


class Show(command.ShowOne):
    """Show how a conductor keeps up with its nodes: ages of readings, sweeps, queues; in seconds.

    The figures are those that the conductor itself wrote down at statistics_at, added up over its workers; of
    ages, durations and lags the greatest is shown.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "hostname",
            nargs="?",
            metavar="HOSTNAME",
            help="as `podium conductor list` shows it; may be left out where only one is online",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.read() as connection:
            row = _find(conductors.list_conductors(connection), parsed_args.hostname, timeout)
            written = conductors.statistics(connection, row.hostname)
        written_at = min((one.updated_at for one in written), default=None)
        if written_at is not None and not conductors.is_alive(row, timeout):
            self.warn(f"warning: {row.hostname} is offline; its figures are of {written_at:%F %T} UTC")
        elif written_at is not None and utcnow() - written_at > timedelta(seconds=timeout):
            self.warn(f"warning: {row.hostname} has written no new figures since {written_at:%F %T} UTC")
        figures = statistics.merged([one.statistics for one in written])
        names = (*_DETAILS, "statistics_at", *statistics.FIGURES)
        return names, [*_shown(row, timeout, _DETAILS), written_at, *figures.values()]


class Thaw(command.Command):
    """Let a conductor that froze put power states back again.

    It froze because many nodes changed or vanished at once, which looks like an outage, and would thaw by
    itself when that is over.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "hostname",
            nargs="?",
            metavar="HOSTNAME",
            help="as `podium conductor list` shows it; may be left out where only one is frozen",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.write() as connection:
            row = _frozen(conductors.list_conductors(connection), parsed_args.hostname, timeout)
            conductors.ask_thaw(connection, row.hostname, utcnow())
        if not conductors.is_alive(row, timeout):
            self.warn(f"warning: {row.hostname} is offline; it thaws when it runs")
        self.say(f"{row.hostname}: asked to thaw")


def _shown(row: sa.Row[Any], timeout: float, columns: Sequence[str]) -> list[Any]:
    shown = {**row._mapping, "online": conductors.is_alive(row, timeout)}
    return [shown[column] for column in columns]


def _frozen(rows: Sequence[sa.Row[Any]], hostname: str | None, timeout: float) -> sa.Row[Any]:
    """The conductor to thaw.

    :raises podium.errors.PodiumError: when it is not frozen, or it is not clear which
    """
    if hostname is not None:
        rows = [_find(rows, hostname, timeout)]
    frozen = [row for row in rows if row.frozen_at is not None]
    if not frozen:
        raise errors.PodiumError(f"{hostname} is not frozen" if hostname else "no conductor is frozen")
    return _find(frozen, hostname, timeout)


def _find(rows: Sequence[sa.Row[Any]], hostname: str | None, timeout: float) -> sa.Row[Any]:
    """The conductor of that name or, without one, the only one that is online or that there is.

    :raises podium.errors.PodiumError: naming those that there are
    """
    if not rows:
        raise errors.PodiumError("no conductor has run on this database yet; start one: podium-conductor")
    names = ", ".join(row.hostname for row in rows)
    if hostname is not None:
        rows = [row for row in rows if row.hostname == hostname]
        if not rows:
            raise errors.PodiumError(f"there is no conductor {hostname}; there are: {names}")
    if len(rows) > 1:
        rows = [row for row in rows if conductors.is_alive(row, timeout)]
    if len(rows) != 1:
        raise errors.PodiumError(f"there are several conductors: {names}; say which")
    return rows[0]
