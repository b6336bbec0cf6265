"""``podium operation``: requests for nodes, their progress, and their cancellation."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from podium import states
from podium.cli import arguments, command, converters, outcomes
from podium.cli.showing.tables import Form
from podium.client.calls.operations import Operation, Request
from podium.node_ranges import natural

_COLUMNS: Final = (
    "id",
    "action",
    "what",
    "nodes",
    "held",
    "waiting",
    "begun",
    "done",
    "failed",
    "cancelled",
    "replaced",
    "requested_by",
    "requested_at",
    "reason",
)
#: The names of requests for people, where an action has the name of a state.
_ASKED: Final[Mapping[str, str]] = {states.REBOOTING: "reboot", states.SOFT_REBOOTING: "soft reboot"}
_DETAILS: Final = ("timeout", "cancelled_by", "cancelled_at")
#: Fields that are left out for people, who see the same in others.
_FOR_PROGRAMS: Final = ("arguments",)
_OF_POWER: Final = ("then_off",)
_OF_CREDENTIALS: Final = ("canaries", "undoes", "undone_by")
_OF_NODE: Final = (
    "state",
    "power_state",
    "result",
    "not_before",
    "begun_at",
    "sent_at",
    "finished_at",
    "holder",
    "error",
)


class List(command.Lister):
    """List operations, the newest first, and how many of their nodes are in each state."""

    column_names = _COLUMNS
    form = Form(
        "operations",
        dropped=(
            *("held", "replaced", "cancelled", "requested_by", "begun", "waiting", "done"),
            *("reason", "requested_at", "what"),
        ),
        prose=("reason",),
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--limit",
            type=converters.count,
            default=20,
            metavar="N",
            help="how many to list (default: 20)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            found = podium.operations(limit=parsed_args.limit)
            return _COLUMNS, [_shown(operation, _COLUMNS, parsed_args) for operation in found]


class Show(command.ShowOne):
    """Show an operation: who requested what, why, and the results, with like nodes folded."""

    column_names = (*_COLUMNS, *_FOR_PROGRAMS, *_DETAILS, *_OF_POWER, *_OF_CREDENTIALS, "results")
    forms: ClassVar[Mapping[str, Form]] = {
        "results": Form(
            "nodes",
            dropped=("holder", "not_before", "begun_at", "sent_at", "finished_at", "power_state"),
            prose=("result", "error"),
        )
    }

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_operation(parser)
        parser.add_argument("--long", action="store_true", help="show each node on its own")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        with self.podium() as podium:
            operation = podium.operation(parsed_args.operation)
            requests = list(podium.requests(parsed_args.operation))
        requests.sort(key=lambda request: natural(request.node_name))
        results = list(map(_of_node, requests)) if parsed_args.long else outcomes.folded(requests)
        is_power = operation.then_off is not None
        further = () if parsed_args.formatter == "table" and not parsed_args.columns else _FOR_PROGRAMS
        names = (*_COLUMNS, *further, *_DETAILS, *(_OF_POWER if is_power else _OF_CREDENTIALS))
        return (*names, "results"), [*_shown(operation, names, parsed_args), results]


class Cancel(command.Command):
    """Cancel the nodes of an operation that no conductor has begun; changes under way continue."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_operation(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        number = parsed_args.operation
        with self.podium() as podium:
            done = podium.cancel(number)
        cancelled, ended = f"{done.cancelled} cancelled", f"{done.ended} had ended"
        self.say(f"operation {number}: {cancelled}, {done.under_way} under way, {ended}")
        return 1 if done.under_way else 0


class Wait(outcomes.Waiting):
    """Wait until an operation has ended, and show its results, with like nodes folded."""

    only_reads = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_operation(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        number = parsed_args.operation
        with self.podium() as podium, self.going_on(number):
            podium.operation(number)  # fail at once if the address is wrong
            return 0 if self.wait_for(podium, number) else 1


def _shown(operation: Operation, columns: Sequence[str], parsed_args: argparse.Namespace) -> list[Any]:
    shown = {column: getattr(operation, column) for column in columns}
    if parsed_args.formatter == "table":
        shown["action"] = _ASKED.get(operation.action, operation.action)
    return [*shown.values()]


def _of_node(request: Request) -> dict[str, Any]:
    return {"name": request.node_name, **{field: getattr(request, field) for field in _OF_NODE}}
