"""Clocks that a test can set in running programs, see shifted_clock.c, which is preloaded into them."""

import os
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

import peers

_SOURCE: Final = Path(__file__).with_suffix(".c")
_SHIFTS: Final = struct.Struct("=qq")


def build(folder: Path) -> Path:
    """Return the compiled library. Without a compiler, the test is skipped."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only on Linux does a preloaded library shift clocks")
    library = folder / "shifted_clock.so"
    command = [peers.require("cc"), "-shared", "-fPIC", "-O2", "-Wall", "-o", library, _SOURCE]
    subprocess.run(command, check=True, timeout=peers.PATIENCE)
    return library


class ShiftedClock:
    """The clock of one host, for programs started with ``environment``."""

    def __init__(self, library: Path, file: Path) -> None:
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(file)}
        self._file = file
        self._shift = self._slept = timedelta(0)
        file.touch()
        self._write()

    def now(self) -> datetime:
        """Return the time on that host."""
        return datetime.now(UTC) + self._shift + self._slept

    def shift(self, by: timedelta) -> None:
        """Set the wall clock ahead of the real time by this much."""
        self._shift = by
        self._write()

    def set(self, moment: datetime) -> None:
        """Set the wall clock to a moment."""
        self.shift(moment - datetime.now(UTC) - self._slept)

    def sleep(self, time: timedelta) -> None:
        """Let time pass during which the host is suspended."""
        self._slept += time
        self._write()

    def _write(self) -> None:
        shifts = self._shift + self._slept, self._slept
        nanoseconds = (one // timedelta(microseconds=1) * 1000 for one in shifts)
        file = os.open(self._file, os.O_WRONLY)
        try:
            os.pwrite(file, _SHIFTS.pack(*nanoseconds), 0)
        finally:
            os.close(file)
