"""An event loop in which waiting takes no time: its clock jumps to the next due event."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from podium.testing.watch import Leaks


class _Selector(selectors.DefaultSelector):
    """Advances the clock of its loop instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "there is nothing left that could happen"
        if not (ready := super().select(0)):
            self.now += timeout
        return ready


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test in such a loop. Nothing may be left at the end."""

    def loop() -> asyncio.AbstractEventLoop:
        selector = _Selector()
        found = asyncio.SelectorEventLoop(selector)
        found.time = lambda: selector.now  # type: ignore[method-assign]
        return found

    async def watched() -> None:
        leaks = Leaks()
        await main()
        assert await leaks.left() == []

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(watched())
