"""Lengths of time are written the same way everywhere."""

import argparse
from collections.abc import Callable
from typing import Any

import pytest

from podium import durations
from podium.cli import converters


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("0.5", 0.5), ("5s", 5), ("5m", 300), ("1h", 3600), ("90d", 7_776_000), ("2w", 1_209_600)],
)
@pytest.mark.parametrize("convert", [durations.seconds, converters.duration, converters.lifetime])
def test_a_time_is_a_number_of_seconds_or_has_a_unit(
    convert: Callable[[str], float | None], text: str, seconds: float
) -> None:
    assert convert(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "nan", "-5", "1e3", "5 m", "5M", "m", "4000d", "٣"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert durations.seconds(text) is None
    with pytest.raises(argparse.ArgumentTypeError, match="is not a time in seconds, or such as 90s"):
        converters.duration(text)


@pytest.mark.parametrize(
    ("convert", "text", "value"),
    [
        (converters.seconds, "5m", 300),
        (converters.allowed_time, "5s", 5),
        (converters.stagger, "10/1", (10, 1)),
        (converters.stagger, "10/5m", (10, 300)),
    ],
)
def test_times_of_commands_have_units_too(convert: Callable[[str], Any], text: str, value: Any) -> None:
    assert convert(text) == value


@pytest.mark.parametrize(
    ("convert", "text"),
    [(converters.seconds, "2d"), (converters.allowed_time, "0s"), (converters.lifetime, "0d")],
)
def test_times_of_commands_have_bounds(convert: Callable[[str], float], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="seconds"):
        convert(text)
