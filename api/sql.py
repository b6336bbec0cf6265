"""Transactions for the event loop, in threads of their own."""

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

#: Transactions that read, or that write, at the same time, for each process.
THREADS: Final = 8
#: Those that read a file, which wait for nothing but the processor: more would only be in each other's way.
_FILE_READERS: Final = 4
#: Transactions that wait for a thread; whoever comes then is asked to come again.
_MOST_WAITING: Final = 1000
#: Functions that wait for something else between their transactions, at the same time.
_PATIENT: Final = 2

#: Seconds between two questions whether the database answers.
_ASK_EVERY: Final = 1.0

_T = TypeVar("_T")


class Sql:
    """The way of one process to the database; used in its event loop.

    :param database: closed by :meth:`close`
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        # Apart, so that nobody who reads waits for those who wait for a lock.
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
        """The database, for threads that are not of this."""
        return self._database

    async def read(self, what: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Return what a function of an open connection returns, in a transaction that only reads.

        :raises podium.errors.DatabaseUnavailable: the database does not answer
        """

        def run() -> _T:
            with self._database.read() as connection:
                return what(connection, *arguments, **options)

        return await self._run(self._readers, run)

    async def write(self, what: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Return what a function of an open connection returns, in a transaction that is then committed.

        It is called again where a deadlock, or a lock that others hold, ended the transaction.

        :raises podium.errors.DatabaseUnavailable: the database does not answer
        """

        def run() -> _T:
            return self._database.written(lambda connection: what(connection, *arguments, **options))

        return await self._run(self._writers, run)

    async def look(self, what: Callable[..., _T], *arguments: Any) -> _T:
        """As :meth:`use`, of a function that only reads.

        It ends at its next statement when nobody waits for it any more.
        """
        return await self._run(self._readers, lambda: what(self._database, *arguments))

    async def use(self, what: Callable[..., _T], *arguments: Any) -> _T:
        """Return what a function of the database returns, which makes its own transactions.

        :raises podium.errors.DatabaseUnavailable: the database does not answer
        """
        return await self._run(self._writers, lambda: what(self._database, *arguments))

    async def wait(self, what: Callable[..., _T], *arguments: Any) -> _T:
        """As :meth:`use`, in threads of its own for what takes long: because it calls :meth:`pause`, say."""
        return await self._run(self._patient, lambda: what(self._database, *arguments))

    def pause(self, seconds: float) -> None:
        """Wait, in a thread.

        :raises podium.api.faults.Fault: this process ends
        """
        if self._closing.wait(seconds):
            raise Fault(503, "podium-api is ending; ask again", {"Retry-After": "5"})

    async def ask(self) -> None:
        """Find out whether the database answers, by one question a second however many want to know.

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

        :raises podium.errors.DatabaseUnavailable: for nobody
        """
        if self._readers.is_given_up:
            raise errors.DatabaseUnavailable("nobody waits for this any more")

    def close(self) -> None:
        """Wait for the transactions that are under way, and close every connection."""
        self._closing.set()
        self._patient.close()
        self._writers.close()
        self._readers.close()
        self._database.dispose()


def _ask(connection: sa.Connection) -> None:
    changes.pulse(connection)
