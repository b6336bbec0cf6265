"""The answer to each call."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from podium.client.calls.call import Call, Page
from podium.client.calls.enrolment import ExportNodes
from podium.client.local import (
    conductors,
    drains,
    drivers,
    enrolment,
    events,
    export,
    fleet,
    hardware,
    node_changes,
    nodes,
    operations,
    provisioning,
    tasks,
    tokens,
)
from podium.client.local.backend import Answers, Backend

T = TypeVar("T")

ANSWERS: Final[Answers] = {
    **fleet.ANSWERS,
    **provisioning.ANSWERS,
    **tasks.ANSWERS,
    **drains.ANSWERS,
    **conductors.ANSWERS,
    **nodes.ANSWERS,
    **drivers.ANSWERS,
    **node_changes.ANSWERS,
    **tokens.ANSWERS,
    **operations.ANSWERS,
    **enrolment.ANSWERS,
    **events.ANSWERS,
    **hardware.ANSWERS,
}


def answer(backend: Backend, call: Call[T]) -> T:
    """Return the answer to a call.

    :raises podium.errors.PodiumError: see each call
    """
    found: T = ANSWERS[type(call)](backend, call)
    return found


#: Lists that need not be in memory as a whole.
_STREAMS: Final[Mapping[type[Call[Any]], Callable[[Backend, Any], Iterator[Any]]]] = {
    ExportNodes: export.every
}


def each(backend: Backend, call: Call[Page[T]]) -> Iterator[T]:
    """Yield the items of a list."""
    stream = _STREAMS.get(type(call))
    return iter(answer(backend, call).items) if stream is None else stream(backend, call)
