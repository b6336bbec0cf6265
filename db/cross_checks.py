"""Cross-checks: a node that its owner cannot read is read once by a member on another host.

The owner reserves the node for the other member, which then has it to itself, like a node whose power it
changes: it reads the node, writes the result, and frees the node. docs/conductors.md describes the
consequences. Functions of an open connection.
"""

import shlex
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium.db import clock, members
from podium.db.bulk import chunks
from podium.db.changes import next_change
from podium.db.fleet import let_go
from podium.db.models import columns, cross_checks, nodes, slots
from podium.db.models import members as members_table
from podium.db.slots import OF_NODE, Pair, Roster
from podium.db.worker import Worker

#: The first revision of the schema whose members answer.
SINCE: Final = "0008"


class Question(NamedTuple):
    """A node that another member is to read.

    :param version: the version that the owner knows
    :param network: the network in which the owner can read nothing; None for the node alone
    """

    number: int
    version: int
    network: str | None
    reader: Worker


class CrossCheck(NamedTuple):
    """A question and, once ``answered_at`` is set, its answer.

    :param power_state: what the reader has read; None if it failed, and ``failure`` is why
    """

    node_id: int
    network: str | None
    asked_by: Worker
    reader: Worker
    answered_at: datetime | None
    power_state: str | None
    failure: str | None


_CHECKS: Final = sa.select(*columns(cross_checks, CrossCheck._fields)).order_by(cross_checks.c.node_id)
_UNANSWERED: Final = cross_checks.c.answered_at.is_(None)


def readers(connection: sa.Connection, roster: Roster, pair: Pair, slot: int, host: str) -> list[Worker]:
    """Members on other hosts that may read a node, one from each host, in order of host.

    :param roster: the members that take slots now
    :param pair: the node's group and driver, ``slot`` its slot
    :param host: the host that owns the node
    """
    group, driver = pair
    able = {
        one.id
        for one in roster.whom.able
        if driver in one.drivers and group in one.groups | one.fallback and not one.is_draining
    }
    barred = dict(roster.whom.barred).get(slot, frozenset())
    query = sa.select(members_table.c.id, members_table.c.host, members_table.c.worker)
    query = query.where(members_table.c.ended_at.is_(None), members_table.c.revision >= SINCE)
    found = {
        row.host: Worker(row.host, row.worker, row.id)
        for row in connection.execute(query.order_by(members_table.c.id.desc()))
        if row.id in able and row.host != host and row.host not in barred
    }
    return [found[name] for name in sorted(found)]


class Accepted(NamedTuple):
    """Questions that were accepted.

    :param numbers: of the nodes
    :param change: the number of the change
    """

    numbers: set[int]
    change: int


def ask(connection: sa.Connection, questions: Iterable[Question], asked_by: Worker) -> Accepted:
    """Reserve nodes for the members that are to read them.

    Nodes are left out if they are reserved, have a pending request, or differ from what their owner knows.
    """
    version, now = next_change(connection), clock.now(connection)
    living = set(members.living(connection))
    its = sa.exists().where(OF_NODE, slots.c.owner == asked_by.incarnation)
    free = its, nodes.c.reservation.is_(None), nodes.c.target_power_state.is_(None)
    purpose = f"cross-check: {asked_by.host} cannot read it"[:255]
    accepted: set[int] = set()
    for one in questions:
        known = nodes.c.id == one.number, nodes.c.version == one.version
        values = {"reservation": one.reader, "reserved_for": purpose, "reserved_at": now, "version": version}
        reserved = sa.update(nodes).where(*known, *free).values(values)
        if one.reader not in living or not connection.execute(reserved).rowcount:
            continue
        accepted.add(one.number)
        connection.execute(sa.delete(cross_checks).where(cross_checks.c.node_id == one.number))
        row = {"node_id": one.number, "network": one.network, "reader": one.reader}
        connection.execute(sa.insert(cross_checks).values(**row, asked_by=asked_by, asked_at=now))
    return Accepted(accepted, version)


def to_read(connection: sa.Connection, reader: Worker) -> list[int]:
    """The numbers of the nodes that a member is to read for others and has not read yet."""
    query = sa.select(cross_checks.c.node_id).where(cross_checks.c.reader == reader, _UNANSWERED)
    return sorted(connection.scalars(query))


def answer(
    connection: sa.Connection, reader: Worker, answers: Mapping[int, tuple[str | None, str | None]]
) -> int:
    """Write what a member has read from nodes, and free them; return the number of the change.

    :param answers: by the number of the node, its power state or, if it could not be read, the reason
    """
    let_go(connection, answers, reader)
    now = clock.now(connection)
    for number, (state, failure) in answers.items():
        values = {"power_state": state, "failure": failure, "answered_at": now}
        its = cross_checks.c.node_id == number, cross_checks.c.reader == reader, _UNANSWERED
        connection.execute(sa.update(cross_checks).where(*its).values(values))
    return next_change(connection)


def answers(connection: sa.Connection, asked_by: Worker) -> list[CrossCheck]:
    """The answered questions of a member."""
    query = _CHECKS.where(cross_checks.c.asked_by == asked_by, sa.not_(_UNANSWERED))
    return list(map(CrossCheck._make, connection.execute(query)))


def forget(connection: sa.Connection, numbers: Collection[int], asked_by: Worker) -> None:
    """Delete answered questions of a member."""
    its = cross_checks.c.asked_by == asked_by, sa.not_(_UNANSWERED)
    for chunk in chunks(sorted(numbers)):
        connection.execute(sa.delete(cross_checks).where(*its, cross_checks.c.node_id.in_(chunk)))


def drop_ended(connection: sa.Connection) -> None:
    """Delete questions asked by ended members, and questions that ended members will not answer."""
    if connection.execute(sa.select(cross_checks.c.node_id).limit(1)).first() is None:
        return
    next_change(connection)  # from here on nobody asks, and no member ends
    living = members.living(connection)
    nobody_hears = sa.and_(sa.not_(_UNANSWERED), cross_checks.c.asked_by.not_in(living))
    nobody_answers = sa.and_(_UNANSWERED, cross_checks.c.reader.not_in(living))
    connection.execute(sa.delete(cross_checks).where(sa.or_(nobody_hears, nobody_answers)))


class OutOfReach(NamedTuple):
    """A network that a conductor cannot reach, while another conductor reads a node in it.

    :param network: None if only the node is out of reach
    :param node: the name of the node that was read, and ``reader`` the host that read it
    """

    host: str
    network: str | None
    reader: str
    node: str
    since: datetime

    def __str__(self) -> str:
        where = self.network or self.node
        is_subnet = self.network is not None and "/" in self.network
        remedy = f"; see: podium conductor avoid {shlex.quote(self.host)} {where}" if is_subnet else ""
        return f"{self.host} cannot reach {where}, while {self.reader} has read {self.node}{remedy}"


def out_of_reach(connection: sa.Connection) -> list[OutOfReach]:
    """The networks that members cannot reach, in order of host and network, each with one node."""
    living = set(members.living(connection))
    query = (
        sa.select(*columns(cross_checks, CrossCheck._fields), nodes.c.name)
        .join(nodes, nodes.c.id == cross_checks.c.node_id)
        .where(cross_checks.c.power_state.is_not(None))
        .order_by(cross_checks.c.answered_at.desc())
    )
    found = {}
    for row in connection.execute(query):
        if row.asked_by in living:
            where = row.asked_by.host, row.network or "", "" if row.network else row.name
            found[where] = OutOfReach(
                row.asked_by.host, row.network, row.reader.host, row.name, row.answered_at
            )
    return [found[where] for where in sorted(found)]
