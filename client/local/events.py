"""Answers about power events."""

from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from podium import errors, node_ranges
from podium.causes import of_severity
from podium.client.calls.call import Page
from podium.client.calls.events import Event, FollowEvents, ListEvents, ListHistory, News
from podium.client.local import choosing
from podium.client.local.backend import Answers, Backend
from podium.client.local.nodes import chosen_names
from podium.db import clock, ledger
from podium.db.follower import Follower

#: Maximum events of one look.
_AT_ONCE: Final = 2000
#: How many of the newest numbers the first look searches for those that are not committed yet.
_RECENT: Final = 200


def list_events(backend: Backend, call: ListEvents) -> Page[Event]:
    """Return events, the oldest first; all of them if the call has no limit."""
    causes = _causes(call)
    with backend.database.read() as connection:
        chosen = _chosen(backend, connection, call)
        since = None if call.since is None else clock.now(connection) - timedelta(seconds=call.since)
        after = 0 if call.marker is None else int(call.marker)
        if call.newest is not None and call.marker is None:
            first = ledger.first_of_newest(connection, chosen, call.newest, since=since, causes=causes)
            after = max(first - 1, 0)
        limit = None if call.limit is None else call.limit + 1
        found = ledger.events_after(connection, chosen, after, limit=limit, since=since, causes=causes)
    shown = found[: call.limit]
    more = len(found) > len(shown)
    return Page(items=list(map(as_seen, shown)), next=str(shown[-1].id) if more else None)


def list_history(backend: Backend, call: ListHistory) -> Page[Event]:
    """Return the events of a node."""
    return list_events(
        backend, ListEvents(nodes=[call.node], newest=call.newest, limit=call.limit, marker=call.marker)
    )


def follow_events(backend: Backend, call: FollowEvents) -> News:
    """Return the events since a look, or where to begin."""
    with backend.database.read() as connection:
        if call.after is None:
            return _beginning(backend, connection, call)
        wanted = None if call.nodes is None else choosing.expanded(call.nodes)
        chosen = None if wanted is None else frozenset(wanted)
        late = ((int(first), int(last)) for first, _, last in (one.partition("-") for one in call.late))
        follower = Follower(call.after, late=late)
        found = follower.read(connection, _AT_ONCE)
    for one in found:
        follower.passed(one.id)
    causes = _causes(call)
    shown = [
        as_seen(one)
        for one in found
        if (causes is None or one.cause in causes)
        and (chosen is None or one.node_uuid in chosen or one.node_name in chosen)
    ]
    more = len(found) == _AT_ONCE
    return News(events=shown, last=follower.last, late=_late(follower), nodes=wanted, more=more)


def _causes(call: ListEvents | FollowEvents) -> frozenset[str] | None:
    """Return the causes of the wanted events; None for all."""
    if call.min_severity is None:
        return None if call.cause is None else frozenset({call.cause})
    causes = of_severity(call.min_severity)
    return causes if call.cause is None else causes & {call.cause}


def _beginning(backend: Backend, connection: sa.Connection, call: FollowEvents) -> News:
    chosen = _chosen(backend, connection, call)
    if chosen.uuids is not None and not chosen.uuids | chosen.names:
        raise errors.NodeNotFound("no node meets these conditions; see: podium node list")
    follower = Follower(max(ledger.newest_number(connection) - _RECENT, 0))
    for one in follower.read(connection, _AT_ONCE):
        follower.passed(one.id)
    return News(
        events=[],
        last=follower.last,
        late=_late(follower),
        nodes=None if chosen.uuids is None else sorted(chosen.uuids | chosen.names),
        more=False,
    )


def _late(follower: Follower) -> list[str]:
    return [f"{first}-{last}" for first, last in follower.late]


def _chosen(backend: Backend, connection: sa.Connection, call: ListEvents | FollowEvents) -> ledger.Chosen:
    """Return the nodes whose events are wanted.

    :raises podium.errors.NodeNotFound: naming every node that neither exists nor existed
    """
    wanted = chosen_names(backend, connection, call.nodes, call.where)
    chosen, missing = ledger.choose(connection, wanted)
    if missing:
        raise errors.NodeNotFound(
            f"neither a node nor an event has the name or UUID {node_ranges.fold_for_log(missing)};"
            " see: podium node list"
        )
    return chosen


def as_seen(found: ledger.Event) -> Event:
    """Return an event in the form for clients."""
    values = found._asdict()
    writer = values.pop("writer")
    return Event(**values, conductor=found.conductor, worker=None if writer is None else str(writer))


ANSWERS: Final[Answers] = {
    ListEvents: list_events,
    ListHistory: list_history,
    FollowEvents: follow_events,
}
