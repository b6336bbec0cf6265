"""Following changes as they happen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias, get_args

import msgspec

from podium.client.calls.call import Call, Nodes, Record
from podium.client.calls.events import Event
from podium.client.calls.nodes import Filter, Node
from podium.client.calls.operations import Operation

Kind: TypeAlias = Literal["nodes", "operations", "events", "conductors"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_Cursor = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class _Message(Record, frozen=True, kw_only=True, tag_field="kind"):
    """:param cursor: the place of this message; the ``after`` of a call for what follows it"""

    cursor: str


class Started(_Message, frozen=True, kw_only=True, tag="started"):
    """The stream begins: it has every change that a list requested from now on does not show."""


class Reset(_Message, frozen=True, kw_only=True, tag="reset"):
    """The changes after the cursor are no longer known; list again. The stream continues from now.

    :param reason: why, in one line
    """

    reason: str


class Dropped(_Message, frozen=True, kw_only=True, tag="dropped"):
    """The last message of a stream that the server ends; a client that resumes it misses nothing.

    :param reason: why, in one line
    """

    reason: str


class NodeChange(_Message, frozen=True, kw_only=True, tag="nodes"):
    """A node as it is now.

    :param gone: it was deleted, or does not meet the conditions; only its name and UUID are given
    """

    node: Node
    gone: bool = False


class OperationChange(_Message, frozen=True, kw_only=True, tag="operations"):
    """An operation that was requested, or made progress."""

    operation: Operation


class EventChange(_Message, frozen=True, kw_only=True, tag="events"):
    """An event that happened."""

    event: Event


class ConductorPresence(Record, frozen=True, kw_only=True):
    """A conductor, without the figures that change with time alone.

    :param state: alive, leaving, draining or gone
    :param workers: how many of its workers are running
    """

    hostname: str
    state: str
    workers: int
    conductor_groups: list[str]
    drivers: list[str]
    started_at: datetime
    draining_since: datetime | None


class ConductorChange(_Message, frozen=True, kw_only=True, tag="conductors"):
    """A conductor whose workers came, went or changed, or that is taken out of service or put back.

    :param conductor: None when it was removed
    """

    hostname: str
    conductor: ConductorPresence | None


#: What a client receives.
Change: TypeAlias = Started | Reset | NodeChange | OperationChange | EventChange | ConductorChange
#: What a server sends.
Message: TypeAlias = Change | Dropped


class FollowChanges(Filter, Call[Message], frozen=True):
    """Follow what changes: a stream of Server-Sent Events.

    Conditions apply to nodes; ``nodes`` selects events, too.

    :param nodes: the only nodes to follow, including nodes that are enrolled later
    :param fields: what to show of each node; by default all
    :param kinds: nodes, operations, events, conductors; by default all
    :param after: the cursor of the last message received, instead of the header Last-Event-ID; without it,
        the stream begins now
    """

    method = "GET"
    path = "/podium/v1/changes"
    role = "reader"
    media = "text/event-stream"

    nodes: Nodes | None = None
    fields: Sequence[str] = ()
    kinds: Sequence[Kind] = ()
    after: _Cursor | None = None
