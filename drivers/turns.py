"""One after another, in the order in which they came, and at no cost where nobody waits."""

import asyncio
from collections import deque


class Turns:
    """``if one.busy: await one.turn(seconds)``, else ``one.busy = True``; then :meth:`release`."""

    __slots__ = ("_queue", "busy")

    def __init__(self) -> None:
        self.busy = False
        self._queue: deque[asyncio.Future[None]] | None = None  # few BMCs ever have one

    async def turn(self, seconds: float) -> None:
        """Wait until those who came before are done.

        :raises TimeoutError: when that takes longer
        """
        if self._queue is None:
            self._queue = deque()
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(mine)
        try:
            async with asyncio.timeout(seconds):
                await mine
        except BaseException:
            if mine.done() and not mine.cancelled():  # it came at the same moment
                self.release()
            raise

    def release(self) -> None:
        """Let the next one have it."""
        while self._queue:
            next_one = self._queue.popleft()
            if not next_one.done():
                next_one.set_result(None)
                return
        self.busy = False
