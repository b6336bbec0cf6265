"""The group [periodic_tasks]: the operator's settings for tasks, which override their authors'."""

import difflib
import math
from collections.abc import Collection
from typing import Any

from oslo_config import cfg, types


class Seconds(types.Float):
    """A number of seconds that a timer can wait for."""

    def __init__(self) -> None:
        super().__init__(min=0.1, type_name="seconds")

    def __call__(self, value: Any) -> float:
        seconds = super().__call__(value)
        if seconds is None or not math.isfinite(seconds):
            raise ValueError(f"{value!r} is not a number of seconds")
        return float(seconds)


class SecondsByTask(types.Dict):
    """Numbers of seconds by task name; a fault concerns only one entry."""

    def __init__(self) -> None:
        super().__init__(Seconds(), type_name="TASK:SECONDS, ...")

    def __call__(self, value: Any) -> dict[str, float]:
        if not isinstance(value, str):
            return dict(super().__call__(value))
        found = {}
        for pair in filter(None, map(str.strip, value.split(","))):
            name, colon, seconds = map(str.strip, pair.partition(":"))
            if not colon:
                raise ValueError(f"{pair!r} has no colon")
            try:
                found[name] = self.value_type(seconds)
            except ValueError as fault:
                raise ValueError(f"{name}: {fault}") from None
        return found


opts = [
    cfg.Opt(
        "spacing",
        type=SecondsByTask(),
        default={},
        mutable=True,
        help="Seconds from one start of a task to the next, by the task's name, instead of its author's "
        "choice: ipmi.check_status:30,acme.check_status:5. `podium task list` shows the names.",
    ),
    cfg.Opt(
        "deadline",
        type=SecondsByTask(),
        default={},
        mutable=True,
        help="Seconds after which a run of a task is cancelled, by the task's name, as in spacing.",
    ),
    cfg.ListOpt(
        "disabled",
        default=[],
        mutable=True,
        help="Names of tasks that do not run.",
    ),
    cfg.ListOpt(
        "enabled",
        default=[],
        mutable=True,
        help="Names of tasks that run although their authors disabled them.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="periodic_tasks")


def no_such_task(name: str, known: Collection[str]) -> str:
    """Return the error message for a task name that does not exist.

    :param known: the names of all tasks
    """
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are only {', '.join(sorted(known))}"
    return f"there is no task {name}; {hint}"
