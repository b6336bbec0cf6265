"""A picture at the terminal that changes in place until somebody ends it.

It uses the alternate screen, so that the previous content returns however the command ends (by Ctrl-C, ``q``,
Ctrl-\\ or another signal), and while it is suspended.
"""

import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from types import FrameType, TracebackType
from typing import Any, Final, Self, TextIO

from podium.cli.showing.screen import Screen

#: Enters the alternate screen, without a cursor and with long lines cut; and leaves it.
_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l"
_LEAVE: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_END_OF_LINE: Final = "\x1b[K\n"
_END_OF_SCREEN: Final = "\x1b[K\x1b[J"
_ENDS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_AT_ONCE: Final = 64
#: Seconds from one picture to the next.
_LEAST: Final = 0.05


def can_be(out: TextIO) -> bool:
    """Return whether this is a terminal on which a picture can change in place."""
    return out.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


class Live:
    """Draws a picture every second, when something changes, and when the terminal is resized.

    A separate thread draws and reads keys, so that ages advance while the main thread waits for news. The
    main thread enters and leaves, because it receives the signals: Ctrl-C and ``q`` as KeyboardInterrupt, and
    the other signals that end a program as SystemExit.

    :param draw: returns the lines of the picture for a terminal; called while ``lock`` is held
    :param screen: returns the terminal with its present size
    :param keys: where keys come from
    :ivar lock: must be held while changing what is drawn
    """

    def __init__(
        self,
        draw: Callable[[Screen], Sequence[str]],
        screen: Callable[[], Screen | None] = lambda: Screen.of(sys.stdout),
        keys: TextIO | None = None,
        every: float = 1.0,
    ) -> None:
        self.lock = threading.RLock()
        self._draw = draw
        self._screen = screen
        self._keys = keys if keys is not None and keys.isatty() else None
        self._every = every
        self._ends = False
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="picture", daemon=True)

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._woken, self._wakes = os.pipe()
            opened.callback(os.close, self._woken)
            opened.callback(os.close, self._wakes)
            os.set_blocking(self._wakes, False)
            opened.callback(self._leave)
            self._enter()
            for number, handler in self._handlers():
                opened.callback(signal.signal, number, signal.signal(number, handler))
            self._show()
            self._thread.start()
            opened.callback(self._thread.join)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends = True
        self.wake()
        self._opened.close()
        if self._fault is not None:
            raise self._fault

    def wake(self) -> None:
        """Request that the picture is drawn again."""
        with suppress(BlockingIOError):  # many requests are pending already
            os.write(self._wakes, b".")

    def _handlers(self) -> Iterable[tuple[int, Callable[[int, FrameType | None], object]]]:
        yield signal.SIGINT, signal.default_int_handler  # also where it is ignored, as in the background
        yield signal.SIGWINCH, lambda *_: self.wake()
        yield signal.SIGTSTP, self._suspend
        for number in _ENDS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as by nohup
                yield number, _end

    def _enter(self) -> None:
        self._modes: list[Any] | None = None
        if self._keys is not None:
            self._modes = termios.tcgetattr(self._keys)
            modes = termios.tcgetattr(self._keys)
            modes[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(self._keys, termios.TCSADRAIN, modes)
        self._write(_ENTER)

    def _leave(self) -> None:
        try:
            self._write(_LEAVE)
        except OSError:  # the terminal is gone
            return
        if self._keys is not None and self._modes is not None:
            termios.tcsetattr(self._keys, termios.TCSADRAIN, self._modes)

    def _suspend(self, number: int, _: FrameType | None) -> None:
        with self.lock:  # so that nothing is drawn meanwhile
            self._leave()
            own = signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # it continues here once it is resumed
            signal.signal(number, own)
            self._enter()
        self.wake()

    def _run(self) -> None:
        try:
            while not self._ends:
                time.sleep(_LEAST)  # limits how often constant changes are drawn
                self._wait()
                self._show()
        except BaseException as fault:
            self._fault = fault
            os.kill(os.getpid(), signal.SIGINT)

    def _show(self) -> None:
        with self.lock:
            screen = self._screen()
            if screen is None or self._ends:
                return
            lines = self._draw(screen)[: screen.lines]
            self._write(f"{_HOME}{_END_OF_LINE.join(lines)}{_END_OF_SCREEN}")

    def _write(self, text: str) -> None:
        screen = self._screen()
        if screen is not None:
            screen.out.write(text)
            screen.out.flush()

    def _wait(self) -> None:
        sources = [self._woken, *([] if self._keys is None else [self._keys.fileno()])]
        ready, _, _ = select.select(sources, [], [], self._every)
        if self._woken in ready:
            os.read(self._woken, _AT_ONCE)
        if self._keys is not None and self._keys.fileno() in ready:
            typed = os.read(self._keys.fileno(), _AT_ONCE)
            if not typed:  # the terminal is gone
                self._keys = None
            if b"q" in typed.lower():
                os.kill(os.getpid(), signal.SIGINT)


def _end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)
