"""Texts can be had of everything, whatever its own methods raise."""

import pytest

from podium import errors, masking, wording
from podium.wording import nearest, safe_repr, safe_str
from rude import Rude, RudeDriverError


def test_what_has_a_text_is_shown_with_it() -> None:
    assert (safe_str(KeyError("a")), safe_repr("a\n")) == ("'a'", "'a\\n'")


def test_a_long_value_is_cut() -> None:
    text = safe_repr("a" * 20_000_000)
    assert (len(text), text[-3:]) == (200, "...")


@pytest.mark.parametrize("fault", [RuntimeError("no"), SystemExit(3), KeyboardInterrupt()])
def test_what_cannot_say_what_it_is_is_named_by_its_kind(fault: BaseException) -> None:
    kind = type(fault).__name__
    assert safe_str(Rude(fault)) == f"Rude whose str() raises {kind}"
    assert safe_repr(Rude(fault)) == f"Rude whose repr() raises {kind}"


def test_an_error_that_cannot_say_what_it_is_has_one_line_all_the_same() -> None:
    assert errors.one_line(Rude()) == "Rude: Rude whose str() raises RuntimeError"
    assert errors.one_line(RudeDriverError()) == "RudeDriverError whose str() raises RuntimeError"


def test_an_error_that_cannot_say_what_it_is_has_a_stand_in_for_the_log() -> None:
    error = Rude()
    error.__notes__ = 5  # type: ignore[assignment]
    error.__cause__ = RudeDriverError()
    error.__cause__.__notes__ = [Rude()]  # type: ignore[list-item]
    stand_in = masking.for_log(error, lambda text: text.replace("Rude", "***"))
    assert str(stand_in) == "*** whose str() raises RuntimeError"
    assert stand_in.__cause__ is not None
    assert stand_in.__cause__.__notes__ == ["*** whose str() raises RuntimeError"]


def test_the_nearest_of_known_names_is_found_for_names_that_are_short_enough() -> None:
    assert nearest("colr", ["size", "colour"]) == "colour"
    assert nearest("colr", ["size"]) is None
    assert nearest("power", ["owner", "power_state", "power_policy"]) == "power_state"
    assert nearest("drive", ["drive_letter", "driver"]) == "driver"
    assert nearest("colour" * 100_000, ["colour" * 100_000]) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.9, "right"),
        (-119.4, "119 s behind"),
        (3599.4, "60 min ahead"),
        (-86_400, "24 h behind"),
        (10 * 86_400, "10 d ahead"),
        (-1_796_000_000 + 90, "not set (1970)"),
        (-1_896_000_000, "not set (1970)"),
        (-850_000_000, "not set (1999)"),
    ],
)
def test_a_clock_is_off_by_so_much_or_was_never_set(seconds: float, words: str) -> None:
    assert wording.clock_off(seconds, now=1_796_000_000) == words
