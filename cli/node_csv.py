"""Nodes in CSV: a row for each node, and a column for each field or entry, such as ``extra.rack``.

A cell is read like a YAML scalar without quotes, see podium.client.enrolling.scalars, except for the words
that YAML takes for no value: those are texts, and an empty cell is no value. A column whose name ends with
``:json`` contains JSON, for values without such a text: lists, mappings, and texts that look like numbers.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from podium import errors, node_ranges
from podium.cli.showing.words import Writes
from podium.client import texts
from podium.client.enrolling import scalars
from podium.client.records.node_fields import FIELDS
from podium.client.records.node_records import RECORDS
from podium.wording import MOST_FAULTS, nearest

_JSON: Final = ":json"
_KNOWN: Final = (*FIELDS, *RECORDS, "ports")
_TYPES: Final[Mapping[str, str]] = {
    **{
        name: "object" if kind is dict else "boolean" if kind is bool else "string"
        for name, (kind, _) in FIELDS.items()
    },
    **{name: one.kind.schema["type"] for name, one in RECORDS.items()},
    "ports": "array",
}
#: The list whose cells may be words instead of JSON.
_WORDS: Final = "traits"
_EVERY: Final = 1_000
#: How faults name nodes by their places in a list, see podium.client.enrolling.rows.
_PLACES: Final = re.compile(
    r"\bnodes? (?P<places>\d+(?:[,-]\d+)*)[,-]?(?P<cut>\.\.\. \(\d+\))?(?= \(| too\b| was not looked at)"
)


class Column(NamedTuple):
    """A column.

    :param key: the entry of the field; None for the whole field
    """

    name: str
    field: str
    key: str | None
    is_json: bool


class Table(NamedTuple):
    """The nodes of a file.

    :param rows: the number of each node's row; the row of the names is the first
    :param columns: the fields and entries of the file, such as ``extra.rack``
    """

    nodes: list[dict[str, Any]]
    rows: list[int]
    columns: list[str]


def is_csv(text: str) -> bool:
    """Return whether a text begins with the names of columns, among them ``name``."""
    try:
        first = next(csv.reader(io.StringIO(text[:65_536], newline="")), [])
    except csv.Error:
        return False
    return len(first) > 1 and "name" in first


def read(text: str, parse: Callable[[str], Any], progress: Callable[[float], None]) -> Table:
    """Return the nodes of a text.

    :param parse: returns the value of a JSON text
    :param progress: called now and then with the share of the text that was read
    :raises podium.errors.InvalidNode: with each fault, its row and its column
    """
    stream = io.StringIO(text, newline="")
    lines = _numbered(csv.reader(stream, strict=True))
    columns = _columns(next(lines, (1, []))[1])
    nodes: list[dict[str, Any]] = []
    rows: list[int] = []
    faults: list[str] = []
    for number, cells in lines:
        if not any(cells):
            continue
        if number % _EVERY == 0:
            progress(stream.tell() / len(text))
        try:
            nodes.append(_node(columns, cells, parse))
            rows.append(number)
        except ValueError as fault:
            faults.append(f"row {number}{_label(columns, cells)}: {fault}")
        if len(faults) == MOST_FAULTS:
            break
    if faults:
        raise errors.InvalidNode(faults)
    return Table(nodes, rows, [column.name.removesuffix(_JSON) for column in columns])


def _numbered(reader: Iterable[list[str]]) -> Iterator[tuple[int, list[str]]]:
    lines, number = iter(reader), 0
    while True:
        number += 1
        try:
            yield number, next(lines)
        except StopIteration:
            return
        except csv.Error as fault:
            raise errors.InvalidNode([f"row {number} is not CSV: {fault}"]) from None


def _columns(names: Sequence[str]) -> list[Column]:
    """Return the columns of these names.

    :raises podium.errors.InvalidNode: with each fault
    """
    if not {"name", "uuid"}.intersection(names):  # do not quote the row: it may contain a password
        raise errors.InvalidNode(
            [
                "row 1 must name the columns, separated by commas, such as"
                " name,driver,driver_info.ipmi_address,extra.rack"
            ]
        )
    found: dict[str, Column] = {}
    faults = []
    for place, name in enumerate(names, 1):
        column = _column(name)
        if not name:
            faults.append(f"row 1: column {place} has no name")
        elif name in found:
            faults.append(f"row 1: column {name[:80]} is there twice")
        elif fault := _fault(column):
            faults.append(f"row 1: column {name[:80]}: {fault}")
        found[name] = column
    if faults:
        raise errors.InvalidNode(faults[:MOST_FAULTS])
    return [*found.values()]


def _column(name: str) -> Column:
    bare = name.removesuffix(_JSON)
    field, dot, key = bare.partition(".")
    return Column(name, field, key if dot else None, bare != name)


def _fault(column: Column) -> str | None:
    """Return why a column is not valid; None if it is."""
    if column.field not in _KNOWN:
        near = nearest(column.field, _KNOWN)
        return f"there is no field {column.field[:80]!r}; " + (
            f"did you mean {near}?" if near else f"there are {', '.join(_KNOWN)}"
        )
    kind = _TYPES[column.field]
    if column.key is not None and kind != "object":
        return f"{column.field} has no entries"
    if texts.has_null_in(column.name):
        return texts.NULL
    if column.key is None and not column.is_json and column.field != _WORDS and kind in ("object", "array"):
        entry = f"name an entry, such as {column.field}.KEY, or " if kind == "object" else ""
        return f"{entry}give it as JSON in a column {column.field}{_JSON}"
    return None


def _label(columns: Sequence[Column], cells: Sequence[str]) -> str:
    if len(cells) != len(columns):  # the cell in the place of the name may be anything, even a password
        return ""
    for column, cell in zip(columns, cells, strict=False):
        if column.name == "name" and cell:
            return f" ({cell[:80]!r})".replace("'", "")
    return ""


def _node(columns: Sequence[Column], cells: Sequence[str], parse: Callable[[str], Any]) -> dict[str, Any]:
    """Return the node of a row.

    :raises ValueError: with what is wrong, and where
    """
    if len(cells) != len(columns):
        raise ValueError(f"it has {len(cells)} cells, and there are {len(columns)} columns")
    node: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=True):
        if not cell:
            continue
        try:
            _put(node, column, _value(column, cell, parse))
        except (ValueError, RecursionError) as fault:
            raise ValueError(f"column {column.name[:80]}: {fault}") from None
    return node


def _put(node: dict[str, Any], column: Column, value: Any) -> None:
    into, key = node, column.field
    if column.key is not None:
        into, key = node.setdefault(column.field, {}), column.key
    if not isinstance(into, dict) or key in into:
        raise ValueError("another column has it too")
    into[key] = value


def _value(column: Column, cell: str, parse: Callable[[str], Any]) -> Any:
    if "\0" in cell:
        raise ValueError(texts.NULL)
    if column.is_json:
        try:
            return parse(cell)
        except (ValueError, RecursionError):
            raise ValueError("this is not JSON") from None
    if column.field == _WORDS:
        return cell.split()
    return _scalar(column, cell)


def _scalar(column: Column, cell: str) -> Any:
    """Return the value of a cell without JSON."""
    if _TYPES[column.field] == "string":
        return cell
    value = scalars.of_yaml(cell)
    return cell if scalars.is_null(value) else value


def with_rows(fault: str, rows: Sequence[int]) -> str:
    """Return a fault with rows of the file in place of the nodes' places in the list."""

    def renamed(found: re.Match[str]) -> str:
        places, cut = found["places"], found["cut"] or ""
        if cut:  # perhaps within a number
            places = places.rpartition(",")[0]
        ends = [part.partition("-")[::2] for part in places.split(",")]
        numbers = [
            rows[place - 1] for first, last in ends for place in range(int(first), int(last or first) + 1)
        ]
        return f"row{'s' if numbers[1:] else ''} {node_ranges.fold_numbers(numbers)}{cut}"

    return _PLACES.sub(renamed, fault)


