"""One command at a time to each node, whoever it is from, and people's requests before all others."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Who may speak to which node; for use inside one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]]] = {}

    @asynccontextmanager
    async def turn(self, uuid: str, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait for a node to be free and have it for oneself.

        :param urgent: go before all who wait and are not
        """
        queues = self._waiting.get(uuid)
        if queues is None:
            self._waiting[uuid] = deque(), deque()
        else:
            await self._wait(uuid, queues[0] if urgent else queues[1])
        try:
            yield
        finally:
            self._pass_on(uuid)

    async def _wait(self, uuid: str, queue: deque[asyncio.Future[None]]) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on(uuid)  # it was my turn already
            raise

    def _pass_on(self, uuid: str) -> None:
        for queue in self._waiting[uuid]:
            while queue:
                following = queue.popleft()
                if not following.done():
                    following.set_result(None)
                    return
        del self._waiting[uuid]
