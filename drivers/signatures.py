"""Whether the methods of a driver can be called as the conductor calls them."""

import inspect
from collections.abc import Callable
from typing import Any

from podium.drivers.periodic import PeriodicTask


def misfit(method: Callable[..., Any], arguments: tuple[str, ...]) -> str | None:
    """Return why a method cannot be called with these arguments, in their order; None if it can."""
    signature = inspect.signature(method)
    try:
        signature.bind(*arguments)
    except TypeError as wrong:
        return f"cannot be called with ({', '.join(arguments)}): {wrong}"
    return None


def task_misfit(task: PeriodicTask, method: Callable[..., Any]) -> str | None:
    """Return why a periodic task cannot be called; None if it can.

    :param method: the marked method, bound to its driver
    """
    arguments = ("node", "manager", "context") if task.per_node else ("manager", "context")
    fault = misfit(method, arguments)
    return None if fault is None else f"periodic task {task.name} {fault}"
