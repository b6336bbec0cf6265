"""What a run of a periodic task receives as ``context``."""

from oslo_context.context import RequestContext


class RunContext(RequestContext):
    """The context of one run, with a request id of its own, which is on each of its log lines.

    :param on_demand: whether a person asked for this run, so that it does also what is not due yet
    """

    def __init__(self, *, on_demand: bool = False) -> None:
        super().__init__(is_admin=True, overwrite=False)
        self.on_demand = on_demand
