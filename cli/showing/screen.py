"""The terminal: whether there is one, how large it is, whether it has colours, and the pager."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from typing import Final, NamedTuple, Self, TextIO

#: The size where it is not known.
_COLUMNS: Final = 80
_LINES: Final = 24
#: The most digits of a number of columns or lines that is believed.
_DIGITS: Final = 5
#: Options of less: end at once with less than a screen, pass colours on, leave the text on the screen.
_LESS: Final = "FRX"


class Screen(NamedTuple):
    """A terminal that shows results.

    :ivar columns: characters in a line
    :ivar dots: the mark for text that is cut off
    """

    out: TextIO
    columns: int
    lines: int
    has_colours: bool
    dots: str

    @classmethod
    def of(cls, out: TextIO, columns: int = 0) -> Self | None:
        """Return the terminal that a stream writes to; None if it is not a terminal.

        :param columns: characters in a line; 0 for as many as there are
        """
        if not out.isatty():
            return None
        try:
            has_columns, has_lines = os.get_terminal_size(out.fileno())
        except OSError:
            has_columns = has_lines = 0
        kind = os.environ.get("TERM", "")
        try:
            "…".encode(out.encoding)
            dots = "…"
        except UnicodeEncodeError:
            dots = "~"
        return cls(
            out,
            columns if columns > 0 else _given("COLUMNS") or has_columns or _COLUMNS,
            _given("LINES") or has_lines or _LINES,
            kind not in ("", "dumb") and not os.environ.get("NO_COLOR"),
            dots,
        )

    def show(self, lines: Sequence[str], *, paged: bool, at_end: bool = False) -> None:
        """Show lines, in a pager if the screen has fewer.

        :param at_end: whether less begins with the last screen
        """
        text = "".join(f"{line}\n" for line in lines)
        pager = _pager() if paged and len(lines) >= self.lines else []
        if not pager or not self._page(pager, text, f"-{_LESS} +G" if at_end else f"-{_LESS}"):
            self.out.write(text)
            self.out.flush()

    def _page(self, pager: Sequence[str], text: str, less: str) -> bool:
        """Show a text in the pager, and return whether that could be started.

        :param less: options of less
        """
        self.out.flush()
        # Ctrl-C is for the pager, which would inherit SIG_IGN, but does not inherit a handler.
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            process = subprocess.Popen(
                pager,
                stdin=subprocess.PIPE,
                stdout=self.out.fileno(),
                env={"LESS": less, **os.environ},
                text=True,
                encoding=self.out.encoding,
                errors="replace",
            )
            process.communicate(text)  # leaving the pager early is no error
        except OSError:
            return False
        finally:
            signal.signal(signal.SIGINT, before)
        return True


def _given(name: str) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else 0


def _pager() -> list[str]:
    """Return the command that PAGER names, or less if it is installed; empty for no pager."""
    if os.environ.get("TERM", "") in ("", "dumb"):
        return []
    given = os.environ.get("PAGER")
    if given is None:
        return ["less"] if shutil.which("less") else []
    try:
        words = shlex.split(given)
    except ValueError:  # a quotation mark is missing
        return []
    return [] if words == ["cat"] else words
