"""Callbacks for an event loop from other threads, handed over in batches.

Waking a loop costs a system call and, with two threads that want to run, a change of the interpreter lock;
a thousand runs a second would spend most of their time in it.
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
        """Make the loop call ``callback()`` soon, in order; from any thread.

        :raises RuntimeError: if the loop is closed
        """
        self._waiting.append(callback)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        # First this, then the callbacks: later ones wake the loop again.
        self._woken = False
        for _ in range(len(self._waiting)):
            self._waiting.popleft()()
