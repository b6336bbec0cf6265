"""The tasks that a driver has spawned in its room: watched, limited in number, cancelled at the end."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

from oslo_context.context import RequestContext

from podium.conductor.rooms import calls, hiding
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.faults import Faults
from podium.conductor.rooms.run import Run

#: Seconds to wait for cancelled tasks before the driver is closed.
_END: Final = 1.0


class SpawnedTasks:
    """The tasks of one driver.

    :param start: starts a coroutine in the room, from any thread
    """

    def __init__(
        self,
        driver: str,
        start: Callable[[Callable[[], Coroutine[Any, Any, Any]], RequestContext], Run],
        faults: Faults,
    ) -> None:
        self._driver = driver
        self._start = start
        self._faults = faults
        self._tasks: set[asyncio.Task[Any]] = set()  # only for the room's loop
        self._count = 0
        self._is_closed = True
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def start(self, coroutine: Coroutine[Any, Any, Any], most: int, scrubbed: Callable[[str], str]) -> Run:
        """Start a coroutine. May be called from any thread.

        :param most: the most tasks at a time
        :param scrubbed: returns a text without secrets
        :raises TypeError: it is not a coroutine
        :raises RuntimeError: there are already that many tasks, or the room is closing
        """
        if not asyncio.iscoroutine(coroutine):
            raise TypeError(
                f"spawn is given a coroutine, as a call of an async def returns, not {coroutine!r}"
            )
        try:
            self._count_one(most)
        except RuntimeError:
            coroutine.close()
            raise
        call = hiding.present()
        run = self._start(lambda: self._watch(coroutine, scrubbed, call), contexts.new())
        run.future.add_done_callback(lambda _: self._note_end(coroutine))
        return run

    def open(self) -> None:
        """Accept tasks from now on."""
        self._is_closed = False

    async def close(self) -> None:
        """Cancel all tasks, and wait a short time for them."""
        with self._lock:
            self._is_closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_END)

    def _count_one(self, most: int) -> None:
        with self._lock:
            if self._is_closed:
                raise RuntimeError(f"driver {self._driver} is not running: it cannot spawn tasks")
            if self._count >= most:
                raise RuntimeError(f"driver {self._driver} has {most} spawned tasks, as many as it may")
            self._count += 1

    def _note_end(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        coroutine.close()  # needed if it was cancelled before it began; otherwise does nothing
        with self._lock:
            self._count -= 1

    async def _watch(
        self, coroutine: Coroutine[Any, Any, Any], scrubbed: Callable[[str], str], call: hiding.Call | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        hiding.resume(call)
        try:
            await coroutine
        except GeneratorExit:
            raise
        except BaseException as fault:
            name = getattr(coroutine, "__qualname__", repr(coroutine))
            error = fault if isinstance(fault, Exception) else calls.fault_of(coroutine, fault)  # type: ignore[arg-type]
            self._faults.note("spawned_failed", f"the task {name}", error, scrubbed)
        finally:
            self._tasks.discard(task)
