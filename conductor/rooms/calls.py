"""Calls of a driver's methods, whatever they are and whatever they raise.

An ``async def`` runs in the room's loop, a plain method in one of the room's threads. What would end a loop,
a thread or the process becomes a :class:`DriverFault`.
"""

import asyncio
import contextlib
import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable
from types import MethodType
from typing import Any

from podium import errors
from podium.conductor.rooms.threads import DaemonThreads


class DriverFault(errors.PodiumError):
    """A driver raised something that stops programs (SystemExit, KeyboardInterrupt, ...)."""


async def call(threads: DaemonThreads, method: Callable[..., Any], *args: Any) -> Any:
    """Call a method, async or plain, from a task of the room.

    :param threads: where plain methods run
    :raises DriverFault: for what would end the loop or the process
    """
    try:
        return await bound(threads, method)(*args)
    except Exception:
        raise
    except BaseException as fault:
        raise fault_of(method, fault) from fault


def bound(threads: DaemonThreads, method: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """Find out once how a method is called: returns what to call and await, from a task of the room.

    What it raises that is no Exception is for :func:`fault_of`.
    """
    return method if _is_async(method) else functools.partial(_wait_for, threads, method)


def fault_of(method: Callable[..., Any], fault: BaseException) -> DriverFault:
    """The error that stands for what would end the loop or the process.

    :raises asyncio.CancelledError: when the conductor itself cancelled the call
    """
    task = asyncio.current_task()
    if isinstance(fault, asyncio.CancelledError) and task is not None and task.cancelling():
        raise fault
    return _named(method, fault)


async def _wait_for(threads: DaemonThreads, method: Callable[..., Any], *args: Any) -> Any:
    result = await _in_thread(threads, method, *args)
    return await result if inspect.isawaitable(result) else result


async def _in_thread(threads: DaemonThreads, method: Callable[..., Any], *args: Any) -> Any:
    """Wait for a plain method; a cancelled wait goes on until the method has returned."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()
    variables = contextvars.copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        if error is None:
            ended.set_result(result)
        else:
            ended.set_exception(error)

    def work() -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = variables.run(method, *args)
        except BaseException as fault:
            error = fault
            # Futures cannot carry these, or would stop the loop.
            if isinstance(fault, StopIteration) or not isinstance(fault, Exception):
                error = _named(method, fault)
        with contextlib.suppress(RuntimeError):  # the room has ended meanwhile
            loop.call_soon_threadsafe(settle, result, error)

    threads.submit(work)
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        threads.give_up()
        try:
            await asyncio.wait({ended})
        finally:
            threads.came_back()
        ended.exception()
        raise


def _named(method: Callable[..., Any], fault: BaseException) -> DriverFault:
    name = getattr(method, "__qualname__", repr(method))
    return DriverFault(f"{name} raised {type(fault).__name__}: {fault}")


def _is_async(method: Callable[..., Any]) -> bool:
    """Whether a method is an ``async def``. The answer for a driver's own methods is remembered."""
    if isinstance(method, MethodType):
        return _is_async_function(method.__func__)
    return inspect.iscoroutinefunction(method)


@functools.lru_cache(maxsize=1024)  # takes a microsecond, as often as a node is read
def _is_async_function(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function)
