"""A node's last reported health, and until when it is valid."""

import math
from collections.abc import Mapping
from typing import Any


class Fare:
    """The last report of one node's health.

    Only the recorder changes it, one report at a time; any thread may read it. All entries of a node share
    the same object.

    :param health: the health; None if none was reported, or none is known
    :param until: seconds of podium.clocks.boottime, after which the report is outdated
    """

    __slots__ = ("_health", "_until")

    def __init__(self, health: Mapping[str, Any] | None = None, until: float = -math.inf) -> None:
        self._health = health
        self._until = until

    def at(self, now: float) -> Mapping[str, Any] | None:
        """The health that is valid at a time of podium.clocks.boottime."""
        return self._health if now <= self._until else None

    def report(self, health: Mapping[str, Any] | None, until: float) -> bool:
        """Store a report; return whether it differs from the last one."""
        changed = self._health != health
        self._health, self._until = health, until
        return changed
