"""Reads the JSON of BMCs: whatever its shape, functions return a value or None, or raise DriverError.

The names of resources and properties are those of DMTF DSP0268, the Redfish data model.
"""

import math
from typing import Any, Final, TypeVar

from podium import errors
from podium.drivers.redfish.http import requests

#: Maximum entries of an array that are read; real arrays of these kinds have fewer.
MAX_ENTRIES: Final = 256
#: Maximum characters of a text that is kept.
MAX_TEXT: Final = 200
_MAX_COUNT: Final = 10**9
_MAX_NUMBER: Final = 10**15

# What firmware reports if the maker has not filled in anything.
_NO_TEXT: Final = frozenset(
    {"to be filled by o.e.m.", "default string", "not specified", "not available", "unknown", "n/a", "null"}
)

_Kind = TypeVar("_Kind", str, bool, dict[str, Any], list[Any])


def member(body: Any, key: str, kind: type[_Kind]) -> _Kind | None:
    """Return a property's value; None when it is missing, null or of another kind.

    :param body: any JSON value, of which only an object has properties
    """
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, kind) else None


def part(body: Any, *keys: str) -> dict[str, Any]:
    """Return the object under these properties, one within the other; empty if there is none."""
    for key in keys:
        body = body.get(key) if isinstance(body, dict) else None
    return body if isinstance(body, dict) else {}


def objects(body: Any, key: str) -> list[dict[str, Any]]:
    """Return the objects in an array, at most :data:`MAX_ENTRIES`; none when it is missing."""
    entries = member(body, key, list) or []
    return [entry for entry in entries[:MAX_ENTRIES] if isinstance(entry, dict)]


def number(body: Any, key: str) -> float | None:
    """Return a number; None for anything else, NaN, infinity and values that no sensor can have."""
    value = body.get(key) if isinstance(body, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before it is converted: JSON has integers that no float holds.
    return float(value) if -_MAX_NUMBER < value < _MAX_NUMBER else None


def count(body: Any, key: str) -> int | None:
    """Return a count of at least one."""
    value = number(body, key)
    return math.floor(value) if value is not None and 1 <= value <= _MAX_COUNT else None


def line(value: Any, limit: int = MAX_TEXT) -> str:
    """Return a text on one printable line of at most this many characters; empty for anything else.

    Numbers and booleans, which some firmware uses in place of text, are written out.
    """
    if isinstance(value, int | float):
        try:
            value = str(value)
        except ValueError:  # an integer of thousands of digits
            return ""
    if not isinstance(value, str):
        return ""
    printable = "".join(letter if letter.isprintable() else " " for letter in value[: 4 * limit])
    words = " ".join(printable.split())
    return words if len(words) <= limit else f"{words[: limit - 3]}..."


def text(body: Any, key: str, limit: int = MAX_TEXT) -> str | None:
    """Return a property's text; None when it is missing, blank or a placeholder of the firmware's."""
    words = line(body.get(key), limit) if isinstance(body, dict) else ""
    return None if not words or words.lower() in _NO_TEXT else words


def link(body: Any, *keys: str, bmc: object = None) -> str | None:
    """Return the path that the object under these properties links to; None when there is none.

    :param bmc: its name, for the error
    :raises podium.errors.DriverError: it is not a path on the BMC itself (DSP0266, section on ``@odata.id``)
    """
    found = part(body, *keys).get("@odata.id")
    return None if found is None else path(found, bmc)


def links(body: Any, *keys: str, bmc: object = None) -> list[str]:
    """Return the paths in an array of links, as of ``Members``; at most :data:`MAX_ENTRIES`.

    :param keys: those of the objects around the array, and last its own
    :param bmc: its name, for the error
    :raises podium.errors.DriverError: a link is not a path on the BMC itself
    """
    entries = objects(part(body, *keys[:-1]), keys[-1])
    return [found for entry in entries if (found := link(entry, bmc=bmc)) is not None]


def path(value: Any, bmc: object = None) -> str:
    """Return a value that is a path on the BMC.

    :param bmc: its name, for the error
    :raises podium.errors.DriverError: anything else
    """
    if not isinstance(value, str) or not requests.is_path(value):
        who = "BMC" if bmc is None else f"BMC {bmc}"
        raise errors.DriverError(f"{who} sent a link that is no path on itself: {line(value, 100)!r}")
    return value
