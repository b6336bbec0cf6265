"""``podium task``: the state of periodic tasks, and commands to them.

A task is run, enabled and disabled by the conductors that have it: the command writes down what is asked, and
each of them how it ended.
"""

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Final

import sqlalchemy as sa

from podium import errors
from podium.cli import arguments, command
from podium.client.waiting.patience import Patience
from podium.conf.periodic_tasks import no_such_task
from podium.db import api, conductors, slots, task_commands
from podium.db.conductors import ConductorTask
from podium.db.engine import Database
from podium.db.task_commands import TaskCommand
from podium.db.worker import Worker

_POLL_SECONDS: Final = 0.2
_COLUMNS: Final = (
    "task",
    "driver",
    "conductor",
    "state",
    "spacing",
    "last_run",
    "duration",
    "runs",
    "failures",
    "skipped",
    "deadline_misses",
    "last_error",
)


class List(command.Lister):
    """List periodic tasks and their state, with times in seconds. Offline: the conductor is gone."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.database() as database, database.read() as connection:
            rows = conductors.list_tasks(connection)
            alive = _alive(connection, self.config.conductor.heartbeat_timeout)
        return _COLUMNS, [_shown(row, alive) for row in rows]


class Show(command.ShowOne):
    """Show one periodic task, with times in seconds. Offline: its conductor is gone."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_task(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        with self.database() as database, database.read() as connection:
            rows = _rows(connection, parsed_args.task, parsed_args.conductor)
            alive = _alive(connection, self.config.conductor.heartbeat_timeout)
        if len(rows) > 1:
            rows = [row for row in rows if row.conductor in alive] or rows
        return _COLUMNS, _shown(_only(rows), alive)


class _Ask(command.Command):
    """Send conductors a command to a task, and wait for the answers."""

    action: ClassVar[str]
    patience: ClassVar[float] = 30.0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        _add_task(parser)
        parser.add_argument(
            "--timeout",
            type=arguments.seconds,
            default=self.patience,
            metavar="SECONDS",
            help=f"how long to wait for the answer (default: {self.patience:g})",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        task, host = parsed_args.task, parsed_args.conductor
        with self.database() as database:
            with database.write() as connection:
                running = self._running(connection, _rows(connection, task, host))
                node, owner = self.node(connection, parsed_args)
                self.record(connection, task, host)
                numbers = {
                    one: task_commands.ask(
                        connection,
                        one,
                        task,
                        self.action,
                        arguments.who(),
                        node,
                        None if owner is None else owner.index,
                    )
                    for one in ([one.conductor for one in running] if owner is None else [owner.host])
                }
            outcome, done = self._wait(database, numbers, parsed_args.timeout)
        for line in outcome.splitlines():
            self.say(f"{task}: {line}")
        return 0 if done else 1

    def record(self, connection: sa.Connection, task: str, host: str | None) -> None:
        """Write down what holds for conductors that come later, too.

        :param host: the only conductor that is meant
        """

    def node(
        self, connection: sa.Connection, parsed_args: argparse.Namespace
    ) -> tuple[str | None, Worker | None]:
        """Return the UUID of the only node to run for, if any, and who has it."""
        return None, None

    def outcome(self, done: TaskCommand, hosts: int) -> str:
        """Return the words for a command that so many conductors carried out, the slowest as ``done``."""
        return f"{self.action}d"

    def _running(self, connection: sa.Connection, rows: Sequence[ConductorTask]) -> list[ConductorTask]:
        """Return the rows whose conductors are alive.

        :raises podium.errors.PodiumError: if there is none
        """
        alive = _alive(connection, self.config.conductor.heartbeat_timeout)
        found = [row for row in rows if row.conductor in alive]
        if not found:
            raise errors.PodiumError(
                f"no conductor with {rows[0].task} is running, so nothing was requested; start {_names(rows)}"
            )
        return found

    def _wait(
        self, database: Database, numbers: Mapping[str, Sequence[int]], timeout: float
    ) -> tuple[str, bool]:
        """Return the result of the commands to the workers of conductors, and whether they were carried out.

        :param numbers: of the commands, by conductor
        """
        end = time.monotonic() + timeout
        limit = self.config.conductor.heartbeat_timeout
        silences = {host: Patience(limit) for host in numbers}
        answers: dict[str, Sequence[TaskCommand]] = {}
        missing: dict[str, str] = {}  # why the others are not waited for
        while waits := [host for host in numbers if host not in answers and host not in missing]:
            is_late = time.monotonic() >= end
            with database.read() as connection:
                rows = {host: task_commands.find(connection, numbers[host]) for host in waits}
                known = {one.hostname: one for one in conductors.list_conductors(connection)}
            for host, its in rows.items():
                if len(its) < len(numbers[host]) or host not in known:
                    missing[host] = f"failed: the conductor {host} ended before it answered"
                elif all(one.finished_at for one in its):
                    answers[host] = its
                elif reason := self._reason(known[host], silences[host]):
                    missing[host] = reason
                elif is_late:
                    missing[host] = f"not finished after {timeout:g} s; {host} goes on with it"
            if len(answers) + len(missing) < len(numbers):
                time.sleep(_POLL_SECONDS)
        return self._outcome_of_all(answers, missing)

    def _reason(self, one: conductors.ConductorRecord, silence: Patience) -> str | None:
        """Why a conductor that has not answered is not waited for; None while it is."""
        if not one.online:
            return f"failed: the conductor {one.hostname} ended before it answered"
        # It was alive just now, and lives while its heartbeat goes on, however clocks are set.
        if silence.ends(one.heartbeat_at):
            limit = self.config.conductor.heartbeat_timeout
            return f"failed: the conductor {one.hostname} has not been heard of for {limit:g} s"
        return None

    def _outcome_of_all(
        self, answers: Mapping[str, Sequence[TaskCommand]], missing: Mapping[str, str]
    ) -> tuple[str, bool]:
        """Return the answers, of each conductor if any failed, and whether the command was carried out.

        :param missing: why conductors have not answered
        """
        if not missing and not any(one.error for its in answers.values() for one in its):
            return self._result([one for its in answers.values() for one in its], len(answers))
        told = {**missing, **{host: self._result(its)[0] for host, its in answers.items()}}
        if len(told) == 1:
            return next(iter(told.values())), False
        return "\n".join(f"{host}: {text}" for host, text in sorted(told.items())), False

    def _result(self, its: Sequence[TaskCommand], hosts: int = 1) -> tuple[str, bool]:
        """Return the answers of the workers of some conductors as one."""
        error = next((one.error for one in its if one.error is not None), None)
        if error is not None:
            return error if error.startswith("failed for ") else f"failed: {error}", False
        return self.outcome(max(its, key=lambda one: one.duration or 0.0), hosts), True


class Run(_Ask):
    """Run a periodic task now, even a disabled one, and show the result."""

    action = "run"
    patience = 300.0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--node",
            metavar="NODE",
            help="name or UUID of the only node to run for, if the task runs for each node; works while it"
            " runs for all, too",
        )
        return parser

    def node(
        self, connection: sa.Connection, parsed_args: argparse.Namespace
    ) -> tuple[str | None, Worker | None]:
        if parsed_args.node is None:
            return None, None
        (node,) = api.find_keys(connection, [parsed_args.node])
        driver = parsed_args.task.partition(".")[0]
        if driver not in (node.driver, "conductor"):
            raise errors.PodiumError(
                f"{node.name} has the driver {node.driver}; {parsed_args.task} is for {driver}"
            )
        owner, host = slots.owner_of(connection, node.uuid), parsed_args.conductor
        if owner is None:
            raise errors.PodiumError(f"no conductor has {node.name} now; see: podium conductor list")
        if host not in (None, owner.host):
            raise errors.PodiumError(f"{node.name} is owned by {owner.host}, not by {host}")
        return node.uuid, owner

    def outcome(self, done: TaskCommand, hosts: int) -> str:
        return f"done in {done.duration:.1f} s" + (f" by {hosts} conductors" if hosts > 1 else "")


