"""A room of its own for every driver: one event loop and a few threads, and a watchdog over them.

Whatever a driver does in here (hang, block its loop, raise anything at all) stays in here.
"""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import inspect
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from oslo_context.context import RequestContext
from oslo_log import log

from podium import errors
from podium.conductor.rooms import context
from podium.conductor.rooms.mailbox import Mailbox
from podium.conductor.rooms.threads import DaemonThreads
from podium.conductor.rooms.turns import Turns
from podium.drivers import base, registry

LOG = log.getLogger(__name__)

#: Seconds that a driver's loop may be busy with one step before it is called stalled.
STALLED_AFTER: Final = 2.0


class NotAsked(TimeoutError):
    """The driver was not even called: the node is still taken by another call."""


class DriverFault(errors.PodiumError):
    """A driver raised something that stops programs (SystemExit, KeyboardInterrupt, ...)."""


@dataclass(frozen=True, slots=True)
class Run:
    """A call under way in some loop.

    :param future: ends when the call has really ended, with its result or exception
    :param cancel: asks the call to end; a plain method cannot hear it
    """

    future: "concurrent.futures.Future[Any]"
    cancel: Callable[[], None]


def start_in(
    loop: asyncio.AbstractEventLoop,
    post: Callable[[Callable[[], Any]], Any],
    call: Callable[[], Coroutine[Any, Any, Any]],
    request: RequestContext,
) -> Run:
    """Start ``call()`` as a task of a loop in another thread, or of this one.

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
        with contextlib.suppress(RuntimeError):  # the loop is closed, and with it the task
            post(lambda: [task.cancel() for task in tasks])

    try:
        post(begin)
    except RuntimeError:
        future.set_exception(concurrent.futures.CancelledError())
    return Run(future, cancel)


class DriverRoom:
    """The room of one driver.

    :param size: plain methods that run at the same time
    """

    def __init__(self, driver: base.Driver, *, size: int = 8) -> None:
        self.driver = driver
        self.size = size
        #: Names in driver_info whose values are never shown.
        self.secret = frozenset(name for name, one in driver.properties.items() if one.secret)
        self.turns = Turns()
        #: UUIDs of nodes with a call that was given up and has not returned.
        self.unreturned: set[str] = set()
        self.threads = DaemonThreads(f"{driver.name}-plain", size=size)
        self._thread = threading.Thread(target=self._main, name=f"{driver.name}-loop", daemon=True)
        self._opened: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mailbox: Mailbox | None = None
        self._stop: asyncio.Event | None = None
        self._asked: float | None = None
        self._stalled = False

    def open(self, timeout: float) -> None:
        """Start the room and the driver in it.

        :param timeout: seconds that the driver's ``start`` may take
        :raises podium.errors.DriverLoadError: when it fails or takes longer
        """
        self._thread.start()
        try:
            self._opened.result(timeout)
        except concurrent.futures.TimeoutError:
            raise errors.DriverLoadError(
                f"{registry.described(self.driver.name)}: start() did not end within {timeout:.0f} s"
                f"{self._where()}"
            ) from None
        except Exception as cause:
            raise errors.DriverLoadError(
                f"{registry.described(self.driver.name)}: start() failed: {errors.one_line(cause)}"
            ) from cause

    def close(self, timeout: float) -> bool:
        """Close the driver and end the room; False when it did not end within ``timeout`` seconds."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self.threads.close()  # not before: a plain close() of the driver runs in one of them
        return not self._thread.is_alive()

    def run(self, method: Callable[..., Any], *args: Any, request: RequestContext) -> Run:
        """Start a method of the driver, async or plain, from any thread."""
        return self.start(lambda: self.call(method, *args), request)

    def start(self, call: Callable[[], Coroutine[Any, Any, Any]], request: RequestContext) -> Run:
        """Start a coroutine of the conductor's own in this room, from any thread."""
        if self._loop is None or self._mailbox is None:
            raise RuntimeError(f"the room of {self.driver.name} is not open")
        return start_in(self._loop, self._mailbox.post, call, request)

    async def call(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a method of the driver, async or plain, from a task of this room.

        :raises DriverFault: for what would end the loop or the process
        """
        try:
            if inspect.iscoroutinefunction(method):
                return await method(*args)
            result = await self._in_thread(method, *args)
            return await result if inspect.isawaitable(result) else result
        except Exception:
            raise
        except BaseException as fault:
            task = asyncio.current_task()
            if isinstance(fault, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # the conductor's own wish, and not the driver's
            raise DriverFault(f"{_named(method)} raised {type(fault).__name__}: {fault}") from fault

    async def command(
        self, seconds: float, node: base.Node, method: Callable[..., Any], *args: Any, urgent: bool = False
    ) -> Any:
        """As :meth:`call`, ``method(node, *args)`` in the node's turn, and given up after some seconds.

        :param urgent: a person waits for it
        :raises NotAsked: when its turn did not come, or an earlier call was given up and has not returned
        :raises TimeoutError: when it was given up
        """
        if not self.turns.take(node.uuid):
            try:
                async with asyncio.timeout(seconds):
                    await self.turns.wait(node.uuid, urgent=urgent)
            except TimeoutError:
                raise NotAsked(f"another call for it took longer than {seconds:g} s") from None
        try:
            if node.uuid in self.unreturned:
                raise NotAsked("the last call for it has not returned")
            # Remembered until it returns, given up or not: no more than one call is ever left for a node.
            call = asyncio.ensure_future(self.call(method, node, *args))
            self.unreturned.add(node.uuid)
            call.add_done_callback(lambda _: self.unreturned.discard(node.uuid))
            try:
                done, _ = await asyncio.wait({call}, timeout=seconds)
                if not done:
                    raise TimeoutError(f"no answer within {seconds:g} s")
                return call.result()
            finally:
                call.cancel()
        finally:
            self.turns.pass_on(node.uuid)

    async def _in_thread(self, method: Callable[..., Any], *args: Any) -> Any:
        """Wait for a plain method; a cancelled wait goes on until the method has returned."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Any] = loop.create_future()
        variables = contextvars.copy_context()

        def tell(result: Any, error: BaseException | None) -> None:
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
                    error = DriverFault(f"{_named(method)} raised {type(fault).__name__}: {fault}")
            with contextlib.suppress(RuntimeError):  # the room has ended meanwhile
                loop.call_soon_threadsafe(tell, result, error)

        self.threads.submit(work)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            self.threads.give_up()
            try:
                await asyncio.wait({ended})
            finally:
                self.threads.came_back()
            ended.exception()
            raise

    def watch(self, now: float) -> None:
        """See whether the loop still turns, and say so once when it does not; called every second or so.

        :param now: seconds of a monotonic clock
        """
        if self._loop is None or not self._thread.is_alive():
            return
        if self._asked is None:
            self._asked = now
            try:
                self._loop.call_soon_threadsafe(self._answer)
            except RuntimeError:
                return
        elif now - self._asked > STALLED_AFTER and not self._stalled:
            self._stalled = True
            LOG.warning(
                "Driver %s stalls its own event loop for %.0f s%s; its nodes and tasks wait, others do not",
                self.driver.name,
                now - self._asked,
                self._where(),
            )

    @property
    def stalled(self) -> bool:
        """Whether the loop was busy with one step for longer than :data:`STALLED_AFTER`."""
        return self._stalled

    def _answer(self) -> None:
        self._asked = None
        if self._stalled:
            self._stalled = False
            LOG.info("Driver %s: its event loop turns again", self.driver.name)

    def _where(self) -> str:
        """In which function of the driver's own package its loop's thread is now."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        stack = [] if frame is None else list(traceback.walk_stack(frame))
        package = type(self.driver).__module__.partition(".")[0]
        own = [one for one, _ in stack if one.f_globals.get("__name__", "").partition(".")[0] == package]
        for found in own or [one for one, _ in stack[:1]]:
            code = found.f_code
            return f" in {code.co_qualname} ({code.co_filename}:{found.f_lineno})"
        return ""

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as error:
            if not self._opened.done():
                self._opened.set_exception(error)
            else:
                LOG.exception("Driver %s: its room ended", self.driver.name)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._mailbox = Mailbox(self._loop)
        self._stop = asyncio.Event()
        await self.call(self.driver.start)
        self._opened.set_result(None)
        await self._stop.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        try:
            await self.call(self.driver.close)
        except Exception:
            LOG.exception("Driver %s: close() failed", self.driver.name)


def _named(method: Callable[..., Any]) -> str:
    return getattr(method, "__qualname__", repr(method))
