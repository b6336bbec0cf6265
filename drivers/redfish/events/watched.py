"""A node whose BMC sends events: hints lead to a read soon, one at a time and with pauses."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol

from oslo_log import log

from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish.events.hints import Hint, Pace, Urgency
from podium.drivers.redfish.system import System

LOG = log.getLogger(__name__)

#: Seconds after which the power is read again while it does not show the announced state.
_AGAIN: Final = (0.5, 1.0, 3.0, 10.0, 30.0)
_MOST_MISSES: Final = 2  # changes without an event, after which silence is not trusted
_DOUBT: Final = 86400.0  # seconds without another miss, after which it is trusted again
_BETWEEN_CHECKS: Final = 30.0  # minimum seconds

_SEEN: Final = frozenset({states.POWER_ON, states.POWER_OFF})

_Work = Callable[[], Coroutine[Any, Any, None]]


class Errand:
    """Work on request: one run at a time, and another one if it is requested meanwhile.

    :param start: creates a task from a coroutine
    """

    __slots__ = ("_start", "_task", "_timer", "_work")

    def __init__(self, work: _Work, start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]) -> None:
        self._work = work
        self._start = start
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_asked_for(self) -> bool:
        """Whether the work is still to be done, or to be repeated."""
        return self._timer is not None

    def ask(self, delay: float) -> None:
        """Do the work in this many seconds, unless it is planned earlier."""
        loop = asyncio.get_running_loop()
        due = loop.time() + delay
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due, self._begin)

    def cancel(self) -> None:
        """Stop the work and do not plan it any more."""
        self._forget_time()
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        # During the work a timer that has fired is kept, as a sign that the work is wanted once more.
        if self._task is None:
            self._forget_time()
            self._task = self._start(self._run())

    def _forget_time(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _run(self) -> None:
        try:
            await self._work()
        except asyncio.CancelledError:
            self._forget_time()
            raise
        finally:
            self._task = None
            if self._timer is not None and self._timer.when() <= asyncio.get_running_loop().time():
                self._begin()


class Follower(Protocol):
    """The methods of a BMC's follower that a watched node needs."""

    hints: int
    manager: base.Manager

    @property
    def reading(self) -> AbstractAsyncContextManager[None]:
        """Held during a read; limits the number of reads at the same time."""

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Create a task from a coroutine; it ends with the follower."""

    async def check(self, node: base.Node) -> None:
        """Report the node's health."""


class Watched:
    """One node while it is followed."""

    __slots__ = (
        "_again", "_checked", "_doubtful", "_expected", "_follower", "_health", "_missed", "_misses", "_pace",
        "_power", "_state", "node", "system",
    )  # fmt: skip

    def __init__(self, node: base.Node, system: System, follower: Follower) -> None:
        self.node = node
        self.system = system
        self._follower = follower
        self._power = Errand(self._look, follower.start)
        self._health = Errand(self._check, follower.start)
        self._pace = Pace()
        self._again: tuple[float, ...] = ()
        self._expected: str | None = None
        self._state: str | None = None
        self._doubtful = False  # others read another state, which no event announced
        self._misses = 0
        self._missed = 0.0  # when that last happened
        self._checked = float("-inf")

    def hear(self, hint: Hint) -> None:
        """Process a hint."""
        urgency = hint.urgency(self.system.path)
        if urgency:
            self._follower.hints += 1
            self._doubtful = False
            if urgency is Urgency.POWER:
                self._again, self._expected = _AGAIN, hint.expected
            self.look(urgency)
        if hint.concerns_health(self.system.path):
            self._health.ask(max(0.0, self._checked + _BETWEEN_CHECKS - asyncio.get_running_loop().time()))

    def examine(self) -> None:
        """Read again if the last read failed, or if somebody else has read another state since."""
        if self._misses and asyncio.get_running_loop().time() >= self._missed + _DOUBT:
            self._misses = 0
        if not self.system.stream_alive:
            if self._misses < _MOST_MISSES:
                self.look()
        elif self.node.power_state in _SEEN and self.node.power_state != self._state:
            self._doubtful = True
            self.look()

    def look(self, urgency: Urgency = Urgency.NAMED) -> None:
        """Have the power read; until then earlier readings are not valid, and the sweep reads it too."""
        self.system.stream_alive = False
        self._power.ask(self._pace.delay(asyncio.get_running_loop().time(), urgency))

    def stop(self) -> None:
        """Stop following the node: from now on it is polled."""
        self.system.stream_alive = self._doubtful = False
        self._power.cancel()
        self._health.cancel()

    async def _look(self) -> None:
        async with self._follower.reading:
            begun = time.monotonic()
            # From here on a reading is valid until the next event, if the BMC sends all of them.
            self.system.stream_alive = self._misses < _MOST_MISSES
            try:
                state = await self.system.read_power(self.node, force=True)
            except errors.DriverError as failure:
                self.system.stream_alive = self._doubtful = False
                LOG.debug("the power of %s cannot be read after an event: %s", self.node.name, failure)
                return
        self._follower.manager.report_power_state(self.node, state, observed_at=begun)
        changed, self._state = state != self._state, state
        if changed and self._doubtful:
            self._note_miss()
        self._doubtful = False
        self._pace.was_read(asyncio.get_running_loop().time(), changed=changed)
        settled = changed if self._expected is None else state == self._expected
        if settled:
            self._again = ()
        if self._again and not self._power.is_asked_for:
            delay, *rest = self._again
            self._again = tuple(rest)
            self._power.ask(delay)
        if self._power.is_asked_for:
            self.system.stream_alive = False

    def _note_miss(self) -> None:
        self._misses += 1
        self._missed = asyncio.get_running_loop().time()
        if self._misses == _MOST_MISSES:
            self.system.stream_alive = False
            LOG.info(
                "BMC %s does not send an event for every power change: %s is polled as well",
                self.system.bmc.target,
                self.node.name,
            )

    async def _check(self) -> None:
        self._checked = asyncio.get_running_loop().time()
        await self._follower.check(self.node)
