"""``podium node power``: requests for nodes, as one operation for all nodes of a command."""

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar, Final

from podium import errors, node_ranges, states
from podium.cli import arguments, outcomes
from podium.client.catalog import Catalog
from podium.db import api, power
from podium.db.api import NodeKey
from podium.db.engine import Database

#: Lines of refusals that are shown; nodes refused for the same reason share a line.
_SHOWN: Final = 50
_ATTEMPTS: Final = 5


class _Power(outcomes.Waiting):
    """Request an action; the conductor that owns a node carries it out."""

    action: ClassVar[str]
    #: The action in words, for the question before it.
    words: ClassVar[str]
    #: Whether the operating system may refuse.
    is_soft: ClassVar[bool] = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument("--wait", action="store_true", help="wait for the results and show them")
        parser.add_argument(
            "--timeout",
            type=arguments.allowed_time,
            metavar="SECONDS",
            help="the time that each node may take; by default that of the conductor's config file",
        )
        parser.add_argument(
            "--reason",
            metavar="TEXT",
            type=arguments.one_line,
            help="the reason, for the record of power events",
        )
        parser.add_argument(
            "--stagger",
            metavar="N/SECONDS",
            type=arguments.stagger,
            help="begin with N nodes, and add N every SECONDS seconds: 10/1",
        )
        parser.add_argument(
            "--yes",
            action="store_true",
            help="do not ask, however many nodes there are ([conductor] confirm_above)",
        )
        parser.set_defaults(then_off=False)
        if self.is_soft:
            parser.add_argument(
                "--then-off",
                action="store_true",
                help="switch off nodes still on after the timeout ([conductor] soft_power_off_timeout)",
            )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        wanted = node_ranges.expand(parsed_args.nodes)
        catalog = Catalog(self.config, self.warn)
        with self.database() as database:
            with database.read() as connection:
                nodes = api.find_keys(connection, wanted)
            self._check_supported(nodes, catalog, parsed_args.then_off)
            if not (parsed_args.yes or self._confirmed(len(nodes))):
                self.warn("nothing was requested")
                return 1
            asked = _insist(lambda: self._ask(database, nodes, parsed_args))
            if asked.operation_id is None:
                self._show_refused(asked)
                self.warn("nothing was requested")
                return 1
            with self.going_on(asked.operation_id):
                more = f"; {asked.replaced} replaced an earlier request" if asked.replaced else ""
                self.say(f"operation {asked.operation_id}: {len(asked.accepted)} requested{more}")
                self._show_refused(asked)
                accepted = set(asked.accepted)
                self.warn_of_unowned(database, [node for node in nodes if node.id in accepted])
                reached = not parsed_args.wait or self.wait_for(database, asked.operation_id)
        return 0 if reached and not asked.refused else 1

    def _check_supported(self, nodes: Sequence[NodeKey], catalog: Catalog, then_off: bool) -> None:
        needed = {self.action, *([states.POWER_OFF] if then_off else [])}
        for driver in sorted({node.driver for node in nodes}):
            able = catalog.actions(driver)
            if able is not None and not needed <= able:
                names = node_ranges.fold(node.name for node in nodes if node.driver == driver)
                raise errors.UnsupportedPowerState(
                    f"{names}: the driver {driver} does not know {', '.join(sorted(needed - able))}, only"
                    f" {', '.join(sorted(able))}; nothing was requested"
                )

    def _confirmed(self, count: int) -> bool:
        """Return whether so many nodes are confirmed: ask a person; a program needs --yes.

        :raises podium.errors.PodiumError: if there is nobody to ask
        """
        most = self.config.conductor.confirm_above
        if count <= most:
            return True
        what = self.words.format(f"{count} nodes")
        return self.confirms(
            what,
            f"to {what} needs --yes: these are more than [conductor] confirm_above = {most};"
            " nothing was requested",
        )

    def _ask(
        self, database: Database, nodes: Sequence[NodeKey], parsed_args: argparse.Namespace
    ) -> power.Asked:
        with database.write() as connection:
            return power.ask(
                connection,
                nodes,
                self.action,
                who=arguments.who(),
                reason=parsed_args.reason,
                timeout=parsed_args.timeout,
                then_off=parsed_args.then_off,
                stagger=parsed_args.stagger,
            )

    def _show_refused(self, asked: power.Asked) -> None:
        lines = outcomes.folded_lines(asked.refused)
        for line in lines[:_SHOWN]:
            self.warn(line)
        if len(lines) > _SHOWN:
            self.warn(f"and {len(lines) - _SHOWN} more")


def _insist(ask: Callable[[], power.Asked]) -> power.Asked:
    """Retry if a conductor that wrote to some of the nodes was faster."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(errors.DatabaseBusy):
            return ask()
    return ask()


class On(_Power):
    """Power nodes on."""

    action = states.POWER_ON
    words = "switch {} on"


class Off(_Power):
    """Power nodes off at once, without asking their operating system."""

    action = states.POWER_OFF
    words = "switch {} off"


class Reboot(_Power):
    """Restart nodes, or switch on those that are off, without asking their operating system."""

    action = states.REBOOTING
    words = "reboot {}"


class SoftOff(_Power):
    """Shut down the operating system of nodes and switch them off."""

    action = states.SOFT_POWER_OFF
    words = "shut {} down"
    is_soft = True


class SoftReboot(_Power):
    """Shut down the operating system of nodes, and switch them on again."""

    action = states.SOFT_REBOOTING
    words = "shut {} down and start them again"
    is_soft = True


class Cycle(_Power):
    """Power nodes off, check that they are off, and power them on."""

    action = states.POWER_CYCLE
    words = "switch {} off and on again"


class InjectNMI(_Power):
    """Send nodes a diagnostic interrupt; most operating systems then write a dump and stop."""

    action = states.INJECT_NMI
    words = "send {} a diagnostic interrupt"
