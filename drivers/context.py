"""What a run of a periodic task receives as ``context``, and how long its reports stay valid."""

from typing import Final

from oslo_context.context import RequestContext

__all__ = ["RunContext"]

_SPACINGS: Final = 3  # after these, a report that was not renewed is outdated
_USUAL: Final = 300.0  # seconds; the spacing of a driver whose tasks report nothing


class RunContext(RequestContext):
    """The context of one run, with a request id of its own, which appears in each of its log lines.

    :param on_demand: whether a person requested this run, so that it also does what is not due yet
    :param task: the task's full name
    :param spacing: seconds from one of its runs to the next
    """

    def __init__(self, *, on_demand: bool = False, task: str = "", spacing: float = 0.0) -> None:
        super().__init__(is_admin=True, overwrite=False)
        self.on_demand = on_demand
        self.task = task
        self.spacing = spacing


class Lifetimes:
    """How long a driver's reports stay valid: three times the longest spacing of the tasks that make them.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._spacings: dict[str, dict[str, float]] = {}  # of reporting tasks, by driver and task

    def of(self, driver: str, run: RequestContext | None) -> float:
        """Return for how many seconds a report that is made now stays valid.

        :param run: the run in which it is made, if known
        """
        known = self._spacings.get(driver, {})
        if isinstance(run, RunContext) and run.spacing and known.get(run.task) != run.spacing:
            known = {**known, run.task: run.spacing}
            self._spacings[driver] = known
        return _SPACINGS * max(known.values(), default=_USUAL)
