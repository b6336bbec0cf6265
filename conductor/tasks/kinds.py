"""The kinds of periodic tasks: what starts a run, how often it is due, and how long it may take.

PeriodicJob measures time and asks its kind for the rest, so a new kind of task is a new subclass of Kind.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Final

from podium import errors
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.run import Run
from podium.conductor.tasks.schedule import Schedule
from podium.drivers import base
from podium.drivers.context import RunContext

#: The deadline, in seconds, of runs that limit each of their waits themselves.
UNBOUNDED: Final = 86400.0

_SHORTEST_DEADLINE: Final = 10.0

#: Starts a run, with the manager, the run's context and the seconds until the next run.
Start = Callable[[object, RunContext, float], Run]


class Kind(ABC):
    """A periodic task that a PeriodicJob runs.

    :param owner: the driver's name, or ``conductor``
    :param task: what the task's author declared
    :param schedule: the values of the config file, until :meth:`apply`
    """

    #: Whether a cancelled run can end; a plain method continues in its thread.
    hears_cancel = True
    #: Whether the task runs less often while it keeps failing.
    slows_down = False
    #: Whether a user disabled the task.
    switched_off = False

    def __init__(self, owner: str, task: base.PeriodicTask, schedule: Schedule) -> None:
        self.name = f"{owner}.{task.name}"
        self.task = task
        self.schedule = schedule

    def apply(self, schedule: Schedule) -> None:
        """Apply new values of the config file, also to runs under way."""
        self.schedule = schedule

    @property
    def enabled(self) -> bool:
        """Whether the task's author, the config file and users all allow it to run."""
        declared = self.task.enabled or self.name in self.schedule.enabled
        return declared and self.name not in self.schedule.disabled and not self.switched_off

    @property
    def spacing(self) -> float:
        """Seconds from one run to the next."""
        return self.schedule.spacing.get(self.name, self.task.spacing)

    @property
    def deadline(self) -> float:
        """Seconds that a run may take."""
        configured = self.schedule.deadline.get(self.name) or self.task.deadline
        return configured or max(self.spacing, _SHORTEST_DEADLINE)

    @abstractmethod
    def start(self, manager: object, request: RunContext, spacing: float) -> Run:
        """Start a run that is due."""

    def by_hand(self) -> Start:
        """The function that starts a requested run."""
        return self.start

    def for_node(self, node: str) -> Start:
        """The function that starts a run for a single node, which may run beside the task's scheduled run.

        :param node: its UUID
        :raises podium.errors.PodiumError: the task does not run for this node
        """
        raise errors.PodiumError(f"{self.name} does not run for single nodes; leave out --node")

    def note_new(self, entries: Iterable[Entry], manager: object, spacing: float) -> None:  # noqa: B027
        """Note that this conductor has gained nodes of the task's driver.

        :param spacing: seconds from one run of the task to the next
        """

    def hurry(self) -> bool:
        """Turn the run under way into the requested run; return False if that is impossible."""
        return False

    def scrubbed(self, text: str) -> str:
        """Return the text of a run's error without the secrets of the task's nodes."""
        return text

    def partial(self) -> str | None:
        """The partial failures of the last run, in one line; None if there were none."""
        return None

    def take_news(self) -> bool:
        """Whether :meth:`partial` may have changed since the last call."""
        return False


class DriverTask(Kind):
    """A driver's task for all of its nodes, run in the driver's room."""

    slows_down = True

    def __init__(
        self,
        room: DriverRoom,
        fleet: Fleet,
        task: base.PeriodicTask,
        method: Callable[..., Any],
        schedule: Schedule,
    ) -> None:
        super().__init__(room.driver.name, task, schedule)
        self._room = room
        self._fleet = fleet
        self._method = method
        self.hears_cancel = inspect.iscoroutinefunction(method)

    def start(self, manager: object, request: RunContext, spacing: float) -> Run:
        return self._room.run(self._method, manager, request, request=request)

    def scrubbed(self, text: str) -> str:
        return self._fleet.scrubbed(text, self._room.driver.name, self._room.secret)
