"""Prints rows as they arrive, one per line."""

import csv
import io
import json
import select
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TextIO

from podium.cli.showing import widths
from podium.cli.showing.colours import colour_of, painted
from podium.cli.showing.screen import Screen
from podium.cli.showing.words import one_line, shown_in

_GAP: Final = "  "
FORMATS: Final = ("table", "json", "csv", "value")


class Lines:
    """Prints rows at once, one per line.

    :param form: the name of cliff's formatter, one of :data:`FORMATS`
    :param most: the widths of columns in a table
    :param least: the initial widths at a terminal of columns that grow with their cells, up to ``most``
    :param screen: the terminal that the lines of a table must fit
    :param hanging: whether the last column wraps below itself there instead of being cut
    """

    def __init__(
        self,
        form: str,
        columns: Sequence[str],
        out: TextIO,
        screen: Screen | None,
        *,
        most: Mapping[str, int],
        least: Mapping[str, int],
        hanging: bool = False,
    ) -> None:
        self.columns = columns
        self._hanging = hanging
        self._form = form
        self._out = out
        self._screen = screen
        self._most = most
        self._widths = most if screen is None else {**most, **least}
        self._write: Callable[[Sequence[Any]], None] = {
            "json": self._json,
            "csv": self._csv,
            "value": self._value,
            "table": self._table,
        }[form]
        self._needs_heading = form in ("csv", "table")

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Print rows."""
        cell = partial(shown_in, self._form, at_terminal=self._out.isatty())
        shown = [list(map(cell, row)) for row in rows]
        is_wider = self._screen is not None and self._grow(shown)
        if self._needs_heading or is_wider:
            self._write(self.columns)
        self._needs_heading = False
        for row in shown:
            self._write(row)
        self._out.flush()

    def _grow(self, rows: Sequence[Sequence[Any]]) -> bool:
        """Make columns as wide as these cells need, and return whether any was widened."""
        before, self._widths = self._widths, dict(self._widths)
        for place, name in enumerate(self.columns):
            longest = max((widths.width_of(str(row[place])) for row in rows), default=0)
            if name in self._widths:
                self._widths[name] = max(self._widths[name], min(longest, self._most[name]))
        return before != self._widths

    def _json(self, values: Sequence[Any]) -> None:
        self._out.write(f"{json.dumps(dict(zip(self.columns, values, strict=True)))}\n")

    def _csv(self, values: Sequence[Any]) -> None:
        csv.writer(self._out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow(values)

    def _value(self, values: Sequence[Any]) -> None:
        self._out.write(f"{' '.join(str(value) for value in values)}\n")

    def _table(self, values: Sequence[Any]) -> None:
        cells = [
            str(value).ljust(self._widths.get(name, 0))
            for name, value in zip(self.columns, values, strict=True)
        ]
        for line in self._lines(cells):
            if self._screen is not None and self._screen.has_colours:
                line = self._coloured(line, values)
            self._out.write(f"{line}\n")

    def _lines(self, cells: Sequence[str]) -> list[str]:
        """Return a row as lines that fit."""
        if self._screen is None:
            return [_GAP.join(cells).rstrip()]
        columns = self._screen.columns
        if self._hanging:
            start = one_line("".join(f"{cell}{_GAP}" for cell in cells[:-1]))
            if widths.width_of(start.rstrip()) > columns:
                start = widths.cut(start, columns, self._screen.dots)
            return widths.hung(start, widths.width_of(start), one_line(cells[-1]), columns)
        return [widths.cut(one_line(_GAP.join(cells).rstrip()), columns, self._screen.dots)]

    def _coloured(self, line: str, values: Sequence[Any]) -> str:
        """Return a line with coloured cells; a cell that is cut off has no colour."""
        parts, place = [], 0
        for name, value in zip(self.columns, map(str, values), strict=True):
            end = place + max(len(value), self._widths.get(name, 0)) + len(_GAP)
            cell = line[place:end]
            colour = colour_of(name, value, value) if cell.startswith(value) else None
            parts.append(cell if colour is None else painted(value, colour) + cell.removeprefix(value))
            place = end
        return "".join(parts)


def reader_gone(out: TextIO, seconds: float) -> bool:
    """Wait, and return whether the reader of a pipe has closed it, which ends the wait."""
    try:
        poll = select.poll()
        poll.register(out.fileno(), 0)
    except (OSError, io.UnsupportedOperation):  # it is not a file
        time.sleep(seconds)
        return False
    # A file or a terminal never reports these events, or always does.
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(seconds * 1000))
