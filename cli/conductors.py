"""``podium conductor list`` and ``podium conductor show``."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from podium.cli import command, converters
from podium.cli.showing.tables import Form
from podium.client.calls.call import plain
from podium.client.calls.conductors import ConductorFigures, Freshness
from podium.client.podium import Podium

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
    "frozen_reason",
    "statistics_at",
    "nodes",
    "failing",
    "in_maintenance",
    "unreadable",
    "never_read",
    "out_of_reach",
    "power_state_max_age",
    "fresh_share",
    "power_state_ages",
    "power_state_age_buckets",
    "power_reads",
    "enforcement",
    "notifications",
    "queues",
    "write_lag",
    "load",
)
_OF_ALL: Final = (
    "hostnames",
    "workers",
    "statistics_at",
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
    "out_of_reach",
    "power_state_max_age",
    "power_state_ages",
    "power_state_age_buckets",
    "power_reads",
    "enforcement",
    "notifications",
    "queues",
    "write_lag",
    "load",
)


class List(command.Lister):
    """List the daemons on this database, their state, and how many nodes each owns.

    The state is alive; draining, and drained once nothing is left with the daemon; leaving, during an orderly
    shutdown; silent, if it has given no sign of life for long and nobody has ended it yet; or gone. lease_age
    is the number of seconds since its last sign of life. generation is the current generation of the fleet's
    shares, acknowledged the newest one for which the daemon has given up the nodes that it lost. differs_in
    lists options of [conductor] that differ from those of most conductors. Nodes that nobody serves are
    reported on standard error, and so is a group of conductors that could not carry its load without one of
    them.
    """

    column_names = _ALL
    form = Form(
        "conductors",
        by=("hostname",),
        dropped=(
            *("generation", "acknowledged", "version", "drivers", "conductor_group", "workers", "lease_age"),
            *("differs_in", "since", "frozen_at"),
        ),
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--long", action="store_true", help="show every column, as other formats do")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            found = list(podium.conductors())
        is_short = parsed_args.formatter == "table" and not (parsed_args.long or parsed_args.columns)
        columns = self.made(parsed_args, _COLUMNS if is_short else _ALL, _ALL)
        return columns, [[getattr(one, column) for column in columns] for one in found]


class Show(command.ShowOne):
    """Show how a conductor keeps up with its nodes: ages of readings, sweeps, queues; in seconds.

    The conductor itself recorded the figures at statistics_at. They are added up over its workers; of ages,
    durations and lags the greatest is shown. Without a name, and with several conductors, all nodes are
    counted, including those that nobody owns or that a conductor which has ended holds.
    """

    column_names = _OF_ONE
    forms: ClassVar[Mapping[str, Form]] = {
        "power_reads": Form(
            "drivers",
            dropped=(
                *("lingering", "in_flight", "retrying", "sweep_nodes", "counters", "queued", "interval"),
                *("reads", "failures"),
            ),
            prose=("counters", "failures"),
        ),
        "notifications": Form(
            "sinks", dropped=("delivered_by", "set_aside", "delivered", "failing"), prose=("last_error",)
        ),
        "unread": Form("reasons", dropped=("kind",), prose=("why",)),
    }

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "hostname",
            nargs="?",
            metavar="HOSTNAME",
            type=converters.filled,
            help="a name of `podium conductor list`; by default the whole fleet",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            found = _figures(podium, parsed_args.hostname)
        columns = _OF_ONE if isinstance(found, ConductorFigures) else _OF_ALL
        return columns, [plain(getattr(found, column)) for column in columns]


def _figures(podium: Podium, hostname: str | None) -> ConductorFigures | Freshness:
    """Return the figures of a conductor or, without a name, of the only conductor or of all."""
    if hostname is None:
        known = {one.hostname for one in podium.members()}
        if len(known) != 1:
            return podium.freshness()
        (hostname,) = known
    return podium.conductor(hostname)


class Thaw(command.Command):
    """Let all conductors restore power states again, if enforcement is frozen.

    Conductors freeze enforcement when many nodes change or vanish at once, which looks like an outage. They
    thaw by themselves when that is over.
    """

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.podium() as podium:
            was_frozen = podium.thaw().changed
        self.say("enforcement goes on" if was_frozen else "enforcement is not frozen")
