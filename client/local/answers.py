"""The answer to each call."""

from typing import Final, TypeVar

from podium.client.calls.call import Call
from podium.client.local import drivers, fleet, node_changes, nodes, operations, tokens
from podium.client.local.backend import Answers, Backend

T = TypeVar("T")

ANSWERS: Final[Answers] = {
    **fleet.ANSWERS,
    **nodes.ANSWERS,
    **drivers.ANSWERS,
    **node_changes.ANSWERS,
    **tokens.ANSWERS,
    **operations.ANSWERS,
}


def answer(backend: Backend, call: Call[T]) -> T:
    """Return the answer to a call.

    :raises podium.errors.PodiumError: see each call
    """
    found: T = ANSWERS[type(call)](backend, call)
    return found
