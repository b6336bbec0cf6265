"""Records that wait to be written, so that many share a transaction."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Final, Generic, TypeVar

import sqlalchemy as sa
from oslo_log import log

from podium import errors
from podium.conductor.rooms.sql import Sql

LOG = log.getLogger(__name__)

#: The most records of one transaction, so that nobody else waits long for their nodes.
MOST_AT_ONCE: Final = 20_000
#: The same if the transaction may take the number of a change, which blocks all other changes of nodes.
MOST_CHANGES: Final = 1000

_K = TypeVar("_K")
_V = TypeVar("_V")
_R = TypeVar("_R")
_Batch = TypeVar("_Batch", bound=Sized)


class Pile(Generic[_K, _V, _R]):
    """The records of one kind: the newest for each key, in the order in which the keys began to wait.

    Any thread adds records; the conductor's loop writes them.

    :param statements: writes a batch in an open transaction
    :param then: called with each batch that was written and with the result of ``statements``
    :param most: the most records of one transaction
    """

    def __init__(
        self,
        statements: Callable[[sa.Connection, Mapping[_K, _V]], _R],
        then: Callable[[Mapping[_K, _V], _R], object] | None = None,
        *,
        most: int = MOST_AT_ONCE,
    ) -> None:
        self._most = most
        self._statements = statements
        self._then = then
        self._lock = threading.Lock()
        self._records: dict[_K, _V] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, key: _K, record: _V) -> None:
        """Add a record, replacing an older record with the same key."""
        with self._lock:
            self._records[key] = record

    def add_all(self, records: Mapping[_K, _V]) -> None:
        """Add several records, which are written in one transaction if there is room."""
        with self._lock:
            self._records.update(records)

    def values(self) -> list[_V]:
        """The waiting records."""
        with self._lock:
            return list(self._records.values())

    def keys(self) -> list[_K]:
        """The keys of the waiting records."""
        with self._lock:
            return list(self._records)

    def discard(self, key: _K) -> None:
        """Remove a record that waits to be written."""
        with self._lock:
            self._records.pop(key, None)

    async def write(self, sql: Sql, only: Sequence[_K] | None = None) -> None:
        """Write the waiting records. Records added meanwhile wait for the next call.

        :param only: the keys of the records to write, if not all
        :raises podium.errors.DatabaseUnavailable: unwritten records continue to wait, unless newer ones came
        """
        for at in range(0, len(self._records) if only is None else len(only), self._most):
            with self._lock:
                keys = (
                    itertools.islice(self._records, self._most) if only is None else only[at:][: self._most]
                )
                batch = {key: self._records[key] for key in keys if key in self._records}
                for key in batch:
                    del self._records[key]
            try:
                await write_batch(sql, batch, self._statements, self._then)
            except (errors.DatabaseUnavailable, asyncio.CancelledError):
                with self._lock:
                    self._records = batch | self._records
                raise


async def write_batch(
    sql: Sql,
    batch: _Batch,
    statements: Callable[[sa.Connection, _Batch], _R],
    then: Callable[[_Batch, _R], object] | None = None,
) -> None:
    """Write records in one transaction. If the database rejects them, log that and drop them.

    :raises podium.errors.DatabaseUnavailable: nothing is written
    :raises podium.errors.MemberEnded: nothing will be written
    """
    if not batch:
        return
    try:
        result = await sql.write(lambda connection: statements(connection, batch))
    except (errors.DatabaseUnavailable, errors.MemberEnded):
        raise
    except Exception:
        LOG.exception("%d records cannot be written and are dropped", len(batch))
    else:
        if then is not None:
            then(batch, result)
