"""One command at a time to each node, whoever it is from, and people's requests before all others."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

GiveUp = Callable[[], object]
_Waiting = deque[tuple["asyncio.Future[None]", GiveUp | None]]


class Turns:
    """Who may speak to which node; for use inside one event loop. Whoever has a turn passes it on once.

    What ``background`` stands for below: called, once, when somebody urgent waits for the node, to have the
    turn passed on soon.
    """

    def __init__(self) -> None:
        # None until somebody waits: most nodes are spoken to by nobody else, and there may be 100,000.
        self._taken: dict[str, tuple[_Waiting, _Waiting] | None] = {}
        self._background: dict[str, GiveUp] = {}

    @asynccontextmanager
    async def turn(self, uuid: str, *, urgent: bool = False) -> AsyncIterator[None]:
        """Wait for a node to be free and have it for oneself.

        :param urgent: go before all who wait and are not
        """
        if not self.take(uuid):
            await self.wait(uuid, urgent=urgent)
        try:
            yield
        finally:
            self.pass_on(uuid)

    def take(self, uuid: str, background: GiveUp | None = None) -> bool:
        """Have a node for oneself if it is free; False when it is not."""
        if uuid in self._taken:
            return False
        self._taken[uuid] = None
        if background is not None:
            self._background[uuid] = background
        return True

    async def wait(self, uuid: str, *, urgent: bool = False, background: GiveUp | None = None) -> None:
        """Wait for the turn of a node that is not free."""
        queues = self._taken[uuid]
        if queues is None:
            queues = self._taken[uuid] = deque(), deque()
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queues[0 if urgent else 1].append((mine, background))
        if urgent and (give_up := self._background.pop(uuid, None)) is not None:
            give_up()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self.pass_on(uuid)  # it was my turn already
            raise

    def pass_on(self, uuid: str) -> None:
        """Give the node to whoever waits for it, or leave it free."""
        self._background.pop(uuid, None)
        for queue in self._taken[uuid] or ():
            while queue:
                following, background = queue.popleft()
                if not following.done():
                    following.set_result(None)
                    if background is not None:
                        self._background[uuid] = background
                    return
        del self._taken[uuid]
