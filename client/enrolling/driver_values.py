"""Converts the texts of a file or a command line to the values of ``driver_info`` that a driver declares.

A password of digits stays the text in the file, and a port becomes a number, but only in a form that cannot
be read as two numbers: 010 is 8 in YAML and 10 elsewhere.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from podium import masking
from podium.client.enrolling import scalars
from podium.drivers.base import Property

#: Digits that Python reads as a decimal number, and YAML, C or the shell as another number or none.
_AMBIGUOUS: Final = re.compile(r"-?\d{1,100}(?:_\d{1,100}){0,9}")


def settle(
    given: Mapping[str, Any], declared: Mapping[str, Property]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values to save, and a line for each property with a fault.

    Any other fault of a value is left to the driver, which refuses it.

    :param given: scalars as :mod:`podium.client.enrolling.scalars` describes them, or mappings and lists
    """
    settled, faults = {}, {}
    for key, value in given.items():
        wanted = declared.get(key)
        try:
            settled[key] = _value(value, wanted, secret=_is_secret(key, wanted))
        except ValueError as fault:
            faults[key] = f"driver_info: {key[:80]} {fault}"
    return settled, faults


def _is_secret(key: str, wanted: Property | None) -> bool:
    return masking.is_secret(key) or (wanted is not None and wanted.secret)


def _value(value: Any, wanted: Property | None, *, secret: bool) -> Any:
    if masking.is_masked(value):
        raise ValueError(f"is {masking.MASK}, which Podium shows instead of a secret; give the value itself")
    if scalars.is_null(value):
        return _null(value, wanted, secret=secret)
    if isinstance(value, dict | list):
        if wanted is not None and wanted.type is str:
            raise ValueError(f"is a {'mapping' if isinstance(value, dict) else 'list'}, not text")
        return value
    if wanted is None:
        return value
    text = scalars.text(value)
    converted = _converted(wanted.type, text)
    if isinstance(converted, bool):
        return converted
    if isinstance(converted, int | float):
        return _number(text, converted, secret=secret)
    if converted is None and not isinstance(value, str | bool) and _converted(wanted.type, value) == value:
        return value  # the type accepts this number, but not its text
    return text


def _null(value: Any, wanted: Property | None, *, secret: bool) -> None:
    if secret:
        raise ValueError("has no value; leave it out if there is none, and put it in quotes if it is a word")
    if value is not None and wanted is not None and _converted(wanted.type, str(value)) is not None:
        raise ValueError(f"is {value}: put it in quotes if it is that word, and leave it out if it is none")


def _number(text: str, converted: int | float, *, secret: bool) -> Any:
    text = text.strip().removeprefix("+")
    number = scalars.decimal(text)
    if number == converted:
        return number
    if _AMBIGUOUS.fullmatch(text) and int(text) == converted:
        shown = "written in a form" if secret else f"{text[:80]}, a form"
        raise ValueError(f"is {shown} in which not everybody reads one number; write plain decimal digits")
    return text  # such as a name, or hexadecimal digits, that the driver converts to a number


def _converted(convert: Callable[[Any], Any], value: Any) -> Any:
    """Convert a value with a property's type; None if the type refuses it."""
    try:
        return convert(value)
    except Exception:  # the driver's validation raises the same, and reports it
        return None
