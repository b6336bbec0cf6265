"""SQL for the event loop: transactions in threads of their own, and one word about an outage, not many."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Final, TypeVar

import sqlalchemy as sa
from oslo_db.api import wrap_db_retry
from oslo_log import log

from podium import errors
from podium.db.engine import Database

LOG = log.getLogger(__name__)

_THREADS: Final = 4

_T = TypeVar("_T")


class Sql:
    """The conductor's access to its database; closed by whoever made it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sql")
        self._down = False

    @property
    def up(self) -> bool:
        """Whether the last statement reached the database."""
        return not self._down

    async def read(self, function: Callable[[sa.Connection], _T]) -> _T:
        """``function(connection)`` in a transaction that only reads.

        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        """
        return await self._run(self._database.read, function)

    async def write(self, function: Callable[[sa.Connection], _T]) -> _T:
        """``function(connection)`` in a transaction, committed when it returns.

        :raises podium.errors.DatabaseUnavailable: logged once for every outage
        """
        return await self._run(self._database.write, function)

    def close(self) -> None:
        """Close threads and connections; a statement under way is waited for, which has a timeout."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._database.dispose()

    async def _run(
        self,
        transaction: Callable[[], AbstractContextManager[sa.Connection]],
        function: Callable[[sa.Connection], _T],
    ) -> _T:
        loop = asyncio.get_running_loop()
        try:
            result: _T = await loop.run_in_executor(self._threads, _in_transaction, transaction, function)
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
