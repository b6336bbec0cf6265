"""Lists and objects as lines that fit the terminal.

rich takes 10 seconds for a table of 5,000 nodes, and prettytable, which cliff uses, breaks cells over lines.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from podium.cli.showing.colours import BOLD, colour_of, painted
from podium.cli.showing.screen import Screen
from podium.cli.showing.widths import PROSE, cut, hung, width_of, wrapped
from podium.cli.showing.words import age, in_words, one_line, stamp, whole_numbers

_GAP: Final = "  "
_READABLE: Final = 36
#: Characters to which other columns are cut before any is left out, if three quarters of their cells are not
#: longer: a few long names must not cost a column.
_NAME: Final = 24
#: The least width of the lines for the values of an object.
_NARROWEST: Final = 20


class Form(NamedTuple):
    """How a list is shown to people.

    :ivar of: what the list contains, in words
    :ivar by: columns by whose natural order it is sorted by default
    :ivar dropped: columns that are left out, one after another, if the table would be too wide
    :ivar prose: columns that are cut to the room that the others leave
    :ivar stamped: columns whose times are not shown as ages
    :ivar hanging: whether prose in the last column wraps below itself instead of being cut
    """

    of: str
    by: Sequence[str] = ()
    dropped: Sequence[str] = ()
    prose: Sequence[str] = ()
    stamped: Sequence[str] = ()
    hanging: bool = False


class _Column(NamedTuple):
    name: str
    cells: Sequence[str]
    colours: Sequence[str | None]
    is_number: bool
    says_something: bool
    width: int
    usual: int


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
    hanging = columns.pop() if form.hanging and not whole and columns[-1].name in form.prose else None
    if hanging is not None and widths.pop() < min(PROSE, hanging.width):
        widths = _widths(form, columns, screen.columns)
    heads = [_fitted(column, column.name, width, screen.dots) for column, width in _each(columns, widths)]
    bold = BOLD if screen.has_colours else None
    fitted = [_cells(column, width, screen.dots) for column, width in _each(columns, widths)]
    if hanging is None:
        rows_shown = [_GAP.join(cells).rstrip() for cells in zip(*fitted, strict=True)]
        return [painted(_GAP.join(heads).rstrip(), bold), *rows_shown]
    indent = sum(widths) + len(_GAP) * len(widths)
    lines = [painted(line, bold) for line in hung(_start(heads), indent, hanging.name, screen.columns)]
    for place, text in enumerate(hanging.cells):
        lines += hung(_start([cells[place] for cells in fitted]), indent, text, screen.columns)
    return lines


def _start(cells: Iterable[str]) -> str:
    """Return the beginning of a line, up to its last cell."""
    return "".join(f"{cell}{_GAP}" for cell in cells)


def _cells(column: _Column, width: int, dots: str) -> list[str]:
    """Return the cells of a column in their width and colours."""
    fitted = [_fitted(column, cell, width, dots) for cell in column.cells]
    return [
        text if colour is None else painted(text.rstrip(), colour) + " " * (len(text) - len(text.rstrip()))
        for text, colour in zip(fitted, column.colours, strict=True)
    ]


def _each(columns: Sequence[_Column], widths: Sequence[int]) -> Iterable[tuple[_Column, int]]:
    return zip(columns, widths, strict=True)


def _column(name: str, values: Sequence[Any], form: Form, now: datetime, has_colours: bool) -> _Column:
    words = partial(in_words, time=stamp if name in form.stamped else partial(age, now=now))
    values = _rounded(values)
    cells = [one_line(str(words(value))) for value in values]
    return _Column(
        name,
        cells,
        [colour_of(name, *one) for one in zip(values, cells, strict=True)]
        if has_colours
        else [None] * len(cells),
        _are_numbers([value for value in values if value is not None]),
        any(values),
        width := max(map(width_of, (name, *cells))),
        _usual(width, cells),
    )


def _usual(width: int, cells: Sequence[str]) -> int:
    """Return the width of a column without its few long cells."""
    return width if width <= _NAME else max(_NAME, sorted(map(width_of, cells))[len(cells) * 3 // 4])


def _rounded(values: Sequence[Any]) -> Sequence[Any]:
    """Return numbers rounded for people; shares keep their digits."""
    numbers = [value for value in values if type(value) is float]
    if all(map(float.is_integer, numbers)):
        return list(map(whole_numbers, values))
    if max(map(abs, numbers)) < 1:
        return values
    return [round(value, 3) if type(value) is float else value for value in values]


def _are_numbers(values: Sequence[Any]) -> bool:
    return bool(values) and all(type(value) in (int, float) for value in values)


def _left(form: Form, columns: Sequence[_Column], most: int) -> list[_Column]:
    """Return the columns that are not left out, so that prose can be cut to the room that the others leave.

    Empty columns are left out before anything is cut.
    """
    left = {column.name: column for column in columns}
    for name in (*form.dropped, *form.prose):
        if _total(one.width for one in left.values()) <= most:
            return [*left.values()]
        if name in left and not left[name].says_something:
            del left[name]
    # Without the name of its conductor, a row could be that of any other.
    apart = [name for name in form.by if name in left and len({*left[name].cells}) > 1]
    dropped = [name for name in form.dropped if name not in apart]
    for least, some in ((_READABLE, dropped[:-1]), (PROSE, dropped)):
        widths = {n: min(one.width, least) if n in form.prose else one.usual for n, one in left.items()}
        left = {name: left[name] for name in that_fit(form._replace(dropped=some), widths, most)}
    return [*left.values()]


def that_fit(form: Form, widths: Mapping[str, int], most: int) -> list[str]:
    """Return the names of the columns that are not left out.

    :param widths: the widths of all columns, in their order
    """
    left = {**widths}
    for name in form.dropped:
        if _total(left.values()) <= most:
            break
        left.pop(name, None)
    return [*left]


def _widths(form: Form, columns: Sequence[_Column], most: int) -> list[int]:
    """Return the widths of columns: prose is cut first, then long names, and then whatever is the widest."""
    widths = {column.name: column.width for column in columns}
    others = {column.name: column.usual for column in columns if column.name not in form.prose}
    prose = [name for name in widths if name in form.prose]
    for least in (
        dict.fromkeys(prose, _READABLE),
        others,
        dict.fromkeys(prose, PROSE),
        dict.fromkeys(widths, 1),
    ):
        _shrink(widths, least, most)
    return [*widths.values()]


def _shrink(widths: dict[str, int], least: Mapping[str, int], most: int) -> None:
    """Take characters from the widest of some columns until the table fits."""
    over = _total(widths.values()) - most
    while over > 0 and (some := [name for name in least if widths[name] > least[name]]):
        longest = max(widths[name] for name in some) - 1
        for name in some:
            if widths[name] > longest:
                widths[name] = longest
                over -= 1


def _total(widths: Iterable[int]) -> int:
    found = [*widths]
    return sum(found) + len(_GAP) * (len(found) - 1)


def _fitted(column: _Column, text: str, width: int, dots: str) -> str:
    """Return a cell in the width of its column."""
    if text.isascii() and len(text) <= width:
        return text.rjust(width) if column.is_number else text.ljust(width)
    text = cut(text, width, dots)
    spaces = " " * (width - width_of(text))
    return spaces + text if column.is_number else text + spaces


def of_one(
    forms: Mapping[str, Form],
    fields: Sequence[tuple[str, Any]],
    screen: Screen,
    now: datetime,
    *,
    whole: bool = False,
) -> list[str]:
    """Return the lines of an object: each field with its value, which wraps below itself if it is long.

    :param forms: the forms of fields that are lists of objects, or objects by name; their tables come last
    :param whole: whether nothing is left out or broken, however long the lines are
    """
    tables = [(name, rows) for name, value in fields if name in forms and (rows := _rows(value))]
    lines: list[str] = []
    in_tables = [name for name, _ in tables]
    plain = [(name, value) for name, value in fields if name not in in_tables]
    label = max((len(name) for name, _ in plain), default=0)
    room = max(screen.columns - label - len(_GAP), _NARROWEST)
    for name, value in plain:
        words = _of_field(value, now)
        colour = colour_of(name, value, words) if screen.has_colours else None
        texts = [painted(text, colour) for text in wrapped(words, sys.maxsize if whole else room)]
        for head, text in zip((name, *[""] * len(texts)), texts, strict=False):
            lines.append(f"{head:{label}}{_GAP}{text}".rstrip())
    for name, rows in tables:
        cells = [[*row.values()] for row in rows]
        lines += ["", name, *of_list(forms[name], [*rows[0]], cells, screen, now, whole=whole)]
    return lines


def _rows(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a field as rows; empty objects by name are left out."""
    if isinstance(value, Mapping):
        if not all(isinstance(one, Mapping) for one in value.values()):
            return []
        return [{"name": name, **one} for name, one in value.items() if _says_something(one)]
    return value if isinstance(value, list) else []


def _says_something(value: Any) -> bool:
    return any(map(_says_something, value.values())) if isinstance(value, Mapping) else bool(value)


def _of_field(value: Any, now: datetime) -> str:
    value = whole_numbers(value)
    words = str(in_words(value, lambda time: f"{age(time, now)} ({stamp(time)})"))
    if isinstance(value, Mapping) and all(isinstance(one, int | float) for one in value.values()):
        return ", ".join(words.splitlines())  # figures, which need no line each
    return words
