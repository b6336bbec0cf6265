"""Hides secrets in the log lines of drivers, which may well log a node's ``driver_info``.

A call of a driver only notes its arguments, in a context variable that its tasks and threads inherit. The
nodes among them and their secrets are looked up when a line is logged. A call without a particular node, such
as a task for the whole driver, may log any node, so there the secrets of all nodes are hidden.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from podium import masking
from podium.drivers.base import Node
from podium.drivers.node import held
from podium.wording import safe_repr


@dataclass(slots=True)
class Secrets:
    """The secrets of a driver.

    :param names: the names in driver_info that the driver declared as secret
    :ivar scrubbed: returns a text without the secrets of all its nodes, once these are known
    """

    names: frozenset[str]
    scrubbed: Callable[[str], str] = str

    def log_fault(self, loop: asyncio.AbstractEventLoop, fault: dict[str, Any]) -> None:
        """A loop's exception handler: log errors that no call sees, as of tasks that nobody awaits."""
        contexts = contextvars.copy_context()
        contexts.run(note_call, self)
        contexts.run(loop.default_exception_handler, fault)


#: A call of a driver: its secrets, and its arguments.
Call = tuple[Secrets, Any]

#: The conductor's own lines contain no secrets, and there may be one for each of thousands of nodes.
_OWN: Final = "podium.conductor."

_secrets: contextvars.ContextVar[Secrets] = contextvars.ContextVar("secrets")
_given: contextvars.ContextVar[Any] = contextvars.ContextVar("given", default=None)


def note_call(secrets: Secrets, *given: Any) -> None:
    """Note a call of a driver in the current task; its log lines show no secrets of the nodes from now on.

    :param secrets: the driver's secrets
    :param given: nodes, collections of nodes, or anything else
    """
    _secrets.set(secrets)
    _given.set(given)


#: As :func:`note_call` for a node, after a call of the same driver; cheaper for the reads of a sweep.
note_node: Final = _given.set


def present() -> Call | None:
    """The call that the caller is part of, if any."""
    return None if (given := _given.get()) is None else (_secrets.get(), given)


def resume(call: Call | None) -> None:
    """Make the current task part of a call that it did not inherit."""
    if call is not None:
        _secrets.set(call[0])
        _given.set(call[1])


class HideSecrets(logging.Filter):
    """Hides the secrets of the nodes of a driver's call in the lines that are logged during the call."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record, and let it pass."""
        if (call := present()) is not None:
            _hide(record, *call)
        return True


def install() -> None:
    """Make every handler of the root logger hide secrets."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(HideSecrets())


def _hide(record: logging.LogRecord, secrets: Secrets, given: Any) -> None:
    infos = [held(node) for node in _nodes(given)]
    if infos or record.name.startswith(_OWN):
        scrubbed = masking.scrubber({"": infos}, secrets.names)
    else:
        scrubbed = secrets.scrubbed
    record.msg, record.args = scrubbed(_message(record, secrets.names)), ()
    if record.exc_info and record.exc_info[1] is not None:
        stand_in = masking.for_log(record.exc_info[1], scrubbed)
        record.exc_info = type(stand_in), stand_in, stand_in.__traceback__
    for name in ("exc_text", "stack_info"):
        if text := getattr(record, name):
            setattr(record, name, scrubbed(text))


def _nodes(given: Any) -> Iterator[Node]:
    for one in given if isinstance(given, tuple) else (given,):
        if isinstance(one, Node):
            yield one
        elif isinstance(one, list | tuple):
            yield from (node for node in one if isinstance(node, Node))


def _message(record: logging.LogRecord, secret: frozenset[str]) -> str:
    """The record's text, with mappings masked by their keys."""
    try:
        if isinstance(record.msg, Mapping):
            return str(masking.mask(record.msg, secret))
        if isinstance(record.args, Mapping):
            record.args = masking.mask(record.args, secret)
        elif record.args:
            record.args = tuple(
                masking.mask(one, secret) if isinstance(one, Mapping) else one for one in record.args
            )
        return record.getMessage()
    except Exception:  # logging itself would print the unmasked arguments to standard error
        return f"{safe_repr(record.msg)} cannot be formatted with its arguments"
