"""``podium node list`` and ``podium node show``."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, get_args

from podium import states, wording
from podium.cli import arguments, command, converters, entries
from podium.cli.showing.tables import Form
from podium.client.calls.call import plain
from podium.client.calls.nodes import FIELDS, HealthStatus, Node, PowerState

#: Seconds since power_checked_at; for a single node that time is enough.
AGE: Final = "power_state_age"
#: Values of one node that are not shown to people.
_EMPTY: Final[tuple[Any, ...]] = (None, "", {}, [])
#: Seconds by which the clock of a controller may be off before its log is hard to read.
_RIGHT: Final = 60.0
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
_POWER_STATES: Final[Mapping[str, PowerState]] = {
    "on": states.POWER_ON,
    "off": states.POWER_OFF,
    **{state: state for state in get_args(PowerState)},
}


class List(command.Lister):
    """List nodes and their power state.

    A node whose power was never read has no power_state. A node that does not answer keeps its last known
    state: power_checked_at is when the power was last read, and power_state_age the seconds since then.
    health is empty once its report, of health_checked_at, is three times as old as the spacing of the task
    that reports it.
    """

    column_names = FIELDS
    form = Form(
        "nodes",
        by=("name",),
        dropped=(AGE, "driver", "target_power_state", "health", "power_checked_at", "maintenance"),
        prose=("health", "enforcement", "last_error"),
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument("--long", action="store_true", help="show every column")
        parser.add_argument("--driver", type=converters.filled, help="only nodes of this driver")
        parser.add_argument(
            "--power-state",
            choices=_POWER_STATES,
            metavar="STATE",
            help="only nodes in this state: on, off, error, or none for nodes that were never read",
        )
        parser.add_argument(
            "--maintenance", action="store_true", help="only nodes in maintenance, with --stale too"
        )
        parser.add_argument(
            "--health",
            choices=get_args(HealthStatus),
            metavar="STATUS",
            help="only nodes with this health: ok, warning, critical, or none where nothing is known",
        )
        parser.add_argument(
            "--would-enforce",
            action="store_true",
            help="only nodes whose power the conductor is to restore, and why it has not done so yet",
        )
        parser.add_argument(
            "--conductor", metavar="HOST", type=converters.filled, help="only nodes of this conductor"
        )
        parser.add_argument("--unserved", action="store_true", help="only nodes that no conductor serves")
        parser.add_argument(
            "--conductor-group",
            metavar="GROUP",
            type=converters.group_name,
            help='only nodes of this group; "" for those of none',
        )
        parser.add_argument(
            "--provision-state",
            metavar="STATE",
            type=converters.filled,
            help="only nodes in this provision state",
        )
        parser.add_argument(
            "--resource-class",
            metavar="CLASS",
            type=converters.filled,
            help="only nodes of this resource class",
        )
        parser.add_argument("--owner", type=converters.filled, help="only nodes of this owner")
        parser.add_argument(
            "--instance-uuid", metavar="UUID", type=converters.filled, help="only the node with this instance"
        )
        parser.add_argument(
            "--extra",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            type=entries.key_value,
            help="only nodes with this in extra; several must all be there",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        columns = self.made(parsed_args, _columns(parsed_args), FIELDS)
        needed = {"name", *(parsed_args.columns or self.shown), *parsed_args.sort_columns}
        state = parsed_args.power_state
        nodes, where = arguments.chosen(self.parser, parsed_args, with_stale=False)
        with self.podium() as podium:
            found = podium.nodes(
                nodes,
                where=where,
                stale=parsed_args.stale,
                fields=[name for name in FIELDS if name in needed],
                driver=parsed_args.driver,
                power_state=state and _POWER_STATES[state],
                maintenance=parsed_args.maintenance or None,
                would_enforce=parsed_args.would_enforce,
                conductor=parsed_args.conductor,
                unserved=parsed_args.unserved,
                health=parsed_args.health,
                conductor_group=parsed_args.conductor_group,
                provision_state=parsed_args.provision_state,
                resource_class=parsed_args.resource_class,
                owner=parsed_args.owner,
                instance_uuid=parsed_args.instance_uuid,
                extra=dict(parsed_args.extra),
            )
            return columns, _rows(found, columns)


def _columns(parsed_args: argparse.Namespace) -> Sequence[str]:
    if parsed_args.long or parsed_args.columns:
        return FIELDS
    if parsed_args.would_enforce:
        return _ENFORCED_COLUMNS
    return _DEFAULT_COLUMNS if parsed_args.stale is None else _STALE_COLUMNS


def _rows(nodes: Iterable[Node], columns: Sequence[str]) -> list[list[Any]]:
    """Return the columns of nodes, of which there may be 100,000; columns not requested are not shown."""
    rows = [[*row] for row in map(attrgetter(*columns), nodes)]
    if "health" in columns:
        place = columns.index("health")
        for row in rows:
            if row[place]:
                row[place] = plain(row[place])
    return rows


class Show(command.ShowOne):
    """Show everything that Podium knows about a node, with its secrets masked.

    The table leaves out empty values, and the clock of the controller if it is off by less than a minute; -c
    COLUMN and the other formats show these too.
    """

    column_names = tuple(name for name in FIELDS if name != AGE)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_node(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            node = podium.node(parsed_args.node)
        shown = {name: plain(getattr(node, name)) for name in FIELDS if name != AGE}
        names = list(shown)
        if parsed_args.formatter == "table" and not parsed_args.columns:
            shown |= _clock(node)
            names = [name for name in names if shown[name] not in _EMPTY]
        return names, [shown[column] for column in names]


def _clock(node: Node) -> dict[str, Any]:
    """Return the fields about the clock of a node's controller, for people: empty if the clock is right."""
    offset, checked_at = node.clock_offset, node.clock_checked_at
    if offset is None or checked_at is None or abs(offset) <= _RIGHT:
        return {"clock_offset": None, "clock_checked_at": None}
    return {"clock_offset": wording.clock_off(offset, checked_at.timestamp())}
