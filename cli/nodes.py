"""``podium node list`` and ``podium node show``."""

import argparse
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from podium import node_ranges, states
from podium.cli import arguments, command
from podium.client.catalog import MAPPINGS, Catalog
from podium.client.node_columns import AGE, COLUMNS, CONDUCTOR
from podium.db import api, clock, node_list, roster
from podium.db.fleet import known_health

#: What is needed to see whether a health is still true.
_HEALTH: Final = ("health", "health_checked_at", "health_lasts")
_ALL: Final = (*COLUMNS, CONDUCTOR, AGE)
#: What people need not see of one node.
_EMPTY: Final[tuple[Any, ...]] = (None, "", {}, [])
_DEFAULT_COLUMNS: Final = (
    "name",
    "driver",
    "power_state",
    "target_power_state",
    "power_checked_at",
    "maintenance",
    "health",
    "last_error",
)
_STALE_COLUMNS: Final = tuple(AGE if name == "maintenance" else name for name in _DEFAULT_COLUMNS)
_ENFORCED_COLUMNS: Final = ("name", "power_state", "wanted_power_state", "enforcement")
_POWER_STATES: Final = {
    "on": states.POWER_ON,
    "off": states.POWER_OFF,
    **{state: state for state in sorted(states.READINGS)},
    "none": None,
}


class List(command.Lister):
    """List nodes and their power state.

    A node whose power was never read has no power_state. power_checked_at is when it was last read: a node
    that does not answer keeps its last known state, and this grows old: power_state_age, in seconds.
    health is empty once its report, of health_checked_at, is three times as old as the spacing of the task
    that reports it.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser, nargs="*")
        parser.add_argument("--long", action="store_true", help="show every column")
        parser.add_argument("--driver", help="only nodes of this driver")
        parser.add_argument(
            "--power-state",
            choices=_POWER_STATES,
            metavar="STATE",
            help="only nodes in this state: on, off, error, or none for nodes that were never read",
        )
        parser.add_argument("--maintenance", action="store_true", help="only nodes in maintenance")
        parser.add_argument(
            "--failing",
            action="store_true",
            help="only nodes whose last read of the power failed, and those that no living conductor reads",
        )
        parser.add_argument(
            "--stale",
            type=arguments.age,
            metavar="SECONDS",
            help="only nodes whose power was last read longer ago than that, or never; without those in"
            " maintenance, which are not read, unless --maintenance is given",
        )
        parser.add_argument(
            "--would-enforce",
            action="store_true",
            help="only nodes whose power the conductor is to restore, and why it has not done so yet",
        )
        parser.add_argument("--conductor", metavar="HOST", help="only nodes of this conductor")
        parser.add_argument("--unserved", action="store_true", help="only nodes that no conductor serves")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        columns = _columns(parsed_args)
        needed = {*(parsed_args.columns or columns), *parsed_args.sort_columns}
        read = {"power_checked_at" if column == AGE else column for column in needed} & {*COLUMNS, CONDUCTOR}
        with self.database() as database, database.read() as connection:
            if parsed_args.conductor is not None:
                roster.require(connection, parsed_args.conductor)
            now = clock.now(connection)
            rows: Iterable[dict[str, Any]] = node_list.select_nodes(
                connection,
                read | {"driver"} | ({*_HEALTH} if "health" in read else set()),
                wanted=node_ranges.expand(parsed_args.nodes),
                failing=parsed_args.failing,
                fresh=_fresh(parsed_args.stale, now),
                enforced_by_default=self._by_default() if parsed_args.would_enforce else None,
                conductor=parsed_args.conductor,
                unserved=parsed_args.unserved,
                **_equal(parsed_args),
            )
            names = roster.names(connection) if CONDUCTOR in read else {}
        if read & {*MAPPINGS}:
            rows = map(Catalog(self.config, self.warn).masked, rows)
        if "health" in read:
            rows = (_with_known_health(row, now) for row in rows)
        if CONDUCTOR in read:
            rows = ({**row, CONDUCTOR: names.get(row[CONDUCTOR])} for row in rows)
        if AGE in needed:
            rows = ({**row, AGE: _age(row["power_checked_at"], now)} for row in rows)
        return columns, [[row.get(column) for column in columns] for row in rows]

    def _by_default(self) -> bool:
        """Return whether nodes without a policy of their own are enforced."""
        return bool(self.config.conductor.force_power_state_during_sync)


def _columns(parsed_args: argparse.Namespace) -> Sequence[str]:
    if parsed_args.long or parsed_args.columns:
        return _ALL
    if parsed_args.would_enforce:
        return _ENFORCED_COLUMNS
    return _DEFAULT_COLUMNS if parsed_args.stale is None else _STALE_COLUMNS


def _equal(parsed_args: argparse.Namespace) -> dict[str, Any]:
    """Return the values that columns must have."""
    equal: dict[str, Any] = {}
    if parsed_args.driver is not None:
        equal["driver"] = parsed_args.driver
    if parsed_args.power_state is not None:
        equal["power_state"] = _POWER_STATES[parsed_args.power_state]
    if parsed_args.maintenance or parsed_args.stale is not None:
        equal["maintenance"] = parsed_args.maintenance
    return equal


def _fresh(stale: float | None, now: datetime) -> tuple[datetime, datetime] | None:
    return None if stale is None else (clock.later(now, -stale), clock.later(now, clock.AHEAD))


def _age(checked_at: datetime | None, now: datetime) -> float | None:
    """Return how old a reading is, in seconds; None if it was made before the clock was set back."""
    age = None if checked_at is None else clock.age(checked_at, now)
    return None if age is None else round(age, 1)


def _with_known_health(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return a row without a health that is outdated."""
    health, checked_at, lasts = (row[column] for column in _HEALTH)
    return {**row, "health": known_health(health, checked_at, lasts, now)}


class Show(command.ShowOne):
    """Show everything that Podium knows about a node, with its secrets masked.

    The table leaves out what is empty; -c COLUMN and the other formats show that too.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("node", metavar="NODE", help="a name or a UUID")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.database() as database, database.read() as connection:
            (node,) = api.find_nodes(connection, [parsed_args.node])
            (found,) = node_list.select_nodes(connection, [CONDUCTOR], wanted=[node.uuid])
            conductor = roster.names(connection).get(found[CONDUCTOR])
            now = clock.now(connection)
        catalog = Catalog(self.config, self.warn)
        shown = catalog.masked(_with_known_health(node._asdict(), now)) | {CONDUCTOR: conductor}
        names = [*COLUMNS, CONDUCTOR]
        if parsed_args.formatter == "table" and not parsed_args.columns:
            names = [name for name in names if shown[name] not in _EMPTY]
        return names, [shown[column] for column in names]
