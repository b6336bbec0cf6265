"""Numbers for the changes that people and power actions make to nodes, so that nobody has to scan for them.

A transaction takes the next number of ``change_counter`` and writes it as the version of every node that it
changes. Taking it locks the counter's row until the transaction ends, so that numbers follow the order of
commits: a reader who has seen all changes up to a number finds the newer ones among the higher numbers.

Locks are taken on the counter first, then on nodes. So changes of nodes wait for one another at the counter
and cannot deadlock, even if one transaction changes many nodes in turn. The results of a sweep take a number
only if they are news for people, see podium.db.news, and never after nodes. No other transaction sees new
rows, so an import may insert rows before it takes its number.

When the transaction is committed, PostgreSQL notifies the listeners on :data:`CHANNEL`, or on :data:`LEARNED`
of what conductors learned, which is not news for conductors.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium.db.engine import Database
from podium.db.models import change_counter as counter
from podium.db.models import task_commands

_TAKEN: Final = "podium_change"
#: The channel on which PostgreSQL notifies of changes, commands to tasks, and requested reads.
CHANNEL: Final = "podium_changes"
#: The channel on which it notifies of what conductors learned.
LEARNED: Final = "podium_learned"


class Pulse(NamedTuple):
    """Numbers that stay the same only while no node, member or slot changes and no conductor is asked.

    :param changes: the newest change that was not only learned; no node has a higher version
    :param deletions: how many transactions have deleted nodes
    :param rosters: how many transactions have changed members or the owners of slots
    :param newest_command: the number of the newest command to a periodic task
    :param reads: how many transactions have asked conductors to read hardware
    """

    changes: int
    deletions: int
    rosters: int
    newest_command: int
    reads: int


@dataclass(slots=True)
class _Taken:
    """The number that a transaction has taken, stored with its connection."""

    transaction: sa.RootTransaction | None
    number: int
    deleted: bool = False
    roster: bool = False
    learned: bool = False


def next_change(
    connection: sa.Connection, *, deleted: bool = False, roster: bool = False, learned: bool = False
) -> int:
    """The number of the changes that this transaction makes; repeated calls return the same number.

    The counter is written once per transaction: PostgreSQL keeps every version of a row that one transaction
    rewrites, and walks through all of them at the next write.

    :param deleted: whether a node is deleted, which leaves no row to show it
    :param roster: whether a member or the owner of a slot changes
    :param learned: whether the change is only what a conductor learned, which is not news for conductors
    """
    transaction = connection.get_transaction()
    taken = connection.info.get(_TAKEN)
    if not isinstance(taken, _Taken) or taken.transaction is not transaction:
        connection.execute(sa.update(counter).values(changes=counter.c.changes + 1))
        taking = sa.select(counter.c.changes)
        if _notifies(connection):
            taking = taking.add_columns(_notify(LEARNED if learned else CHANNEL))
        number = int(connection.scalars(taking).one())
        taken = connection.info[_TAKEN] = _Taken(transaction, number, learned=learned)
        if learned:
            connection.execute(_LEARN, {"number": number})
    if taken.learned and not learned:
        connection.execute(sa.update(counter).values(learned=0))
        announce(connection)
        taken.learned = False
    if deleted and not taken.deleted:
        connection.execute(sa.update(counter).values(deletions=counter.c.deletions + 1))
        taken.deleted = True
    if roster and not taken.roster:
        connection.execute(sa.update(counter).values(rosters=counter.c.rosters + 1))
        taken.roster = True
    return taken.number


def announce(connection: sa.Connection) -> None:
    """Notify conductors of a request that takes no number."""
    if _notifies(connection):
        connection.execute(sa.select(_notify(CHANNEL)))


def announce_read(connection: sa.Connection) -> None:
    """Count a request to read hardware, and notify conductors of it, in the order of commits."""
    connection.execute(sa.update(counter).values(reads=counter.c.reads + 1))
    announce(connection)


def _notify(channel: str) -> sa.ColumnElement[object]:
    return sa.func.pg_notify(channel, "")


def _notifies(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


#: While ``learned`` is the newest number, ``before`` is the newest that is not only learned. This ends when a
#: program that does not know ``learned`` takes a number.
_BEFORE: Final = sa.case((counter.c.learned == counter.c.changes, counter.c.before), else_=counter.c.changes)
#: The order matters: MariaDB sees the new value of a column that it has already assigned.
_LEARN: Final = sa.update(counter).ordered_values(
    (
        counter.c.before,
        sa.case(
            (counter.c.learned == sa.bindparam("number") - 1, counter.c.before),
            else_=sa.bindparam("number") - 1,
        ),
    ),
    (counter.c.learned, sa.bindparam("number")),
)
_COMMANDED: Final = sa.select(sa.func.max(task_commands.c.id)).scalar_subquery()
_PULSE: Final = sa.select(
    _BEFORE,
    counter.c.deletions,
    counter.c.rosters,
    sa.func.coalesce(_COMMANDED, 0),
    counter.c.reads,
)
_PULSE_TEXT: Final = str(_PULSE.compile(compile_kwargs={"literal_binds": True}))


def pulse(connection: sa.Connection) -> Pulse:
    """The current pulse."""
    return Pulse(*map(int, connection.execute(_PULSE).one()))


def peek(database: Database) -> Pulse | None:
    """The pulse by :meth:`Database.peek`, if possible."""
    found = database.peek(_PULSE_TEXT)
    return None if found is None else Pulse(*map(int, found))
