"""Paces the closing of sessions, so that a fleet is left in seconds and no answer is lost.

Answers that arrive all at once overflow receive buffers, and the event loop has other work besides closing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

AT_ONCE: Final = 200
_PAUSE: Final = 0.01  # seconds after each batch

_Item = TypeVar("_Item")


async def paced(items: Iterable[_Item]) -> AsyncIterator[_Item]:
    """Yield the same items, with a pause after every few of them."""
    for place, item in enumerate(items, start=1):
        yield item
        if place % AT_ONCE == 0:
            await asyncio.sleep(_PAUSE)
