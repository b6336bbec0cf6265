"""Whether the methods of a driver can be called as the conductor calls them."""

import inspect
from collections.abc import Callable
from typing import Any

from podium.drivers.periodic import PeriodicTask


def misfit(
    method: Callable[..., Any], arguments: tuple[str, ...], by_name: tuple[str, ...] = ()
) -> str | None:
    """Return why a method cannot be called with these arguments; None if it can.

    :param arguments: in their order
    :param by_name: those after them, which are given by their names
    """
    signature = inspect.signature(method)
    try:
        signature.bind(*arguments, **dict.fromkeys(by_name))
    except TypeError as wrong:
        given = ", ".join((*arguments, *(f"{name}=" for name in by_name)))
        return f"cannot be called with ({given}): {wrong}"
    return None


def task_misfit(task: PeriodicTask, method: Callable[..., Any]) -> str | None:
    """Return why a periodic task cannot be called; None if it can.

    :param method: the marked method, bound to its driver
    """
    arguments = ("node", "manager", "context") if task.per_node else ("manager", "context")
    fault = misfit(method, arguments)
    return None if fault is None else f"periodic task {task.name} {fault}"
