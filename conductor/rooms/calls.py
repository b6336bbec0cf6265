"""Calls a driver's methods, whether async or plain, and handles whatever they raise.

An ``async def`` runs in the room's loop, a plain method in one of the room's threads. An exception that would
end a loop, a thread or the process becomes a :class:`DriverFault`.
"""

import asyncio
import contextlib
import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable
from types import MethodType
from typing import Any
from weakref import WeakValueDictionary

from podium import errors
from podium.conductor.rooms import hiding
from podium.conductor.rooms.place import Place
from podium.conductor.rooms.places import MOST_LOST, Endpoint, Limit, NotAsked, Threads
from podium.conductor.rooms.threads import DaemonThreads
from podium.drivers import base
from podium.wording import safe_repr, safe_str


class DriverFault(errors.PodiumError):
    """A driver raised an exception that stops programs (SystemExit, KeyboardInterrupt, ...)."""


class Calls:
    """The calls of one driver's methods. Only the room's loop may use it, except for ``lost``.

    :param secrets: values that log lines never show
    :param threads: plain methods that run at the same time, not counting abandoned ones
    :param endpoint_calls: concurrent calls to one endpoint, for plain methods at most one less than the
        number of threads; None for a quarter of the threads, and no limit for async methods
    """

    def __init__(
        self,
        driver: base.Driver,
        secrets: hiding.Secrets,
        *,
        threads: int,
        endpoint_calls: int | None = None,
    ) -> None:
        self._driver = driver
        self._secrets = secrets
        self._pool = DaemonThreads(f"{driver.name}-plain")
        self._threads = Threads(driver.name, threads)
        # Nodes that do not answer keep a thread for long. They must not take all threads.
        self._doubtful = Limit(self._threads.name, max(threads // 2, 1), spare=MOST_LOST)
        self._limits_async = bool(endpoint_calls)
        share = endpoint_calls or max(threads // 4, 1)
        # Whatever is configured, one endpoint that hangs does not get all threads.
        self._share = share if is_async(driver.get_power_state) else min(share, max(threads - 1, 1))
        self._has_endpoints = type(driver).endpoint is not base.Driver.endpoint
        self._endpoints: WeakValueDictionary[str, Endpoint] = WeakValueDictionary()

    @property
    def lost(self) -> int:
        """The number of plain calls that were abandoned and have not returned."""
        return self._threads.lost

    async def call(
        self, method: Callable[..., Any], *args: Any, begun: Callable[[], object] = lambda: None
    ) -> Any:
        """Call a method, async or plain, without a particular node, once there is a thread for it.

        :param begun: called right before the call
        :raises DriverFault: the method raised an exception that would end the loop or the process
        :raises NotAsked: the call was cancelled before there was a thread for it
        """
        if is_async(method):
            begun()
            return await self.made(method, *args)
        place = Place([self._threads])
        try:
            try:
                await place.take()
            except asyncio.CancelledError:
                raise NotAsked(f"{self._threads.name} had no thread for it") from None
            begun()
            return await self.made(method, *args, place=place)
        finally:
            place.end()

    def endpoint_calls(self, method: Callable[..., Any]) -> int | None:
        """How many calls of a method may be made to one endpoint at the same time; None for any number."""
        is_limited = self._has_endpoints and (self._limits_async or not is_async(method))
        return self._share if is_limited else None

    def needs_place(self, method: Callable[..., Any]) -> bool:
        """Whether calls of a method need a place, which must be taken first."""
        return not is_async(method) or self.endpoint_calls(method) is not None

    def place(
        self, method: Callable[..., Any], node: base.Node, *, urgent: bool = False, doubtful: bool = False
    ) -> Place | None:
        """The place that a call for a node needs, which must be taken first; None if it needs none.

        :param doubtful: whether the node did not answer the last call
        """
        if not self.needs_place(method):
            return None
        limits: list[Limit] = [self._endpoint(self.endpoint(node))] if self._has_endpoints else []
        if not is_async(method):
            limits += [self._doubtful, self._threads] if doubtful else [self._threads]
        return Place(limits, urgent=urgent)

    def endpoint(self, node: base.Node) -> str:
        """The endpoint of a node; the node itself, if the driver does not name one."""

        def named() -> object:
            hiding.note_call(self._secrets, node)
            return self._driver.endpoint(node)

        try:
            found = contextvars.copy_context().run(named)  # the caller's context may belong to no call
        except BaseException:  # SystemExit would end the loop
            return node.uuid
        return found if isinstance(found, str) else node.uuid

    async def made(self, method: Callable[..., Any], *args: Any, place: Place | None = None) -> Any:
        """Make a call that has taken its place.

        :param place: the place, given up if the call is cancelled
        :raises DriverFault: the method raised an exception that would end the loop or the process
        """
        hiding.note_call(self._secrets, *args)
        try:
            if is_async(method):
                return await method(*args)
            return await self._wait_for(method, *args, place=place)
        except Exception:
            raise
        except BaseException as fault:
            raise fault_of(method, fault) from fault

    def bound(self, method: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """Find out once how to call a method: return a function to call and await once the place is taken.

        If it raises anything but an Exception, pass that to :func:`fault_of`.
        """
        return method if is_async(method) else functools.partial(self._wait_for, method)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()

    def _endpoint(self, name: str) -> Endpoint:
        found = self._endpoints.get(name)
        if found is None:
            found = Endpoint(self._driver.name, name, self._share, lambda: self.lost < MOST_LOST // 2)
            self._endpoints[name] = found
        return found

    async def _wait_for(self, method: Callable[..., Any], *args: Any, place: Place | None = None) -> Any:
        result = await self._in_thread(method, *args, place=place)
        return await result if inspect.isawaitable(result) else result

    async def _in_thread(self, method: Callable[..., Any], *args: Any, place: Place | None) -> Any:
        """Wait for a plain method; a cancelled wait continues until the method has returned."""
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
                # Futures cannot hold these, or they would stop the loop.
                if isinstance(fault, StopIteration) or not isinstance(fault, Exception):
                    error = _named(method, fault)
            with contextlib.suppress(RuntimeError):  # the room has ended meanwhile
                loop.call_soon_threadsafe(settle, result, error)

        self._pool.submit(work, self._threads.ceiling)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            if self._pool.withdraw(work):
                raise
            if place is not None:
                place.give_up()
            ended.add_done_callback(asyncio.Future.exception)  # or asyncio would log it with all secrets
            try:
                await asyncio.wait({ended})
            finally:
                if place is not None and not ended.done():  # cancelled again
                    place.end_with(ended)
            raise


def fault_of(method: Callable[..., Any], fault: BaseException) -> DriverFault:
    """Return the error that replaces an exception that would end the loop or the process.

    :raises asyncio.CancelledError: the conductor itself cancelled the call
    """
    task = asyncio.current_task()
    if isinstance(fault, asyncio.CancelledError) and task is not None and task.cancelling():
        raise fault
    return _named(method, fault)


def _named(method: Callable[..., Any], fault: BaseException) -> DriverFault:
    name = getattr(method, "__qualname__", None) or safe_repr(method)
    return DriverFault(f"{name} raised {type(fault).__name__}: {safe_str(fault)}")


def is_async(method: Callable[..., Any]) -> bool:
    """Whether a method is an ``async def``. The answer for a driver's own methods is remembered."""
    if isinstance(method, MethodType):
        return _is_async_function(method.__func__)
    return inspect.iscoroutinefunction(method)


@functools.lru_cache(maxsize=1024)  # saves a microsecond for each read of a node
def _is_async_function(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function)
