"""The part of the fake manager that has nodes, notifies drivers of them, and runs spawned tasks."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from oslo_log import log

from podium.drivers import base, push
from podium.drivers.command import in_event_loop
from podium.testing.making import call

LOG = log.getLogger(__name__)


class TaskFailure(NamedTuple):
    """A run of a task, a call of ``node_added`` or the like, or a spawned coroutine that raised an error.

    :param task: the name of the task, the method or the coroutine
    :param node: the name of the node for which it ran; None for the whole driver
    """

    task: str
    node: str | None
    error: Exception


class NodeManager(base.Manager):
    """Has nodes, and the drivers that were started with it.

    :param nodes: the nodes that the manager owns
    """

    def __init__(self, nodes: Iterable[base.Node] = ()) -> None:
        self.failures: list[TaskFailure] = []
        self._nodes = {node.uuid: replace(node, as_of=time.monotonic()) for node in nodes}
        self._news: dict[str, push.News] = {}  # by the name of a driver that was started
        self._starting: set[str] = set()
        self._gone: list[base.Node] = []  # nodes that have not been released yet
        self._spawned: set[_Spawned] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, driver: base.Driver) -> None:
        """Start a driver as the conductor does, and then notify it of its nodes.

        :raises Exception: whatever ``start`` raises
        """
        self._loop = asyncio.get_running_loop()
        self._news[driver.name] = push.News(push.defined(driver))
        with self.starting(driver):
            await call(driver.start, *push.start_arguments(driver, self))
        for node in self.nodes(driver):
            self._tell(node, is_here=True)
        await self.tell_driver(driver)

    @contextlib.contextmanager
    def starting(self, driver: base.Driver) -> Iterator[None]:
        """Hide the driver's nodes from it inside the ``with``."""
        self._starting.add(driver.name)
        try:
            yield
        finally:
            self._starting.discard(driver.name)

    async def close(self, driver: base.Driver) -> None:
        """Cancel the spawned tasks and close the driver, as the conductor does."""
        tasks = [one.task for one in self._spawned if one.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._news.pop(driver.name, None)
        await call(driver.close)

    async def tell_driver(self, driver: base.Driver) -> None:
        """Make the calls of ``node_added``, ``node_changed``, ``node_removed`` and ``release`` that are due.

        Their errors are added to ``failures`` and logged.

        :raises LookupError: when the driver was not started with :meth:`start`
        """
        if driver.name not in self._news:
            raise LookupError(f"driver {driver.name} was not started with FakeManager.start")
        news = self._news[driver.name]
        while True:
            while (due := news.next()) is not None:
                name, node = due
                await self._try(name, node, getattr(driver, name))
                news.done(node)
            gone = [node for node in self._gone if node.driver == driver.name]
            if not gone:
                return
            for node in gone:
                self._gone.remove(node)
                await self._try("release", node, driver.release)
                news.note_released(node.uuid)

    def add_node(self, node: base.Node) -> None:
        """Enrol a node, or take it over from another conductor; :meth:`tell_driver` notifies the driver."""
        self._nodes[node.uuid] = known = replace(node, as_of=time.monotonic())
        self._tell(known, is_here=True)

    def remove_node(self, node: base.Node) -> None:
        """Delete a node, or leave it to another conductor; :meth:`tell_driver` notifies the driver."""
        gone = self._nodes.pop(node.uuid)
        self._tell(gone, is_here=False)
        if gone.driver in self._news:
            self._gone.append(gone)

    def nodes(self, driver: base.Driver) -> Sequence[base.Node]:
        return [node for node in self._nodes.values() if node.driver == driver.name and self._shows(node)]

    def node(self, name_or_uuid: str) -> base.Node | None:
        known = self._nodes.get(name_or_uuid)
        if known is None:
            known = next((node for node in self._nodes.values() if node.name == name_or_uuid), None)
        is_shown = known is not None and self._shows(known) and known.driver in (self._news or [known.driver])
        return known if is_shown else None

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> base.Spawned:
        if not asyncio.iscoroutine(coroutine):
            raise TypeError(
                f"spawn is given a coroutine, as a call of an async def returns, not {coroutine!r}"
            )
        most = push.most_spawned(len(self._nodes))
        loop = asyncio.get_running_loop() if in_event_loop() else self._loop
        if loop is None or len(self._spawned) >= most:
            coroutine.close()
            was_not = "was not started with this manager: see FakeManager.start"
            has = f"has {most} spawned tasks, as many as it may"
            raise RuntimeError(f"the driver {was_not if loop is None else has}")
        spawned = _Spawned(loop, coroutine, self._ended)
        self._spawned.add(spawned)
        if in_event_loop():
            spawned.begin()
        else:
            loop.call_soon_threadsafe(spawned.begin)
        return spawned

    def _ended(self, spawned: "_Spawned", error: BaseException | None) -> None:
        self._spawned.discard(spawned)
        if isinstance(error, Exception):
            self._note(TaskFailure(getattr(spawned.coroutine, "__qualname__", "spawn"), None, error))

    def _shows(self, node: base.Node) -> bool:
        return node.driver not in self._starting

    def _tell(self, node: base.Node, *, is_here: bool) -> None:
        if node.driver in self._news:
            self._news[node.driver].note(node, is_here)

    async def _try(self, name: str, node: base.Node, method: Callable[..., Any]) -> None:
        try:
            await call(method, node)
        except Exception as error:
            self._note(TaskFailure(name, node.name, error))

    def _note(self, failure: TaskFailure) -> None:
        self.failures.append(failure)
        LOG.warning("%s failed for %s", failure.task, failure.node or "the driver", exc_info=failure.error)


class _Spawned:
    """A task that a driver spawned, in the driver's event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any],
        ended: "Callable[[_Spawned, BaseException | None], None]",
    ) -> None:
        self.coroutine = coroutine
        self.task: asyncio.Task[Any] | None = None
        self._loop = loop
        self._ended = ended

    def begin(self) -> None:
        self.task = self._loop.create_task(self.coroutine)
        self.task.add_done_callback(self._end)

    def cancel(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the task has ended
            self._loop.call_soon_threadsafe(lambda: self.task is not None and self.task.cancel())

    def _end(self, task: "asyncio.Task[Any]") -> None:
        self._ended(self, None if task.cancelled() else task.exception())
