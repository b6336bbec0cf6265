"""Periodic tasks of conductors: their state, and commands for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from podium.client.calls.call import Call, Limit, Page, Positive, Record
from podium.client.calls.conductors import HostName

_Task = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Node = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Marker = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
_Numbers = Annotated[Sequence[Positive], msgspec.Meta(min_length=1, max_length=10_000)]


class Task(Record, frozen=True, kw_only=True):
    """A periodic task of a conductor, with all of its workers taken together; times in seconds.

    :param state: offline if the conductor is gone
    :param skipped: how often a run was due while the last one was under way
    """

    task: str
    driver: str
    conductor: str
    state: str
    spacing: float
    last_run: datetime | None
    duration: float | None
    runs: int
    failures: int
    skipped: int
    deadline_misses: int
    last_error: str | None


class ListTasks(Call[Page[Task]], frozen=True):
    """List periodic tasks and their state.

    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/tasks"
    role = "reader"

    limit: Limit = None
    marker: _Marker | None = None


class GetTask(Call[Task], frozen=True):
    """Show one periodic task.

    :param task: its name
    :param conductor: which has it; needed if several running conductors have it
    """

    method = "GET"
    path = "/podium/v1/tasks/{task}"
    role = "reader"

    task: _Task
    conductor: HostName | None = None


class TaskAsked(Record, frozen=True, kw_only=True):
    """The commands that were sent to conductors.

    :param commands: by conductor, the numbers of the commands, one to each of its workers
    :param changed: false if people had already enabled, or disabled, the task
    """

    commands: dict[str, list[int]]
    changed: bool = True


class RunTask(Call[TaskAsked], frozen=True):
    """Run a periodic task now, even a disabled one.

    :param task: its name
    :param conductor: the only one to ask, if several have the task
    :param node: name or UUID of the only node to run for, if the task runs for each node
    """

    method = "POST"
    path = "/podium/v1/tasks/{task}/run"
    role = "operator"
    status = 202

    task: _Task
    conductor: HostName | None = None
    node: _Node | None = None


class EnableTask(Call[TaskAsked], frozen=True):
    """Let a disabled periodic task run again.

    :param task: its name
    :param conductor: for which; by default for all
    """

    method = "POST"
    path = "/podium/v1/tasks/{task}/enable"
    role = "admin"
    status = 202

    task: _Task
    conductor: HostName | None = None


class DisableTask(Call[TaskAsked], frozen=True):
    """Keep a periodic task from running until it is enabled, also in conductors that start later.

    :param task: its name
    :param conductor: for which; by default for all
    """

    method = "POST"
    path = "/podium/v1/tasks/{task}/disable"
    role = "admin"
    status = 202

    task: _Task
    conductor: HostName | None = None


class TaskCommand(Record, frozen=True, kw_only=True):
    """A command to a worker of a conductor.

    :param action: run, enable or disable
    :param finished_at: when the worker answered
    :param duration: of the run, in seconds
    :param error: why it failed
    """

    id: int
    conductor: str
    worker: int
    task: str
    action: str
    node_uuid: str | None
    requested_by: str | None
    finished_at: datetime | None
    duration: float | None
    error: str | None


class TaskConductor(Record, frozen=True, kw_only=True):
    """A conductor that was asked.

    :param online: whether one of its workers has not ended
    :param heartbeat_at: when it was last heard from
    """

    hostname: str
    online: bool
    heartbeat_at: datetime


class TaskCommands(Record, frozen=True, kw_only=True):
    """Commands, and the conductors that were asked.

    :param heartbeat_timeout: seconds after which a silent conductor counts as gone
    """

    commands: list[TaskCommand]
    conductors: list[TaskConductor]
    heartbeat_timeout: float


class GetTaskCommands(Call[TaskCommands], frozen=True):
    """Show how commands to tasks ended; those that were deleted meanwhile are left out.

    :param numbers: of the commands
    """

    method = "GET"
    path = "/podium/v1/commands"
    role = "reader"

    numbers: _Numbers
