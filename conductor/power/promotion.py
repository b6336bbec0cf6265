"""What a conductor does when a standby of its database has taken over, which may lack the last writes."""

import functools
from collections.abc import Callable, Mapping
from typing import Final

from oslo_log import log

from podium.clocks import boottime
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms.sql import Sql
from podium.db import restoring
from podium.db.worker import Worker

LOG = log.getLogger(__name__)

#: Requests of one transaction.
_AT_ONCE: Final = 1000


class Promotion:
    """Handles a promoted standby. Used by the conductor's loop, unless a method's docstring says otherwise.

    Other conductors may know more than the database does. So nothing begins before each of them has either
    written what it knows again, or lost its lease.

    :param lease: seconds for which nothing begins
    :param sent: the nodes of requests under way for which something was sent, by the number of the request
    :param clock: seconds, monotonic
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        recorder: Recorder,
        *,
        worker: Worker,
        lease: float,
        sent: Mapping[int, int],
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._recorder = recorder
        self._worker = worker
        self._lease = lease
        self._sent = sent
        self._clock = clock
        self._settled = sql.history.changes

    def holds(self) -> bool:
        """Whether nothing may begin yet. May be called from any thread."""
        return self._clock() < self._sql.history.changed_at + self._lease

    @property
    def is_pending(self) -> bool:
        """Whether :meth:`settle` has something to do."""
        return self._sql.history.changes != self._settled

    async def settle(self) -> None:
        """Write again what the database may have lost, and have all nodes reloaded.

        :raises podium.errors.DatabaseUnavailable: the next call tries again
        """
        changes = self._sql.history.changes
        if changes == self._settled:
            return
        different = await self._restore()
        self._fleet.doubt()
        self._settled = changes
        LOG.warning(
            "Another server of the database has taken over, which may lack what was written last: %d power"
            " changes were written again, all nodes are loaded anew, and nothing begins for %.0f s",
            different,
            self._lease,
        )

    async def _restore(self) -> int:
        different = 0
        async with self._recorder.known_outcomes() as ended:
            sent = list(self._sent.items())
            for first in range(0, max(len(sent), len(ended)), _AT_ONCE):
                some = slice(first, first + _AT_ONCE)
                again = functools.partial(
                    restoring.restore, holder=self._worker, sent=dict(sent[some]), ended=ended[some]
                )
                different += await self._sql.write(again)
        return different
