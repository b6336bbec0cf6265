"""The hardware of nodes, as conductors read it: a log with a clock, and the boot device."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

import readers
from podium.db import hardware_reads
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker

#: The default content of a log entry.
ENTRY: Final = {"severity": "OK", "message": "fan 1 is fast", "sensor": "Fan 1", "raw": None}


class Logbook:
    """The log of a machine.

    :ivar entries: oldest first, in the form of a conductor's answer
    :ivar clock_offset: seconds by which its clock is ahead; None if unknown
    :ivar faults: the errors of the next reads, in order; None for a read that succeeds
    :ivar reads: the requested reads, in order
    """

    def __init__(self, clock_offset: float | None = 0.0) -> None:
        self.entries: list[dict[str, Any]] = []
        self.clock_offset = clock_offset
        self.faults: list[str | None] = []
        self.reads: list[dict[str, Any]] = []

    def add(self, message: str, ago: float | None = 0.0, **more: Any) -> None:
        """Add an entry.

        :param ago: seconds before now; None for one without a time
        """
        at = None if ago is None else datetime.now(UTC) - timedelta(seconds=ago)
        ahead = timedelta(seconds=self.clock_offset or 0)
        times = {
            "at": None if at is None or self.clock_offset is None else at.isoformat(),
            "clock_at": None if at is None else (at + ahead).isoformat(),
        }
        self.entries.append({**ENTRY, "id": str(len(self.entries) + 1), **times, "message": message, **more})

    def answer(self, connection: sa.Connection, read: HardwareRead) -> None:
        """Answer a read like a conductor whose driver reads this log."""
        asked = json.loads(read.arguments or "{}")
        self.reads.append(asked)
        if self.faults and (fault := self.faults.pop(0)) is not None:
            hardware_reads.fail(connection, read.id, "BMCUnreachable", fault)
            return
        left = [*self.entries]
        ids = [entry["id"] for entry in left]
        if asked.get("before") in ids:
            left = left[: ids.index(asked["before"])]
        if asked.get("after") in ids:
            left = left[ids.index(asked["after"]) + 1 :]
        page = left[-asked.get("limit", 1000) :]
        found = {"entries": page, "more": len(page) < len(left), "clock_offset": self.clock_offset}
        hardware_reads.answer(connection, read.id, found)


def messages(lines: Iterable[str]) -> list[str]:
    """Return the messages of entries printed as JSON, one a line."""
    return [json.loads(line)["message"] for line in lines]


@contextmanager
def read_by(database: Database, owner: Worker, book: Logbook) -> Iterator[None]:
    """Let a conductor answer with this log for every node."""
    with readers.answering(database, owner, book.answer):
        yield


@contextmanager
def read_by_name(database: Database, owner: Worker, books: Mapping[str, Logbook]) -> Iterator[None]:
    """Like :func:`read_by`, with a log for each node, by node name."""

    def answer(connection: sa.Connection, read: HardwareRead) -> None:
        name = sa.text("SELECT name FROM nodes WHERE uuid = :uuid").bindparams(uuid=read.node_uuid)
        books[connection.execute(name).scalar_one()].answer(connection, read)

    with readers.answering(database, owner, answer):
        yield
