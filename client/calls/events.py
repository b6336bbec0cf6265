"""The ledger of power events: who changed the power of which node, when and why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from podium.causes import Cause, Severity
from podium.client.calls.call import Call, Limit, Nodes, Page, Record, Where

_Node = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Age = Annotated[float, msgspec.Meta(ge=0, le=315_360_000)]
_Newest = Annotated[int, msgspec.Meta(ge=1, le=1_000_001)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Marker = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}$")]
_Range = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}-[0-9]{1,18}$")]


class Event(Record, frozen=True, kw_only=True):
    """One power event of a node.

    :param id: greater than that of earlier events of the same node
    :param node_name: the name that the node had then
    :param who: the user and host that requested it
    :param request_id: of the run of a periodic task that detected it
    :param operation_id: of the operation that it belonged to
    :param conductor: the host of the conductor that recorded it
    :param worker: the worker of this conductor
    """

    id: int
    node_uuid: str
    node_name: str
    at: datetime
    from_state: str | None
    to_state: str | None
    cause: str
    who: str | None
    reason: str | None
    request_id: str | None
    operation_id: int | None
    conductor: str | None
    worker: str | None


class ListEvents(Call[Page[Event]], frozen=True):
    """List power events, in the order in which they were recorded.

    :param nodes: whose events; also names and UUIDs of deleted nodes, and patterns of the names of others
    :param since: only those of the last so many seconds
    :param cause: only those of this cause
    :param min_severity: only those of this severity or a greater one
    :param newest: only this many, the newest
    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    :param where: conditions that the nodes meet now
    """

    method = "GET"
    path = "/podium/v1/events"
    role = "reader"

    nodes: Nodes | None = None
    since: _Age | None = None
    cause: Cause | None = None
    min_severity: Severity | None = None
    newest: _Newest | None = None
    limit: Limit = None
    marker: _Marker | None = None
    where: Where | None = None


class ListHistory(Call[Page[Event]], frozen=True):
    """List the power events of a node, in the order in which they were recorded.

    :param node: its name or UUID; also that of a deleted node
    :param newest: only this many, the newest
    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/nodes/{node}/history"
    role = "reader"

    node: _Node
    newest: _Newest | None = None
    limit: Limit = None
    marker: _Marker | None = None


class News(Record, frozen=True, kw_only=True):
    """Events that were committed since the last look, and where to continue.

    :param last: the ``after`` of the next look
    :param late: the ``late`` of the next look: ranges of numbers that were assigned, but are not committed
        yet; a number that is not committed after half a minute is given up
    :param nodes: the ``nodes`` of the next look; None for all
    :param more: whether there are more events already
    """

    events: list[Event]
    last: int
    late: list[str]
    nodes: list[str] | None
    more: bool


class FollowEvents(Call[News], frozen=True):
    """Look for events that were committed since the last look; none is missed, and none comes twice.

    The first look, without ``after``, returns where to begin.

    :param nodes: whose events; for the first look also ranges and patterns of names
    :param cause: only those of this cause
    :param min_severity: only those of this severity or a greater one
    :param after: ``last`` of the look before
    :param late: ``late`` of the look before
    :param where: for the first look: conditions that the nodes meet now
    """

    method = "GET"
    path = "/podium/v1/events/news"
    role = "reader"

    nodes: Nodes | None = None
    cause: Cause | None = None
    min_severity: Severity | None = None
    after: _Number | None = None
    late: Annotated[Sequence[_Range], msgspec.Meta(max_length=200)] = ()
    where: Where | None = None
