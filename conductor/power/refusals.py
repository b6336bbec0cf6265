"""How many wrong logins a change of credentials may make, so that no hardware locks the account.

Hardware counts the logins that it refuses in a row, whatever the password is. The strictest locks an account
at the third within minutes, so two are made, and after that one in each pause. A login that is right starts
the count anew. The count is in the database before the next login is made: the next request for the node,
and whoever goes on after a crash, begin with it.
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
#: Seconds before the count is written again, when the database is away.
_GAPS: Final = Gaps(5.0, 60.0)


class Refusals:
    """The logins of one account that were refused in a row.

    :param count: how many were refused before
    :param ago: seconds since the last of them
    :param note: writes the count down
    :param clock: seconds, monotonic
    :param pause: waits for so many seconds
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
        """Seconds until another login may be tried; 0 for at once."""
        return max(self._until - self._clock(), 0.0)

    def leave_alone(self, seconds: float) -> None:
        """Note that the driver tries no login for a while."""
        self._until = max(self._until, self._clock() + seconds)

    async def add(self, end: float) -> None:
        """Count a login that was refused, and write it down.

        :param end: when it is given up to write it down, by the clock
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
        """Note that a login was right."""
        if self._count:
            self._count, self._until = 0, -math.inf
            try:
                await self._note(0)
            except (errors.DatabaseUnavailable, TimeoutError):
                return  # the next one waits without need
