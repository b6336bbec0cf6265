"""Values that can be saved as JSON, within limits: the values of files and requests may be anything."""

import math
from typing import Any, Final

from podium.client.enrolling import scalars
from podium.client.enrolling.values import Kind

#: YAML's aliases allow small files with huge values; a node needs few values.
_MOST_VALUES: Final = 10_000
_LONGEST: Final = 65_536
_DEEPEST: Final = 20


def plain(value: Any, *, texts: bool = False) -> Any:
    """Return a copy of a value with scalars that can be saved as JSON.

    :param texts: keep the text of every scalar that is not a number, true or false in JSON's own spelling;
        otherwise a number of a JSON file stays a number in any spelling
    :raises ValueError: with what cannot be saved
    """
    return _plain(value, _DEEPEST, [_MOST_VALUES], texts=texts)


def of_file(key: str, value: Any, kind: Kind) -> Any:
    """Return what a file says under a key; scalars of a type that JSON has no other text for.

    :param kind: of the value, which is still to be checked
    :raises ValueError: with what cannot be kept
    """
    if scalars.is_null(value):
        return None
    match kind.schema["type"]:
        case "string" if not isinstance(value, dict | list):
            return scalars.text(value)
        case "boolean" if isinstance(value, scalars.Written):
            return value.value
    try:
        return plain(value)
    except ValueError as fault:
        raise ValueError(f"{key}: {fault}") from None


def _plain(value: Any, depth: int, budget: list[int], *, texts: bool) -> Any:
    """As :func:`plain`.

    :param depth: maximum levels
    :param budget: how many more values are allowed
    """
    budget[0] -= 1
    if budget[0] < 0:
        raise ValueError(f"it has more than {_MOST_VALUES} values")
    if depth == 0:
        raise ValueError(f"it is more than {_DEEPEST} levels deep")
    match value:
        case dict():
            return {key: _plain(one, depth - 1, budget, texts=texts) for key, one in value.items()}
        case list():
            return [_plain(one, depth - 1, budget, texts=texts) for one in value]
        case scalars.Written() if not texts and (value.value is None or type(value.value) in (int, float)):
            return _plain(value.value, depth, budget, texts=texts)
        case str() if len(value) > _LONGEST:
            raise ValueError(f"a text has more than {_LONGEST} characters")
        case int() if value.bit_length() > 64:
            if not texts:
                raise ValueError("a number has more than 64 bits")
            return scalars.text(value)
        case float() if not math.isfinite(value):
            raise ValueError("infinity and not-a-number cannot be saved")
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise ValueError(f"a {type(value).__name__} cannot be saved: put it in quotes")
