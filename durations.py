"""Durations as people write them: 30, 90s, 5m, 2h, 90d, 2w."""

import re
from typing import Final

#: For people, after "in seconds, or" and the like.
EXAMPLES: Final = "90s, 5m, 2h or 90d"
#: Seconds of ten years, the maximum.
LONGEST: Final = 315_360_000

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WRITTEN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhdw]?)", re.ASCII)


def seconds(text: str) -> float | None:
    """Return the number of seconds in a text; None if it is not valid, or too large."""
    found = _WRITTEN.fullmatch(text)
    given = float(found[1]) * _UNITS[found[2]] if found else None
    return given if given is not None and given <= LONGEST else None
