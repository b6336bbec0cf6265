"""The feeds of nodes, and reads of feeds by conductors, as functions of an open connection."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.db import clock, hardware_reads
from podium.db.bulk import chunks
from podium.db.changes import next_change
from podium.db.feed_words import KEY, Feed, named
from podium.db.hardware_reads import HardwareRead
from podium.db.ledger import event
from podium.db.models import node_columns, nodes, operations, power_events
from podium.db.node_conditions import entry_as_json

#: What is read from a feed.
_KIND: Final = "sensors"
#: Feeds that can be asked at once.
_MOST: Final = 1024
#: Up to this many names and UUIDs are searched one by one in the records of nodes.
_FEW: Final = 16
#: How many levels of feeds behind feeds are followed before somebody switches them.
LEVELS: Final = 4


class Asked(NamedTuple):
    """A feed, and the number of the pending read by its conductor; None if there is none."""

    feed: Feed
    read: int | None


def look(connection: sa.Connection, numbers: Sequence[int], levels: int = 1) -> dict[int, list[Feed]]:
    """Return the feeds of nodes, by the number of the node, as far as the database knows them.

    :param levels: how many levels of nodes behind the feeds are followed
    """
    its_own = _named(connection, nodes.c.id.in_(numbers))
    wanted = sorted({name for _, its in its_own.values() for name in its})
    known = _known(connection, wanted)
    users = _followed(connection, known, levels)
    found: dict[int, list[Feed]] = {}
    for number, (own, its) in its_own.items():
        mine: dict[str, Feed] = {}  # a node may list a feed both by its name and by its UUID
        for name in its:
            feed = known.get(name, Feed(name))
            others = sorted(users.get(feed.uuid or "", set()) - {own.name})
            mine.setdefault(
                feed.uuid or name,
                dataclasses.replace(feed, name=name, others=others, is_itself=feed.uuid == own.uuid),
            )
        found[number] = list(mine.values())
    return found


def stay_on(connection: sa.Connection, names: Iterable[str]) -> list[str]:
    """Return those of the given nodes that are never switched off."""
    query = sa.select(nodes.c.name).where(nodes.c.disable_power_off)
    return [
        name
        for chunk in chunks(sorted(names))
        for name in connection.scalars(query.where(nodes.c.name.in_(chunk)).order_by(nodes.c.name))
    ]


def note_switched(connection: sa.Connection, feeds: Mapping[str, Sequence[str]], operation: int) -> None:
    """Record in the history of machines that they are switched at their feeds.

    :param feeds: their names, by the name of the machine
    :param operation: the number of the operation, just requested
    """
    version = next_change(connection)
    asked: sa.Select[Any] = sa.select(
        *(operations.c[name] for name in ("action", "requested_by", "requested_at", "reason"))
    )
    its = connection.execute(asked.where(operations.c.id == operation)).one()
    machines: sa.Select[Any] = sa.select(nodes.c.uuid, nodes.c.name, nodes.c.power_state)
    rows = connection.execute(machines.where(nodes.c.name.in_(feeds)))
    noted = [
        event(
            row,
            "request",
            at=its.requested_at,
            to_state=row.power_state,
            writer=None,
            change=version,
            who=its.requested_by,
            reason="; ".join(
                filter(None, (f"{its.action} at its feeds {', '.join(feeds[row.name])}", its.reason))
            ),
            operation_id=operation,
        )
        for row in rows
    ]
    connection.execute(sa.insert(power_events), noted)


def why_not_switched(feeds: Sequence[Feed]) -> str | None:
    """Return why a node cannot be switched at these feeds; None if it can."""
    if not feeds:
        return f"it names no feeds, see extra.{KEY}"
    problems = [one.problem for one in feeds if one.uuid is None or one.is_itself]
    return "; ".join(filter(None, problems)) or None


def ask(connection: sa.Connection, found: Mapping[int, Sequence[Feed]], who: str) -> dict[int, list[Asked]]:
    """Ask the conductors of nodes' feeds how much power these deliver. Called first in a transaction.

    :param found: the result of :func:`look` for at most 64 nodes, from a transaction that blocks nobody
    :param who: the requester
    :returns: by the number of the node
    """
    uuids = dict.fromkeys(feed.uuid for its in found.values() for feed in its if feed.uuid is not None)
    try:
        reads = hardware_reads.ask_many(connection, list(uuids), _KIND, who, _MOST)
    except errors.NodeNotFound:  # deleted at this moment: nobody waits for the other answers
        reads = []
    asked = {node.uuid: number for node, number in reads}
    return {number: [_asked(feed, asked) for feed in its] for number, its in found.items()}


def _asked(feed: Feed, asked: Mapping[str, int | errors.NodeConflict]) -> Asked:
    number = asked.get(feed.uuid or "")
    if isinstance(number, errors.NodeConflict):
        return Asked(dataclasses.replace(feed, error=str(number)), None)
    return Asked(feed, number)


def heard(
    connection: sa.Connection, asked: Iterable[Sequence[Asked]], *, is_late: bool
) -> list[list[Feed] | None]:
    """Return the conductors' answers for each list of feeds; None while an answer is missing.

    :param is_late: whether missing answers are no longer waited for
    """
    lists = list(asked)
    numbers = {one.read for its in lists for one in its if one.read is not None}
    reads: dict[int, HardwareRead] = {}
    for chunk in chunks(sorted(numbers)):
        reads |= hardware_reads.find_many(connection, chunk)
    return [
        None
        if not is_late and any(one.read in reads and reads[one.read].finished_at is None for one in its)
        else [_heard(one, reads) for one in its]
        for its in lists
    ]


def _heard(asked: Asked, reads: Mapping[int, HardwareRead]) -> Feed:
    if asked.read is None:
        return asked.feed
    read = reads.get(asked.read)
    if read is None:
        return dataclasses.replace(asked.feed, error="the answer was deleted meanwhile; ask again")
    if read.finished_at is None:
        return dataclasses.replace(asked.feed, error=f"the conductor {read.reader.host} has not answered")
    if read.answer is None:
        return dataclasses.replace(asked.feed, error=read.error)
    watts = [one["value"] for one in read.answer["sensors"] if one["kind"] == "power"]
    # The greatest of several: a value may be part of another, or repeat it.
    known = [value for value in watts if value is not None]
    if not known:
        return dataclasses.replace(asked.feed, error="it does not measure its power")
    return dataclasses.replace(asked.feed, watts=max(known))


class _Own(NamedTuple):
    uuid: str
    name: str


def _named(connection: sa.Connection, which: sa.ColumnElement[bool]) -> dict[int, tuple[_Own, list[str]]]:
    """Return the feeds that nodes list, by the number of the node."""
    its = entry_as_json(connection.dialect.name, nodes.c.extra, KEY).label("feeds")
    rows = connection.execute(
        sa.select(nodes.c.id, nodes.c.uuid, nodes.c.name, its).where(which, its.is_not(None))
    )
    return {row.id: (_Own(row.uuid, row.name), named({KEY: json.loads(row.feeds)})) for row in rows}


def _known(connection: sa.Connection, wanted: Sequence[str]) -> dict[str, Feed]:
    """Return the nodes with these names and UUIDs, by the given name or UUID."""
    fields = "uuid", "name", "power_state", "power_checked_at"
    found: dict[str, Feed] = {}
    now = clock.now(connection)
    for column in (nodes.c.name, nodes.c.uuid):
        left = [name for name in wanted if name not in found]
        for chunk in chunks(left):
            for row in connection.execute(sa.select(*node_columns(fields)).where(column.in_(chunk))):
                at = row.power_checked_at
                age = None if at is None else max((now - at).total_seconds(), 0.0)
                feed = Feed(row.name, row.uuid, row.power_state, age)
                found |= dict.fromkeys((row.name, row.uuid), feed)
    return found


def _followed(connection: sa.Connection, known: Mapping[str, Feed], levels: int) -> dict[str, set[str]]:
    """Return the nodes that lose power with each of these feeds: its users, and the nodes that those feed."""
    users: dict[str, set[str]] = {}
    looked: dict[str, str] = {}  # the UUIDs of the nodes already looked up, by name
    newest = known
    for level in range(levels):
        users |= _users(connection, newest)
        looked |= {feed.name: feed.uuid or "" for feed in newest.values()}
        left = {name for its in users.values() for name in its}.difference(looked)
        if not left or level == levels - 1:
            break
        newest = _known(connection, sorted(left))
    return {uuid: _all_of(uuid, users, looked) for uuid in users}


def _all_of(uuid: str, users: Mapping[str, set[str]], uuids: Mapping[str, str]) -> set[str]:
    found: set[str] = set()
    newest = users.get(uuid, set())
    while newest := newest - found:
        found |= newest
        newest = {other for name in newest for other in users.get(uuids.get(name, ""), ())}
    return found


def _users(connection: sa.Connection, known: Mapping[str, Feed]) -> dict[str, set[str]]:
    """Return the names of the nodes that have these feeds, by the UUID of the feed."""
    users: dict[str, set[str]] = {}
    if not known:
        return users
    # The text is searched before any of it is parsed as JSON, which takes a hundred times as long. JSON
    # writes names unchanged. Searching for more than a few names takes longer than reading all nodes that
    # have feeds.
    text = sa.cast(nodes.c.extra, sa.Text)
    some = known if len(known) <= _FEW else [KEY]
    for own, its in _named(
        connection, sa.or_(*(text.contains(name, autoescape=True) for name in some))
    ).values():
        for name in its:
            if name in known and known[name].uuid != own.uuid:
                users.setdefault(known[name].uuid or "", set()).add(own.name)
    return users
