"""How a driver's methods are marked as periodic tasks, and how marked methods are found.

The decorators only mark; the conductor decides when a task runs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from podium.drivers.node import Node

if TYPE_CHECKING:
    from podium.drivers.base import Manager
    from podium.drivers.context import RunContext

_TAG: Final = "__podium_periodic_task__"
_TASK_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LONGEST_NAME: Final = 128
#: The longest spacing in seconds: ten years.
_LONGEST: Final = 315_360_000
# What a type checker accepts as a task of either kind. The first argument is ``self``.
_DriverMethod = TypeVar("_DriverMethod", bound="Callable[[Any, Manager, RunContext], object]")
_NodeMethod = TypeVar("_NodeMethod", bound="Callable[[Any, Node, Manager, RunContext], object]")
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
    no_method: None = None,
    /,
    *,
    spacing: float = 60,
    run_immediately: bool = False,
    deadline: float | None = None,
    enabled: bool = True,
    name: str | None = None,
) -> Callable[[_DriverMethod], _DriverMethod]:
    """Mark a method of a driver as a periodic task: ``method(self, manager, context)``.

    The method itself is not changed. It runs as ``<driver>.<name>``, never twice at the same time.

    :param no_method: always None; it exists so that a decorator without parentheses can be refused
    :param spacing: seconds from one start to the next
    :param run_immediately: run when the conductor starts, instead of one spacing later
    :param deadline: seconds after which a run is cancelled; None for the spacing, but at least 10
    :param enabled: whether the task runs at all
    :param name: the task's name, by default the method's
    :raises ValueError: for a spacing or deadline that is no positive number up to ten years, or a name that
        is no identifier
    :raises TypeError: without parentheses
    """
    _check_parentheses("driver_periodic_task", no_method)
    return _tagger(name, spacing=spacing, run_immediately=run_immediately, deadline=deadline, enabled=enabled)


def node_periodic_task(
    no_method: None = None,
    /,
    *,
    spacing: float = 60,
    run_immediately: bool = False,
    deadline: float | None = None,
    enabled: bool = True,
    name: str | None = None,
    filters: Mapping[str, Any] = MappingProxyType({}),
    max_in_flight: int = 50,
    all_nodes: bool = False,
) -> Callable[[_NodeMethod], _NodeMethod]:
    """Mark a method as a task for each node of the driver: ``method(self, node, manager, context)``.

    The calls of one run are spread over the spacing. A call that fails does not affect the others, and the
    conductor sends no other command to the node meanwhile.

    :param run_immediately: make the first call for a node as soon as its power was read or could not be read,
        instead of in its turn in the next run; this includes nodes that are enrolled later
    :param deadline: seconds after which the call for one node is given up; None for the spacing, 10 to 60
    :param filters: fields of :class:`Node` and the value that each must have
    :param max_in_flight: the maximum number of nodes at the same time
    :param all_nodes: include nodes in maintenance or with a power change under way
    :raises ValueError: as :func:`driver_periodic_task`, for a filter that is not a field, or no node in
        flight
    """
    _check_parentheses("node_periodic_task", no_method)
    _check_filters(filters)
    if isinstance(max_in_flight, bool) or not isinstance(max_in_flight, int) or max_in_flight < 1:
        raise ValueError(f"max_in_flight is a whole number of nodes from 1 on, not {max_in_flight!r}")
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


def _check_parentheses(decorator: str, given: object) -> None:
    if given is not None:
        raise TypeError(
            f"{decorator} is used with parentheses, and its arguments have names:"
            f" @base.{decorator}(spacing=60)"
        )


def _check_filters(filters: Mapping[str, Any]) -> None:
    if not isinstance(filters, Mapping):
        raise ValueError(f"filters are a mapping of fields of Node to values, not {filters!r}")
    if unknown := [field for field in filters if field not in Node.__dataclass_fields__]:
        known = ", ".join(Node.__dataclass_fields__)
        raise ValueError(f"filters has {unknown[0]!r}, which is no field of Node; there are {known}")


def _check_seconds(what: str, given: object) -> None:
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not 0 < given <= _LONGEST:  # type: ignore[operator]
        raise ValueError(f"{what} is a positive number of seconds up to ten years, not {given!r}")


def _tagger(
    name: str | None, *, spacing: float, deadline: float | None, **more: Any
) -> Callable[[_Method], _Method]:
    _check_seconds("spacing", spacing)
    if deadline is not None:
        _check_seconds("deadline", deadline)

    def tag(method: _Method) -> _Method:
        called = method.__name__ if name is None else name
        if not isinstance(called, str) or not _TASK_NAME.match(called) or len(called) > _LONGEST_NAME:
            raise ValueError(
                f"a periodic task's name is an identifier of up to {_LONGEST_NAME} letters, not {called!r}"
            )
        task = PeriodicTask(name=called, spacing=spacing, deadline=deadline, **more)
        setattr(method, _TAG, task)
        return method

    return tag


def is_task(method: object) -> bool:
    """Whether a method is marked."""
    return isinstance(getattr(method, _TAG, None), PeriodicTask)


def marks(driver_class: type) -> list[tuple[str, PeriodicTask]]:
    """Return the marked methods of a driver's class and its parents, in order of their names."""
    found = ((name, getattr(getattr(driver_class, name, None), _TAG, None)) for name in dir(driver_class))
    return [(name, task) for name, task in found if isinstance(task, PeriodicTask)]


def periodic_tasks(driver: object) -> list[tuple[PeriodicTask, Callable[..., Any]]]:
    """Return the marked methods of a driver and its parents, bound to the driver, in order of their names."""
    return [(task, getattr(driver, name)) for name, task in marks(type(driver))]
