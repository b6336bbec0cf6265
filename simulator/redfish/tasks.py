"""The tasks of one simulated Redfish BMC (DSP0266, clause "Asynchronous operations")."""

from dataclasses import dataclass
from typing import Final

from podium.simulator.redfish.answers import Message

_KEPT: Final = 16


@dataclass(slots=True)
class Task:
    """One operation that continues after its answer.

    :param done_at: seconds; requests after this time see the result, except the first request
    :param failure: the error that the task ends with; None for success
    """

    id: str
    done_at: float
    failure: Message | None
    asked: bool = False
    ended: bool = False

    def poll(self, now: float) -> bool:
        """Return whether the task has ended, for a request at this time."""
        self.ended = self.ended or (self.asked and now >= self.done_at)
        self.asked = True
        return self.ended


class Tasks:
    """The most recent tasks, by id."""

    __slots__ = ("_tasks", "count")

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self.count = 0

    @property
    def ids(self) -> list[str]:
        """The ids of all kept tasks."""
        return list(self._tasks)

    def find(self, id: str) -> Task | None:
        """Return the task with that id, if it is kept."""
        return self._tasks.get(id)

    def start(self, done_at: float, failure: Message | None) -> Task:
        """Return a new task. If there is no room, the oldest task is dropped."""
        self.count += 1
        task = self._tasks[str(self.count)] = Task(str(self.count), done_at, failure)
        if len(self._tasks) > _KEPT:
            del self._tasks[next(iter(self._tasks))]
        return task
