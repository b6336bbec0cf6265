"""``podium node feeds``."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium.cli.hardware.reading import Reading
from podium.cli.showing.tables import Form
from podium.client.calls.call import plain
from podium.client.calls.feeds import Feed
from podium.client.calls.feeds import Feeds as FeedsRead
from podium.client.podium import Podium

_COLUMNS: Final = ("node", "watts", "words", "feeds")


class Feeds(Reading[FeedsRead]):
    """Read what the feeds of nodes deliver now, and show what follows from it.

    A node names its feeds, which are nodes themselves, as power_feeds in its extra: for instance podium node
    set r1n07 --extra power_feeds=pdu1o7,pdu2o7. The conductors that own the feeds read them. A feed that was
    not read shows the reason.
    """

    column_names = _COLUMNS
    form = Form("nodes", by=("node",), prose=("words", "feeds"))
    usual_wait = 10.0

    def read(self, podium: Podium, node: str, wait: float) -> FeedsRead:
        return podium.feeds(node, wait=wait)

    def rows(self, name: str, found: FeedsRead, *, for_people: bool) -> Iterable[Sequence[Any]]:
        words = found.words or "it names no feeds"
        its: Any = ", ".join(map(_in_words, found.feeds)) if for_people else plain(found.feeds)
        return [[name, found.watts, words, its]]


def _in_words(feed: Feed) -> str:
    """Return a feed in words, such as ``pdu1o7 power on 156 W``."""
    if feed.watts is not None:
        return f"{feed.name} {feed.power_state or 'never read'} {feed.watts:g} W"
    return f"{feed.name} {feed.power_state or ''} ({feed.error})" if feed.error else feed.name
