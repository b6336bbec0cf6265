"""How a driver's methods are marked as periodic tasks, and found again.

The decorators only mark; the conductor decides when a task runs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

from podium.drivers.node import Node

_TAG: Final = "__podium_periodic_task__"
_TASK_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_Method = TypeVar("_Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicTask:
    """The arguments of the decorators below; times are in seconds. The last three belong to ``per_node``."""

    name: str
    spacing: float
    run_immediately: bool
    deadline: float | None
    enabled: bool
    per_node: bool = False
    filters: Mapping[str, Any] = field(default_factory=dict)
    max_in_flight: int = 1
    all_nodes: bool = False


def driver_periodic_task(
    *,
    spacing: float = 60,
    run_immediately: bool = False,
    deadline: float | None = None,
    enabled: bool = True,
    name: str | None = None,
) -> Callable[[_Method], _Method]:
    """Mark a method of a driver as a periodic task: ``method(self, manager, context)``.

    The method itself is not changed in any way. It runs as ``<driver>.<name>``, never twice at once.

    :param spacing: seconds from one start to the next
    :param run_immediately: run when the conductor starts instead of one spacing later
    :param deadline: seconds after which a run is cancelled; None for the spacing, but at least 10
    :param enabled: whether the task runs at all
    :param name: the task's name, by default the method's
    :raises ValueError: for a spacing or deadline that is not positive, or a name that is no identifier
    """
    return _tagger(name, spacing=spacing, run_immediately=run_immediately, deadline=deadline, enabled=enabled)


def node_periodic_task(
    *,
    spacing: float = 60,
    run_immediately: bool = False,
    deadline: float | None = None,
    enabled: bool = True,
    name: str | None = None,
    filters: Mapping[str, Any] = MappingProxyType({}),
    max_in_flight: int = 50,
    all_nodes: bool = False,
) -> Callable[[_Method], _Method]:
    """Mark a method as a task for each node of the driver: ``method(self, node, manager, context)``.

    The calls of one run are spread over the spacing, one that fails does not touch the others, and no other
    command of the conductor's goes to the node meanwhile.

    :param deadline: seconds after which the call for one node is given up; None for the spacing, 10 to 60
    :param filters: fields of :class:`Node` and the value that each must have
    :param max_in_flight: nodes at the same time
    :param all_nodes: also nodes in maintenance or with a power change under way, which are left out otherwise
    :raises ValueError: as :func:`driver_periodic_task`, for a filter that is no field, or no node in flight
    """
    unknown = sorted(filters.keys() - Node.__dataclass_fields__.keys())
    if unknown or max_in_flight < 1:
        raise ValueError(f"filters are fields of Node, not {unknown}; max_in_flight is at least 1")
    return _tagger(
        name,
        spacing=spacing,
        run_immediately=run_immediately,
        deadline=deadline,
        enabled=enabled,
        per_node=True,
        filters=dict(filters),
        max_in_flight=max_in_flight,
        all_nodes=all_nodes,
    )


def _tagger(
    name: str | None, *, spacing: float, deadline: float | None, **more: Any
) -> Callable[[_Method], _Method]:
    for what, seconds in (("spacing", spacing), ("deadline", deadline)):
        if seconds is not None and not seconds > 0:
            raise ValueError(f"{what} is a positive number of seconds, not {seconds!r}")

    def tag(method: _Method) -> _Method:
        task = PeriodicTask(name=name or method.__name__, spacing=spacing, deadline=deadline, **more)
        if not _TASK_NAME.match(task.name):
            raise ValueError(f"a periodic task's name is an identifier, not {task.name!r}")
        setattr(method, _TAG, task)
        return method

    return tag


def is_task(method: object) -> bool:
    """Whether a method is marked."""
    return isinstance(getattr(method, _TAG, None), PeriodicTask)


def periodic_tasks(driver: object) -> list[tuple[PeriodicTask, Callable[..., Any]]]:
    """The marked methods of a driver, its parents' included, bound to it, in order of their names."""
    found = []
    for attribute in sorted(dir(type(driver))):
        task = getattr(getattr(type(driver), attribute), _TAG, None)
        if isinstance(task, PeriodicTask):
            found.append((task, getattr(driver, attribute)))
    return found
