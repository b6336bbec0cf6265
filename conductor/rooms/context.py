"""The request context of the run that is under way, so that every log line of it carries its request id.

oslo.context keeps the present context for each thread; runs that share an event loop share a thread, so
it is kept in a context variable here and handed to oslo.log by a filter.
"""

import contextvars
import logging

from oslo_context.context import RequestContext

from podium.drivers.context import RunContext

_current: contextvars.ContextVar[RequestContext | None] = contextvars.ContextVar("request", default=None)


def new(*, on_demand: bool = False) -> RunContext:
    """A context with a request id of its own."""
    return RunContext(on_demand=on_demand)


def carrying(request: RequestContext) -> contextvars.Context:
    """The variables to run in so that log lines carry the request's id."""
    variables = contextvars.copy_context()
    variables.run(_current.set, request)
    return variables


class _AddContext(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # None too: oslo.log would take the thread's, which is that of whatever ran here first.
        record.__dict__.setdefault("context", _current.get())
        return True


def install() -> None:
    """Let every handler of the root logger know the present context."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_AddContext())
