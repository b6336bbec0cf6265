"""Daemon threads for plain driver methods: one that never returns must not keep the process alive."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

_IDLE_SECONDS: Final = 60.0


class DaemonThreads:
    """A small pool that replaces a limited number of threads that do not return.

    :param name: the threads' name
    :param size: threads that work at the same time
    :param cap: the highest number of threads ever, lost ones included
    """

    def __init__(self, name: str, *, size: int = 8, cap: int = 64) -> None:
        self._name = name
        self._size = size
        self._cap = cap
        self._lost = 0
        self._started = 0
        self._idle = 0
        self._closed = False
        self._work: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()

    @property
    def lost(self) -> int:
        """The number of threads in calls that were given up."""
        return self._lost

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work``, which never raises, in one of the threads, once one is free."""
        with self._changed:
            self._work.append(work)
            self._changed.notify()
            self._grow()

    def give_up(self) -> None:
        """Count one thread as lost, so that another may take its place."""
        with self._changed:
            self._lost += 1
            self._grow()

    def came_back(self) -> None:
        """Count a lost thread as found."""
        with self._changed:
            self._lost -= 1

    def close(self) -> None:
        """Let idle threads end, and drop queued work."""
        with self._changed:
            self._closed = True
            self._work.clear()
            self._changed.notify_all()

    def _grow(self) -> None:
        if len(self._work) > self._idle and self._started < self._limit():
            self._started += 1
            threading.Thread(target=self._loop, name=self._name, daemon=True).start()

    def _limit(self) -> int:
        return min(self._size + self._lost, self._cap)

    def _loop(self) -> None:
        while True:
            with self._changed:
                while not self._work:
                    self._idle += 1
                    woken = not self._closed and self._changed.wait(_IDLE_SECONDS)
                    self._idle -= 1
                    if self._closed or (not woken and not self._work) or self._started > self._limit():
                        self._started -= 1
                        return
                work = self._work.popleft()
            work()
