"""Hides a password that was just sent in the hardware's answer, which may repeat it in another form.

Firmware repeats what it refuses: whole or cut to its length, in capitals, in hexadecimal, with other
characters in between, or decoded in another way. So every part is hidden that has some consecutive letters or
digits in common with the password, whatever stands between them. That hides too much rather than too little,
which is right for the answer to a new password, and wrong for texts in general, for which see
podium.spelling.
"""

from collections.abc import Iterator
from typing import Final

from podium.spelling import hider

#: So many consecutive letters and digits are not repeated by chance.
_RUN: Final = 6
#: Passwords with fewer letters and digits in total are looked for as a whole.
_SHORTEST: Final = 3
#: Digits of a byte in hexadecimal.
_DIGITS: Final = 2


def hidden(text: str, password: str, mask: str) -> str:
    """Return a text without a password and its parts.

    :param mask: replaces each part
    """
    text = hider([password], mask)(text)  # which handles escapes, too
    signs, places = _squeezed(text)
    marked: set[int] = set()
    for form, run in _forms(password):
        length = min(run, len(form))
        if length < _SHORTEST:
            continue
        runs = {form[at : at + length] for at in range(len(form) - length + 1)}
        for at in range(len(signs) - length + 1):
            if signs[at : at + length] in runs:
                marked.update(range(places[at], places[at + length - 1] + 1))
    return _without(text, marked, mask)


def _forms(password: str) -> Iterator[tuple[str, int]]:
    """Yield the letters and digits of the password in each form, and how many in a row are hidden."""
    data = password.encode(errors="surrogatepass")
    yield _squeezed(password)[0], _RUN
    yield _squeezed(password[::-1])[0], _RUN
    yield _squeezed(data.decode("latin-1"))[0], _RUN
    yield data.hex(), _RUN * _DIGITS


def _squeezed(text: str) -> tuple[str, list[int]]:
    """Return the letters and digits of a text in lower case, and the position of each."""
    signs: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(text):
        if sign.isalnum():
            lower = sign.lower()
            signs += lower
            places += [place] * len(lower)
    return "".join(signs), places


def _without(text: str, marked: set[int], mask: str) -> str:
    """Return a text with the mask in place of each run of marked characters."""
    shown: list[str] = []
    for place, sign in enumerate(text):
        if place not in marked:
            shown.append(sign)
        elif place - 1 not in marked:
            shown.append(mask)
    return "".join(shown)
