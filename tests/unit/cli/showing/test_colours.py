from typing import Any

import pytest

from podium.cli.showing.colours import colour_of, painted

GREEN, YELLOW, RED, FAINT = "32", "33", "31", "2"


@pytest.mark.parametrize(
    ("column", "value", "text", "colour"),
    [
        ("power_state", "power on", "power on", GREEN),
        ("power_state", "power off", "power off", FAINT),
        ("health", {"status": "Critical", "reasons": ["fan 2"]}, "Critical: fan 2", RED),
        ("state", "idle, disabled", "idle, disabled", None),
        ("state", "draining", "draining", YELLOW),
        ("last_error", "refused", "refused", RED),
        ("last_error", None, "", None),
        ("failed", 3, "3", RED),
        ("failed", 0, "0", None),
        ("maintenance", True, "True", YELLOW),
        ("name", "error", "error", None),
    ],
)
def test_a_cell_has_the_colour_of_its_meaning(column: str, value: Any, text: str, colour: str | None) -> None:
    assert colour_of(column, value, text) == colour


def test_what_has_no_colour_is_left_as_it_is() -> None:
    assert painted("n1", None) == "n1"
