"""Reads from the hardware of a node that people request of conductors, as functions of an open connection.

Such a read changes nothing and belongs to no operation. Its answer is kept for those who wait for it: for a
few minutes if other reads are requested, otherwise for an hour or two. A read that is requested while the
same read with the same arguments is under way shares its answer.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import errors
from podium.db import clock, retention
from podium.db.api import NodeKey, find_keys
from podium.db.bulk import chunks
from podium.db.changes import announce_read
from podium.db.models import columns, hardware_reads, nodes
from podium.db.provision_states import ENROLL, NOT_CONDUCTED
from podium.db.slots import owner_of
from podium.db.worker import Worker

#: The most bytes of an answer as JSON.
MOST_BYTES: Final = 262_144
#: The most unanswered reads of one worker, and of one kind and node. Reads of a node run one at a time.
_MOST_UNANSWERED: Final = 1000
_MOST_OF_NODE: Final = 4
#: Seconds after which nobody waits for an answer anymore; how many such answers each new read deletes.
_WAITED_FOR: Final = 120.0
_FORGOTTEN_AT_ONCE: Final = 20
#: The most characters of arguments.
_LONGEST: Final = 1024
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class HardwareRead(NamedTuple):
    """A read that one worker is asked for, see :data:`podium.db.models.hardware_reads`.

    :param arguments: a JSON object as text; None for none
    """

    id: int
    node_uuid: str
    kind: str
    arguments: str | None
    reader: Worker
    requested_by: str
    finished_at: datetime | None
    answer: dict[str, Any] | None
    error_kind: str | None
    error: str | None


_READS: Final = sa.select(*columns(hardware_reads, HardwareRead._fields)).order_by(hardware_reads.c.id)
_FINISHED: Final = hardware_reads.c.finished_at


def ask(
    connection: sa.Connection, node: str, kind: str, who: str, arguments: Mapping[str, Any] = _NOTHING
) -> int:
    """Ask the member that owns a node for a read, unless the same read is already under way.

    Called first in a transaction.

    :param node: the node's name or UUID
    :param arguments: JSON values, short in total
    :returns: the number of the read
    :raises podium.errors.NodeNotFound: there is no such node
    :raises podium.errors.NodeConflict: nobody owns the node, or its owner has too many reads to answer
    """
    # First: a member can then end, which answers its reads, only before or after this transaction.
    announce_read(connection)
    (found,) = find_keys(connection, [node])
    return _ask(connection, found, kind, who, arguments)


def ask_many(
    connection: sa.Connection, wanted: Sequence[str], kind: str, who: str, most: int
) -> list[tuple[NodeKey, int | errors.NodeConflict]]:
    """Like :func:`ask`, for several nodes; return each with the number, or with why it was not asked for.

    :param most: the most nodes
    :raises podium.errors.NodeNotFound: some nodes do not exist; then nothing was asked
    :raises podium.errors.BadRequest: there are more nodes
    """
    announce_read(connection)
    found = find_keys(connection, wanted)
    if len(found) > most:
        raise errors.BadRequest(f"{len(found)} nodes are more than {most}; ask for some at a time")
    asked: list[tuple[NodeKey, int | errors.NodeConflict]] = []
    for node in found:
        try:
            asked.append((node, _ask(connection, node, kind, who)))
        except errors.NodeConflict as refusal:
            asked.append((node, refusal))
    return asked


def _ask(
    connection: sa.Connection,
    found: NodeKey,
    kind: str,
    who: str,
    arguments: Mapping[str, Any] = _NOTHING,
) -> int:
    its_state = sa.select(nodes.c.provision_state).where(nodes.c.id == found.id)
    if connection.scalar(its_state) == ENROLL:
        raise errors.NodeConflict(f"{found.name}: {NOT_CONDUCTED}")
    if (reader := owner_of(connection, found.uuid)) is None:
        raise errors.NodeConflict(f"no conductor has {found.name} now; see: podium conductor list")
    same = hardware_reads.c.node_uuid == found.uuid, hardware_reads.c.kind == kind
    wanted = json.dumps(arguments, ensure_ascii=False, sort_keys=True) if arguments else None
    if wanted is not None and len(wanted) > _LONGEST:
        raise errors.BadRequest(f"what is asked of {found.name} has more than {_LONGEST} characters")
    # Compared here: not every database distinguishes upper and lower case.
    asked = sa.select(hardware_reads.c.id, hardware_reads.c.arguments).where(*same, _left_to(reader))
    unanswered = connection.execute(asked).all()
    for number, its in unanswered:
        if its == wanted:
            return int(number)
    if len(unanswered) >= _MOST_OF_NODE:
        others = f"{len(unanswered)} other reads of its {kind} are under way"
        raise errors.NodeConflict(f"{found.name}: {others}; ask again later")
    owed = sa.select(sa.func.count()).where(_left_to(reader))
    if connection.scalars(owed).one() >= _MOST_UNANSWERED:
        raise errors.NodeConflict(f"{found.name}: its conductor has too much to read; ask again later")
    now = clock.now(connection)
    its_old = hardware_reads.c.reader == reader, clock.later(now, -_WAITED_FOR) > _FINISHED
    _delete(connection, *its_old, limit=_FORGOTTEN_AT_ONCE)
    values = {"node_uuid": found.uuid, "kind": kind, "reader": reader, "requested_by": who}
    asking = sa.insert(hardware_reads).values(**values, arguments=wanted, requested_at=now)
    (number,) = connection.execute(asking).inserted_primary_key or (0,)
    return int(number)


def unanswered(connection: sa.Connection, reader: Worker) -> list[HardwareRead]:
    """The reads that a member has yet to answer, the oldest first."""
    return list(map(HardwareRead._make, connection.execute(_READS.where(_left_to(reader)))))


def _left_to(reader: Worker) -> sa.ColumnElement[bool]:
    return sa.and_(hardware_reads.c.reader == reader, _FINISHED.is_(None))


def answer(connection: sa.Connection, number: int, found: dict[str, Any]) -> None:
    """Record the answer, which has at most :data:`MOST_BYTES` as JSON."""
    _finish(connection, hardware_reads.c.id == number, answer=found)


def fail(connection: sa.Connection, number: int, kind: str, error: str) -> None:
    """Record why the read failed.

    :param kind: the name of a class in podium.errors
    """
    _finish(connection, hardware_reads.c.id == number, error_kind=kind, error=error)


def leave_unanswered(connection: sa.Connection, reader: Worker) -> None:
    """Answer, with an error, the reads that a member left unanswered when it ended."""
    error = f"the conductor {reader.host} ended before it answered; ask again"
    _finish(connection, _left_to(reader), error_kind=errors.NodeConflict.__name__, error=error)


def _finish(connection: sa.Connection, which: sa.ColumnElement[bool], **values: Any) -> None:
    # Skips reads that already have an answer, which somebody may have seen.
    finished = sa.update(hardware_reads).where(which, _FINISHED.is_(None))
    connection.execute(finished.values(**values, finished_at=clock.now(connection)))


def find(connection: sa.Connection, number: int) -> HardwareRead | None:
    """One read; None if it was deleted."""
    row = connection.execute(_READS.where(hardware_reads.c.id == number)).one_or_none()
    return None if row is None else HardwareRead._make(row)


def find_many(connection: sa.Connection, numbers: Collection[int]) -> dict[int, HardwareRead]:
    """Reads by their numbers, without those that were deleted."""
    found = map(HardwareRead._make, connection.execute(_READS.where(hardware_reads.c.id.in_(numbers))))
    return {read.id: read for read in found}


def prune(connection: sa.Connection, before: datetime) -> None:
    """Delete reads that were requested before a moment."""
    columns = hardware_reads.c
    _delete(connection, retention.is_old(connection, columns.id, columns.requested_at, before))


def _delete(connection: sa.Connection, *which: sa.ColumnElement[bool], limit: int | None = None) -> None:
    # By number: otherwise MariaDB would lock the gaps of an index into which others insert.
    numbers = connection.scalars(sa.select(hardware_reads.c.id).where(*which).limit(limit)).all()
    for chunk in chunks(numbers):
        connection.execute(sa.delete(hardware_reads).where(hardware_reads.c.id.in_(chunk)))
