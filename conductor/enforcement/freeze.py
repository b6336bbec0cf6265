"""Shows operators that enforcement is frozen, and thaws it when they ask for it."""

from datetime import datetime
from typing import Final

from oslo_log import log

from podium.conductor.enforcement.gate import Gate
from podium.conductor.rooms.sql import Sql
from podium.db import conductors

LOG = log.getLogger(__name__)

#: Seconds for which a request to thaw stays in the row, for the conductor's other workers to read.
_HEARD: Final = 5.0


class Freeze:
    """The gate's freeze in the conductor's row and in the log.

    :param hostname: whose row it is
    """

    def __init__(self, sql: Sql, gate: Gate, hostname: str) -> None:
        self._sql = sql
        self._gate = gate
        self._hostname = hostname
        self._since: datetime | None = None  # when the freeze that operators see began
        self._written = False
        self._clear_at: float | None = None

    async def resume(self, clock: float) -> None:
        """Continue the freeze of an earlier run, unless somebody has asked to end it.

        :param clock: seconds, of the gate's clock
        :raises podium.errors.DatabaseUnavailable: when the database cannot be read
        """
        mine = await self._find()
        if mine is None or mine.frozen_at is None:
            return
        if mine.thaw_requested_at is not None:
            self._clear_at = clock
            return
        self._gate.freeze(mine.frozen_reason or "", clock)
        self._since, self._written = mine.frozen_at, True
        LOG.error("Enforcement is frozen as it was before the start: %s", mine.frozen_reason)

    async def follow(self, clock: float) -> None:
        """Log and write down what has changed, and thaw when somebody has asked for it.

        :param clock: seconds, of the gate's clock
        :raises podium.errors.DatabaseUnavailable: when nothing can be written; the next call tries again
        """
        frozen = self._gate.frozen
        if frozen is not None and self._since is None:
            self._since, self._written = self._sql.now(), False
            LOG.error(
                "Enforcement is frozen, no node is switched back: %s; it goes on by itself once few nodes"
                " change, or by podium conductor thaw %s",
                frozen[0],
                self._hostname,
            )
        elif frozen is None and self._since is not None:
            self._end("few nodes change any more", clock)
        if frozen is not None and await self._keep(frozen[0]):
            self._gate.thaw()
            self._end("podium conductor thaw asked for it", clock + _HEARD)
        if self._clear_at is not None and clock >= self._clear_at:
            await self._sql.write(lambda connection: conductors.thaw(connection, self._hostname))
            self._clear_at = None

    def _end(self, why: str, clear_at: float) -> None:
        LOG.warning("Enforcement goes on: %s", why)
        self._since, self._clear_at = None, clear_at

    async def _keep(self, reason: str) -> bool:
        """Keep the freeze written in the row; True when somebody has asked there to end it."""
        since = self._since or self._sql.now()
        mine = await self._find() if self._written else None
        if mine is not None and mine.thaw_requested_at is not None:
            return True
        if mine is None or mine.frozen_at is None:  # another worker may have thawed and removed it
            await self._sql.write(
                lambda connection: conductors.freeze(connection, self._hostname, since, reason)
            )
            self._written, self._clear_at = True, None
        return False

    async def _find(self) -> conductors.ConductorRecord | None:
        return await self._sql.read(lambda connection: conductors.find(connection, self._hostname))
