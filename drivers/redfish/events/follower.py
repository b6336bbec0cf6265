"""Follows the events of BMCs instead of polling them, if a BMC offers a stream.

A stream may fail at any time, so changes are never detected by it alone: while it is open, the power is still
read from time to time, and when it ends the next sweep reads as before.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final

from oslo_log import log

from podium import errors
from podium.drivers import base
from podium.drivers.redfish import resources
from podium.drivers.redfish.events import hints, sse
from podium.drivers.redfish.events.watched import Watched
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.http.client import BMC, Refused
from podium.drivers.redfish.system import System
from podium.pacing import Gaps

LOG = log.getLogger(__name__)

_OPENING: Final = 256  # streams that are opened at the same time
_READING: Final = 128  # reads for events at the same time: a whole room may lose its power at once
_CHECKING: Final = 64  # health checks
_GAPS: Final = Gaps(5.0, 600.0)  # seconds between two attempts to open a stream
#: Seconds until a BMC without events is asked again: it may be starting, or get firmware with events.
_NOT_OFFERED: Final = Gaps(60.0, 3600.0, 4.0)
_WITHOUT: Final = 3600.0  # seconds for which a filter that failed is not used
_LONG: Final = 600.0  # seconds; it is normal that BMCs end streams, some every hour
_DOUBTS: Final = Gaps(1.0, 64.0)  # factors of the silence after which a stream counts as dead
_BREATH: Final = (
    0.02  # seconds after each piece of a stream, so that a BMC that sends very much waits for the others
)
_PATIENCE: Final = 5.0  # seconds for cancelled tasks to end
_PRUNE: Final = 60.0  # seconds between two searches for nodes that are gone
_FILTER: Final = "?$filter=EventFormatType%20eq%20Event"

_Check = Callable[[base.Node, base.Manager], Awaitable[None]]


class StreamEnded(errors.DriverError):
    """A stream ended unexpectedly."""


class Subscription:
    """The events of one BMC, and the nodes that they may be about."""

    __slots__ = (
        "_bmc",
        "_follower",
        "_absences",
        "_failures",
        "_filter_from",
        "_not_before",
        "_opened_at",
        "_silences",
        "_task",
        "_trouble_logged",
        "nodes",
    )

    def __init__(self, bmc: BMC, follower: "Follower") -> None:
        self.nodes: dict[str, Watched] = {}  #: by UUID
        self._bmc = bmc
        self._follower = follower
        self._task: asyncio.Task[None] | None = None
        self._opened_at: float | None = None
        self._not_before = 0.0
        self._absences = 0  # consecutive, of events
        self._filter_from = 0.0
        self._failures = 0  # since a stream lived long
        self._silences = 0  # that ended a stream
        self._trouble_logged = False

    @property
    def is_open(self) -> bool:
        """Whether the stream is open."""
        return self._opened_at is not None

    def open(self) -> None:
        """Open the stream, unless it is open or the BMC is left alone for now."""
        if self._task is None and asyncio.get_running_loop().time() >= self._not_before:
            self._task = self._follower.start(self._run())

    def close(self) -> None:
        """Close the stream; its nodes are left to the sweep."""
        for watched in self.nodes.values():
            watched.stop()
        self.nodes.clear()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            await self._follow()
        except errors.DriverError as failure:
            self._failed(failure)
        finally:
            self._follower.streams -= self.is_open
            self._opened_at = self._task = None
            for watched in self.nodes.values():
                watched.stop()

    async def _follow(self) -> None:
        async with contextlib.AsyncExitStack() as stack:
            async with self._follower.opening:
                now = asyncio.get_running_loop().time()
                path, filtered = await _offered(self._bmc)
                if not path:
                    self._not_before = now + _NOT_OFFERED[self._absences]
                    self._absences += 1
                    return
                self._absences = 0
                chunks = await self._enter(stack, path, filtered if now >= self._filter_from else "")
            self._opened()
            await self._listen(chunks)

    async def _enter(
        self, stack: contextlib.AsyncExitStack, path: str, filtered: str
    ) -> AsyncIterator[bytes]:
        """Open the stream, without the filter if that fails."""
        if filtered:
            try:
                return await stack.enter_async_context(self._bmc.stream(path + filtered))
            except ENDS:
                raise
            except errors.DriverError:
                self._filter_from = asyncio.get_running_loop().time() + _WITHOUT
        return await stack.enter_async_context(self._bmc.stream(path))

    def _opened(self) -> None:
        self._opened_at = asyncio.get_running_loop().time()
        self._follower.streams += 1
        if self._trouble_logged:
            self._trouble_logged = False
            LOG.info("BMC %s sends events again", self._bmc.target)
        for watched in self.nodes.values():
            watched.look()  # the stream does not repeat earlier events

    async def _listen(self, chunks: AsyncIterator[bytes]) -> None:
        loop = asyncio.get_running_loop()
        parser, habit = sse.Parser(), hints.Habit(loop.time(), _DOUBTS[self._silences])
        comments = 0
        while True:
            try:
                async with asyncio.timeout(habit.allowed):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                self._silences += 1
                raise StreamEnded(f"nothing for {habit.allowed:.0f} s, not even a sign of life") from None
            if chunk is None:
                raise StreamEnded("it ended the stream")
            events = parser.feed(chunk)
            habit.heard(loop.time(), beat=not events and parser.comments > comments)
            comments = parser.comments
            for data in events:
                self._follower.events += 1
                self._pass_on(hints.hints(data))
            await asyncio.sleep(_BREATH)

    def _pass_on(self, found: list[hints.Hint]) -> None:
        for hint in found:
            for watched in self.nodes.values():
                watched.hear(hint)

    def _failed(self, failure: errors.DriverError) -> None:
        """Do not retry for a time that grows until a stream lives long; log the failure once."""
        now = asyncio.get_running_loop().time()
        in_order = self._opened_at is not None and now - self._opened_at >= _LONG
        if in_order:
            self._failures = 0
        self._not_before = now + (_GAPS.longest if isinstance(failure, Refused) else _GAPS[self._failures])
        self._failures += 1
        if not (self._trouble_logged or in_order):
            self._trouble_logged = True
            LOG.info(
                "BMC %s sends no events: %s; its nodes are polled", self._bmc.target, errors.one_line(failure)
            )


async def _offered(bmc: BMC) -> tuple[str, str]:
    """Return the path of a BMC's stream, empty if there is none, and the query that excludes telemetry.

    Sources: schema ``EventService`` (DSP2046); DSP0266, section "Server-sent events".
    """
    service_path = resources.link(await bmc.root("EventService"), "EventService", bmc=bmc.target)
    if service_path is None:
        return "", ""
    service = (await bmc.get(service_path)).body
    uri = service.get("ServerSentEventUri")
    if not uri or service.get("ServiceEnabled") is False:
        return "", ""
    path = resources.path(uri, bmc.target)
    by_format = resources.part(service, "SSEFilterPropertiesSupported").get("EventFormatType") is True
    return path, _FILTER if by_format and "?" not in path else ""


class Follower:
    """The streams of a driver's BMCs; created inside the event loop that it runs in.

    :param driver: the driver of the nodes
    :param check: reports the health of a node
    """

    manager: base.Manager

    def __init__(self, driver: base.Driver, check: _Check) -> None:
        self.opening = asyncio.Semaphore(_OPENING)
        self.reading = asyncio.Semaphore(_READING)
        self._checking = asyncio.Semaphore(_CHECKING)
        self.streams = 0  #: that are open
        self.events = 0
        self.hints = 0
        self._driver = driver
        self._check = check
        self._subscriptions: dict[BMC, Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pruning: asyncio.TimerHandle | None = None

    def statistics(self) -> dict[str, float]:
        """Return counts by name; may be called from any thread."""
        return {"streams": self.streams, "events": self.events, "hints": self.hints}

    def follow(self, node: base.Node, system: System, manager: base.Manager) -> None:
        """Receive the events of a node's BMC, if it has any, and reopen a stream that was lost.

        It returns at once. A BMC that never answered is skipped: the read of the power reports what is wrong.
        """
        if not system.was_read:
            return
        self.manager = manager
        subscription = self._subscriptions.get(system.bmc)
        if subscription is None:
            subscription = self._subscriptions[system.bmc] = Subscription(system.bmc, self)
        watched = subscription.nodes.get(node.uuid)
        if watched is not None and watched.system is not system:
            watched.stop()
        if watched is None or watched.system is not system:
            watched = subscription.nodes[node.uuid] = Watched(node, system, self)
        watched.node = node
        if subscription.is_open:
            watched.examine()
        else:
            subscription.open()
        if self._pruning is None:
            self._pruning = asyncio.get_running_loop().call_later(_PRUNE, self._prune)

    def forget(self, system: System) -> None:
        """Stop following a node whose system is given back; a stream without nodes is closed."""
        subscription = self._subscriptions.get(system.bmc)
        if subscription is None:
            return
        for uuid, watched in list(subscription.nodes.items()):
            if watched.system is system:
                watched.stop()
                del subscription.nodes[uuid]
        if not subscription.nodes:
            subscription.close()
            del self._subscriptions[system.bmc]

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Create a task from a coroutine; it ends with the follower."""
        task = asyncio.create_task(work, name="redfish-events")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def check(self, node: base.Node) -> None:
        """Report the node's health."""
        async with self._checking:
            await self._check(node, self.manager)

    async def close(self) -> None:
        """End all streams and the work that they started."""
        if self._pruning is not None:
            self._pruning.cancel()
        for subscription in self._subscriptions.values():
            subscription.close()
        self._subscriptions.clear()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_PATIENCE)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("Following events of the %s driver failed", self._driver.name, exc_info=error)

    def _prune(self) -> None:
        """Stop following nodes that are gone or in maintenance."""
        wanted = {node.uuid for node in self.manager.nodes(self._driver) if not node.maintenance}
        for subscription in list(self._subscriptions.values()):
            for uuid, watched in list(subscription.nodes.items()):
                if uuid not in wanted:
                    self.forget(watched.system)
        self._pruning = asyncio.get_running_loop().call_later(_PRUNE, self._prune)
