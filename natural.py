"""The order in which people look for names: ``n2`` before ``n10``."""

import re
from typing import Final

_WIDTH: Final = 18
_DIGITS: Final = re.compile(rf"[0-9]{{1,{_WIDTH}}}")


def natural(text: str) -> str:
    """Return the key of a text for sorting: its numbers with zeros before them, and then itself."""
    return f"{_DIGITS.sub(_padded, text)}\0{text}"


def _padded(digits: re.Match[str]) -> str:
    return digits[0].zfill(_WIDTH)
