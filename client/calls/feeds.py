"""What the feeds of a node deliver: a second opinion where its own hardware does not answer."""

from datetime import datetime
from typing import Annotated

import msgspec

from podium.client.calls.call import Record
from podium.client.calls.hardware import AskHardware, Wait


class Feed(Record, frozen=True, kw_only=True):
    """An outlet that a node is plugged into, itself a node.

    :param name: as the node names it in ``extra.power_feeds``
    :param node_uuid: None if no node has that name or UUID
    :param power_state: that was read last, and ``age`` seconds ago
    :param watts: that it delivers now
    :param error: why that is not known
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

    :param node: its name or UUID, as it was asked for
    :param read_at: when the last of it was heard
    :param watts: of all feeds together; None if none says
    :param words: what follows for the node: ``its feeds draw 312 W: it is on``; None if it names no feeds
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
    :param wait: seconds to wait for the answers; whoever has not answered by then stays unknown
    """

    path = "/podium/v1/nodes/{node}/feeds"
    role = "reader"
    kind = "sensors"

    node: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    wait: Wait = 10.0
