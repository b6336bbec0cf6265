"""Failed logins slow down the logins that follow, but not those of other users.

Every attempt counts as failed until it has succeeded, so concurrent attempts gain nothing. An attempt that
comes too soon waits for its turn; it is refused if the wait would be long. Failures are counted by user and
address, by address, and by user. A user's failures at other addresses delay an attempt by at most a second
and never cause a refusal, so strangers who guess passwords lock nobody out. The last two counts do not apply
to a user who has logged in at the address before.
"""

import asyncio
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final

from podium.api.faults import Fault

#: Seconds that an attempt may wait for its turn, and how many may wait in one process.
_PATIENCE, _MOST_WAITING = 5.0, 200
#: How many users, addresses and pairs of both are remembered, each the most recent.
_MOST: Final = 10_000
#: Seconds after which half of the failures are forgotten.
_HALF_LIFE: Final = 60.0
#: The most seconds by which failures at other addresses delay an attempt.
_OF_OTHERS: Final = 1.0
#: The first gap in seconds; each further failure doubles it.
_FIRST_GAP: Final = 0.5


@dataclass(slots=True)
class _Pace:
    failures: float = 0.0
    seen: float = 0.0
    free_at: float = -math.inf


class _Level:
    """The failures of one kind.

    :param free: how many have no effect
    :param longest: the longest gap between two attempts, in seconds
    """

    def __init__(self, free: int, longest: float) -> None:
        self._free = free
        self._longest = longest
        self._paces: OrderedDict[Hashable, _Pace] = OrderedDict()

    def free_at(self, key: Hashable) -> float:
        found = self._paces.get(key)
        return -math.inf if found is None else found.free_at

    def count(self, key: Hashable, now: float, at: float) -> None:
        """Note an attempt and the time of its turn."""
        pace = self._paces.setdefault(key, _Pace(seen=now))
        self._paces.move_to_end(key)
        pace.failures = pace.failures * 0.5 ** ((now - pace.seen) / _HALF_LIFE) + 1
        pace.seen = now
        over = min(math.ceil(pace.failures - self._free), 20)
        gap = min(_FIRST_GAP * 2.0 ** (over - 1), self._longest) if over > 0 else 0.0
        pace.free_at = at + gap
        while len(self._paces) > _MOST:
            self._paces.popitem(last=False)

    def forgive(self, key: Hashable) -> None:
        """Note that an attempt did not fail."""
        pace = self._paces.get(key)
        if pace is not None:
            pace.failures = max(pace.failures - 1, 0.0)
            if pace.failures <= self._free:
                pace.free_at = -math.inf


class Slowing:
    """The failed logins of one process, used in its event loop."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._pairs = _Level(3, 4.0)
        self._addresses = _Level(20, 2.0)
        self._users = _Level(20, _OF_OTHERS)
        self._familiar: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._waiting = 0

    async def turn(self, address: str, who: bytes) -> None:
        """Wait until a login may be tried, and count it as failed.

        :param who: a digest of the given user name, or of a token
        :raises podium.api.faults.Fault: the wait would be too long
        """
        now = self._clock()
        keys = self._keys(address, who)
        own = [level.free_at(key) for level, key in keys if level is not self._users]
        at, is_full = max(now, *own), self._waiting >= _MOST_WAITING
        if at - now > _PATIENCE or (at > now and is_full):
            seconds = str(max(math.ceil(at - now), 1))
            text = f"too many logins have failed; try again in {seconds} s"
            raise Fault(429, text, {"Retry-After": seconds})
        if len(keys) > len(own) and not is_full:
            at = max(at, min(self._users.free_at(who), now + _OF_OTHERS))
        for level, key in keys:
            level.count(key, now, at)
        if at > now:
            self._waiting += 1
            try:
                await self._sleep(at - now)
            finally:
                self._waiting -= 1

    def take_back(self, address: str, who: bytes) -> None:
        """Take back the failure of a login that could not be checked."""
        for level, key in self._keys(address, who):
            level.forgive(key)

    def succeed(self, address: str, who: bytes) -> None:
        """Note that a login succeeded after its turn."""
        self.take_back(address, who)
        pair = (_network(address), who)
        self._familiar[pair] = None
        self._familiar.move_to_end(pair)
        while len(self._familiar) > _MOST:
            self._familiar.popitem(last=False)

    def _keys(self, address: str, who: bytes) -> list[tuple[_Level, Hashable]]:
        network = _network(address)
        pair = (network, who)
        keys: list[tuple[_Level, Hashable]] = [(self._pairs, pair)]
        if pair not in self._familiar:
            keys += [(self._addresses, network), (self._users, who)]
        return keys


def _network(address: str) -> str:
    """Return what counts as one address: for IPv6, the network of one subscriber."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if found.version == 4 else str(ipaddress.ip_network((int(found), 64), strict=False))
