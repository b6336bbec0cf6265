"""``podium conductor list`` and ``podium conductor show``."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from podium import errors
from podium.cli import command
from podium.db import clock, conductors
from podium.db.conductors import ConductorRecord
from podium.db.figures import Figures

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
#: The rows of a conductor's figures, in order, and their names in the record.
_FIGURES: Final = {
    "nodes": "nodes",
    "failing": "failing",
    "in_maintenance": "in_maintenance",
    "unreadable": "unreadable",
    "never_read": "never_read",
    "power_state_max_age": "max_age",
    "fresh_share": "fresh_share",
    "power_state_ages": "ages",
    "power_state_age_buckets": "age_buckets",
    "power_reads": "drivers",
    "enforcement": "enforcement",
    "notifications": "notifications",
    "queues": "queues",
    "write_lag": "write_lag",
}


class List(command.Lister):
    """List the daemons on this database; online are those that give signs of life and have not left."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.read() as connection:
            found = conductors.list_conductors(connection)
        return _COLUMNS, [_shown(one, timeout, _COLUMNS) for one in found]


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
            help="a name of `podium conductor list`; may be left out if only one is online",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.read() as connection:
            found = _find(conductors.list_conductors(connection), parsed_args.hostname, timeout)
            written = conductors.figures(connection, found.hostname)
        written_at = min((one.updated_at for one in written), default=None)
        if written_at is not None and not found.is_alive(timeout):
            self.warn(f"warning: {found.hostname} is offline; its figures are of {written_at:%F %T} UTC")
        elif not all(conductors.is_fresh(one.age, timeout) for one in written):
            self.warn(f"warning: {found.hostname} has written no new figures since {written_at:%F %T} UTC")
        figures = asdict(Figures.merged([one.figures for one in written])) if written else {}
        names = (*_DETAILS, "statistics_at", *_FIGURES)
        return names, [*_shown(found, timeout, _DETAILS), written_at, *map(figures.get, _FIGURES.values())]


class Thaw(command.Command):
    """Let a conductor that froze restore power states again.

    It froze because many nodes changed or vanished at once, which looks like an outage, and would thaw by
    itself when that is over.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "hostname",
            nargs="?",
            metavar="HOSTNAME",
            help="a name of `podium conductor list`; may be left out if only one is frozen",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.write() as connection:
            found = _frozen(conductors.list_conductors(connection), parsed_args.hostname, timeout)
            conductors.ask_thaw(connection, found.hostname, clock.now(connection))
        if not found.is_alive(timeout):
            self.warn(f"warning: {found.hostname} is offline; it thaws when it runs")
        self.say(f"{found.hostname}: asked to thaw")


def _shown(conductor: ConductorRecord, timeout: float, columns: Sequence[str]) -> list[Any]:
    shown = {**conductor._asdict(), "online": conductor.is_alive(timeout)}
    return [shown[column] for column in columns]


def _frozen(known: Sequence[ConductorRecord], hostname: str | None, timeout: float) -> ConductorRecord:
    """Return the conductor to thaw.

    :raises podium.errors.PodiumError: if it is not frozen, or several are
    """
    if hostname is not None:
        known = [_find(known, hostname, timeout)]
    frozen = [one for one in known if one.frozen_at is not None]
    if not frozen:
        raise errors.PodiumError(f"{hostname} is not frozen" if hostname else "no conductor is frozen")
    return _find(frozen, hostname, timeout)


def _find(known: Sequence[ConductorRecord], hostname: str | None, timeout: float) -> ConductorRecord:
    """Return the conductor of that name or, without a name, the only one that is online or known at all.

    :raises podium.errors.PodiumError: naming those that are known
    """
    if not known:
        raise errors.PodiumError("no conductor has run on this database yet; start one: podium-conductor")
    names = ", ".join(one.hostname for one in known)
    if hostname is not None:
        known = [one for one in known if one.hostname == hostname]
        if not known:
            raise errors.PodiumError(f"there is no conductor {hostname}; there are: {names}")
    if len(known) > 1:
        known = [one for one in known if one.is_alive(timeout)]
    if len(known) != 1:
        raise errors.PodiumError(f"there are several conductors: {names}; name one")
    return known[0]
