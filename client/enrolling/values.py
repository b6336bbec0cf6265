"""Types of values that programs send: the check of each, and its JSON Schema."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of values.

    :param schema: JSON Schema 2020-12, as in OpenAPI 3.1
    :param check: returns the value as it is stored
    :param parse: returns the value of a parameter's text, before it is checked
    """

    schema: Mapping[str, Any]
    check: Callable[[Any], Any]
    parse: Callable[[str], Any] = str


def text(most: int = 255, *, least: int = 0) -> Kind:
    """Return the type of texts with a length in a range."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("must be text")
        if not least <= len(value) <= most:
            raise ValueError(
                f"must have {least} to {most} characters" if least else f"has more than {most} characters"
            )
        if "\0" in value:
            raise ValueError("must not have a null character")
        value.encode()  # half of a surrogate pair, which JSON may have, cannot be stored
        return value

    return Kind({"type": "string", "minLength": least, "maxLength": most}, check)


def choice(values: Sequence[str]) -> Kind:
    """Return the type of these texts."""

    def check(value: Any) -> str:
        if value not in values or not isinstance(value, str):
            raise ValueError(f"must be one of {', '.join(values)}")
        return value

    return Kind({"type": "string", "enum": list(values)}, check)


def _uuid(value: Any) -> str:
    try:
        return str(uuid.UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise ValueError("must be a UUID") from None


def _parse_truth(value: str) -> Any:
    return _TRUTHS.get(value.lower(), value)


_TRUTHS: Final = {
    **dict.fromkeys(("1", "t", "true", "on", "y", "yes"), True),
    **dict.fromkeys(("0", "f", "false", "off", "n", "no"), False),
}


def _truth(value: Any) -> bool:
    if isinstance(value, str):  # some clients send it like this
        value = _parse_truth(value)
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _parse_number(value: str) -> Any:
    digits = value.removeprefix("-")
    return int(value) if digits.isascii() and digits.isdigit() and len(digits) < 19 else value


def integer(least: int, most: int) -> Kind:
    """Return the type of the whole numbers in a range."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        if not least <= value <= most:
            raise ValueError(f"must be from {least} to {most}")
        return value

    return Kind({"type": "integer", "minimum": least, "maximum": most}, check, _parse_number)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _time(value: Any) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise ValueError("must be a time as in ISO 8601") from None


UUID: Final = Kind({"type": "string", "format": "uuid"}, _uuid)
TRUTH: Final = Kind({"type": "boolean"}, _truth, _parse_truth)
MAPPING: Final = Kind({"type": "object"}, _mapping)
TIME: Final = Kind({"type": "string", "format": "date-time"}, _time)
