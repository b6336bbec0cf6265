"""Runs transactions for the event loop in threads."""

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from podium import errors
from podium.api.faults import Fault
from podium.api.threads import Threads
from podium.db import changes
from podium.db.engine import Database

#: The most concurrent transactions that read, and that write, for each process.
THREADS: Final = 8
#: The same for reads of a file, which wait only for the processor: more would slow each other down.
_FILE_READERS: Final = 4
#: The most transactions that wait for a thread; further requests are asked to try again.
_MOST_WAITING: Final = 1000
#: The most concurrent functions that wait between their transactions.
_PATIENT: Final = 2

#: Seconds between checks whether the database answers.
_ASK_EVERY: Final = 1.0

_T = TypeVar("_T")


class Sql:
    """The access of one process to the database; used in its event loop.

    :param database: closed by :meth:`close`
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Separate, so that reads do not wait for writes that wait for a lock.
        self._readers = Threads(_FILE_READERS if database.is_sqlite else THREADS, "reads")
        self._writers = Threads(THREADS, "writes")
        self._patient = Threads(_PATIENT, "patient")
        sa.event.listen(database.engine, "before_execute", self._give_up)
        self._closing = threading.Event()
        self._waiting = 0
        self._asked: asyncio.Future[None] | None = None
        self._asked_at = -math.inf

    @property
    def database(self) -> Database:
        """The database, for threads outside of this object."""
        return self._database

    async def read(self, what: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Run a function of an open connection in a read-only transaction, and return its result.

        :raises podium.errors.DatabaseUnavailable: the database does not answer
        """

        def run() -> _T:
            with self._database.read() as connection:
                return what(connection, *arguments, **options)

        return await self._run(self._readers, run)

    async def write(self, what: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Run a function of an open connection in a transaction, commit, and return the function's result.

        The function is called again if a deadlock or a lock held by others ended the transaction.

        :raises podium.errors.DatabaseUnavailable: the database does not answer
        """

        def run() -> _T:
            return self._database.written(lambda connection: what(connection, *arguments, **options))

        return await self._run(self._writers, run)

    async def look(self, what: Callable[..., _T], *arguments: Any) -> _T:
        """Like :meth:`use`, for a function that only reads.

        The function ends at its next statement once nobody waits for it any more.
        """
        return await self._run(self._readers, lambda: what(self._database, *arguments))

    async def use(self, what: Callable[..., _T], *arguments: Any) -> _T:
        """Run a function of the database that makes its own transactions, and return its result.

        :raises podium.errors.DatabaseUnavailable: the database does not answer
        """
        return await self._run(self._writers, lambda: what(self._database, *arguments))

    async def wait(self, what: Callable[..., _T], *arguments: Any) -> _T:
        """Like :meth:`use`, in separate threads, for slow functions such as those that call :meth:`pause`."""
        return await self._run(self._patient, lambda: what(self._database, *arguments))

    def pause(self, seconds: float) -> None:
        """Wait, in a thread.

        :raises podium.api.faults.Fault: this process is ending
        """
        if self._closing.wait(seconds):
            raise Fault(503, "podium-api is ending; ask again", {"Retry-After": "5"})

    async def ask(self) -> None:
        """Check whether the database answers, with at most one query a second for all callers.

        :raises podium.errors.DatabaseError: it does not
        """
        now = asyncio.get_running_loop().time()
        if self._asked is None or (self._asked.done() and now - self._asked_at >= _ASK_EVERY):
            self._asked = asyncio.ensure_future(self.read(_ask))
            self._asked_at = now
        await asyncio.shield(self._asked)

    async def _run(self, threads: Threads, run: Callable[[], _T]) -> _T:
        if self._waiting >= _MOST_WAITING:
            raise Fault(503, "too many requests wait for the database; try again later", {"Retry-After": "5"})
        self._waiting += 1
        try:
            return await threads.run(run)
        finally:
            self._waiting -= 1

    def _give_up(self, *_: object) -> None:
        """End a read that nobody waits for, before its next statement.

        :raises podium.errors.DatabaseUnavailable: nobody waits for the read
        """
        if self._readers.is_given_up:
            raise errors.DatabaseUnavailable("nobody waits for this any more")

    def close(self) -> None:
        """Wait for running transactions, and close every connection."""
        self._closing.set()
        self._patient.close()
        self._writers.close()
        self._readers.close()
        self._database.dispose()


def _ask(connection: sa.Connection) -> None:
    changes.pulse(connection)
