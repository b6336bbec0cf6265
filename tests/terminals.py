"""A terminal of any size for the ``podium`` command in the test's process."""

import os
import re
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from commands import Here

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_AT_ONCE: Final = 65_536


class Terminal:
    """Runs commands with their standard output connected to a terminal."""

    def __init__(self, podium: Here) -> None:
        self._podium = podium

    def __call__(self, *arguments: str, columns: int, lines: int = 50) -> list[str]:
        """Return the lines that a command shows, without colours."""
        return _COLOURS.sub("", self.raw(*arguments, columns=columns, lines=lines)).splitlines()

    def raw(self, *arguments: str, columns: int = 80, lines: int = 50) -> str:
        """Return what a command writes to its terminal."""
        written: list[str] = []
        with _at_terminal(columns, lines, written):
            done = self._podium(*arguments)
        self.status, self.stderr = done.returncode, done.stderr
        return "".join(written)


@contextmanager
def _at_terminal(columns: int, lines: int, written: list[str]) -> Iterator[None]:
    """Make standard output a terminal, and append what was written to it at the end."""
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (lines, columns))
    read: list[bytes] = []

    def drain() -> None:
        try:
            while data := os.read(ours, _AT_ONCE):
                read.append(data)
        except OSError:  # the other end is closed
            pass

    thread = threading.Thread(target=drain)
    thread.start()
    before = sys.stdout
    try:
        with os.fdopen(its, "w", encoding="utf-8") as sys.stdout:
            yield
    finally:
        sys.stdout = before
        thread.join()
        os.close(ours)
    written.append(b"".join(read).decode().replace("\r\n", "\n"))
