"""Slows down those who try passwords: the more of them fail, the longer the next answer takes."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from podium.api.faults import Fault

#: Seconds that the first, and at most any, attempt after a failed one waits.
_FIRST, _LONGEST = 0.25, 8.0
#: Seconds after which failures are forgotten.
_FORGOTTEN: Final = 900.0
#: Attempts that wait at the same time: of one address, and of all.
_MOST_OF_ONE, _MOST = 5, 100
#: Addresses that are remembered.
_MOST_KNOWN: Final = 10_000


@dataclass(slots=True)
class _Suspect:
    failures: int = 0
    until: float = 0.0
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Slowing:
    """Failed logins by address; used in one event loop.

    :param clock: seconds, monotonic
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._known: OrderedDict[str, _Suspect] = OrderedDict()
        self._waiting = 0

    async def attempt(self, address: str, check: Callable[[], object]) -> bool:
        """Return what ``check``, which returns an awaitable, finds; one after the other for each address.

        :raises podium.api.faults.Fault: 429 if too many wait
        """
        suspect = self._known.setdefault(address, _Suspect())
        if suspect.waiting >= _MOST_OF_ONE or self._waiting >= _MOST:
            raise Fault(429, "too many logins at the same time; try again later", {"Retry-After": "10"})
        suspect.waiting += 1
        self._waiting += 1
        try:
            async with suspect.turn:
                now = self._clock()
                if suspect.failures and now < suspect.until:
                    await self._sleep(min(suspect.until - now, _LONGEST))  # type: ignore[misc]
                is_right = bool(await check())  # type: ignore[misc]
                self._note(suspect, is_right)
                return is_right
        finally:
            suspect.waiting -= 1
            self._waiting -= 1
            self._forget(address, suspect)

    def _note(self, suspect: _Suspect, is_right: bool) -> None:
        now = self._clock()
        if is_right or now > suspect.until + _FORGOTTEN:
            suspect.failures = 0
        if not is_right:
            suspect.failures += 1
            suspect.until = now + min(_FIRST * 2 ** min(suspect.failures - 1, 10), _LONGEST)

    def _forget(self, address: str, suspect: _Suspect) -> None:
        self._known.move_to_end(address)
        if not suspect.failures and not suspect.waiting:
            del self._known[address]
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
