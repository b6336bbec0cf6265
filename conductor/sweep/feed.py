"""Spreads the reads of one sweep over its time."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Feed:
    """Hands out the nodes of a sweep when they are due.

    :param numbers: their row numbers, in the order of the reads
    :param begun: seconds of the loop's clock
    :param spread: seconds over which the reads are spread; 0 for all at once
    :param done: its result is set once all have been read
    """

    numbers: Sequence[int]
    begun: float
    spread: float
    done: asyncio.Future[None]
    fed: int = 0

    def due(self, now: float) -> Sequence[int]:
        """Return the nodes that are due by now and were not returned before."""
        count = len(self.numbers)
        if self.spread > 0:
            count = min(count, math.floor((now - self.begun) / self.spread * count) + 1)
        first, self.fed = self.fed, max(count, self.fed)
        return self.numbers[first : self.fed]

    def next_due(self) -> float | None:
        """Return when the next node is due; None if all were returned."""
        if self.fed >= len(self.numbers):
            return None
        return self.begun + self.spread * self.fed / len(self.numbers)
