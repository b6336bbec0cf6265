"""Values of ``driver_info`` are saved as the driver declares them, whatever types it uses."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import types

from podium.client.enrolling import driver_values, scalars
from podium.drivers.base import Property


def strict(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError("not a whole number")
    return value


def hexadecimal(value: Any) -> int:
    return int(value, 16)


DECLARED = {
    "text": Property("a text"),
    "port": Property("a number", type=types.Port()),
    "share": Property("a number", type=types.Float()),
    "fast": Property("a truth", type=types.Boolean()),
    "unit": Property("hexadecimal digits", type=hexadecimal),
    "strict": Property("a number that is no text", type=strict),
    "pin": Property("digits", secret=True, type=int),
}


def settle(**given: Any) -> tuple[dict[str, Any], list[str]]:
    settled, faults = driver_values.settle(given, DECLARED)
    return settled, [*faults.values()]


@given(st.text())
def test_any_text_stays_a_text(text: str) -> None:
    settled, faults = settle(text=text)
    assert settled == {"text": text} if text.strip() != "******" else faults


@given(st.integers() | st.floats(allow_nan=False) | st.booleans())
def test_a_text_has_the_form_that_the_file_has(value: float) -> None:
    assert settle(text=value) == ({"text": scalars.text(value)}, [])


@pytest.mark.parametrize(
    ("key", "given", "settled"),
    [
        ("port", "623", 623),
        ("port", 623, 623),
        ("port", " 623 ", 623),
        ("port", True, "true"),
        ("port", "soon", "soon"),
        ("share", "0.50", 0.5),
        ("share", "1e3", 1000.0),
        ("share", scalars.Written("1.50", 1.5), 1.5),
        ("fast", "yes", True),
        ("fast", "off", False),
        ("fast", 1, True),
        ("unit", "0010", "0010"),
        ("unit", "1F", "1F"),
        ("unit", 10, "10"),
        ("strict", 7, 7),
        ("strict", "7", "7"),
        ("strict", True, "true"),
        ("pin", "1234", 1234),
        ("other", 7, 7),
        ("other", "0x7", "0x7"),
    ],
)
def test_a_value_is_saved_as_its_type_understands_it(key: str, given: Any, settled: Any) -> None:
    assert settle(**{key: given}) == ({key: settled}, [])


@pytest.mark.parametrize("text", ["010", "1_000", "٦٢٣"])
@pytest.mark.parametrize("key", ["port", "share"])
def test_digits_that_not_everybody_reads_alike_are_refused(key: str, text: str) -> None:
    _, (fault,) = settle(**{key: text})
    assert fault.startswith(f"driver_info: {key} is {text}, a form in which not everybody reads one number")


def test_a_secret_is_not_shown() -> None:
    _, (fault,) = settle(pin="0042")
    assert "0042" not in fault
    assert fault.startswith("driver_info: pin is written in a form")
