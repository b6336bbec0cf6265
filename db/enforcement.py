"""What members share about enforcement: its freeze, and what each of them counts.

There is one freeze for the whole fleet. Before a member switches nodes back, it asks all others for their
current counts, and waits until each that has not ended has answered. Functions of an open connection.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db.changes import next_change
from podium.db.models import columns, members
from podium.db.models import enforcement as fleet
from podium.db.models import enforcement_counts as counts
from podium.db.worker import Worker


class Standing(NamedTuple):
    """Whether enforcement is frozen, see :data:`podium.db.models.enforcement`."""

    frozen_at: datetime | None = None
    frozen_reason: str | None = None
    thaws: int = 0
    asked: int = 0


_STANDING: Final = sa.select(*columns(fleet, Standing._fields))


def standing(connection: sa.Connection) -> Standing:
    """Whether enforcement is frozen, and the number of the newest question."""
    row = connection.execute(_STANDING).first()
    return Standing() if row is None else Standing._make(row)


def freeze(connection: sa.Connection, at: datetime, reason: str) -> None:
    """Record that enforcement is frozen, and why, unless it is frozen already."""
    if _locked(connection).frozen_at is None:
        connection.execute(sa.update(fleet).values(frozen_at=at, frozen_reason=reason))


def thaw(connection: sa.Connection) -> bool:
    """End the freeze of enforcement; False if there is none."""
    is_frozen = _locked(connection).frozen_at is not None
    connection.execute(sa.update(fleet).values(frozen_at=None, frozen_reason=None))
    return is_frozen


def forgive(connection: sa.Connection) -> bool:
    """End the freeze of enforcement on a person's request and discard all counts; False if there is none."""
    if not thaw(connection):
        return False
    connection.execute(sa.update(fleet).values(thaws=fleet.c.thaws + 1))
    return True


def ask(connection: sa.Connection) -> int:
    """Ask all members for their counts; return the number of the question."""
    asked = _locked(connection).asked + 1
    connection.execute(sa.update(fleet).values(asked=asked))
    return asked


def _locked(connection: sa.Connection) -> Standing:
    """The standing, locked until this transaction ends."""
    next_change(connection)  # makes all members look afterwards
    found = standing(connection)
    if found == Standing():
        connection.execute(sa.delete(fleet))
        connection.execute(sa.insert(fleet).values(id=1, **found._asdict()))
    return found


class Group(NamedTuple):
    """What a member counts among the nodes of one group.

    :param size: nodes that are read and not in maintenance
    :param disturbed: nodes that changed or vanished within the window
    :param vanishing: nodes that vanished within the time in which every node is read
    """

    size: int
    disturbed: int
    vanishing: int


class Counted(NamedTuple):
    """The last counts of a member.

    :param member: its number
    :param has_ended: whether it has ended
    :param groups: by group; None if it has not counted since the last thaw by a person
    :param round: the seconds in which it reads every node
    :param answered: the number of the newest question that the counts answer
    """

    member: int
    has_ended: bool
    groups: Mapping[str, Group] | None
    round: float
    answered: int


_COUNTS: Final = (
    sa.select(members.c.id, members.c.ended_at, *columns(counts, ("groups", "round", "answered", "thaws")))
    .select_from(members.outerjoin(counts, counts.c.member_id == members.c.id))
    .where(sa.or_(members.c.ended_at.is_(None), counts.c.member_id.is_not(None)))
    .order_by(members.c.id)
)


def others(connection: sa.Connection, member: Worker, thaws: int) -> list[Counted]:
    """The last counts of all other members, including ended ones.

    :param thaws: the number of thaws by people so far: earlier counts are ignored
    """
    found = []
    for number, ended_at, groups, seconds, answered, counted_at in connection.execute(
        _COUNTS.where(members.c.id != member.incarnation)
    ):
        known = None
        if counted_at == thaws:
            known = {name: Group(*its) for name, its in groups.items()}
        found.append(Counted(number, ended_at is not None, known, seconds or 0.0, answered or 0))
    return found


def save(
    connection: sa.Connection,
    member: Worker,
    groups: Mapping[str, Group],
    seconds: float,
    standing: Standing,
) -> None:
    """Write the counts of a member.

    :param seconds: in which it reads every node
    :param standing: has the question that the counts answer, and the last thaw since which it counted
    """
    values: dict[str, Any] = {
        "groups": {name: list(its) for name, its in groups.items()},
        "round": seconds,
        "answered": standing.asked,
        "thaws": standing.thaws,
    }
    mine = counts.c.member_id == member.incarnation
    if not connection.execute(sa.update(counts).where(mine).values(values)).rowcount:
        connection.execute(sa.insert(counts).values(member_id=member.incarnation, **values))


def prune(connection: sa.Connection, before: datetime) -> None:
    """Delete the counts of members that ended before a moment."""
    kept = sa.select(members.c.id).where(sa.or_(members.c.ended_at.is_(None), members.c.ended_at >= before))
    connection.execute(sa.delete(counts).where(counts.c.member_id.not_in(kept)))
