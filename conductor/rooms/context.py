"""The request context of the present run: each of its log lines carries its request id.

oslo.context keeps the present context for each thread; runs that share an event loop share a thread, so
it is kept in a context variable here and handed to oslo.log by a filter.
"""

import contextvars
import logging

from oslo_context.context import RequestContext

from podium.drivers.context import RunContext

_current: contextvars.ContextVar[RequestContext | None] = contextvars.ContextVar("request", default=None)


def new(*, on_demand: bool = False, task: str = "", spacing: float = 0.0) -> RunContext:
    """Return a context with a new request id, see RunContext."""
    return RunContext(on_demand=on_demand, task=task, spacing=spacing)


def current() -> RequestContext | None:
    """Return the context of the run that this is a part of, if it is part of one."""
    return _current.get()


def carrying(request: RequestContext) -> contextvars.Context:
    """Return the context variables in which log lines carry the request's id."""
    variables = contextvars.copy_context()
    variables.run(_current.set, request)
    return variables


class _AddContext(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # None too: otherwise oslo.log uses the thread's context, which is that of the first run in it.
        record.__dict__.setdefault("context", _current.get())
        return True


def install() -> None:
    """Make every handler of the root logger use the present context."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_AddContext())
