"""Callbacks for an event loop from other threads, handed over in batches.

Waking a loop costs a system call and, if two threads want to run, a switch of the interpreter lock. A
thousand runs per second would spend most of their time on that.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Mailbox:
    """Hands callbacks to one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], Any]] = deque()
        self._woken = False

    def post(self, callback: Callable[[], Any]) -> None:
        """Make the loop call ``callback()`` soon, in order. May be called from any thread.

        :raises RuntimeError: if the loop is closed
        """
        self._waiting.append(callback)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        # Before the callbacks, so that later ones wake the loop again.
        self._woken = False
        for _ in range(len(self._waiting)):
            self._waiting.popleft()()
