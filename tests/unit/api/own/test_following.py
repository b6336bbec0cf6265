"""One stream of changes: what it sends, when it breaks the silence, and when it ends."""

import asyncio
import json
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any, cast

import pytest

from podium.api.own.feeds import Feed
from podium.api.own.following import Lasts, Sender
from podium.api.own.messages import chunked
from podium.db.news import Place
from virtual_time import run

START = Place.after(10)


def message(number: int, size: int = 0) -> tuple[Place, bytes]:
    place = Place(number, 0, 1)
    return place, f"event: nodes\nid: {place}\ndata: {json.dumps({'x': 'y' * size})}\n\n".encode()


class Client:
    """Receives a stream; it takes nothing while ``takes`` is not set."""

    def __init__(self, feed: Feed, place: Place = START, lasts: Lasts | None = None) -> None:
        self.parts: list[tuple[float, bytes]] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bell = asyncio.Event()
        self.gone.add_done_callback(lambda _: self._bell.set())
        feed.streams.add(self._bell.set)
        sender = Sender(cast(Any, None), place, self._send, self._bell, lasts)
        self.ended = asyncio.ensure_future(sender.run(feed, self.gone))

    async def _send(self, part: MutableMapping[str, Any]) -> None:
        await self.takes.wait()
        self.parts.append((asyncio.get_running_loop().time(), part["body"]))

    @property
    def ids(self) -> list[str]:
        """The ids of messages with data."""
        blocks = b"".join(part for _, part in self.parts).decode().split("\n\n")
        return [block.split("\n")[1].removeprefix("id: ") for block in blocks if block.startswith("event")]

    async def leave(self) -> None:
        self.gone.set_result(None)
        await self.ended


def streamed(test: Callable[[Feed], Coroutine[Any, Any, None]]) -> None:
    async def begun() -> None:
        feed = Feed(cast(Any, None), cast(Any, None))
        feed.begin(START)
        await test(feed)

    run(begun)


def test_every_client_gets_each_message_once_from_its_own_place() -> None:
    async def test(feed: Feed) -> None:
        feed.publish(chunked([message(11), message(12)]), Place.after(12), 10**6)
        clients = [Client(feed, Place.after(number)) for number in (10, 11, 12, 13)]
        await asyncio.sleep(1)
        feed.publish(chunked([message(13), message(14)]), Place.after(14), 10**6)
        await asyncio.sleep(1)
        every = ["11.0.1", "12.0.1", "13.0.1", "14.0.1"]
        assert [one.ids for one in clients] == [every, every[1:], every[2:], every[3:]]
        for one in clients:
            await one.leave()

    streamed(test)


def test_a_client_that_falls_behind_is_told_so_and_its_stream_ends() -> None:
    async def test(feed: Feed) -> None:
        slow, other = Client(feed), Client(feed)
        await asyncio.sleep(1)
        slow.takes.clear()
        for number in range(11, 31):
            feed.publish(chunked([message(number, 1000)]), Place.after(number), 5000)
            await asyncio.sleep(1)
        slow.takes.set()
        await slow.ended
        assert slow.ids[-1] == slow.ids[-2] == "11.0.1"  # the place of the last that it has
        assert b"event: dropped" in slow.parts[-1][1]
        assert b"takes less" in slow.parts[-1][1]
        assert other.ids == [f"{number}.0.1" for number in range(11, 31)]
        await other.leave()

    streamed(test)


def test_what_waits_for_a_client_that_never_reads_is_bounded() -> None:
    async def test(feed: Feed) -> None:
        client = Client(feed)
        await asyncio.sleep(1)
        client.takes.clear()
        for number in range(11, 500):
            feed.publish(chunked([message(number, 1000)]), Place.after(number), 5000)
            await asyncio.sleep(0)
        waiting = [feed.chunk(number) for number in range(feed.first, feed.first + 100)]
        assert sum(len(one.data) for one in waiting if one) <= 5000
        client.takes.set()
        await client.ended

    streamed(test)


def test_silence_is_broken_every_15_seconds_and_the_cursor_gets_on_meanwhile() -> None:
    async def test(feed: Feed) -> None:
        client = Client(feed)
        await asyncio.sleep(20)
        feed.publish([], Place.after(25), 1000)
        await asyncio.sleep(25)
        assert client.parts == [(15.0, b":\nid: 10\n\n"), (30.0, b":\nid: 25\n\n")]
        await client.leave()

    streamed(test)


def test_a_stream_ends_in_order_after_15_minutes() -> None:
    async def test(feed: Feed) -> None:
        client = Client(feed)
        await client.ended
        assert asyncio.get_running_loop().time() == 900
        assert client.ids == []

    streamed(test)


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_stream_ends_in_order_soon_after_the_session_that_it_began_with(is_busy: bool) -> None:
    async def test(feed: Feed) -> None:
        over_at = 21.0
        clock = asyncio.get_running_loop()

        async def lasts() -> bool:
            return clock.time() < over_at

        ended: list[float] = []
        client, other = Client(feed, lasts=lasts), Client(feed)
        client.ended.add_done_callback(lambda _: ended.append(clock.time()))
        for number in range(11, 40):
            if is_busy:
                feed.publish(chunked([message(number)]), Place.after(number), 10**6)
            await asyncio.sleep(1)
        assert len(ended) == 1
        assert over_at <= ended[0] <= over_at + 5
        assert not other.ended.done()
        await other.leave()

    streamed(test)


@pytest.mark.parametrize(("looks", "end"), [((True, None, True, None, None), 25), ((None, False), 10)])
def test_a_stream_whose_session_nobody_can_look_up_goes_on_for_one_look(
    looks: tuple[bool | None, ...], end: float
) -> None:
    async def test(feed: Feed) -> None:
        left = iter(looks)

        async def lasts() -> bool | None:
            return next(left)

        client = Client(feed, lasts=lasts)
        await client.ended
        assert asyncio.get_running_loop().time() == end

    streamed(test)


def test_streams_end_with_the_reason_of_their_feed() -> None:
    async def test(feed: Feed) -> None:
        client = Client(feed)
        await asyncio.sleep(1)
        feed.stop("podium-api ends")
        await client.ended
        assert b"podium-api ends" in client.parts[-1][1]

    streamed(test)


def test_a_database_that_went_back_resets_streams() -> None:
    async def test(feed: Feed) -> None:
        client = Client(feed)
        feed.publish(chunked([message(11)]), Place.after(11), 10**6)
        await asyncio.sleep(1)
        feed.reset(Place.after(5))
        feed.publish(chunked([message(6)]), Place.after(6), 10**6)
        await asyncio.sleep(1)
        assert client.ids == ["11.0.1", "5", "6.0.1"]
        await client.leave()

    streamed(test)
