"""A barrier at which the feeds of machines wait for each other: all are off before any is switched on again.

Each feed is a request of one operation, and may belong to another conductor. A request under way records in
its row whether its feed is off (``power off``), or is being switched on although not all feeds were off
(``power on``). The other requests read the row.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from podium import errors, states
from podium.conductor.power.sending import Failed
from podium.conductor.rooms.sql import Sql
from podium.db import beginning, operations
from podium.db.beginning import Begun
from podium.db.operations import PowerRequest
from podium.db.worker import Worker
from podium.pacing import Gaps

#: Seconds beyond the timeout within which a feed must catch up: another conductor may be switching it.
GRACE: Final = 30.0
#: Seconds to wait for an answer from the database.
_PATIENCE: Final = 30.0
#: Seconds between two reads of the other requests.
_LOOKS: Final = Gaps(0.1, 1.0, growth=1.5)
_ENDED: Final[Mapping[str, str]] = {
    operations.REPLACED: "was replaced by a newer request",
    operations.CANCELLED: "was cancelled",
}

_T = TypeVar("_T")


class Barrier:
    """One feed of those that are switched together. Only the loop of its room may use it.

    :param loop: the conductor's loop
    :param timeout: seconds within which each feed must show its new state
    :param off_for: seconds for which all feeds are off
    :param is_stopping: whether the conductor is stopping; all waits end then
    """

    def __init__(
        self,
        sql: Sql,
        loop: asyncio.AbstractEventLoop,
        begun: Begun,
        worker: Worker,
        *,
        timeout: float,
        off_for: float,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._sql = sql
        self._loop = loop
        self._begun = begun
        self._worker = worker
        self._bound = timeout + GRACE
        self._off_for = off_for
        self._is_stopping = is_stopping

    async def until_begun(self) -> None:
        """Wait until all feeds are taken for the operation.

        :raises Failed: a feed was not taken in time; nothing was sent
        """
        problem = await self._until(_not_begun, f"could not be taken within {self._bound:g} s")
        if problem is not None:
            raise Failed(f"{problem}; nothing was sent")

    async def until_off(self) -> str | None:
        """Record that this feed is off, and wait until all are; return why they were not off together."""
        end = time.monotonic() + self._bound
        if not await self.note(states.POWER_OFF, end):
            return "the database did not answer while it was off, so that nobody knew of the others"
        problem = await self._until(_not_off, f"was not off within {self._bound:g} s", end)
        if problem is not None:
            return f"not all feeds were off together: {problem}"
        return None

    async def stay_off(self) -> None:
        """Wait for as long as all feeds are to be off, or until the conductor stops."""
        end = time.monotonic() + self._off_for
        while (left := end - time.monotonic()) > 0:
            if self._is_stopping():
                break
            await asyncio.sleep(min(left, 1.0))

    async def note(self, state: str, end: float | None = None) -> bool:
        """Record the state of this feed; return whether that worked.

        :param end: when to give up, by the monotonic clock; None to try once
        """

        def write(connection: sa.Connection) -> None:
            beginning.note_state(connection, self._begun.request_id, self._worker, state)

        for pause in iter(_LOOKS):
            try:
                await self._in_conductor(self._sql.write(write))
            except (errors.DatabaseUnavailable, TimeoutError):
                if end is None or time.monotonic() >= end or self._is_stopping():
                    return False
                await asyncio.sleep(pause)
            else:
                break
        return True

    async def were_off(self) -> str | None:
        """Return None if all feeds were off together when a conductor ended, or why that is unknown."""
        try:
            found = await self._in_conductor(self._sql.read(self._look))
            together = all(not any(_not_off(one)) for one in found)
        except (errors.DatabaseUnavailable, TimeoutError):
            together = False
        return None if together else "its conductor ended before all feeds were off, as far as is known"

    async def _until(
        self,
        missing: Callable[[PowerRequest], tuple[str | None, bool]],
        late: str,
        end: float | None = None,
    ) -> str | None:
        """Wait until no feed is missing; return which feeds are late or will never arrive, and why."""
        end = time.monotonic() + self._bound if end is None else end
        last = "the database did not answer"
        for pause in iter(_LOOKS):
            try:
                found = await self._in_conductor(self._sql.read(self._look))
            except (errors.DatabaseUnavailable, TimeoutError):
                pass
            else:
                states_of = [(one.node_name, *missing(one)) for one in found]
                if over := [f"{name} {why}" for name, why, _ in states_of if why]:
                    return "; ".join(over)
                waited_for = [name for name, _, is_missing in states_of if is_missing]
                if not waited_for:
                    return None
                last = f"{', '.join(waited_for)} {late}"
            if self._is_stopping():
                return "the conductor stops"
            if time.monotonic() >= end:
                return last
            await asyncio.sleep(min(pause, max(end - time.monotonic(), 0.01)))
        raise AssertionError

    def _look(self, connection: sa.Connection) -> Sequence[PowerRequest]:
        return operations.requests_of(connection, self._begun.operation_id)

    async def _in_conductor(self, work: Coroutine[Any, Any, _T]) -> _T:
        asked: Awaitable[_T] = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        return await asyncio.wait_for(asked, _PATIENCE)


def _not_begun(one: PowerRequest) -> tuple[str | None, bool]:
    """Why a feed will never be taken, and whether it is not taken yet."""
    return _over(one), one.state not in (operations.BEGUN, operations.DONE)


def _not_off(one: PowerRequest) -> tuple[str | None, bool]:
    """Why a feed was not off together with the others, and whether it is not off yet. A done feed was off."""
    if one.state == operations.DONE:
        return None, False
    if one.state == operations.BEGUN and one.power_state == states.POWER_ON:
        return "was not switched off", True
    return _over(one), one.power_state != states.POWER_OFF


def _over(one: PowerRequest) -> str | None:
    if one.state == operations.FAILED:
        return f"failed: {one.error}"
    return _ENDED.get(one.state)
