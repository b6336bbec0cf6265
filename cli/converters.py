"""What the words of a command line mean: numbers, times, texts."""

import argparse
import re
from typing import Final

_LONGEST_TEXT: Final = 1000
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def filled(text: str) -> str:
    """Convert a name that must be there."""
    if not text or text.isspace():
        raise argparse.ArgumentTypeError("it is empty, as a variable is that the shell does not know")
    return text


def group_name(text: str) -> str:
    """Convert the name of a conductor group."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{0,255}", text):
        raise argparse.ArgumentTypeError(f"{text!r} has characters other than letters, digits, _, - and dots")
    return text


def one_line(text: str) -> str:
    """Convert a text for people."""
    if not text.isprintable():
        raise argparse.ArgumentTypeError("it contains characters that cannot be printed")
    if len(text) > _LONGEST_TEXT:
        raise argparse.ArgumentTypeError(f"it is longer than {_LONGEST_TEXT} characters")
    return text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None


def seconds(text: str) -> float:
    """Convert a time to wait, in seconds."""
    given = _number(text)
    if not 0 <= given <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 86400 seconds")
    return given


def count(text: str) -> int:
    """Convert a whole number from 1 on."""
    given = int(text) if re.fullmatch(r"\d{1,19}", text, re.ASCII) else 0
    if not 1 <= given <= 2**63 - 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return given


def allowed_time(text: str) -> float:
    """Convert a time limit, in seconds."""
    given = seconds(text)
    if not given:
        raise argparse.ArgumentTypeError("give more than 0 seconds")
    return given


def stagger(text: str) -> tuple[int, float]:
    """Convert a number of nodes at a time: N/SECONDS."""
    parts = re.fullmatch(r"([1-9]\d{0,5})/(\d{1,5}(?:\.\d+)?)", text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not N/SECONDS; one looks like 10/1")
    return int(parts[1]), allowed_time(parts[2])


def age(text: str) -> float:
    """Convert an age: seconds, or 90s, 5m, 2h, 7d, 3w; up to ten years."""
    found = re.fullmatch(r"(.+)([smhdw])", text)
    given = _number(found[1]) * _UNITS[found[2]] if found else _number(text)
    if not 0 <= given <= 315_360_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 315360000 seconds")
    return given


def days(text: str) -> float:
    """Convert a time of days or hours to seconds."""
    found = re.fullmatch(r"([1-9]\d{0,4})([dh])", text, re.ASCII)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is no time in days or hours, such as 90d or 12h")
    return int(found[1]) * (86_400.0 if found[2] == "d" else 3600.0)