class _Switch(_Ask):
    """Let a task run, or keep it from running, for all conductors or for one."""

    def record(self, connection: sa.Connection, task: str, host: str | None) -> None:
        task_commands.switch(connection, host, task, off=self.action == "disable")


class Enable(_Switch):
    """Let a periodic task run again that was disabled with ``podium task disable``."""

    action = "enable"


class Disable(_Switch):
    """Keep a periodic task from running until it is enabled, also in conductors that start later."""

    action = "disable"


def _add_task(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", metavar="TASK", help="its name, as `podium task list` shows it")
    parser.add_argument("--conductor", metavar="HOST", help="only this conductor, if several have the task")


def _rows(connection: sa.Connection, task: str, host: str | None) -> list[ConductorTask]:
    """Return a task on each conductor that has it, or on the named conductor.

    :raises podium.errors.PodiumError: if there is none
    """
    every = conductors.list_tasks(connection)
    if not every:
        raise errors.PodiumError("no conductor has run on this database yet; start one: podium-conductor")
    having = [row for row in every if row.task == task]
    if not having:
        raise errors.PodiumError(no_such_task(task, {row.task for row in every}))
    if host is None:
        return having
    chosen = [row for row in having if row.conductor == host]
    if not chosen:
        raise errors.PodiumError(f"the conductor {host} has no task {task}; there is one on {_names(having)}")
    return chosen


def _only(rows: Sequence[ConductorTask]) -> ConductorTask:
    """Return the only row.

    :raises podium.errors.PodiumError: if there are several
    """
    if len(rows) > 1:
        raise errors.PodiumError(
            f"several conductors have {rows[0].task}: {_names(rows)}; name one with --conductor"
        )
    return rows[0]


def _names(rows: Iterable[ConductorTask]) -> str:
    return ", ".join(row.conductor for row in rows)


def _alive(connection: sa.Connection, timeout: float) -> set[str]:
    return {one.hostname for one in conductors.list_conductors(connection) if one.is_alive(timeout)}


def _shown(row: ConductorTask, alive: set[str]) -> list[Any]:
    shown = {**asdict(row), "driver": row.task.partition(".")[0]}
    if row.conductor not in alive:
        shown["state"] = "offline"
    elif row.switched_off and row.state != "disabled":
        shown["state"] = f"{row.state}, disabled"
    return [shown[column] for column in _COLUMNS]
