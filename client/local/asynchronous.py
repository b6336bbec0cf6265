"""Podium on its database, for an event loop."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

from podium import conf
from podium.client import texts
from podium.client.calls.call import Call, Page
from podium.client.calls.changes import Change, FollowChanges
from podium.client.calls.hardware import AskHardware
from podium.client.local.changes import Following
from podium.client.local.hardware import owed_for
from podium.client.local.local import LOG, WAIT, Local
from podium.client.local.owed import Owed
from podium.client.podium import AsyncPodium

T = TypeVar("T")


class AsyncLocal(AsyncPodium):
    """As :class:`Local`, using threads."""

    def __init__(
        self,
        config: conf.Config | None = None,
        *,
        warn: Callable[[str], None] = LOG.warning,
    ) -> None:
        self._local = Local(config, warn=warn)
        self._first = asyncio.Lock()

    async def ask(self, call: Call[T]) -> T:
        async with self._first:
            backend = await asyncio.to_thread(lambda: self._local.backend)
        if isinstance(call, AskHardware):  # no thread may wait for it
            texts.check(call)
            owed: Owed[T] = owed_for(backend, call)
            while True:
                if (found := await asyncio.to_thread(owed.look)) is not None:
                    return found
                await asyncio.sleep(owed.pause)
        return await asyncio.to_thread(self._local.ask, call)

    async def each(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        for item in (await self.ask(call)).items:
            yield item

    async def follow(self, call: FollowChanges) -> AsyncGenerator[Change, None]:
        texts.check(call)
        following = await asyncio.to_thread(lambda: Following(self._local.backend, call))
        reading: asyncio.Future[list[Change]] | None = None
        try:
            while True:
                reading = asyncio.ensure_future(asyncio.to_thread(following.read, WAIT))
                for change in await asyncio.shield(reading):
                    yield change
        finally:
            following.interrupt()
            if reading is not None:
                await asyncio.wait([reading])
            following.close()

    async def close(self) -> None:
        await asyncio.to_thread(self._local.close)
