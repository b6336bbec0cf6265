"""What the feeds of a node deliver: a second opinion if its own hardware does not answer."""

from datetime import datetime
from typing import Annotated

import msgspec

from podium.client.calls.call import Record
from podium.client.calls.hardware import AskHardware, Wait


class Feed(Record, frozen=True, kw_only=True):
    """An outlet that a node is plugged into, itself a node.

    :param name: as the node names it in ``extra.power_feeds``
    :param node_uuid: None if no node has that name or UUID
    :param power_state: as last read, ``age`` seconds ago
    :param watts: what it delivers now
    :param error: why these are not known
    :param others: names of the other nodes with this feed
    """

    name: str
    node_uuid: str | None
    power_state: str | None
    age: float | None
    watts: float | None
    error: str | None
    others: list[str]


class Feeds(Record, frozen=True, kw_only=True):
    """What the feeds of a node deliver.

    :param node: its name or UUID, as requested
    :param read_at: when the last answer arrived
    :param watts: of all feeds together; None if no feed reports any
    :param words: the conclusion for the node: ``its feeds draw 312 W: it is on``; None if it names no feeds
    """

    node: str
    node_uuid: str
    read_at: datetime
    feeds: list[Feed]
    watts: float | None
    words: str | None


class ReadFeeds(AskHardware[Feeds], frozen=True):
    """Read what the feeds of a node deliver now; their conductors ask the hardware.

    :param node: its name or UUID
    :param wait: seconds to wait for the answers; without an answer by then, a feed stays unknown
    """

    path = "/podium/v1/nodes/{node}/feeds"
    role = "reader"
    kind = "sensors"

    node: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    wait: Wait = 10.0
