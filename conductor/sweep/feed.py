"""The pace of one sweep."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Feed:
    """Which nodes are to be read when.

    :param numbers: of their rows, in the order of the reads
    :param begun: seconds of the loop's clock
    :param spread: seconds over which the reads are spread; 0 for all at once
    :param done: what tells that all have been read
    """

    numbers: Sequence[int]
    begun: float
    spread: float
    done: asyncio.Future[None]
    fed: int = 0

    def due(self, now: float) -> Sequence[int]:
        """Those that are to be read by now and were not told before."""
        count = len(self.numbers)
        if self.spread > 0:
            count = min(count, math.floor((now - self.begun) / self.spread * count) + 1)
        first, self.fed = self.fed, max(count, self.fed)
        return self.numbers[first : self.fed]

    def next_due(self) -> float | None:
        """When the next one is to be read; None when all were told."""
        if self.fed >= len(self.numbers):
            return None
        return self.begun + self.spread * self.fed / len(self.numbers)
