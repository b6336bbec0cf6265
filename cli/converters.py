"""Converts the arguments of command lines: numbers, times, texts."""

import argparse
import re
from typing import Final

from podium import durations

_LONGEST_TEXT: Final = 1000
_LONGEST_WAIT: Final = 86_400


def filled(text: str) -> str:
    """Convert a name that must not be empty."""
    if not text or text.isspace():
        raise argparse.ArgumentTypeError("it is empty, as a variable is that the shell does not know")
    return text


def group_name(text: str) -> str:
    """Convert the name of a conductor group."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{0,255}", text):
        raise argparse.ArgumentTypeError(f"{text!r} has characters other than letters, digits, _, - and dots")
    return text


def one_line(text: str) -> str:
    """Convert a text of one line for people."""
    if not text.isprintable():
        raise argparse.ArgumentTypeError("it contains characters that cannot be printed")
    if len(text) > _LONGEST_TEXT:
        raise argparse.ArgumentTypeError(f"it is longer than {_LONGEST_TEXT} characters")
    return text


def duration(text: str) -> float:
    """Convert a length of time to seconds: 30, 90s, 5m, 2h, 7d, 2w; up to ten years."""
    given = durations.seconds(text)
    if given is None:
        raise argparse.ArgumentTypeError(
            f"{text[:20]!r} is not a time in seconds, or such as {durations.EXAMPLES}"
        )
    return given


def seconds(text: str) -> float:
    """Convert a time to wait, one day at most, to seconds."""
    return within(text, 0, _LONGEST_WAIT)


def within(text: str, least: float, most: float) -> float:
    """Convert a length of time within bounds to seconds."""
    given = duration(text)
    if not least <= given <= most:
        raise argparse.ArgumentTypeError(f"{text} is not between {least:g} and {most:g} seconds")
    return given


def count(text: str) -> int:
    """Convert a whole number from 1 on."""
    given = int(text) if re.fullmatch(r"\d{1,19}", text, re.ASCII) else 0
    if not 1 <= given <= 2**63 - 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return given


def allowed_time(text: str) -> float:
    """Convert a time limit, in seconds."""
    return _some(seconds(text))


def stagger(text: str) -> tuple[int, float]:
    """Convert N/TIME: a number of nodes, and the time after which as many follow."""
    number, _, time = text.partition("/")
    if not re.fullmatch(r"[1-9]\d{0,5}", number, re.ASCII) or not time:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not N/TIME; one looks like 10/1s")
    return int(number), allowed_time(time)


def lifetime(text: str) -> float:
    """Convert the length of time until something expires to seconds."""
    return _some(duration(text))


def _some(seconds: float) -> float:
    if not seconds:
        raise argparse.ArgumentTypeError("give more than 0 seconds")
    return seconds
