"""Podium over HTTP."""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Final, TypeVar

import httpx

from podium import errors
from podium.client.calls import wire
from podium.client.calls.call import Call, Page
from podium.client.calls.changes import Change, FollowChanges
from podium.client.podium import AsyncPodium, Podium
from podium.client.remote import exchange
from podium.client.remote.attempts import Attempts, TryAgain
from podium.client.remote.event_source import EventSource
from podium.client.remote.fleets import Fleets, Guard
from podium.client.remote.receiving import Body, Lines
from podium.client.remote.server import Server

T = TypeVar("T")
LOG: Final = logging.getLogger(__name__)


class Remote(Podium):
    """Uses a podium-api.

    :param server: its address, and the login
    :param warn: called with each warning; by default it is logged
    :param fleets: remembers the fleet at each address; None to forget it with this object
    :param transport: how httpx reaches it; by default as the server specifies
    """

    def __init__(
        self,
        server: Server,
        *,
        warn: Callable[[str], None] = LOG.warning,
        fleets: Fleets | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._where = server.where
        self._warn = warn
        self._sleep = sleep
        self._clock = clock
        self._client = httpx.Client(
            transport=transport or server.transport(),
            event_hooks=Guard(server.where, fleets).hooks(),
            **server.options(),
        )

    def ask(self, call: Call[T]) -> T:
        exchange.check_secrets(call, self._where)
        request = exchange.request(self._client, call, "application/json")
        attempts = Attempts(self._clock)
        with exchange.naming(request):
            while True:
                try:
                    with exchange.translated(self._where):
                        response = self._received(self._client.send(request, stream=True))
                    return exchange.result(call, response, self._where, self._warn)
                except TryAgain as again:
                    pause = attempts.pause(again)
                self._sleep(pause)

    def _received(self, response: httpx.Response) -> httpx.Response:
        body = Body(response, self._where, self._clock)
        try:
            for part in response.iter_bytes():
                body.add(part)
        finally:
            response.close()
        return body.whole()

    def each(self, call: Call[Page[T]]) -> Iterator[T]:
        request = exchange.request(self._client, call, wire.NDJSON)
        attempts = Attempts(self._clock)
        with exchange.naming(request):
            response = self._begun(request, attempts)
            lines = Lines(self._where)
            try:
                with exchange.translated(self._where):
                    for part in response.iter_bytes():
                        for line in lines.add(part):
                            yield exchange.item(call, line, self._where)
                lines.end()
            except TryAgain as again:
                raise again.error from None
            finally:
                response.close()

    def _begun(self, request: httpx.Request, attempts: Attempts) -> httpx.Response:
        """Return an answer whose head was received and is good."""
        while True:
            try:
                with exchange.translated(self._where):
                    response = self._client.send(request, stream=True)
                    if not response.is_success:
                        response = self._received(response)
                exchange.check(response, self._where)
                for warning in exchange.warnings(response):
                    self._warn(warning)
                return response
            except TryAgain as again:
                pause = attempts.pause(again)
            self._sleep(pause)

    def follow(self, call: FollowChanges) -> Generator[Change, None, None]:
        stream = EventSource(call, self._where, self._warn)
        while True:
            error: errors.PodiumError | None = None
            try:
                with exchange.translated(self._where):
                    response = self._client.send(stream.request(self._client), stream=True)
                    try:
                        if not response.is_success:
                            response.read()
                        stream.begin(response)
                        for line in response.iter_lines():
                            if (change := stream.take(line)) is not None:
                                yield change
                    finally:
                        response.close()
            except TryAgain as again:
                error = again.error
            self._sleep(stream.pause(error))

    def close(self) -> None:
        self._client.close()


async def _sleep(seconds: float) -> None:
    import asyncio  # takes long to import, and the command line has no event loop

    await asyncio.sleep(seconds)


class AsyncRemote(AsyncPodium):
    """As :class:`Remote`, in an event loop."""

    def __init__(
        self,
        server: Server,
        *,
        warn: Callable[[str], None] = LOG.warning,
        fleets: Fleets | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = _sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._where = server.where
        self._warn = warn
        self._sleep = sleep
        self._clock = clock
        self._client = httpx.AsyncClient(
            transport=transport or server.async_transport(),
            event_hooks=Guard(server.where, fleets).async_hooks(),
            **server.options(),
        )

    async def ask(self, call: Call[T]) -> T:
        exchange.check_secrets(call, self._where)
        request = exchange.request(self._client, call, "application/json")
        attempts = Attempts(self._clock)
        with exchange.naming(request):
            while True:
                try:
                    with exchange.translated(self._where):
                        response = await self._received(await self._client.send(request, stream=True))
                    return exchange.result(call, response, self._where, self._warn)
                except TryAgain as again:
                    pause = attempts.pause(again)
                await self._sleep(pause)

    async def _received(self, response: httpx.Response) -> httpx.Response:
        body = Body(response, self._where, self._clock)
        try:
            async for part in response.aiter_bytes():
                body.add(part)
        finally:
            await response.aclose()
        return body.whole()

    async def each(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        request = exchange.request(self._client, call, wire.NDJSON)
        attempts = Attempts(self._clock)
        with exchange.naming(request):
            response = await self._begun(request, attempts)
            lines = Lines(self._where)
            try:
                with exchange.translated(self._where):
                    async for part in response.aiter_bytes():
                        for line in lines.add(part):
                            yield exchange.item(call, line, self._where)
                lines.end()
            except TryAgain as again:
                raise again.error from None
            finally:
                await response.aclose()

    async def _begun(self, request: httpx.Request, attempts: Attempts) -> httpx.Response:
        while True:
            try:
                with exchange.translated(self._where):
                    response = await self._client.send(request, stream=True)
                    if not response.is_success:
                        response = await self._received(response)
                exchange.check(response, self._where)
                for warning in exchange.warnings(response):
                    self._warn(warning)
                return response
            except TryAgain as again:
                pause = attempts.pause(again)
            await self._sleep(pause)

    async def follow(self, call: FollowChanges) -> AsyncGenerator[Change, None]:
        stream = EventSource(call, self._where, self._warn)
        while True:
            error: errors.PodiumError | None = None
            try:
                with exchange.translated(self._where):
                    response = await self._client.send(stream.request(self._client), stream=True)
                    try:
                        if not response.is_success:
                            await response.aread()
                        stream.begin(response)
                        async for line in response.aiter_lines():
                            if (change := stream.take(line)) is not None:
                                yield change
                    finally:
                        await response.aclose()
            except TryAgain as again:
                error = again.error
            await self._sleep(stream.pause(error))

    async def close(self) -> None:
        await self._client.aclose()
