"""Podium over HTTP."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, TypeVar

import httpx

from podium.client.calls import wire
from podium.client.calls.call import Call, Page
from podium.client.podium import AsyncPodium, Podium
from podium.client.remote import exchange
from podium.client.remote.exchange import PAUSES, TryAgain
from podium.client.remote.server import Server

T = TypeVar("T")
LOG: Final = logging.getLogger(__name__)


class Remote(Podium):
    """Asks a podium-api.

    :param server: where it is, and who asks
    :param warn: called with each warning; by default it is logged
    """

    def __init__(
        self,
        server: Server,
        *,
        warn: Callable[[str], None] = LOG.warning,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._where = server.where
        self._warn = warn
        self._sleep = sleep
        self._client = httpx.Client(transport=server.transport(), **server.options())

    def ask(self, call: Call[T]) -> T:
        request = exchange.request(self._client, call, "application/json")
        pauses = iter(PAUSES)
        while True:
            try:
                with exchange.translated(self._where):
                    response = self._client.send(request)
                return exchange.result(call, response, self._where, self._warn)
            except TryAgain as again:
                pause = next(pauses, None)
                if pause is None:
                    raise again.error from None
            self._sleep(pause)

    def each(self, call: Call[Page[T]]) -> Iterator[T]:
        request = exchange.request(self._client, call, wire.NDJSON)
        try:
            with exchange.translated(self._where):
                response = self._client.send(request, stream=True)
                try:
                    if not response.is_success:
                        response.read()
                    exchange.check(response, self._where)
                    for warning in exchange.warnings(response):
                        self._warn(warning)
                    yield from exchange.items(call, response.iter_lines(), self._where)
                finally:
                    response.close()
        except TryAgain as again:
            raise again.error from None

    def close(self) -> None:
        self._client.close()


class AsyncRemote(AsyncPodium):
    """As :class:`Remote`, in an event loop."""

    def __init__(self, server: Server, *, warn: Callable[[str], None] = LOG.warning) -> None:
        self._where = server.where
        self._warn = warn
        self._client = httpx.AsyncClient(transport=server.async_transport(), **server.options())

    async def ask(self, call: Call[T]) -> T:
        request = exchange.request(self._client, call, "application/json")
        pauses = iter(PAUSES)
        while True:
            try:
                with exchange.translated(self._where):
                    response = await self._client.send(request)
                return exchange.result(call, response, self._where, self._warn)
            except TryAgain as again:
                pause = next(pauses, None)
                if pause is None:
                    raise again.error from None
            await asyncio.sleep(pause)

    async def each(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        request = exchange.request(self._client, call, wire.NDJSON)
        try:
            with exchange.translated(self._where):
                response = await self._client.send(request, stream=True)
                try:
                    if not response.is_success:
                        await response.aread()
                    exchange.check(response, self._where)
                    for warning in exchange.warnings(response):
                        self._warn(warning)
                    async for line in response.aiter_lines():
                        yield exchange.item(call, line, self._where)
                finally:
                    await response.aclose()
        except TryAgain as again:
            raise again.error from None

    async def close(self) -> None:
        await self._client.aclose()
