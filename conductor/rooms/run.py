"""A call under way in the loop of another thread."""

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from oslo_context.context import RequestContext

from podium.conductor.rooms import context


@dataclass(frozen=True, slots=True)
class Run:
    """A call under way in a loop.

    :param future: done when the call has really ended, with its result or exception
    :param cancel: asks the call to end; a plain method cannot be cancelled
    """

    future: "concurrent.futures.Future[Any]"
    cancel: Callable[[], None]


def start_in(
    loop: asyncio.AbstractEventLoop,
    post: Callable[[Callable[[], Any]], Any],
    call: Callable[[], Coroutine[Any, Any, Any]],
    request: RequestContext,
) -> Run:
    """Start ``call()`` as a task of a loop, in another thread or in this one.

    :param post: hands a callback to that loop, in order
    """
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    future.set_running_or_notify_cancel()
    tasks: list[asyncio.Task[Any]] = []

    def begin() -> None:
        task = loop.create_task(call(), context=context.carrying(request))
        tasks.append(task)
        task.add_done_callback(settle)

    def settle(task: asyncio.Task[Any]) -> None:
        tasks.clear()
        if task.cancelled():
            future.set_exception(concurrent.futures.CancelledError())
        elif (error := task.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())

    def cancel() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and so is the task
            post(lambda: [task.cancel() for task in tasks])

    try:
        post(begin)
    except RuntimeError:
        future.set_exception(concurrent.futures.CancelledError())
    return Run(future, cancel)
