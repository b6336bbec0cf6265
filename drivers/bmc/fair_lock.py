"""A lock that is granted in the order of the requests, and costs nothing if nobody waits."""

import asyncio
from collections import deque


class FairLock:
    """``if lock.busy: await lock.turn(seconds)``, else ``lock.busy = True``; then :meth:`release`."""

    __slots__ = ("_queue", "busy")

    def __init__(self) -> None:
        self.busy = False
        self._queue: deque[asyncio.Future[None]] | None = None  # few BMCs ever have one

    async def turn(self, seconds: float) -> None:
        """Wait for this caller's turn, after all earlier callers.

        :raises TimeoutError: when it takes longer
        """
        if self._queue is None:
            self._queue = deque()
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(mine)
        try:
            async with asyncio.timeout(seconds):
                await mine
        except BaseException:
            if mine.done() and not mine.cancelled():  # the turn came at the same moment
                self.release()
            raise

    def release(self) -> None:
        """Pass the lock to the next waiter, or leave it free."""
        while self._queue:
            following = self._queue.popleft()
            if not following.done():
                following.set_result(None)
                return
        self.busy = False
