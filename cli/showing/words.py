"""Values for programs, as objects, and for people, as ages, words and single lines."""

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from podium import wording

#: The formats whose cells are text; the others take objects.
_TEXT_FORMATS: Final = frozenset({"csv", "value", "shell"})


def stamp(time: datetime) -> str:
    """Return a time to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def age(time: datetime, now: datetime) -> str:
    """Return how long ago a time was, or in how long it will be."""
    passed = now - time
    distance = abs(passed) // timedelta(seconds=1)
    unit, size = wording.unit_of(distance)
    if distance and passed < timedelta(0):
        return f"in {-(-distance // size)} {unit}"  # 90 days are still 90 days a minute later
    return f"{distance // size} {unit} ago"


def whole_numbers(value: Any) -> Any:
    """Return a value with its whole numbers as integers: 60 for 60.0."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case Mapping():
            return {key: whole_numbers(one) for key, one in value.items()}
        case _:
            return value


def in_words(value: Any, time: Callable[[datetime], str] = stamp) -> Any:
    """Return a value as people read it: a text, of several lines for mappings, or a number.

    :param time: returns the words for a time
    """
    match value:
        case None:
            return ""
        case str() | int():
            return value
        case datetime():
            return time(value)
        case float():
            # Shares need more digits: one of 100,000 nodes must not be rounded away.
            return round(value, 3 if abs(value) >= 1 else 5)
        case {"status": status, "reasons": reasons, **other} if not other:
            return f"{status}: {'; '.join(reasons)}" if reasons else status
        case Mapping():
            return "\n".join(_entry(key, in_words(one, time), one) for key, one in value.items())
        case [{"name": _}, *_]:
            return "\n".join(_described(time, **one) for one in value)
        case list() | tuple():
            return ", ".join(str(in_words(one, time)) for one in value)
        case _:
            return str(value)


def _entry(key: str, shown: Any, value: Any) -> str:
    nested = isinstance(value, Mapping) and "\n" in shown
    return f"{key}:\n{textwrap.indent(shown, '  ')}" if nested else f"{key}: {shown}"


def _described(
    time: Callable[[datetime], str],
    name: str,
    help: str = "",
    default: Any = None,
    arguments: Sequence[Mapping[str, Any]] = (),
    **facts: Any,
) -> str:
    if isinstance(default, bool):  # this is a value, whereas other booleans are facts
        default = str(default).lower()
    shown = {fact: value for fact, value in facts.items() if value is not None and value is not False}
    shown |= {} if default is None else {"default": default}
    words = ", ".join(
        fact if value is True else f"{fact} {in_words(value, time)}" for fact, value in shown.items()
    )
    name = " ".join([name, *(wording.usage(**one) for one in arguments)])
    return name + (f" ({words})" if words else "") + (f": {help}" if help else "")


def harmless(line: str) -> str:
    """Return a line without characters that control a terminal."""
    return line if line.isprintable() else "".join(one if one.isprintable() else " " for one in line)


def one_line(text: str) -> str:
    """Return a text as one line, without characters that control a terminal."""
    return text if text.isprintable() else harmless(", ".join(map(str.strip, text.splitlines())))


def harmless_lines(text: str) -> str:
    """Return a text of several lines without characters that control a terminal."""
    return text if text.isprintable() else "\n".join(map(harmless, text.split("\n")))


class Writes(Protocol):
    """An object that text can be written to."""

    def write(self, text: str, /) -> object: ...


class Harmless:
    """Writes lines to a terminal without characters that control it.

    Colours and pictures, which need these characters, are not written through this.
    """

    def __init__(self, out: Writes) -> None:
        self._out = out

    def write(self, text: str, /) -> object:
        return self._out.write(harmless_lines(text))


def shown_in(form: str, value: Any, *, at_terminal: bool) -> Any:
    """Return a value as an output format shows it.

    :param form: the name of cliff's formatter: people read ``table``, programs read the others
    :param at_terminal: whether it is shown at a terminal; tables may reach one through other programs too
    """
    if form == "table":
        words = in_words(value)
        return harmless_lines(words) if isinstance(words, str) else words
    plain = _for_programs(value)
    if form not in _TEXT_FORMATS:
        return plain
    if isinstance(plain, dict | list):
        return json.dumps(plain)
    return harmless_lines(plain) if at_terminal and isinstance(plain, str) else plain


def _for_programs(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Mapping():
            return {str(key): _for_programs(one) for key, one in value.items()}
        case list() | tuple():
            return [_for_programs(one) for one in value]
        case _:
            return str(value)
