"""``podium task``: the state of periodic tasks, and commands to them."""

import argparse
import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from podium.cli import arguments, command, converters
from podium.cli.showing.tables import Form
from podium.client.calls.tasks import Task, TaskAsked, TaskCommand
from podium.client.podium import Podium
from podium.client.waiting.steps import run
from podium.client.waiting.task import Answered, until_answered

_COLUMNS: Final = Task.__struct_fields__


class List(command.Lister):
    """List periodic tasks and their state, with times in seconds. Offline: the conductor is gone."""

    column_names = _COLUMNS
    form = Form(
        "tasks",
        by=("task", "conductor"),
        dropped=(
            *("driver", "runs", "skipped", "deadline_misses", "duration", "spacing", "failures"),
            *("last_run", "conductor"),
        ),
        prose=("last_error",),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            return _COLUMNS, [[getattr(one, column) for column in _COLUMNS] for one in podium.tasks()]


class Show(command.ShowOne):
    """Show one periodic task, with times in seconds. Offline: its conductor is gone."""

    column_names = _COLUMNS

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_task(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        with self.podium() as podium:
            found = podium.task(parsed_args.task, parsed_args.conductor)
        return _COLUMNS, [getattr(found, column) for column in _COLUMNS]


class _Ask(command.Command):
    """Send conductors a command to a task, and wait for the answers."""

    patience: ClassVar[float] = 30.0
    #: To be replaced by tests.
    clock = staticmethod(time.monotonic)
    #: The word for a task that was in the requested state already.
    already = ""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_task(parser)
        parser.add_argument(
            "--timeout",
            type=converters.seconds,
            default=self.patience,
            metavar="TIME",
            help=f"how long to wait for the answer, in seconds or as 5m (default: {self.patience:g})",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        with self.podium() as podium:
            asked = self.ask(podium, parsed_args)
            self.already = "" if asked.changed else " already"
            waits = until_answered(asked, timeout=parsed_args.timeout, tell=self.warn, clock=self.clock)
            lines, done = self._outcome_of_all(run(podium, waits))
        for line in "\n".join(lines).splitlines():
            self.say(f"{parsed_args.task}: {line}")
        return 0 if done else 1

    def ask(self, podium: Podium, parsed_args: argparse.Namespace) -> TaskAsked:
        """Request what the command is for."""
        raise NotImplementedError

    def outcome(self, done: TaskCommand, hosts: int) -> str:
        """Return the result in words; so many conductors carried the command out, the slowest as ``done``."""
        return f"{done.action}d{self.already}"

    def _outcome_of_all(self, found: Answered) -> tuple[list[str], bool]:
        """Return the answers, one per conductor if any failed, and whether the command was carried out."""
        every = [one for its in found.answers.values() for one in its]
        if not found.missing and not any(one.error for one in every):
            text, done = self._result(every, len(found.answers))
            return [text], done
        told = {**found.missing, **{host: self._result(its)[0] for host, its in found.answers.items()}}
        if len(told) == 1:
            return [*told.values()], False
        return [f"{host}: {text}" for host, text in sorted(told.items())], False

    def _result(self, its: Sequence[TaskCommand], hosts: int = 1) -> tuple[str, bool]:
        """Return the answers of the workers of some conductors as one."""
        error = next((one.error for one in its if one.error is not None), None)
        if error is not None:
            return error if error.startswith("failed for ") else f"failed: {error}", False
        return self.outcome(max(its, key=lambda one: one.duration or 0.0), hosts), True


class Run(_Ask):
    """Run a periodic task now, even a disabled one, and show the result."""

    patience = 300.0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--node",
            metavar="NODE",
            type=arguments.one_node,
            help="name or UUID of the only node to run for, if the task runs for each node; works while it"
            " runs for all, too",
        )
        return parser

    def ask(self, podium: Podium, parsed_args: argparse.Namespace) -> TaskAsked:
        return podium.run_task(parsed_args.task, parsed_args.conductor, parsed_args.node)

    def outcome(self, done: TaskCommand, hosts: int) -> str:
        return f"done in {done.duration:.1f} s" + (f" by {hosts} conductors" if hosts > 1 else "")


class Enable(_Ask):
    """Let a periodic task that was disabled with ``podium task disable`` run again."""

    def ask(self, podium: Podium, parsed_args: argparse.Namespace) -> TaskAsked:
        return podium.enable_task(parsed_args.task, parsed_args.conductor)


class Disable(_Ask):
    """Keep a periodic task from running until it is enabled, also in conductors that start later."""

    def ask(self, podium: Podium, parsed_args: argparse.Namespace) -> TaskAsked:
        return podium.disable_task(parsed_args.task, parsed_args.conductor)


def _add_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "task", metavar="TASK", type=converters.filled, help="its name, as `podium task list` shows it"
    )
    parser.add_argument(
        "--conductor",
        metavar="HOST",
        type=converters.filled,
        help="only this conductor, if several have the task",
    )
