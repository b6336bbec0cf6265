"""The nodes and chassis of a file as plain JSON, without loss of text.

A number stays a number only if JSON writes it like the file, or if a number is expected; everything else is
the text of the file, see podium.client.enrolling.scalars. Values are not validated here: that needs drivers.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from podium.client import texts
from podium.client.calls.enrolment import Null
from podium.client.enrolling import plain_values
from podium.client.enrolling.plain_values import plain
from podium.client.enrolling.rows import lines
from podium.client.enrolling.scalars import Written, is_null, text
from podium.client.records.chassis_records import CHASSIS_RECORDS
from podium.client.records.node_fields import FIELDS
from podium.client.records.node_records import RECORDS, Record
from podium.client.records.port_records import PORT_RECORDS


class Rows(NamedTuple):
    """What can be sent of a list.

    :param faults: values that JSON cannot represent, with the positions of the rows; the rows are not
        complete then
    """

    rows: list[Any]
    nulls: list[Null]
    faults: list[str]


def nodes(given: Sequence[Any], tracked: Iterable[Any]) -> Rows:
    """Return nodes of a file.

    :param tracked: the same nodes
    """
    nulls: list[Null] = []
    found, faults = [], []
    for place, one in enumerate(tracked, 1):
        row = _Row(place)
        found.append(_bare(row.node(one) if isinstance(one, dict) else row.value("it", one)))
        nulls += row.nulls
        faults.append((place, row.faults + _wrong_texts(found[-1])))
    return Rows(found, nulls, lines("node", "s", given, faults))


def chassis(given: Sequence[Any]) -> Rows:
    """Return chassis of a file."""
    found, faults = [], []
    for place, one in enumerate(given, 1):
        row = _Row(place)
        found.append(_bare(row.records(one, CHASSIS_RECORDS)))
        faults.append((place, row.faults + _wrong_texts(found[-1])))
    return Rows(found, [], lines("chassis", "", given, faults))


class _Row:
    def __init__(self, place: int) -> None:
        self._place = place
        self.nulls: list[Null] = []
        self.faults: list[str] = []

    def node(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in given.items():
            if key in RECORDS:
                found[key] = self._record(key, value, RECORDS[key])
            elif key in FIELDS:
                found[key] = self._field(key, value)
            elif key == "ports" and isinstance(value, list):
                found[key] = [self.records(port, PORT_RECORDS) for port in value]
            elif key == "ports":
                found[key] = self.value(key, value)
            else:
                found[key] = None  # an unknown field is refused by name
        return found

    def records(self, given: Any, table: Mapping[str, Record]) -> Any:
        if not isinstance(given, dict):
            return self.value("it", given)
        return {
            key: self._record(key, value, table[key]) if key in table else None
            for key, value in given.items()
        }

    def _record(self, key: str, value: Any, record: Record) -> Any:
        try:
            return plain_values.of_file(key, value, record.kind)
        except ValueError as fault:
            self.faults.append(str(fault))
            return None

    def _field(self, key: str, value: Any) -> Any:
        kind = FIELDS[key][0]
        if is_null(value):
            if isinstance(value, Written) and kind is str:
                self.nulls.append(Null(self._place, key, str(value)))
            return None
        if kind is str and not isinstance(value, dict | list):
            return text(value) if isinstance(value, str | int | float) else self.value(key, value)
        if kind is bool and isinstance(value, Written):
            return value.value
        found = self.value(key, value, texts=key == "driver_info")
        if key == "driver_info" and isinstance(found, dict):
            for name, one in found.items():
                if isinstance(one, Written) and one.value is None:
                    self.nulls.append(Null(self._place, key, str(one), name))
                    found[name] = None
        return found

    def value(self, key: str, value: Any, *, texts: bool = False) -> Any:
        try:
            return plain(value, texts=texts)
        except ValueError as fault:
            self.faults.append(f"{key}: {fault}")
            return None


def _wrong_texts(value: Any, place: str = "") -> list[str]:
    """Return a line for each text that cannot be sent, with its position in a row."""
    try:
        if not texts.has_null_in(value):
            return []
        fault = texts.NULL
    except UnicodeEncodeError:
        fault = texts.NO_UTF8
    inside = value.items() if isinstance(value, dict) else ()
    found = [
        line
        for key, one in inside
        for line in _wrong_texts(one, f"{place}{'.' if place else ''}{repr(key)[1:-1][:80]}")
    ]
    return found or [f"{place or 'it'}: {fault}"]


def _bare(value: Any) -> Any:
    """Return a value without the types of podium.client.enrolling.scalars."""
    match value:
        case Written():
            return str(value)
        case dict():
            return {key: _bare(one) for key, one in value.items()}
        case list():
            return [_bare(one) for one in value]
    return value
