"""The texts of exceptions and values that others made, whose own ``str`` or ``repr`` may raise anything."""

from collections.abc import Callable
from typing import Any, Final

#: Characters of a value that are shown.
_LONGEST: Final = 200


def safe_str(value: object) -> str:
    """Return ``str(value)``; where that raises, the kind of the value."""
    return _converted(value, str)


def safe_repr(value: object) -> str:
    """Return the first 200 characters of ``repr(value)``; where that raises, the kind of the value."""
    text = _converted(value, repr)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _converted(value: object, convert: Callable[[Any], str]) -> str:
    try:
        return convert(value)
    except BaseException as fault:  # a driver's own code, which must end neither a loop nor a thread
        return f"{type(value).__name__} whose {convert.__name__}() raises {type(fault).__name__}"
