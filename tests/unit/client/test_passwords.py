"""Passwords that Podium makes up."""

import shlex
import string

import pytest

from podium.client.local import passwords


@pytest.mark.parametrize("length", [8, 16, 20])
def test_a_password_has_all_kinds_of_characters_and_no_shell_minds_it(length: int) -> None:
    for text in {passwords.make(length) for _ in range(50)}:
        assert len(text) == length
        for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_"):
            assert set(text) & set(kind)
        assert shlex.quote(text) == text
        assert text[0].isalpha() and text[-1].isalnum()


def test_no_two_are_alike() -> None:
    assert len({passwords.make(8) for _ in range(200)}) == 200
