"""Whether the database can be used: decided in one place, with one log line for each change."""

import threading
from typing import Final

from oslo_log import log

from podium import errors

LOG = log.getLogger(__name__)

READ: Final = "read"
WRITE: Final = "write"


class Reach:
    """Learns from every transaction whether the database can be used. For any thread.

    A database that only reads work on is of no use to a conductor: SQLite while another program holds the
    write lock, PostgreSQL in recovery. So an outage ends with a write, and not before a transaction of the
    kind that failed has succeeded too.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._awaited: set[str] = set()

    @property
    def up(self) -> bool:
        """Whether reads and writes succeed, as far as is known."""
        return not self._awaited

    def failed(self, kind: str, error: errors.DatabaseUnavailable) -> None:
        """Note that a transaction did not succeed.

        :param kind: :data:`READ` or :data:`WRITE`
        """
        with self._lock:
            if not self._awaited:
                LOG.error("The database is out of reach; trying again until it is back: %s", error)
            self._awaited |= {kind, WRITE}

    def succeeded(self, kind: str) -> None:
        """Note that a transaction succeeded."""
        if not self._awaited:  # the usual case, without the lock
            return
        with self._lock:
            if self._awaited == {kind}:
                LOG.warning("The database is back")
            self._awaited.discard(kind)
