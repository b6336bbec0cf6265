"""Lists and objects as lines that fit the terminal.

rich takes 10 seconds for a table of 5,000 nodes, and prettytable, which cliff uses, breaks cells over lines.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from podium.cli.showing.colours import BOLD, colour_of, painted
from podium.cli.showing.screen import Screen
from podium.cli.showing.words import age, harmless, in_words, one_line, stamp

_GAP: Final = "  "
#: Characters that columns of prose keep while others are left out.
PROSE: Final = 20
#: Characters to which the values of an object are broken at least.
_NARROWEST: Final = 20


class Form(NamedTuple):
    """How a list is shown to people.

    :ivar of: what it is a list of, in words
    :ivar by: columns in whose natural order it is, if it has no other
    :ivar dropped: columns that are left out, one after another, where the table would be too wide
    :ivar prose: columns that are cut to what the others leave
    :ivar stamped: columns with times that are no ages
    """

    of: str
    by: Sequence[str] = ()
    dropped: Sequence[str] = ()
    prose: Sequence[str] = ()
    stamped: Sequence[str] = ()


class _Column(NamedTuple):
    name: str
    cells: Sequence[str]
    colours: Sequence[str | None]
    is_number: bool
    says_something: bool
    width: int


def of_list(
    form: Form,
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    screen: Screen,
    now: datetime,
    *,
    whole: bool = False,
    keep: bool = False,
) -> list[str]:
    """Return the lines of a table.

    :param whole: whether every column is shown, however wide the table is
    :param keep: whether every column is shown, but cut
    """
    columns = [
        _column(name, [row[place] for row in rows], form, now, screen.has_colours)
        for place, name in enumerate(names)
    ]
    if not (whole or keep):
        columns = _left(form, columns, screen.columns)
    widths = [one.width for one in columns] if whole else _widths(form, columns, screen.columns)
    heads = [_fitted(column, column.name, width, screen.dots) for column, width in _each(columns, widths)]
    bold = BOLD if screen.has_colours else None
    lines = [painted(_GAP.join(heads).rstrip(), bold)]
    fitted = [
        [
            painted(_fitted(column, cell, width, screen.dots), colour)
            for cell, colour in zip(column.cells, column.colours, strict=True)
        ]
        for column, width in _each(columns, widths)
    ]
    return [*lines, *(_GAP.join(cells).rstrip() for cells in zip(*fitted, strict=True))]


def _each(columns: Sequence[_Column], widths: Sequence[int]) -> Iterable[tuple[_Column, int]]:
    return zip(columns, widths, strict=True)


def _column(name: str, values: Sequence[Any], form: Form, now: datetime, has_colours: bool) -> _Column:
    words = partial(in_words, time=stamp if name in form.stamped else partial(age, now=now))
    cells = [one_line(str(words(value))) for value in values]
    return _Column(
        name,
        cells,
        [colour_of(name, *one) for one in zip(values, cells, strict=True)]
        if has_colours
        else [None] * len(cells),
        _are_numbers([value for value in values if value is not None]),
        any(values),
        max(map(_width, (name, *cells))),
    )


def _are_numbers(values: Sequence[Any]) -> bool:
    return bool(values) and all(type(value) in (int, float) for value in values)


def _left(form: Form, columns: Sequence[_Column], most: int) -> list[_Column]:
    """Return the columns that are not left out, so that prose can be cut to what the others leave.

    Those that say nothing go before anything is cut.
    """
    left = {column.name: column for column in columns}
    for name in (*form.dropped, *form.prose):
        if _total(one.width for one in left.values()) <= most:
            return [*left.values()]
        if name in left and not left[name].says_something:
            del left[name]
    least = {name: min(one.width, PROSE) if name in form.prose else one.width for name, one in left.items()}
    return [left[name] for name in that_fit(form, least, most)]


def that_fit(form: Form, widths: Mapping[str, int], most: int) -> list[str]:
    """Return the names of the columns that are not left out.

    :param widths: of all columns, in their order
    """
    left = {**widths}
    for name in form.dropped:
        if _total(left.values()) <= most:
            break
        left.pop(name, None)
    return [*left]


def _widths(form: Form, columns: Sequence[_Column], most: int) -> list[int]:
    """Return the widths of columns: prose is cut first, and then, if nothing else helps, the widest."""
    widths = {column.name: column.width for column in columns}
    prose = [name for name in widths if name in form.prose]
    for names, least in ((prose, PROSE), ([*widths], 1)):
        over = _total(widths.values()) - most
        longest = max((widths[name] for name in names), default=0)
        while over > 0 and longest > least:
            longest -= 1
            over -= sum(widths[name] > longest for name in names)
            widths |= {name: min(widths[name], longest) for name in names}
    return [*widths.values()]


def _total(widths: Iterable[int]) -> int:
    found = [*widths]
    return sum(found) + len(_GAP) * (len(found) - 1)


def _fitted(column: _Column, text: str, width: int, dots: str) -> str:
    """Return a cell in the width of its column."""
    if text.isascii() and len(text) <= width:
        return text.rjust(width) if column.is_number else text.ljust(width)
    text = cut(text, width, dots)
    spaces = " " * (width - _width(text))
    return spaces + text if column.is_number else text + spaces


def cut(text: str, width: int, dots: str) -> str:
    """Return a text, or as much of it as fits."""
    return text if _width(text) <= width else _beginning(text, width - 1) + dots


def _width(text: str) -> int:
    """Return how many characters of the terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # what is not ASCII is rare

    return cell_len(text)


def _beginning(text: str, width: int) -> str:
    if text.isascii():
        return text[:width]
    from rich.cells import set_cell_size

    return set_cell_size(text, width)


def of_one(
    forms: Mapping[str, Form],
    fields: Sequence[tuple[str, Any]],
    screen: Screen,
    now: datetime,
    *,
    whole: bool = False,
) -> list[str]:
    """Return the lines of an object: each field with its value, which goes on below itself if it is long.

    :param forms: of fields that are lists of objects
    :param whole: whether every column of these is shown, however wide they are
    """
    label = max((len(name) for name, _ in fields), default=0)
    room = max(screen.columns - label - len(_GAP), _NARROWEST)
    lines: list[str] = []
    for name, value in fields:
        if name in forms and isinstance(value, list) and value:
            rows = [[*one.values()] for one in value]
            lines += ["", name, *of_list(forms[name], [*value[0]], rows, screen, now, whole=whole)]
            continue
        words = str(in_words(value, lambda time: f"{age(time, now)} ({stamp(time)})"))
        colour = colour_of(name, value, words) if screen.has_colours else None
        texts = [painted(text, colour) for text in _wrapped(words, room)]
        for head, text in zip((name, *[""] * len(texts)), texts, strict=False):
            lines.append(f"{head:{label}}{_GAP}{text}".rstrip())
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """Return lines as several where they are too long; words stay whole, so that they can be copied."""
    lines: list[str] = []
    for line in map(harmless, text.splitlines()):
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return lines or [""]
