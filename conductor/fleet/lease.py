"""The lease of this member: until when it may switch nodes, and how that limits calls under way.

Nobody can take over a node before its holder's lease is over, so no switching call may outlast the lease.
After four fifths of the lease, no switching call begins, and calls that can be cancelled are. If a call
cannot be stopped (a plain method in a thread, a blocked loop, a paused process), the master process, which
sees the leases and the calls in shared memory, kills the worker at the end of its lease.
"""

import asyncio
import contextlib
import inspect
import multiprocessing
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from podium.clocks import boottime
from podium.conductor.rooms.places import NotAsked
from podium.db.worker import Worker

#: The part of a lease in which switching calls may begin and continue.
_SAFE: Final = 0.8
#: Seconds between two checks of whether a switching call must end.
_LOOK: Final = 0.5


class SharedLeases:
    """The workers' leases, in memory shared with the master process. Each field has one writer and is atomic.

    :param workers: the number of workers
    :ivar pids: the process of each worker; 0 before it has a lease
    :ivar until: the end of each worker's lease, by :func:`podium.clocks.boottime`
    :ivar calls: the number of each worker's switching calls under way
    :ivar ended: when each worker learned that it has ended; 0 while it has not
    """

    def __init__(self, workers: int) -> None:
        shared = multiprocessing.get_context("fork")
        self.pids = shared.Array("i", workers, lock=False)
        self.until = shared.Array("d", workers, lock=False)
        self.calls = shared.Array("i", workers, lock=False)
        self.ended = shared.Array("d", workers, lock=False)


class Lease:
    """The lease of one member. The heartbeat renews it; any thread reads it.

    :param holder: the member
    :param length: the lease's length in seconds, also an attribute
    :param since: a time of the clock before the lease was requested; never the time of the answer
    :param shared: where the master process sees the lease, at the holder's index
    """

    def __init__(
        self,
        holder: Worker,
        length: float,
        since: float,
        *,
        clock: Callable[[], float] = boottime,
        shared: SharedLeases | None = None,
    ) -> None:
        self.holder = holder
        self.length = length
        self._clock = clock
        self._index = holder.index if shared else 0
        self._shared = shared or SharedLeases(1)
        self._lock = threading.Lock()
        self._since = since
        self._ended = False
        self._shared.calls[self._index] = 0  # a killed process may have left a count
        self._shared.ended[self._index] = 0.0
        self._shared.until[self._index] = since + length
        self._shared.pids[self._index] = os.getpid()

    @property
    def ended(self) -> bool:
        """Whether the member has ended."""
        return self._ended

    @property
    def until(self) -> float:
        """The end of the lease, by its clock."""
        return float(self._shared.until[self._index])

    def is_safe(self) -> bool:
        """Whether a switching call may begin or continue now."""
        return not self._ended and self._clock() < self._since + self.length * _SAFE

    def renew(self, since: float) -> None:
        """Restart the lease, because a renewal was answered.

        :param since: a time before that renewal was sent
        """
        with self._lock:
            if not self._ended and since > self._since:
                self._since = since
                self._shared.until[self._index] = since + self.length

    def end(self) -> None:
        """Note that the member has ended. That cannot be undone."""
        with self._lock:
            now = self._clock()
            self._shared.ended[self._index] = self._shared.ended[self._index] or now
            self._shared.until[self._index] = min(self.until, now)
            self._ended = True

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Count a switching call as under way; if the lease ends meanwhile, the master kills this process.

        :raises podium.conductor.rooms.places.NotAsked: no switching call may begin any more
        """
        # Counted first, so that a process that pauses between the check and the call counts as under way.
        self._count(1)
        try:
            if not self.is_safe():
                raise NotAsked(f"{self.holder} has not reached the database for too long to switch nodes")
            yield
        finally:
            self._count(-1)

    def bounded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a driver's switching method, async or plain, in :meth:`calling`.

        A call that can be cancelled ends with a TimeoutError when the lease no longer allows it.
        """
        if inspect.iscoroutinefunction(method):

            async def call(*args: Any) -> Any:
                return await self._await(method, *args)

            return call

        def plain_call(*args: Any) -> Any:
            with self.calling():
                result = method(*args)
            return self._await(lambda: result) if inspect.isawaitable(result) else result

        return plain_call

    async def _await(self, method: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        with self.calling():
            async with self._while_safe():
                return await method(*args)

    @contextlib.asynccontextmanager
    async def _while_safe(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as limit:
            timer: asyncio.TimerHandle

            def look() -> None:
                nonlocal timer
                if self.is_safe():
                    timer = loop.call_later(_LOOK, look)
                else:
                    limit.reschedule(loop.time())

            timer = loop.call_later(_LOOK, look)
            try:
                yield
            finally:
                timer.cancel()

    def _count(self, by: int) -> None:
        with self._lock:
            self._shared.calls[self._index] += by
