"""``podium conductor list`` and ``podium conductor show``."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import sqlalchemy as sa

from podium import errors
from podium.cli import command
from podium.conf import fingerprint as fingerprints
from podium.db import conductors, cross_checks, enforcement, notifications, roster
from podium.db.conductors import ConductorRecord
from podium.db.figures import Figures
from podium.db.fleet_figures import fleet_figures
from podium.db.member_figures import shortages
from podium.db.roster import Crew, Roster

#: The columns of a table; the other formats have all.
_COLUMNS: Final = (
    "hostname",
    "state",
    "since",
    "nodes",
    "workers",
    "lease_age",
    "acknowledged",
    "generation",
    "version",
    "conductor_group",
    "drivers",
    "differs_in",
    "frozen_at",
)
_ALL: Final = (
    *_COLUMNS,
    "online",
    "conductor_groups",
    "fallback_groups",
    "members",
    "started_at",
    "heartbeat_at",
    "frozen_reason",
)
_OF_ONE: Final = (
    "hostname",
    "online",
    "conductor_group",
    "drivers",
    "workers",
    "started_at",
    "heartbeat_at",
    "frozen_at",
)
_DETAILS: Final = (*_OF_ONE, "frozen_reason")
#: The rows of a conductor's figures, in order, and their names in the record.
_FIGURES: Final = {
    "nodes": "nodes",
    "failing": "failing",
    "in_maintenance": "in_maintenance",
    "unreadable": "unreadable",
    "never_read": "never_read",
    "out_of_reach": "out_of_reach",
    "power_state_max_age": "max_age",
    "fresh_share": "fresh_share",
    "power_state_ages": "ages",
    "power_state_age_buckets": "age_buckets",
    "power_reads": "drivers",
    "enforcement": "enforcement",
    "notifications": "notifications",
    "queues": "queues",
    "write_lag": "write_lag",
    "load": "load",
}
#: What holds of the nodes of a conductor that is gone, whatever it wrote last.
_OF_GONE: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("nodes", "failing", "in_maintenance", "unreadable", "never_read"), 0),
    **dict.fromkeys(("fresh_share", "ages", "age_buckets", "drivers", "queues")),
}
#: The rows of the whole fleet that the database counts; the other ones are added up.
_COUNTED: Final = (
    "nodes",
    "failing",
    "in_maintenance",
    "unreadable",
    "never_read",
    "fresh_share",
    "oldest",
    "unowned",
    "held_by_ended",
    "unread",
)
_ADDED_UP: Final = {name: field for name, field in _FIGURES.items() if name not in _COUNTED}


class List(command.Lister):
    """List the daemons on this database, their state, and how many nodes each owns.

    The state is alive; draining, and drained once nothing is left with it; leaving, as at its orderly end;
    silent when it has given no sign of life for long, and nobody has ended it yet; or gone. lease_age are the
    seconds since its last sign of life. acknowledged is the newest generation of the fleet's shares of which
    it has given up what it lost, generation the current one. differs_in are options of [conductor] that are
    not as most conductors have them. Nodes that nobody serves are reported on standard error, and so is a
    group of conductors that could not carry its load without one of them.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--long", action="store_true", help="show every column, as other formats do")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.database() as database, database.read() as connection:
            known = {one.hostname: one for one in conductors.list_conductors(connection)}
            found = roster.roster(connection)
            short = shortages(connection)
            unreached = cross_checks.out_of_reach(connection)
        is_short = parsed_args.formatter == "table" and not (parsed_args.long or parsed_args.columns)
        for pair, count in sorted(found.unserved.items()):
            self.warn(f"warning: nobody serves {roster.described(pair)}: {count}")
        for pair, count in sorted(found.avoided.items()):
            self.warn(
                f"warning: nobody serves {count} of {roster.described(pair)}: all conductors avoid their"
                " subnet; see: podium conductor avoided"
            )
        for warning in (*unreached, *short):
            self.warn(f"warning: {warning}")
        usual = fingerprints.usual(one.fingerprint for one in found.members)
        timeout = self.config.conductor.heartbeat_timeout
        rows = [_listed(crew, known.get(crew.hostname), found, usual, timeout) for crew in found.crews]
        columns = _COLUMNS if is_short else _ALL
        return columns, [[row.get(column) for column in columns] for row in rows]


