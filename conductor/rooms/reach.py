"""Decides whether the database can be used, with one log line for each change."""

import contextlib
import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.sharedctypes import SynchronizedArray
from typing import TYPE_CHECKING, Any, Final

from oslo_log import log

from podium import errors

if TYPE_CHECKING:
    import ctypes

LOG = log.getLogger(__name__)

READ: Final = "read"
WRITE: Final = "write"
_PATIENCE: Final = 1.0  # seconds


class Reach:
    """Learns from every transaction whether the database can be used. For any thread.

    A database on which only reads work is of no use to a conductor, such as SQLite while another program
    holds the write lock, or PostgreSQL in recovery. So an outage ends only with a write, and only after a
    transaction of the kind that failed has succeeded too.

    :param away: for each worker of this daemon, whether it cannot use the database; shared, so that the first
        and the last of them log what is the same for all
    :param index: the index of this worker
    :param is_logged: whether outages are already logged; an outage that ends the start is logged as a failed
        start
    """

    def __init__(
        self, away: "SynchronizedArray[int] | None" = None, index: int = 0, *, is_logged: bool = True
    ) -> None:
        self._away = multiprocessing.Array("b", 1) if away is None else away
        self._index = index
        self._away.get_obj()[index] = 0  # a killed worker may have left it set
        self._lock = threading.Lock()
        self._awaited: set[str] = set()
        self._is_logged = is_logged
        self._error: errors.DatabaseUnavailable | None = None

    @property
    def up(self) -> bool:
        """Whether reads and writes succeed, as far as is known."""
        return not self._awaited

    def failed(self, kind: str, error: errors.DatabaseUnavailable) -> None:
        """Note that a transaction did not succeed.

        :param kind: :data:`READ` or :data:`WRITE`
        """
        with self._lock:
            self._awaited |= {kind, WRITE}
            self._error = error
            if self._is_logged:
                self._log_outage()

    def succeeded(self, kind: str) -> None:
        """Note that a transaction succeeded."""
        if not self._awaited:  # the usual case, without the lock
            return
        with self._lock:
            if kind not in self._awaited:
                return
            self._awaited.discard(kind)
            if not self._awaited and self._away.get_obj()[self._index]:
                with self._shared() as away:
                    away[self._index] = 0
                    is_last = not any(away)
                if is_last:
                    LOG.warning("The database is back")

    def log_from_now(self) -> None:
        """Log outages from now on, also the present one."""
        with self._lock:
            self._is_logged = True
            if self._awaited:
                self._log_outage()

    def _log_outage(self) -> None:
        with self._shared() as away:
            is_first = not any(away)
            away[self._index] = 1
        if is_first:
            LOG.error("The database is out of reach; trying again until it is back: %s", self._error)

    @contextlib.contextmanager
    def _shared(self) -> "Iterator[ctypes.Array[Any]]":
        """The shared state; after a second without its lock, which a killed worker may hold."""
        lock = self._away.get_lock()
        is_held = lock.acquire(timeout=_PATIENCE)
        try:
            yield self._away.get_obj()
        finally:
            if is_held:
                lock.release()
