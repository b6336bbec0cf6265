"""Waiting as a sequence of steps, which are carried out with an event loop or without."""

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from podium import errors
from podium.client.calls.call import Call

if TYPE_CHECKING:
    from podium.client.podium import AsyncPodium, Podium

T = TypeVar("T")

#: Yields calls, whose answers it is sent, and seconds to pause; returns the result of the waiting.
Steps: TypeAlias = Generator[Call[Any] | float, Any, T]
#: Temporary errors: the database or podium-api is unavailable.
AWAY: Final = (errors.DatabaseUnavailable, errors.ApiUnavailable)


def run(podium: "Podium", steps: Steps[T]) -> T:
    """Carry out steps; return their result. Errors of calls are raised where the call was yielded."""
    try:
        step = next(steps)
        while True:
            if isinstance(step, float):
                time.sleep(step)
                step = next(steps)
                continue
            try:
                answer = podium.ask(step)
            except errors.PodiumError as fault:
                step = steps.throw(fault)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        found: T = end.value
        return found


async def run_async(podium: "AsyncPodium", steps: Steps[T]) -> T:
    """As :func:`run`, in an event loop."""
    from asyncio import sleep  # the command line starts faster without

    try:
        step = next(steps)
        while True:
            if isinstance(step, float):
                await sleep(step)
                step = next(steps)
                continue
            try:
                answer = await podium.ask(step)
            except errors.PodiumError as fault:
                step = steps.throw(fault)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        found: T = end.value
        return found
