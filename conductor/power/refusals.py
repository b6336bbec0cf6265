"""Limits the wrong logins that a change of credentials may make, so that no hardware locks the account.

Hardware counts the logins that it refuses in a row, whatever the password is. The strictest hardware locks an
account at the third refusal within minutes, so two logins are made, and after that one after each pause. A
successful login resets the count. The count is written to the database before the next login is made, so the
next request for the node, or the next conductor after a crash, starts with it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final

from podium import errors
from podium.db.credential_changes import PAUSE
from podium.pacing import Gaps

#: Logins that may be refused in a row.
_MOST: Final = 2
#: Seconds before the count is written again if the database is unavailable.
_GAPS: Final = Gaps(5.0, 60.0)


class Refusals:
    """The logins of one account that were refused in a row.

    :param count: how many were refused before
    :param ago: seconds since the last refusal
    :param note: records the count
    :param clock: seconds, monotonic
    :param pause: waits for the given number of seconds
    """

    def __init__(
        self,
        count: int,
        ago: float,
        note: Callable[[int], Awaitable[None]],
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._count = count
        self._note = note
        self._clock = clock
        self._pause = pause
        self._until = clock() + PAUSE - max(ago, 0.0) if count >= _MOST else -math.inf

    @property
    def wait(self) -> float:
        """Seconds until another login may be tried; 0 if it may be tried now."""
        return max(self._until - self._clock(), 0.0)

    def leave_alone(self, seconds: float) -> None:
        """Note that the driver allows no login for a while."""
        self._until = max(self._until, self._clock() + seconds)

    async def add(self, end: float) -> None:
        """Count a refused login, and record the count.

        :param end: when to give up recording it, by the clock
        """
        self._count += 1
        if self._count >= _MOST:
            self._until = self._clock() + PAUSE
        gaps = iter(_GAPS)
        while True:
            try:
                await self._note(self._count)
                return
            except (errors.DatabaseUnavailable, TimeoutError):
                seconds = min(next(gaps), end - self._clock())
                if seconds <= 0:
                    return
            await self._pause(seconds)

    async def clear(self) -> None:
        """Note that a login succeeded."""
        if self._count:
            self._count, self._until = 0, -math.inf
            try:
                await self._note(0)
            except (errors.DatabaseUnavailable, TimeoutError):
                return  # the next change waits needlessly, which does no harm
