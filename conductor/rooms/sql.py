"""SQL for the event loop: transactions in threads of their own, and one word about an outage, not many."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Final, TypeVar

import sqlalchemy as sa
from oslo_db.api import wrap_db_retry
from oslo_log import log

from podium import errors
from podium.db import changes
from podium.db.changes import Pulse
from podium.db.engine import Database

LOG = log.getLogger(__name__)

_THREADS: Final = 4
#: Seconds for which the database is taken at its word that nothing was committed.
_TRUST: Final = 1.0

_T = TypeVar("_T")


class Sql:
    """The conductor's access to its database; closed by whoever made it.

    :param clock: seconds, monotonic
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sql")
        self._down = False
        self._pulse: Pulse | None = None
        self._data_version: int | None = None
        self._asked = 0.0

    @property
    def up(self) -> bool:
        """Whether the last statement reached the database."""
        return not self._down

    async def read(self, function: Callable[[sa.Connection], _T]) -> _T:
        """``function(connection)`` in a transaction that only reads.

        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        """
        return await self._run(lambda: _in_transaction(self._database.read, function))

    async def pulse(self) -> Pulse:
        """How far the changes have come; cheap where nothing was committed since it was asked for last.

        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        """
        return await self._run(self._look)

    async def write(self, function: Callable[[sa.Connection], _T]) -> _T:
        """``function(connection)`` in a transaction, committed when it returns.

        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        """
        return await self._run(lambda: _in_transaction(self._database.write, function))

    def close(self) -> None:
        """Close threads and connections; a statement under way is waited for, which has a timeout."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._database.dispose()

    def _look(self) -> Pulse:
        # The version first: what is committed after it is asked for is looked for again.
        version, now = self._database.data_version(), self._clock()
        if (
            self._pulse is None
            or version is None
            or version != self._data_version
            or now > self._asked + _TRUST
        ):
            self._pulse = _in_transaction(self._database.read, changes.pulse)
            self._data_version, self._asked = version, now
        return self._pulse

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except errors.DatabaseUnavailable as error:
            if not self._down:
                self._down = True
                LOG.error("The database is out of reach; trying again until it is back: %s", error)
            raise
        if self._down:
            self._down = False
            LOG.warning("The database is back")
        return result


@wrap_db_retry(
    max_retries=5, retry_interval=0.1, exception_checker=lambda error: isinstance(error, errors.DatabaseBusy)
)  # type: ignore[untyped-decorator]  # oslo.db is untyped
def _in_transaction(
    transaction: Callable[[], AbstractContextManager[sa.Connection]], function: Callable[[sa.Connection], _T]
) -> _T:
    with transaction() as connection:
        return function(connection)
