"""Detects that a driver's event loop does not respond, and where in the driver's code it hangs."""

import asyncio
import sys
import threading
import traceback
from types import FrameType
from typing import Any, Final

from oslo_log import log

from podium.drivers import base

LOG = log.getLogger(__name__)

#: Seconds that a driver's loop may be busy with one step before it counts as stalled.
STALLED_AFTER: Final = 2.0


class Watchdog:
    """Watches one loop from another thread.

    :param thread: the thread that runs the loop
    """

    def __init__(self, driver: base.Driver, thread: threading.Thread) -> None:
        self._driver = driver
        self._thread = thread
        self._asked: float | None = None
        self._stalled = False

    @property
    def stalled(self) -> bool:
        """Whether the loop has been busy with one step for longer than :data:`STALLED_AFTER`."""
        return self._stalled

    def watch(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        """Check whether the loop still responds, and log once if it does not; call this about every second.

        :param now: seconds of a monotonic clock
        """
        if self._asked is None:
            self._asked = now
            try:
                loop.call_soon_threadsafe(self._answer)
            except RuntimeError:
                return
        elif now - self._asked > STALLED_AFTER and not self._stalled:
            self._stalled = True
            LOG.warning(
                "Driver %s stalls its own event loop for %.0f s%s; its nodes and tasks wait, others do not",
                self._driver.name,
                now - self._asked,
                self.where(),
            )

    def where(self, waiting: "asyncio.Task[Any] | None" = None) -> str:
        """Return the name of the function of the driver's package in which the loop's thread is now.

        :param waiting: a task whose call of the driver may be waiting instead, for an event or a plain method
        """
        stack = _stack(self._thread)
        found = [*stack, *_of_waiting(waiting, self._driver.name)]
        package = type(self._driver).__module__.partition(".")[0]
        own = [one for one in found if one.f_globals.get("__name__", "").partition(".")[0] == package]
        for frame in own or ([] if waiting else stack[:1]):
            code = frame.f_code
            return f" in {code.co_qualname} ({code.co_filename}:{frame.f_lineno})"
        return ""

    def _answer(self) -> None:
        self._asked = None
        if self._stalled:
            self._stalled = False
            LOG.info("Driver %s: its event loop turns again", self._driver.name)


def _stack(thread: threading.Thread) -> list[FrameType]:
    """The stack of a thread, the innermost call first."""
    frame = sys._current_frames().get(thread.ident or 0)
    return [] if frame is None else [one for one, _ in traceback.walk_stack(frame)]


def _of_waiting(task: "asyncio.Task[Any] | None", driver: str) -> list[FrameType]:
    """The calls in which a task waits, the innermost first, and those of the driver's plain methods."""
    awaited: list[FrameType] = []
    one: Any = None if task is None else task.get_coro()
    while (frame := getattr(one, "cr_frame", None)) is not None:
        awaited.insert(0, frame)
        one = one.cr_await
    if task is not None:
        for thread in threading.enumerate():
            if thread.name.startswith(f"{driver}-plain"):
                awaited += _stack(thread)
    return awaited
