"""Carries out users' commands to periodic tasks: run, enable, disable."""

import asyncio
import functools
from collections.abc import Callable, Collection
from typing import Protocol

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.rooms.sql import Sql
from podium.db import task_commands as statements
from podium.db.task_commands import TaskCommand
from podium.db.worker import Worker

LOG = log.getLogger(__name__)


class Tasks(Protocol):
    """The periodic tasks of this worker; see ConductorManager."""

    def run_now(self, name: str, node: str | None, done: Callable[[str | None, float], None]) -> None:
        """Run a task at once."""

    def switch(self, name: str, enabled: bool) -> None:
        """Enable or disable a task."""

    def obey(self, switched_off: Collection[str]) -> None:
        """Run all tasks except those that users have disabled."""

    def record_tasks(self) -> None:
        """Have the changed task reports written."""


class TaskCommands:
    """The commands to one worker of a conductor, in its own event loop."""

    def __init__(self, sql: Sql, tasks: Tasks, worker: Worker) -> None:
        self._sql = sql
        self._tasks = tasks
        self._worker = worker
        self._last = 0
        self._has_looked = False
        self._answers: set[asyncio.Task[None]] = set()

    async def poll(self) -> None:
        """Begin every new command.

        :raises podium.errors.DatabaseUnavailable: the database cannot be read
        """
        commands, off = await self._sql.read(self._look)
        for command in commands:
            self._last = command.id
            LOG.info("%s of %s asked for by %s", command.action, command.task, command.requested_by)
            try:
                self._carry_out(command)
            except errors.PodiumError as error:
                self._answer(command.id, str(error), None)
        if off is not None:
            self._tasks.obey(off)
            self._has_looked = True

    def _look(self, connection: sa.Connection) -> tuple[list[TaskCommand], set[str] | None]:
        """The new commands, and the tasks that users have disabled if these may have changed.

        The first call finds the tasks that were disabled before this worker's tasks were known.
        """
        commands = statements.unanswered(connection, self._worker, self._last)
        is_new = bool(commands) or not self._has_looked
        return commands, statements.switched_off(connection, self._worker.host) if is_new else None

    def _carry_out(self, command: TaskCommand) -> None:
        if command.action == "run":
            answer = functools.partial(self._answer, command.id)
            self._tasks.run_now(command.task, command.node_uuid, answer)
            return
        self._tasks.switch(command.task, command.action == "enable")
        self._tasks.record_tasks()
        self._answer(command.id, None, None)

    def _answer(self, number: int, error: str | None, duration: float | None) -> None:
        task = asyncio.get_running_loop().create_task(self._write_answer(number, error, duration))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _write_answer(self, number: int, error: str | None, duration: float | None) -> None:
        try:
            await self._sql.write(lambda connection: statements.answer(connection, number, error, duration))
        except (errors.DatabaseUnavailable, errors.MemberEnded):
            LOG.warning("The outcome of task command %d was not written: %s", number, error or "done")
