"""Answers about the feeds of nodes, see podium.client.calls.feeds."""

import time
from collections.abc import Callable
from typing import Final

from podium.client.calls.feeds import Feed, Feeds, ReadFeeds
from podium.client.local.backend import Answers, Backend
from podium.client.local.owed import Owed
from podium.db import api, clock, feed_words
from podium.db import feeds as statements
from podium.db.api import NodeKey
from podium.db.feeds import Asked


class OwedFeeds(Owed[Feeds]):
    """The answers of the conductors of a node's feeds."""

    def __init__(self, backend: Backend, call: ReadFeeds, clock: Callable[[], float]) -> None:
        super().__init__(backend, call.wait, clock)
        self._call = call
        self._asked: tuple[NodeKey, list[Asked]] | None = None

    def look(self) -> Feeds | None:
        if self._asked is None:
            self._asked = self._ask()
        node, asked = self._asked
        with self._backend.database.read() as connection:
            (found,) = statements.heard(connection, [asked], is_late=self._is_late)
            now = clock.now(connection)
        if found is None:
            return None
        return Feeds(
            node=self._call.node,
            node_uuid=node.uuid,
            read_at=now,
            feeds=[_shown(feed) for feed in found],
            watts=feed_words.total(found),
            words=feed_words.in_words(found),
        )

    def _ask(self) -> tuple[NodeKey, list[Asked]]:
        with self._backend.database.read() as connection:
            (node,) = api.find_keys(connection, [self._call.node])
            feeds = statements.look(connection, [node.id], levels=statements.LEVELS)
        who = self._backend.who
        asked = self._backend.step(lambda connection: statements.ask(connection, feeds, who))
        return node, asked.get(node.id, [])


def _shown(feed: feed_words.Feed) -> Feed:
    return Feed(
        name=feed.name,
        node_uuid=feed.uuid,
        power_state=feed.power_state,
        age=feed.age,
        watts=feed.watts,
        error=feed.error,
        others=[*feed.others],
    )


def read_feeds(backend: Backend, call: ReadFeeds) -> Feeds:
    """Return what conductors have read from the feeds of a node."""
    return OwedFeeds(backend, call, time.monotonic).wait()


ANSWERS: Final[Answers] = {ReadFeeds: read_feeds}
