"""Spreads the reads of one sweep over its duration."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_Unit = TypeVar("_Unit")


@dataclass(slots=True, eq=False)
class Feed(Generic[_Unit]):
    """Hands out the units of a sweep when they are due.

    :param units: each is read in one call; in the order of the reads
    :param begun: when the sweep began, in seconds of the loop's clock
    :param spread: seconds over which the reads are spread; 0 for all at once
    :param done: its result is set once all have been read
    """

    units: Sequence[_Unit]
    begun: float
    spread: float
    done: asyncio.Future[None]
    fed: int = 0

    def due(self, now: float) -> Sequence[_Unit]:
        """Return the units that are due by now and were not returned before."""
        count = len(self.units)
        if self.spread > 0:
            count = min(count, math.floor((now - self.begun) / self.spread * count) + 1)
        first, self.fed = self.fed, max(count, self.fed)
        return self.units[first : self.fed]

    def next_due(self) -> float | None:
        """Return when the next unit is due; None if all were returned."""
        if self.fed >= len(self.units):
            return None
        return self.begun + self.spread * self.fed / len(self.units)
