"""What hardware says of a password that it refuses is shown without it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.echoes import hidden

PASSWORD = "correct-horse-Battery9"


@pytest.mark.parametrize(
    "said",
    [
        PASSWORD,
        PASSWORD[:16],
        PASSWORD[4:],
        PASSWORD.upper(),
        PASSWORD.encode().hex(),
        PASSWORD.encode().hex(" ").upper(),
        " ".join(PASSWORD),
        PASSWORD.replace("-", "\n"),
        PASSWORD.replace("B", "\\x42"),
        PASSWORD[::-1],
    ],
)
def test_whatever_form_it_is_repeated_in(said: str) -> None:
    text = hidden(f"The value {said} is not allowed", PASSWORD, "******")
    assert text.startswith("The value ******") and text.endswith(" is not allowed")
    assert not [part for part in ("orre", "orse", "atter", "6f7272", "6f 72 72") if part in text.lower()]


def test_letters_that_were_decoded_in_another_way() -> None:
    assert hidden("'p\u00c3\u00a4sswort1' is bad", "p\u00e4sswort1", "******") == "'******' is bad"


@pytest.mark.parametrize(("password", "said"), [("ab12", "too weak: AB12!"), ("x-1-2", "too weak: x12!")])
def test_a_short_one_is_hidden_as_a_whole(password: str, said: str) -> None:
    assert hidden(said, password, "******") == "too weak: ******!"


def test_the_rest_of_the_words_stays() -> None:
    said = "BMC 10.0.0.7:623 refused the command Set User Password (completion code 80h)"
    assert hidden(said, PASSWORD, "******") == said
    assert hidden(said, "", "******") == said


@given(password=st.text(min_size=6, max_size=64), text=st.text(max_size=80))
def test_nothing_that_is_not_in_common_is_lost(password: str, text: str) -> None:
    found = hidden(f"{text}{password}{text}", password, "\0")
    assert password not in found or not any(sign.isalnum() for sign in password)
