"""Runs programs in their own sessions, measures their CPU and memory, and ensures that they end."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

_TICK: Final = 1.0 / os.sysconf("SC_CLK_TCK")
_END: Final = 30.0  # seconds for an orderly end

Value = TypeVar("Value")


class Failed(Exception):
    """A row could not be measured. The message gives the reason. Other rows are still measured."""


class Program:
    """A program in the background; ``with`` starts it, and ends it with all its children.

    :param log: the file for its output
    """

    def __init__(self, command: Iterable[str | Path], log: Path, **options: Any) -> None:
        self.command = [str(word) for word in command]
        self.log = log
        self._options = options

    def __enter__(self) -> "Program":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._options,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the program in an orderly way if possible, and kill the rest of its session."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_END)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_END)

    def until(
        self, condition: Callable[[], Value | None], seconds: float, what: str, every: float = 0.05
    ) -> Value:
        """Call ``condition`` at regular intervals, and return its first true value.

        :raises Failed: if it is not true in time, or the program ends first
        """
        end = time.monotonic() + seconds
        while not (value := condition()):
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended before {what}: {self.last_line()}")
            if time.monotonic() > end:
                raise Failed(f"{self.name}: not {what} within {seconds:.0f} s")
            time.sleep(every)
        return value

    @property
    def name(self) -> str:
        return Path(self.command[0]).name

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def last_line(self) -> str:
        return (self.text().strip().splitlines() or ["it said nothing"])[-1][:200]

    def cpu(self) -> float:
        """Return the CPU seconds so far of the program, its children and their ended children."""
        return sum(map(_cpu, self._tree()))

    def memory(self) -> float:
        """Return the resident memory of the program and its children in bytes. Shared pages count once."""
        return sum(map(_proportional_set_size, self._tree()))

    def _tree(self) -> Iterator[int]:
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            with contextlib.suppress(OSError):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    waiting += map(int, (thread / "children").read_text().split())


def _cpu(pid: int) -> float:
    """Return utime, stime, cutime and cstime of proc_pid_stat(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) * _TICK


def _proportional_set_size(pid: int) -> float:
    with contextlib.suppress(OSError):
        name, text = "Pss:", ""
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except PermissionError:  # a daemon whose memory only root may read: shared pages count, too
            name, text = "VmRSS:", Path(f"/proc/{pid}/status").read_text()
        for line in text.splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024.0
    return 0.0


def run(command: Iterable[str | Path], seconds: float, **options: Any) -> str:
    """Run a program and return its output.

    :param options: those of :class:`subprocess.Popen`
    :raises Failed: if it fails, or does not end in time
    """
    words = [str(word) for word in command]
    name = " ".join([Path(words[0]).name, *filter(str.isalpha, words[1:])])
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=seconds,
            **options,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{name} took more than {seconds:.0f} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise Failed(f"{name}: {said[-1][:200]}")
    return str(done.stdout)
