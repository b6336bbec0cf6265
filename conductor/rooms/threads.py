"""Daemon threads for plain driver methods: a method that never returns must not keep the process alive."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

_IDLE_SECONDS: Final = 60.0


class DaemonThreads:
    """Threads that are started on demand. The submitter ensures that there are enough.

    :param name: the threads' name
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._most = 0
        self._started = 0
        self._idle = 0
        self._closed = False
        self._work: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()

    def submit(self, work: Callable[[], None], most: int) -> None:
        """Run ``work``, which never raises, in one of the threads.

        :param most: the most threads from now on; at least one of them must be idle
        """
        with self._changed:
            self._most = most
            if len(self._work) >= self._idle and self._started < most:
                threading.Thread(target=self._loop, name=self._name, daemon=True).start()
                self._started += 1
            self._work.append(work)
            self._changed.notify()

    def withdraw(self, work: Callable[[], None]) -> bool:
        """Withdraw work that no thread has begun; return False if one has."""
        with self._changed:
            if work not in self._work:
                return False
            self._work.remove(work)
            return True

    def close(self) -> None:
        """Let idle threads end, and drop queued work."""
        with self._changed:
            self._closed = True
            self._work.clear()
            self._changed.notify_all()

    def _loop(self) -> None:
        while True:
            with self._changed:
                while not self._work:
                    is_needed = not self._closed and self._started <= self._most
                    self._idle += 1
                    woken = is_needed and self._changed.wait(_IDLE_SECONDS)
                    self._idle -= 1
                    if not (woken or self._work):
                        self._started -= 1
                        return
                work = self._work.popleft()
            work()
