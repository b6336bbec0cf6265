"""How many power changes are under way at the same time, for each driver and for each shared endpoint.

A change spends most of its time waiting. But its timeout also runs while it waits for a call of its driver,
so a driver that makes few calls at a time gets few changes. Changes that hang use up only their own quota.
"""

import inspect
from collections import Counter
from collections.abc import Mapping
from typing import Final

from podium.conductor.rooms.room import DriverRoom

#: Changes at a time for an async driver.
_AT_ONCE: Final = 512
#: Changes for each concurrent call, where the calls to an endpoint are limited.
_EACH: Final = 2
#: One in this many must be free before waiting requests are listed again: listing many is expensive.
_SHARE: Final = 8

#: A driver's name and the endpoint that the node was enrolled with; None if the node shares no endpoint.
Target = tuple[str, str | None]


class Quotas:
    """The changes under way and how many more may begin. Only the conductor's loop may use it."""

    def __init__(self, rooms: Mapping[str, DriverRoom]) -> None:
        self._most = {name: _most(room) for name, room in rooms.items()}
        self._of_endpoint = {
            name: _EACH * room.endpoint_calls for name, room in rooms.items() if room.endpoint_calls
        }
        self._drivers: Counter[str] = Counter()
        self._targets: Counter[Target] = Counter()
        self._held_back: set[Target] = set()
        #: Whether there is now room for a change that was held back.
        self.has_room_again = False

    def look(self) -> None:
        """Note that all waiting requests are about to be considered again."""
        self._held_back.clear()
        self.has_room_again = False

    def room(self, driver: str) -> int:
        """How many more changes of a driver may begin; also 0 while there is room for only a few."""
        most = self._most[driver]
        left = most - self._drivers[driver]
        return left if left * _SHARE >= most else 0

    def admits(self, target: Target, ahead: int) -> bool:
        """Whether a change may begin as far as its endpoint is concerned.

        :param ahead: how many others are about to begin there
        """
        most = self._of_endpoint.get(target[0])
        if target[1] is None or most is None or self._targets[target] + ahead < most:
            return True
        self._held_back.add(target)
        return False

    def begin(self, target: Target) -> None:
        """Count a change that has begun."""
        self._drivers[target[0]] += 1
        self._targets[target] += 1

    def end(self, target: Target) -> None:
        """Count a change that has ended."""
        self._drivers[target[0]] -= 1
        self._targets[target] -= 1
        if not self._targets[target]:
            del self._targets[target]
        self.has_room_again = self.has_room_again or target in self._held_back


def _most(room: DriverRoom) -> int:
    driver = room.driver
    if all(map(inspect.iscoroutinefunction, (driver.get_power_state, driver.set_power_state))):
        return _AT_ONCE
    return _EACH * room.size if room.endpoint_calls else room.size
