"""The order in which people look for names: ``n2`` before ``n10``."""

import re
from typing import Any, Final

#: Short enough for numbers that everything can handle.
_DIGITS: Final = re.compile(r"([0-9]{1,18})")


def natural(text: str) -> tuple[list[Any], str]:
    """Return the key of a text for sorting, in which numbers are numbers."""
    pieces: list[Any] = _DIGITS.split(text)
    pieces[1::2] = map(int, pieces[1::2])
    return pieces, text
