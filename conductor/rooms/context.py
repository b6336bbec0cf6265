"""The request context of the current run: each of its log lines has its request id.

oslo.context keeps one current context for each thread, but runs that share an event loop share a thread. So
this module keeps the context in a context variable, and a filter hands it to oslo.log.
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
    """Return the context of the run that the caller is part of, if any."""
    return _current.get()


def carrying(request: RequestContext) -> contextvars.Context:
    """Return context variables with which log lines have the request's id."""
    variables = contextvars.copy_context()
    variables.run(_current.set, request)
    return variables


class _AddContext(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # Also if None: otherwise oslo.log uses the thread's context, which is that of its first run.
        record.__dict__.setdefault("context", _current.get())
        return True


def install() -> None:
    """Make every handler of the root logger use the current context."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_AddContext())
