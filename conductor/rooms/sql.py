"""SQL for the event loop: transactions run in separate threads."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Final, TypeVar

import sqlalchemy as sa
from oslo_db.api import wrap_db_retry

from podium import errors
from podium.clocks import boottime
from podium.conductor.rooms.clock import DatabaseClock
from podium.conductor.rooms.reach import READ, WRITE, Reach
from podium.db import changes, members
from podium.db.changes import Pulse
from podium.db.engine import Database
from podium.db.hearing import Hearing
from podium.db.worker import Worker

#: One of the threads waits for changes.
_THREADS: Final = 5

#: Seconds for which checks for changes do without a transaction.
_TRUST: Final = 2.0

_T = TypeVar("_T")


class History:
    """How often, and when last, another server of the database took over. For any thread."""

    def __init__(self, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self.changes = 0
        self.changed_at = -math.inf

    def note_change(self) -> None:
        """Note that another server has now taken over."""
        self.changed_at = self._clock()
        self.changes += 1


class Sql:
    """The conductor's access to its database, and to its clock.

    :param reach: notified of the outcome of every transaction
    :param clock: seconds, monotonic
    :ivar now: the database's clock, as far as it is known without a query
    :ivar history: whether another server has taken over
    """

    def __init__(
        self,
        database: Database,
        reach: Reach | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self.now = DatabaseClock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sql")
        self._closing = threading.Event()
        self._hearing = Hearing(database, self._closing, clock)
        self.history = History()
        database.on_other_history(self.history.note_change)
        self._reach = reach or Reach()
        self._peek_until = -math.inf
        self._member: Worker | None = None
        self._ended: Callable[[errors.MemberEnded], object] = lambda _: None

    def act_as(self, member: Worker, ended: Callable[[errors.MemberEnded], object]) -> None:
        """From now on, write only while this member has not ended.

        :param ended: called in any thread by a write that finds that the member has ended
        """
        self._member, self._ended = member, ended

    @property
    def up(self) -> bool:
        """Whether the database can be read and written, as far as is known."""
        return self._reach.up

    async def read(self, function: Callable[[sa.Connection], _T]) -> _T:
        """Call ``function(connection)`` in a read-only transaction.

        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        """
        return await self._run(lambda: self._read(function))

    async def pulse(self) -> Pulse:
        """Return the current pulse, which differs after every change.

        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        """
        return await self._run(self._look)

    async def wait_for_change(self, since: Pulse, *, every: float, most: float) -> bool:
        """Wait until the pulse differs. The checking thread wakes the loop only then.

        :param every: seconds from one check to the next; see :class:`Hearing`
        :param most: seconds after which the wait ends without a change
        :returns: whether there was a change
        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        """

        # If checks cost more, and nothing is under way, a user's command can wait a little.
        pause = every * (2 if most > every and self._database.url.get_backend_name() == "mysql" else 1)

        def wait() -> bool:
            end = self._clock() + most
            while not self._closing.is_set():
                if self._hearing.wait(pause, end):
                    found = self._look() != since
                    self._hearing.note_found(found)
                    if found:
                        return True
                if self._clock() >= end:
                    break
            return False

        return await self._run(wait)

    async def write(self, function: Callable[[sa.Connection], _T]) -> _T:
        """Call ``function(connection)`` in a transaction, which is committed when it returns.

        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        :raises podium.errors.MemberEnded: this member has ended; nothing is written
        """
        return await self._run(lambda: self._write(function))

    def close(self) -> None:
        """Close threads and connections, after the statement under way, which has a timeout."""
        self._closing.set()
        self._hearing.interrupt()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._hearing.close()
        self._database.dispose()

    def _look(self) -> Pulse:
        now = self._clock()
        self._hearing.note_look()
        if now < self._peek_until and (found := changes.peek(self._database)) is not None:
            return found
        # An open connection does not notice that its database file was replaced.
        self._peek_until = now + _TRUST
        return self._read(self._pulse)

    def _pulse(self, connection: sa.Connection) -> Pulse:
        if self._database.is_sqlite:  # whose clock costs nothing
            self.now.ask(connection)
        return changes.pulse(connection)

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _read(self, function: Callable[[sa.Connection], _T]) -> _T:
        return self._noted(READ, self._database.read, function)

    def _write(self, function: Callable[[sa.Connection], _T]) -> _T:
        member = self._member

        def guarded(connection: sa.Connection) -> _T:
            if member is not None:
                members.guard(connection, member)
            return function(connection)

        try:
            return self._noted(WRITE, self._database.write, guarded)
        except errors.MemberEnded as error:
            self._ended(error)
            raise

    def _noted(
        self,
        kind: str,
        transaction: Callable[[], AbstractContextManager[sa.Connection]],
        function: Callable[[sa.Connection], _T],
    ) -> _T:
        """Run a transaction, and note its outcome in the same thread, so in the order of the database."""
        try:
            result: _T = _in_transaction(transaction, function)
        except errors.DatabaseUnavailable as error:
            self._reach.failed(kind, error)
            raise
        self._reach.succeeded(kind)
        return result


@wrap_db_retry(
    max_retries=5, retry_interval=0.1, exception_checker=lambda error: isinstance(error, errors.DatabaseBusy)
)  # type: ignore[untyped-decorator]  # oslo.db is untyped
def _in_transaction(
    transaction: Callable[[], AbstractContextManager[sa.Connection]], function: Callable[[sa.Connection], _T]
) -> _T:
    with transaction() as connection:
        return function(connection)
