"""A separate room for every driver: an event loop, a few threads, and a watchdog over the loop.

Whatever a driver does (hang, block its loop, raise anything) affects only its own room.
"""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

from oslo_context.context import RequestContext
from oslo_log import log

from podium import errors
from podium.conductor.rooms import hiding, leaving
from podium.conductor.rooms.calls import Calls
from podium.conductor.rooms.faults import Faults
from podium.conductor.rooms.following import Following
from podium.conductor.rooms.holding import Hold
from podium.conductor.rooms.mailbox import Mailbox
from podium.conductor.rooms.place import Place
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.run import Run, start_in
from podium.conductor.rooms.spawned import SpawnedTasks
from podium.conductor.rooms.visit import NO_ANSWER, Cancellable, Visit
from podium.conductor.rooms.watchdog import Watchdog
from podium.drivers import base, class_options, push, registry
from podium.wording import safe_str

LOG = log.getLogger(__name__)


class DriverRoom:
    """The room of one driver.

    :param size: the number of concurrent plain methods, if not the driver's ``threads``
    """

    def __init__(self, driver: base.Driver, *, size: int | None = None) -> None:
        self.driver = driver
        self.size: int = size or class_options.value(driver, "threads")
        #: Names in driver_info whose values are never shown.
        self.secret = frozenset(name for name, one in driver.properties.items() if one.secret)
        #: Values that log lines never show.
        self.secrets = hiding.Secrets(self.secret)
        self._visits: dict[str, Visit] = {}  # by the UUID of a node, the visit that has taken it
        endpoint_calls = class_options.value(driver, "endpoint_calls")
        self._calls = Calls(driver, self.secrets, threads=self.size, endpoint_calls=endpoint_calls)
        self._thread = threading.Thread(target=self._main, name=f"{driver.name}-loop", daemon=True)
        self._watchdog = Watchdog(driver, self._thread)
        self.faults = Faults(driver.name)
        self.spawned = SpawnedTasks(driver.name, self.start, self.faults)
        self.following = Following(
            push.defined(driver), self.call, self.faults, plainly=max(self.size // 2, 1), secret=self.secret
        )
        self._start_arguments: tuple[Any, ...] = ()
        self._opened: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mailbox: Mailbox | None = None
        self._stop: asyncio.Event | None = None
        self._life: asyncio.Task[None] | None = None
        self._is_closing = False

    def open(self, timeout: float, manager: base.Manager | None = None) -> None:
        """Start the room and the driver in it.

        :param timeout: seconds that the driver's ``start`` may take
        :param manager: passed to ``start``, if that has a parameter for it
        :raises podium.errors.DriverLoadError: ``start`` fails or takes longer
        """
        self._start_arguments = push.start_arguments(self.driver, manager)
        self._thread.start()
        try:
            self._opened.result(timeout)
        except concurrent.futures.TimeoutError:
            raise self.hang(timeout) from None
        except Exception as cause:
            raise errors.DriverLoadError(
                f"{registry.described(self.driver.name)}: start() failed: {errors.one_line(cause)}"
            ) from cause

    def hang(self, seconds: float) -> errors.DriverLoadError:
        """The error of a driver whose ``start`` has not ended within some seconds; names where it hangs."""
        return errors.DriverLoadError(
            f"{registry.described(self.driver.name)}: start() did not end within {seconds:.0f} s"
            f"{self._watchdog.where(self._life)}"
        )

    def close(self, timeout: float) -> bool:
        """Close the driver and end the room; return False if it did not end within ``timeout`` seconds."""
        self._is_closing = True
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has already ended
                self._loop.call_soon_threadsafe(self._end)
        if self._thread.ident is not None:
            self._thread.join(timeout)
        self._calls.close()  # only now: a plain close() of the driver runs in one of the threads
        return not self._thread.is_alive()

    def run(self, method: Callable[..., Any], *args: Any, request: RequestContext) -> Run:
        """Start a method of the driver, async or plain, from any thread."""
        return self.start(lambda: self.call(method, *args), request)

    def start(self, call: Callable[[], Coroutine[Any, Any, Any]], request: RequestContext) -> Run:
        """Start one of the conductor's own coroutines in this room, from any thread."""
        if self._loop is None or self._mailbox is None:
            raise RuntimeError(f"the room of {self.driver.name} is not open")
        return start_in(self._loop, self._mailbox.post, call, request)

    def call(
        self, method: Callable[..., Any], *args: Any, begun: Callable[[], object] = lambda: None
    ) -> Coroutine[Any, Any, Any]:
        """Call a driver method, async or plain, without a particular node; from a task of this room.

        :param begun: called right before the call, once there is a thread for it
        :raises podium.conductor.rooms.calls.DriverFault: it raised an exception that would end the loop or
            the process
        :raises podium.conductor.rooms.places.NotAsked: it was cancelled before there was a thread for it
        """
        return self._calls.call(method, *args, begun=begun)

    def bound(self, method: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """Prepare a method for many calls; see :meth:`podium.conductor.rooms.calls.Calls.bound`."""
        return self._calls.bound(method)

    def needs_place(self, method: Callable[..., Any]) -> bool:
        """Whether calls of a method need a place, which must be taken first."""
        return self._calls.needs_place(method)

    def place(self, method: Callable[..., Any], node: base.Node, *, doubtful: bool = False) -> Place | None:
        """The place that a call for a node needs before it is made; None if it needs none.

        :param doubtful: whether the node did not answer the last call
        """
        return self._calls.place(method, node, doubtful=doubtful)

    def endpoint(self, node: base.Node) -> str:
        """The endpoint of a node; the node itself, if the driver does not name one."""
        return self._calls.endpoint(node)

    def silence(self, node: base.Node, error: TimeoutError) -> str:
        """The message about an abandoned call for users: who does not answer."""
        text = safe_str(error) or NO_ANSWER
        if not text.startswith(NO_ANSWER):
            return text
        endpoint = self.endpoint(node)
        who = "the hardware" if endpoint == node.uuid else f"BMC {endpoint}"
        return f"{who} does not answer{text.removeprefix(NO_ANSWER)}"

    @property
    def endpoint_calls(self) -> int | None:
        """How many switching calls may be made to one endpoint at the same time; None for any number."""
        return self._calls.endpoint_calls(self.driver.set_power_state)

    @property
    def lost(self) -> int:
        """The number of abandoned plain calls that have not returned. May be read from any thread."""
        return self._calls.lost

    async def command(
        self,
        seconds: float,
        node: base.Node,
        method: Callable[..., Any],
        *args: Any,
        urgent: bool = False,
        first: Callable[[], Awaitable[None]] | None = None,
        hold: Hold | None = None,
    ) -> Any:
        """Call ``method(node, *args)`` in a visit to the node, and give it up after some seconds.

        :param urgent: whether a user waits for it
        :param first: awaited right before the call, when there is nothing else to wait for
        :param hold: the caller's hold on the node
        :raises podium.conductor.rooms.places.NotAsked: its turn did not come within these seconds, or earlier
            calls were given up and have not returned
        :raises TimeoutError: the call itself was given up
        """
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while True:
            visit = Visit(self._visits if hold is None else hold.own, node.uuid, urgent=urgent)
            try:
                if not visit.take():
                    await visit.turn(end - clock())
                if (place := self._calls.place(method, node, urgent=urgent)) is not None:
                    await visit.take_place(place, end - clock())
                break
            except NotAsked:
                if not visit.yielded:  # to a user's call: its turn comes after that
                    raise
        return await visit.make(self._made(visit, first, method, node, *args), seconds)

    async def look(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a driver method in a visit that is under way; for ``first`` of :meth:`command`."""
        return await self._calls.made(method, *args)

    async def read(
        self, seconds: float, node: base.Node, method: Callable[..., Any], *args: Any, repeats: bool = True
    ) -> Any:
        """Call ``method(node, *args)`` in a visit that gives way to users' power changes, and then start
        again.

        :param seconds: the limit for the whole
        :param repeats: whether to start again; if not, the call ends cancelled
        :raises podium.conductor.rooms.places.NotAsked: as :meth:`command`
        :raises TimeoutError: the call itself was given up
        """
        clock, task = asyncio.get_running_loop().time, asyncio.current_task()
        end = clock() + seconds
        while True:
            visit = Visit(self._visits, node.uuid, gives_way=True)
            try:
                if not visit.take():
                    await visit.turn(end - clock())
                if (place := self._calls.place(method, node)) is not None:
                    await visit.take_place(place, end - clock())
                return await visit.make(self._made(visit, None, method, node, *args), end - clock())
            except (NotAsked, asyncio.CancelledError):
                is_over = not visit.yielded or not repeats
                if is_over or (task is not None and task.cancelling()):
                    raise

    async def _made(
        self,
        visit: Visit,
        first: Callable[[], Awaitable[None]] | None,
        method: Callable[..., Any],
        *args: Any,
    ) -> Any:
        if first is not None:
            await first()
        visit.note_call()
        return await self._calls.made(method, *args)

    def visit(self, node: base.Node, task: Cancellable) -> Visit:
        """Plan a visit that gives way to users; from a task of this room, which makes the call itself."""
        return Visit(self._visits, node.uuid, task, gives_way=True)

    def is_visited(self, uuid: str) -> bool:
        """Whether a call to a node, even an abandoned one, is under way. May be called from any thread."""
        return uuid in self._visits

    @contextlib.asynccontextmanager
    async def holding(self, nodes: Sequence[base.Node], seconds: float) -> AsyncIterator[Hold]:
        """Reserve nodes; from a task of this room.

        :param seconds: within which calls under way must return
        :raises podium.conductor.rooms.places.NotAsked: they have not returned
        """
        hold = Hold(self._visits, nodes)
        await hold.take(seconds)
        try:
            yield hold
        finally:
            hold.end()

    async def close_sessions(self, nodes: Sequence[base.Node]) -> None:
        """Have the driver close its sessions with nodes, as if these were gone; from a task of this room.

        The driver is not notified that they are there until they are noted again.
        """
        for node in nodes if self.following.is_wanted else ():
            self.following.note(node, False)
        await self.following.settle(nodes)
        await leaving.release(self.driver, nodes, self.call)
        self.following.let_come_back(nodes)

    async def leave(self, nodes: Sequence[base.Node]) -> None:
        """End the calls to nodes that now belong to another conductor; from a task of this room.

        Returns when no call is under way, which may take forever, and when the driver has been notified that
        the nodes are gone and has released them.
        """
        await leaving.end_visits(self._visits, nodes)
        await self.following.settle(nodes)
        await leaving.release(self.driver, nodes, self.call)
        self.following.let_come_back(nodes)

    def watch(self, now: float) -> None:
        """Check whether the loop still responds, and log once if it does not; called about every second.

        :param now: seconds of a monotonic clock
        """
        if self._loop is not None and self._thread.is_alive():
            self._watchdog.watch(self._loop, now)

    @property
    def stalled(self) -> bool:
        """Whether the loop has been busy with one step for too long."""
        return self._watchdog.stalled

    def _end(self) -> None:
        if self._stop is not None:
            self._stop.set()
        if self._life is not None and not self._opened.done():
            self._life.cancel()

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except asyncio.CancelledError:
            self._opened.set_exception(errors.PodiumError("it was closed meanwhile"))
        except Exception as error:
            if not self._opened.done():
                self._opened.set_exception(error)
            else:
                LOG.exception("Driver %s: its room ended", self.driver.name)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self.secrets.log_fault)
        self._mailbox = Mailbox(self._loop)
        self._stop = asyncio.Event()
        self._life = asyncio.current_task()
        if self._is_closing:  # since before there was a loop to end
            raise asyncio.CancelledError
        self.spawned.open()
        await self._calls.made(self.driver.start, *self._start_arguments)
        self._opened.set_result(None)
        self.following.open(self._mailbox.post)
        await self._stop.wait()
        self.following.close()
        await self.spawned.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        try:
            await self._calls.made(self.driver.close)
        except Exception:
            LOG.exception("Driver %s: close() failed", self.driver.name)
