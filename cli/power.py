"""``podium node power on``, ``off`` and ``reboot``."""

import argparse
import time
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from podium import errors, states
from podium.cli import arguments, command
from podium.cli.catalog import Catalog
from podium.db import api
from podium.db.engine import Database

_POLL_SECONDS: Final = 0.2
_SHOWN: Final = 50


class _Power(command.Command):
    """Ask for a power state; the conductor that owns the node carries it out."""

    target: ClassVar[str]

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument("--wait", action="store_true", help="wait for the outcome")
        parser.add_argument(
            "--timeout",
            type=arguments.seconds,
            default=90.0,
            metavar="SECONDS",
            help="how long --wait waits (default: 90)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        wanted = arguments.expand(parsed_args.nodes)
        catalog = Catalog(self.config)
        with self.database() as database:
            requested, refused = self._request(database, wanted, catalog)
            self.say(f"{len(requested)} requested")
            for line in refused[:_SHOWN]:
                self.warn(line)
            if len(refused) > _SHOWN:
                self.warn(f"and {len(refused) - _SHOWN} more")
            self.warn_of_unowned(database, [row._asdict() for row in requested])
            if not parsed_args.wait:
                return 1 if refused else 0
            reached = self._wait(database, requested, parsed_args.timeout)
        return 0 if reached and not refused else 1

    def _request(
        self, database: Database, wanted: Sequence[str], catalog: Catalog
    ) -> tuple[list[sa.Row[Any]], list[str]]:
        """The nodes that were asked, and one line for each that is being changed already."""
        requested, refused = [], []
        with database.write() as connection:
            rows = api.find_nodes(connection, wanted)
            self._check_supported(rows, catalog)
            for row in rows:
                try:
                    api.request_power(connection, row.id, self.target, arguments.who())
                except errors.NodeConflict as conflict:
                    refused.append(str(conflict))
                else:
                    requested.append(row)
        return requested, refused

    def _check_supported(self, rows: Sequence[sa.Row[Any]], catalog: Catalog) -> None:
        for driver in sorted({row.driver for row in rows}):
            supported = catalog.supported_power_states(driver)
            if supported is not None and self.target not in supported:
                names = arguments.fold(row.name for row in rows if row.driver == driver)
                raise errors.UnsupportedPowerState(
                    f"{names}: the driver {driver} does not know {self.target}, only"
                    f" {', '.join(sorted(supported))}; nothing was requested"
                )

    def _wait(self, database: Database, requested: Sequence[sa.Row[Any]], timeout: float) -> bool:
        """Print how each request ends; whether all of them reached what was asked for."""
        pending = {row.id: row.name for row in requested}
        outcomes: dict[str, list[str]] = {}
        failed = False
        end = time.monotonic() + timeout
        while pending:
            with database.read() as connection:
                found = {row.id: row for row in api.list_power(connection, list(pending))}
            for number in [*pending]:
                row = found.get(number)
                if row is not None and row.target_power_state is not None:
                    continue
                reached, outcome = _outcome(row)
                failed = failed or not reached
                outcomes.setdefault(outcome, []).append(pending.pop(number))
            if not pending or time.monotonic() >= end:
                break
            time.sleep(_POLL_SECONDS)
        if pending:
            outcomes[f"not finished after {timeout:g} s"] = list(pending.values())
        for outcome, names in outcomes.items():
            self.say(f"{arguments.fold(names)}: {outcome}")
        return not (failed or pending)


def _outcome(row: sa.Row[Any] | None) -> tuple[bool, str]:
    if row is None:
        return False, "failed: the node was deleted"
    if row.last_error is not None:
        return False, f"failed: {row.last_error}"
    return True, str(row.power_state)


class On(_Power):
    """Power nodes on."""

    target = states.POWER_ON


class Off(_Power):
    """Power nodes off at once, without asking their operating system."""

    target = states.POWER_OFF


class Reboot(_Power):
    """Power nodes off and on again, without asking their operating system."""

    target = states.REBOOTING
