"""The answer to each call.

The answers to the calls of ``podium.client.calls.nodes`` are in ``podium.client.local.nodes``, and so on. A
module is imported when the first of its calls is asked, because a command needs only one module.
"""

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from podium import errors
from podium.client.calls.call import Call, Page
from podium.client.calls.changes import FollowChanges
from podium.client.calls.enrolment import ExportNodes
from podium.client.calls.hardware import AskHardware
from podium.client.calls.table import CALLS
from podium.client.calls.tokens import CreateToken
from podium.client.local.backend import Answers, Backend

T = TypeVar("T")

#: Calls whose answer is created each time, from stored data or from the hardware.
_ANEW: Final = (CreateToken, AskHardware)


def answer(backend: Backend, call: Call[T]) -> T:
    """Return the answer to a call.

    A call that changes something and was answered before is not checked again: the things that it names may
    be gone. Nor is a call that fails because the same was done at that moment.

    :raises podium.errors.PodiumError: see each call
    """
    work: Callable[[Backend, Call[T]], T] = _module(type(call).__module__)[type(call)]
    if backend.key is None or call.is_safe or isinstance(call, _ANEW):
        return work(backend, call)
    if (kept := backend.recall(call)) is not None:
        return kept.answer
    try:
        return work(backend, call)
    except errors.PodiumError:
        if (kept := backend.recall(call)) is not None:
            return kept.answer
        raise


@functools.cache
def _module(calls: str) -> Answers:
    """Return the answers to the calls of a module."""
    name = calls.rpartition(".")[2]
    found: Answers = importlib.import_module(f"podium.client.local.{name}").ANSWERS
    return found


def load() -> None:
    """Import the answers to all calls, so that processes that are forked afterwards share them."""
    for call in CALLS:
        if call is not FollowChanges:  # a stream, see podium.client.local.changes
            _module(call.__module__)[call]


def each(backend: Backend, call: Call[Page[T]]) -> Iterator[T]:
    """Yield the items of a list; those of an export are not in memory as a whole."""
    if isinstance(call, ExportNodes):
        from podium.client.local.export import every  # only needed for exports

        exported: Iterator[Any] = every(backend, call)
        return exported
    return iter(answer(backend, call).items)