def write(stream: Writes, nodes: Iterable[Mapping[str, Any]]) -> int:
    """Write nodes with the columns that they need, and return the number of nodes."""
    rows = [_cells(node) for node in nodes]
    plain: dict[str, bool] = {"name": True, "driver": True}
    for row in rows:
        for name, value in row.items():
            plain[name] = plain.get(name, True) and _is_plain(name, value)
    order = {field: place for place, field in enumerate(_KNOWN)}
    names = sorted(plain, key=lambda name: order[name.partition(".")[0]])
    # The csv module does not quote a text because of a lone carriage return.
    is_odd = any("\r" in name for name in names)
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL if is_odd else csv.QUOTE_MINIMAL)
    writer.writerow(name if plain[name] else f"{name}{_JSON}" for name in names)
    for row in rows:
        writer.writerow(
            "" if name not in row else _text(row[name]) if plain[name] else json.dumps(row[name])
            for name in names
        )
    return len(rows)


def _cells(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a node by the names of their columns."""
    found: dict[str, Any] = {}
    for field, value in node.items():
        if _TYPES[field] == "object":
            found |= {f"{field}.{key}": one for key, one in value.items()}
        else:
            found[field] = value
    return found


def _is_plain(name: str, value: Any) -> bool:
    """Return whether a value is read back unchanged without JSON."""
    column = _column(name)
    if column.is_json or isinstance(value, dict) or value is None:
        return False
    if isinstance(value, list):
        return column.field == _WORDS
    text = _text(value)
    if not text or "\r" in text:
        return False
    back = _scalar(column, text)
    return type(back) is type(value) and bool(back == value)


def _text(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else scalars.text(value)