def _listed(
    crew: Crew, record: ConductorRecord | None, found: Roster, usual: str, timeout: float
) -> dict[str, Any]:
    """Return the columns of one conductor."""
    shown: dict[str, Any] = {}
    if record is not None:
        shown = {**record._asdict(), "online": record.is_alive(timeout)}
    shown |= {
        "hostname": crew.hostname,
        "state": crew.state,
        "since": crew.gone_since or crew.draining_since,
        "nodes": crew.nodes,
        "lease_age": None if crew.lease_age is None else round(crew.lease_age, 1),
        "acknowledged": crew.acknowledged,
        "generation": None if crew.acknowledged is None else found.generation,
        "members": [str(one.name) for one in crew.members if one.ended_at is None],
    }
    if not crew.members:
        return shown
    last = crew.members[-1]
    return shown | {
        "drivers": last.drivers,
        "conductor_group": last.conductor_groups[0],
        "conductor_groups": last.conductor_groups,
        "fallback_groups": last.fallback_groups,
        "version": ", ".join(sorted({one.version for one in crew.members})),
        "differs_in": sorted(
            {name for one in crew.members for name in fingerprints.differences(usual, one.fingerprint)}
        )
        if last.ended_at is None
        else [],
    }


class Show(command.ShowOne):
    """Show how a conductor keeps up with its nodes: ages of readings, sweeps, queues; in seconds.

    The figures are those that the conductor itself wrote down at statistics_at, added up over its workers; of
    ages, durations and lags the greatest is shown. Of several conductors, without a name, all nodes are
    counted: those too that nobody owns, or that a conductor which has ended holds.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "hostname",
            nargs="?",
            metavar="HOSTNAME",
            help="a name of `podium conductor list`; by default the whole fleet",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        timeout = self.config.conductor.heartbeat_timeout
        with self.database() as database, database.read() as connection:
            known = conductors.list_conductors(connection)
            if parsed_args.hostname is None and len(known) > 1:
                online = [one for one in known if one.is_alive(timeout)]
                return self._added_up(connection, online, timeout)
            found = _find(known, parsed_args.hostname, timeout)
            written = conductors.figures(connection, found.hostname)
            figures = _merged(connection, [one.figures for one in written], found.hostname)
        written_at = min((one.updated_at for one in written), default=None)
        if not found.online:
            of = "" if written_at is None else f"; the figures are of {written_at:%F %T} UTC"
            self.warn(f"warning: {found.hostname} is gone and owns no nodes{of}")
        elif written_at is not None and not found.is_alive(timeout):
            self.warn(f"warning: {found.hostname} is offline; its figures are of {written_at:%F %T} UTC")
        elif not all(conductors.is_fresh(one.age, timeout) for one in written):
            self.warn(f"warning: {found.hostname} has written no new figures since {written_at:%F %T} UTC")
        if not found.online:
            figures |= _OF_GONE
        names = (*_DETAILS, "statistics_at", *_FIGURES)
        return names, [*_shown(found, timeout, _DETAILS), written_at, *map(figures.get, _FIGURES.values())]

    def _added_up(
        self, connection: sa.Connection, online: Sequence[ConductorRecord], timeout: float
    ) -> tuple[Sequence[str], Iterable[Any]]:
        """Return the figures of all conductors that are online as those of one, and those of all nodes."""
        written = {one.hostname: conductors.figures(connection, one.hostname) for one in online}
        for host, its in written.items():
            if not all(conductors.is_fresh(one.age, timeout) for one in its):
                self.warn(f"warning: {host} has written no new figures for {timeout:g} s")
        every = [one for its in written.values() for one in its]
        figures = _merged(connection, [one.figures for one in every])
        whole = asdict(fleet_figures(connection, self.config.conductor.power_state_max_age))
        figures |= {name: whole[name] for name in _COUNTED}
        names = ("hostnames", "workers", "statistics_at", *_COUNTED, *_ADDED_UP)
        at = min((one.updated_at for one in every), default=None)
        workers = sum(one.workers for one in online)
        shown = (figures.get(name) for name in (*_COUNTED, *_ADDED_UP.values()))
        return names, [[*written], workers, at, *shown]


class Thaw(command.Command):
    """Let all conductors restore power states again, if enforcement is frozen.

    They froze because many nodes changed or vanished at once, which looks like an outage, and would thaw by
    themselves when that is over.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.database() as database, database.write() as connection:
            was_frozen = enforcement.forgive(connection)
        self.say("enforcement goes on" if was_frozen else "enforcement is not frozen")


def _merged(connection: sa.Connection, written: Sequence[Figures], host: str | None = None) -> dict[str, Any]:
    """Return the figures of workers as those of one, with who delivers to each sink of notifications.

    :param host: of the workers; None for all
    """
    figures = asdict(Figures.merged(written)) if written else {}
    unreached = cross_checks.out_of_reach(connection)
    figures["out_of_reach"] = [str(one) for one in unreached if host in (None, one.host)]
    deliverers = notifications.deliverers(connection)
    for sink, its in figures.get("notifications", {}).items():
        its["delivered_by"] = str(deliverers[sink]) if sink in deliverers else None
    return figures


def _shown(conductor: ConductorRecord, timeout: float, columns: Sequence[str]) -> list[Any]:
    shown = {**conductor._asdict(), "online": conductor.is_alive(timeout)}
    return [shown[column] for column in columns]


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
