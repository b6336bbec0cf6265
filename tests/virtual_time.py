"""An event loop in which waiting takes no time: its clock jumps to the next due event.

Computing takes no time either, however busy the machine is: a timeout expires only if everything waits.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, Final

from podium.testing.watch import Leaks

#: Real seconds in which the kernel brings what one end of a connection within the loop sent to the other end.
UDP: Final = 0.01
TCP: Final = 0.05  # it may delay acknowledgements by 0.04 s


class _Selector(selectors.DefaultSelector):
    """Advances the clock of its loop instead of waiting.

    :param settle: real seconds without arrivals before the clock advances
    """

    now = 0.0
    threads = 0  #: that the loop waits for; the clock stands still meanwhile

    def __init__(self, settle: float) -> None:
        super().__init__()
        self._settle = settle

    def select(self, timeout: float | None = None) -> Any:
        if self.threads:
            return super().select(0 if timeout == 0 else None)
        assert timeout is not None, "there is nothing left that could happen"
        if not (ready := super().select(min(timeout, self._settle))):
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, settle: float) -> None:
        self._waiting = _Selector(settle)
        super().__init__(self._waiting)

    def time(self) -> float:
        return self._waiting.now

    def _count(self, change: int) -> None:
        self._waiting.threads += change

    def run_in_executor(self, *args: Any) -> Any:  # type: ignore[override]
        self._count(1)
        done = super().run_in_executor(*args)
        done.add_done_callback(lambda _: self._count(-1))
        return done

    async def shutdown_default_executor(self, *args: Any) -> None:
        self._count(1)
        await super().shutdown_default_executor(*args)
        self._count(-1)


def run(main: Callable[[], Coroutine[Any, Any, None]], settle: float = 0.0) -> None:
    """Run a test in such a loop; nothing may be left in the end.

    :param settle: :data:`UDP` or :data:`TCP` for tests with connections
    """

    async def watched() -> None:
        leaks = Leaks()
        await main()
        assert await leaks.left() == []

    with asyncio.Runner(loop_factory=lambda: _Loop(settle)) as runner:
        runner.run(watched())
