"""How many sessions are closed together, so that a fleet is left in seconds and no answer is lost.

Answers that come all at once overflow receive buffers, and closing is not all that an event loop has to do.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

AT_ONCE: Final = 200
_PAUSE: Final = 0.01  # seconds after so many

_Item = TypeVar("_Item")


async def paced(items: Iterable[_Item]) -> AsyncIterator[_Item]:
    """The same items, with a pause after every few of them."""
    for place, item in enumerate(items, start=1):
        yield item
        if place % AT_ONCE == 0:
            await asyncio.sleep(_PAUSE)
