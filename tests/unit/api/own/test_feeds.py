"""How many streams and selections each may have, so that there is room for others."""

import asyncio
from typing import Any, cast

import pytest

from asgi import Asked
from podium import conf
from podium.api import app
from podium.api.operations import OPERATIONS
from podium.api.own import feeds
from podium.api.own.feeds import Feed, Feeds
from podium.api.services import Services
from podium.api.sql import Sql
from podium.client.enrolling.catalog import Catalog
from podium.db.engine import Database


class _Taken:
    """The streams that people take as long as there is room for them."""

    def __init__(self) -> None:
        self.feeds = Feeds()
        self._streams: list[tuple[bytes, Feed, Any]] = []

    def take(self, who: str, *keys: bytes) -> int:
        """Return how many of these streams there was room for."""
        taken = 0
        self.feeds._reader = cast(Any, _NoReader)  # there is no database here
        for key in keys:
            if self.feeds.has_room(key, who):
                wake = asyncio.Event().set
                feed = self.feeds.join(key, who, lambda: Feed(cast(Any, None), cast(Any, None)), wake)
                self._streams.append((key, feed, wake))
                taken += 1
        return taken

    def leave_all(self) -> None:
        while self._streams:
            self.feeds.leave(*self._streams.pop())


class _NoReader:
    is_over = False

    @staticmethod
    def stop() -> None:
        pass


def different(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.fixture
def taken() -> _Taken:
    return _Taken()


def test_who_takes_all_selections_that_there_are_leaves_half_of_them(taken: _Taken) -> None:
    assert taken.take("greedy", *different(300)) == 100
    assert taken.take("greedy", b"0", b"1") == 2  # which cost nothing
    assert taken.take("also greedy", *(b"x%d" % number for number in range(300))) == 50
    assert taken.take("rita", b"her own") == 1


def test_who_takes_all_streams_that_there_are_leaves_half_of_them(taken: _Taken) -> None:
    assert taken.take("greedy", *[b"page"] * 3000) == 1000
    assert taken.take("rita", b"page", b"another") == 2


def test_streams_that_have_ended_are_no_longer_counted(taken: _Taken) -> None:
    for _ in range(2):
        assert taken.take("greedy", *different(300)) == 100
        taken.leave_all()


def test_streams_that_are_asked_for_at_once_are_counted_too(
    database: Database, config: conf.Config, everybody: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_MOST_FEEDS", 4)

    async def test() -> list[int]:
        services = Services(config, Sql(database), Catalog(config, print))
        served = app.create(services, everybody, OPERATIONS)

        async def ask(number: int) -> int:
            asked = Asked("GET", "/podium/v1/changes")
            asked.scope["query_string"] = b"fields=extra.k%d" % number
            running = asyncio.ensure_future(served(asked.scope, asked.receive, asked.send))
            while not asked.sent and not running.done():
                await asyncio.sleep(0.01)
            everything.append(running)
            return asked.status

        everything: list[asyncio.Future[None]] = []
        found = await asyncio.gather(*map(ask, range(10)))
        services.feeds.close()
        await asyncio.wait(everything)
        return found

    assert sorted(asyncio.run(test())) == [200] * 2 + [503] * 8
