"""What a run of a periodic task receives as ``context``, and how long what runs report stays true."""

from typing import Final

from oslo_context.context import RequestContext

__all__ = ["RunContext"]

_SPACINGS: Final = 3  # after which a report is outdated that no other followed
_USUAL: Final = 300.0  # seconds; the spacing of a driver whose tasks report nothing


class RunContext(RequestContext):
    """The context of one run, with a request id of its own, which is on each of its log lines.

    :param on_demand: whether a person asked for this run, so that it does also what is not due yet
    :param task: the task's full name
    :param spacing: seconds from one of its runs to the next
    """

    def __init__(self, *, on_demand: bool = False, task: str = "", spacing: float = 0.0) -> None:
        super().__init__(is_admin=True, overwrite=False)
        self.on_demand = on_demand
        self.task = task
        self.spacing = spacing


class Lifetimes:
    """How long a driver's reports stay true: three times the spacing of the rarest task that makes them.

    For any thread.
    """

    def __init__(self) -> None:
        self._spacings: dict[str, dict[str, float]] = {}  # of reporting tasks, by driver and task

    def of(self, driver: str, run: RequestContext | None) -> float:
        """Seconds for which a report that is made now stays true.

        :param run: in which it is made, if that is known
        """
        known = self._spacings.get(driver, {})
        if isinstance(run, RunContext) and run.spacing and known.get(run.task) != run.spacing:
            known = {**known, run.task: run.spacing}
            self._spacings[driver] = known
        return _SPACINGS * max(known.values(), default=_USUAL)
