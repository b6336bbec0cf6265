"""The entries of a node's ``driver_info``: how a driver declares them, and how given values are parsed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from podium import errors, masking
from podium.wording import MOST_FAULTS, nearest, safe_str

#: Error messages of Python and oslo.config, and their replacements.
_WORDS: Final = (
    (re.compile(r"invalid literal for int\(\) with base 10: (.*)"), r"\1 is not a whole number"),
    (re.compile(r"could not convert string to float: (.*)"), r"\1 is not a number"),
    (re.compile(r"Unexpected boolean value (.*)"), r"\1 is neither true nor false"),
    (re.compile(r"Should be greater than or equal to (.*)"), r"should be at least \1"),
    (re.compile(r"Should be less than or equal to (.*)"), r"should be at most \1"),
)
_KINDS: Final = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a mapping"}


@dataclass(frozen=True, slots=True)
class Property:
    """One entry of a node's ``driver_info``.

    :param help: one line for ``podium driver show``
    :param required: whether a node without it is refused
    :param secret: whether its value is shown as ``******``
    :param default: the value for a node that leaves it out; None for nothing
    :param type: converts the given value to the one the driver sees, and raises ValueError for a bad one;
        oslo_config.types has the usual ones (Port, Integer, Boolean, String(choices=...))
    """

    help: str
    required: bool = False
    secret: bool = False
    default: Any = None
    type: Callable[[Any], Any] = str


def parse(declared: Mapping[str, Property], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every declared property, converted or with its default.

    :param given: a node's ``driver_info``
    :raises podium.errors.InvalidDriverInfo: for the first property that is missing, unknown or wrong
    """
    for key in given:
        if key not in declared:
            raise errors.InvalidDriverInfo(_unknown(key, declared))
    return {key: _value(key, wanted, given.get(key)) for key, wanted in declared.items()}


def parse_some(declared: Mapping[str, Property], given: Mapping[str, Any], *keys: str) -> list[Any]:
    """Return some properties, for code that runs for each of 100,000 nodes; raises as :func:`parse`."""
    return [_value(key, declared[key], given.get(key)) for key in keys]


def faults(declared: Mapping[str, Property], given: Mapping[str, Any]) -> list[str]:
    """Return every fault that :func:`parse` would raise, not only the first."""
    unknown = (key for key in given if key not in declared)
    found = [_unknown(key, declared) for key in islice(unknown, MOST_FAULTS)]
    for key, wanted in declared.items():
        try:
            _value(key, wanted, given.get(key))
        except errors.InvalidDriverInfo as fault:
            found.append(str(fault))
    return found


def _unknown(key: str, declared: Mapping[str, Property]) -> str:
    near = nearest(key, declared)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(declared) or 'none'}"
    return f"driver_info has no property {key[:80]}; {hint}"


def _value(key: str, wanted: Property, value: Any) -> Any:
    if value is None or value == "":
        if wanted.required:
            raise errors.InvalidDriverInfo(f"driver_info lacks {key} ({wanted.help})")
        value = wanted.default
    secret = wanted.secret or masking.is_secret(key)
    if secret and masking.is_masked(value):  # never sent as a password
        raise errors.InvalidDriverInfo(
            f"driver_info: {key} is {masking.MASK}, which Podium shows instead of a secret;"
            " set the secret itself"
        )
    try:
        return None if value is None else wanted.type(value)
    except (ValueError, TypeError, AttributeError) as wrong:
        what = "has a wrong value" if secret else f"is wrong: {_reason(wrong, wanted.type, value)}"
        raise errors.InvalidDriverInfo(f"driver_info: {key} {what} ({wanted.help})") from None


def _reason(wrong: Exception, kind: Callable[[Any], Any], value: Any) -> str:
    """Return why a type refused a value, in words for people who do not write Python."""
    if not isinstance(wrong, ValueError):  # the type expected another kind of value
        return f"{_KINDS.get(type(value), 'what it is')} cannot be used here"
    text = safe_str(wrong)
    choices = getattr(kind, "choices", None)  # of oslo.config's types
    if choices and text.startswith("Valid values are"):
        return f"not one of {', '.join(map(str, choices))}"
    for pattern, words in _WORDS:
        if pattern.fullmatch(text):
            return pattern.sub(words, text)
    return text


def as_text(value: Any) -> str:
    """Accept text, and numbers that YAML made of a text that reads the same, as of a password like 123456.

    :raises ValueError: for any other type, because the original spelling of the value is unknown
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("neither text nor a whole number; put it in quotes")
    return str(value)
