"""A picture that changes in place, and the terminal as it was when it is left."""

import os
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from podium.cli.showing.live import Live
from podium.cli.showing.screen import Screen
from rounds import only_long

_PATIENCE = 60.0
_ENTER, _LEAVE = "\x1b[?1049h", "\x1b[?1049l"


class Pty:
    """A terminal, and what was written to it."""

    def __init__(self) -> None:
        self.ours, self.its = os.openpty()
        termios.tcsetwinsize(self.its, (5, 40))
        self.text = ""

    def until(self, text: str) -> str:
        """Read until this was written, and return what there was up to it."""
        before = self.text.count(text)
        while self.text.count(text) == before:
            ready, _, _ = select.select([self.ours], [], [], _PATIENCE)
            assert ready, f"{text!r} was not written after {self.text!r}"
            self.text += os.read(self.ours, 65_536).decode()
        return self.text

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.its)[3] & termios.ECHO)

    def close(self) -> None:
        os.close(self.ours)
        os.close(self.its)


@pytest.fixture
def pty() -> Iterator[Pty]:
    found = Pty()
    yield found
    found.close()


class Out:
    """Standard output at a terminal."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, text: str) -> None:
        os.write(self._number, text.encode())

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number


@pytest.fixture
def live(pty: Pty) -> Callable[..., Live]:
    """Makes a picture at the terminal, of lines that a function returns."""
    out: Any = Out(pty.its)

    def make(draw: Callable[[Screen], list[str]]) -> Live:
        return Live(draw, lambda: Screen(out, 40, 5, False, "…"), keys=out, every=3600.0)

    return make


def test_a_picture_is_drawn_at_once_and_anew_when_something_changed(
    pty: Pty, live: Callable[..., Live]
) -> None:
    lines = ["one"]
    with live(lambda _: lines) as picture:
        assert pty.until("one").startswith(_ENTER)
        with picture.lock:
            lines[:] = ["two"]
        picture.wake()
        pty.until("two")
        assert not pty.echoes
    assert pty.until(_LEAVE).endswith(_LEAVE)
    assert pty.echoes


def test_no_more_lines_are_drawn_than_there_are(pty: Pty, live: Callable[..., Live]) -> None:
    with live(lambda _: [f"line {number}" for number in range(9)]):
        pty.until("line 4")
    assert "line 5" not in pty.until(_LEAVE)


def test_a_terminal_of_another_size_is_drawn_anew(live: Callable[..., Live]) -> None:
    drawn = threading.Semaphore(0)

    def draw(_: Screen) -> list[str]:
        drawn.release()
        return []

    with live(draw):
        drawn.acquire(timeout=_PATIENCE)
        os.kill(os.getpid(), signal.SIGWINCH)
        assert drawn.acquire(timeout=_PATIENCE)


def test_q_is_as_ctrl_c(pty: Pty, live: Callable[..., Live]) -> None:
    with pytest.raises(KeyboardInterrupt), live(lambda _: ["one"]):
        os.write(pty.ours, b"q")
        threading.Event().wait(_PATIENCE)
    assert pty.until(_LEAVE).endswith(_LEAVE)


def test_q_ends_it_also_where_ctrl_c_is_ignored(pty: Pty, live: Callable[..., Live]) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), live(lambda _: ["one"]):
            os.write(pty.ours, b"q")
            threading.Event().wait(_PATIENCE)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_who_ends_the_program_gets_the_terminal_back(
    pty: Pty, live: Callable[..., Live], number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as end, live(lambda _: ["one"]):
        os.kill(os.getpid(), number)
        threading.Event().wait(_PATIENCE)
    assert end.value.code == 128 + number
    assert (pty.until(_LEAVE).endswith(_LEAVE), pty.echoes) == (True, True)
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_still_is(pty: Pty, live: Callable[..., Live]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as by nohup
    try:
        with live(lambda _: ["one"]):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_cannot_be_drawn_ends_it_with_the_reason(pty: Pty, live: Callable[..., Live]) -> None:
    drawn: list[int] = []

    def draw(_: Screen) -> list[str]:
        drawn.append(1)
        if len(drawn) > 1:
            raise ValueError("no such colour")
        return []

    with pytest.raises(ValueError, match="no such colour"), live(draw) as picture:
        picture.wake()
        threading.Event().wait(_PATIENCE)
    assert pty.until(_LEAVE).endswith(_LEAVE)


_SCRIPT = """
import sys, time
from podium.cli.showing.live import Live
try:
    with Live(lambda screen: ["a picture"], keys=sys.stdin):
        time.sleep(600)
except KeyboardInterrupt:
    pass
"""


@only_long
def test_while_it_is_suspended_the_terminal_is_as_it_was(pty: Pty) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT],
        stdin=pty.its,
        stdout=pty.its,
        process_group=0,
        env={**os.environ, "TERM": "xterm"},
    )
    try:
        pty.until("a picture")
        child.send_signal(signal.SIGTSTP)
        pty.until(_LEAVE)
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status) and pty.echoes
        child.send_signal(signal.SIGCONT)
        pty.until(_ENTER)
        pty.until("a picture")
        os.write(pty.ours, b"q")
        pty.until(_LEAVE)
        assert child.wait(_PATIENCE) == 0
        assert pty.echoes
    finally:
        child.kill()
        child.wait()
