"""Safe texts of exceptions and values, whose ``str`` may raise anything, and suggestions for wrong names."""

import difflib
import functools
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

#: Maximum characters of a value that are shown.
_LONGEST: Final = 200
#: Characters of a text in which secrets are looked for, and how many at its end may be half of one.
_LOOKED_AT: Final = 65_536
_HALF: Final = 4_096
#: Number of faults in an input after which the rest of it is not checked: nobody reads more.
MOST_FAULTS: Final = 100
#: Fields by which people identify records.
_IDENTITY: Final = ("id", "uuid", "name", "request_id", "node_id", "method", "path")
#: Similarity of names that counts as a typing error, whatever other names begin alike.
_VERY_LIKE: Final = 0.85
#: Minimum characters of a word that may be the first of a name.
_WORD: Final = 3
#: Maximum characters of a name that is compared with others.
_LONGEST_NAME: Final = 80
#: The seconds up to which a unit is used, the unit, and its seconds.
_UNITS: Final = ((120, "s", 1), (7_200, "min", 60), (172_800, "h", 3_600), (float("inf"), "d", 86_400))
#: 2000-01-01 in seconds since 1970; a clock before that was never set.
_EARLIEST: Final = 946_684_800


def unit_of(seconds: float) -> tuple[str, int]:
    """Return the unit that suits a duration, and the seconds in it."""
    return next((unit, size) for most, unit, size in _UNITS if seconds < most)


def clock_off(seconds: float, now: float) -> str:
    """Return how far a clock is off, such as ``60 min ahead``, ``right`` or ``not set (1970)``.

    :param seconds: that it is ahead
    :param now: when that was measured, in seconds since 1970
    """
    if now + seconds < _EARLIEST <= now:
        return f"not set ({datetime.fromtimestamp(max(now + seconds, 0), UTC).year})"
    distance = abs(seconds)
    unit, size = unit_of(distance)
    return (
        f"{distance / size:.0f} {unit} {'ahead' if seconds > 0 else 'behind'}" if distance >= 1 else "right"
    )


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the known name that is most similar to a wrong one; None if none is similar.

    A comparison takes milliseconds, so checks for many faults should stop at :data:`MOST_FAULTS`.
    """
    return _nearest(name, tuple(known), likeness) if len(name) <= _LONGEST_NAME else None


@functools.lru_cache(maxsize=1024)  # many nodes have the same fault
def _nearest(name: str, known: tuple[str, ...], likeness: float) -> str | None:
    if alike := difflib.get_close_matches(name, known, 1, max(likeness, _VERY_LIKE)):
        return alike[0]
    if len(name) >= _WORD and (longer := [one for one in known if re.match(rf"{re.escape(name)}[_.-]", one)]):
        return longer[0]
    return next(iter(difflib.get_close_matches(name, known, 1, likeness)), None)


def safe_str(value: object) -> str:
    """Return ``str(value)``; if that raises, the type of the value."""
    return _converted(value, str)


def safe_repr(value: object, scrubbed: Callable[[str], str] = str) -> str:
    """Return the first 200 characters of ``repr(value)``; if that raises, the type of the value.

    :param scrubbed: returns a text without secrets, which would not be found once it is cut
    """
    text = scrubbed(_converted(value, repr))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def printable(text: str) -> str:
    """Return a text with a space for each control character."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def shortened(text: str, longest: int) -> str:
    """Return a text without control characters, with … at the end if it is too long."""
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def line(value: object, longest: int, scrubbed: Callable[[str], str] = str) -> str:
    """Return ``str(value)`` as one printable line of at most this many characters.

    :param scrubbed: returns a text without secrets, which would not be found once it is cut
    """
    text = safe_str(value)
    found = scrubbed(text[:_LOOKED_AT])
    if len(text) > _LOOKED_AT:
        found = found[:-_HALF]
    words = " ".join(printable(found).split())
    return (words if words == found else scrubbed(words))[:longest]


def usage(name: str, kind: str, required: bool, default: Any, choices: Sequence[str]) -> str:
    """Return how an argument is written: ``colour=red|green``, or ``[times=3]`` if it may be left out."""
    if choices:
        value = "|".join(choices)
    elif default is None:
        value = kind.upper().replace(" ", "-")
    else:
        value = str(default).lower() if isinstance(default, bool) else str(default)
    return f"{name}={value}" if required else f"[{name}={value}]"


def which(record: object) -> str:
    """Return the type and identity of a record. As its ``__repr__``, this hides secrets in logs."""
    known = {name: getattr(record, name) for name in _IDENTITY if hasattr(record, name)}
    return f"{type(record).__name__}({', '.join(f'{name}={value!r}' for name, value in known.items())})"


def _converted(value: object, convert: Callable[[Any], str]) -> str:
    try:
        return convert(value)
    except BaseException as fault:  # the code of a driver must end neither a loop nor a thread
        return f"{type(value).__name__} whose {convert.__name__}() raises {type(fault).__name__}"
