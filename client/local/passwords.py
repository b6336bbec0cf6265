"""Passwords that Podium generates."""

import secrets
import string
from typing import Final

#: Letters and digits that are not confused with others, for people who have to type a password.
_LETTERS: Final = "".join(sorted(set(string.ascii_letters) - set("IOlo")))
_DIGITS: Final = "23456789"
#: Signs without a meaning in a shell, a URL or YAML, which every BMC accepts.
_SIGNS: Final = "-_"


def make(length: int) -> str:
    """Return a password that BMCs with password rules accept: of each kind, and no sign twice in a row.

    :param length: characters, at least 8; 16 have 92 bits
    """
    while True:
        text = "".join(secrets.choice(_LETTERS + _DIGITS + _SIGNS) for _ in range(length))
        if _is_taken(text):
            return text


def _is_taken(text: str) -> bool:
    kinds = (_DIGITS, _SIGNS, string.ascii_lowercase, string.ascii_uppercase)
    return (
        all(set(text) & set(kind) for kind in kinds)
        and text[0] in _LETTERS
        and text[-1] not in _SIGNS
        and all(one != other for one, other in zip(text, text[1:], strict=False))
    )
