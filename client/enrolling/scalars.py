"""Scalars with their text in the file: the values of ``0123456`` or ``1.50`` in YAML or JSON lose it.

A scalar is a number, true or false only if JSON writes that value with the very same text. Every other
unquoted scalar is a :class:`Written`. So :func:`text` returns the text in the file for every scalar.
"""

import json
import re
from typing import Any, Final

#: Words of YAML 1.1 (yaml.org/type/bool.html, null.html), as PyYAML reads them.
_TRUTHS: Final = {
    form: truth
    for truth, words in ((True, ("yes", "true", "on")), (False, ("no", "false", "off")))
    for word in words
    for form in (word, word.capitalize(), word.upper())
}
_NULLS: Final = frozenset({"~", "null", "Null", "NULL"})
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_LONGEST_NUMBER: Final = 1_000
_LARGEST: Final = 2**64


class Written(str):
    """The text of a scalar, and the value that its file's format gives it: a boolean, a number or None."""

    __slots__ = ("value",)
    value: Any

    def __new__(cls, text: str, value: Any) -> "Written":
        written = super().__new__(cls, text)
        written.value = value
        return written


def text(value: Any) -> str:
    """Return the text in the file of a scalar other than None."""
    return str(value) if isinstance(value, str) else json.dumps(value)


def is_null(value: Any) -> bool:
    """Return whether a scalar means that there is no value."""
    return value is None or (isinstance(value, Written) and value.value is None)


def decimal(text: str) -> int | float | None:
    """Return the number that a text is in JSON; None for any other text."""
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > _LONGEST_NUMBER:
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)


def of_yaml(text: str) -> Any:
    """Return an unquoted scalar of YAML without a tag; None if it is empty."""
    if text in _TRUTHS:
        return _canonical(text, _TRUTHS[text])
    if not text:
        return None
    if text in _NULLS:
        return Written(text, None)
    number = decimal(text)
    if number is None or abs(number) >= _LARGEST or json.dumps(number) != text:
        return text
    return number


def of_json(text: str) -> Any:
    """Return a number of JSON.

    :raises ValueError: if it is too long to be meant as a number
    """
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("a number has too many digits")
    return _canonical(text, int(text) if text.lstrip("-").isdigit() else float(text))


def _canonical(text: str, value: Any) -> Any:
    return value if json.dumps(value) == text else Written(text, value)
