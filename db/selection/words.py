"""The words of an expression, and faults with their place in the expression."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from podium import errors

_WORD: Final = re.compile(
    r"(?P<sign>!=|<=|>=|==|!~|[()=<>~,])"
    r"|\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'"
    r"|(?P<plain>[^\s()=<>!~,\"']+)"
)
_SPACES: Final = re.compile(r"\s*")
#: How many characters of an expression are shown with a fault: before its place, and in total.
_BEFORE: Final = 40
_SHOWN: Final = 100


class Word(NamedTuple):
    """A part of an expression.

    :param kind: sign, quoted, plain or, after the last one, end
    :param start: its position in the expression
    """

    kind: str
    text: str
    start: int
    end: int


def words(text: str) -> Iterator[Word]:
    """Yield the words of an expression.

    :raises podium.errors.NotUnderstood: at a text that is not a word
    """
    place = 0
    while True:
        space = _SPACES.match(text, place)
        place = space.end() if space else place
        if place == len(text):
            yield Word("end", "", place, place)
            return
        found = _WORD.match(text, place)
        if found is None:
            is_quote = text[place] in "\"'"
            reason = (
                f"the quotation mark {text[place]} has no end" if is_quote else f"{text[place]!r} is no sign"
            )
            raise fault(text, place, len(text) if is_quote else place + 1, reason)
        kind = next(name for name in ("sign", "plain", "double", "single") if found[name] is not None)
        yield Word("quoted" if kind in ("double", "single") else kind, found[kind], *found.span())
        place = found.end()


def fault(text: str, start: int, end: int, reason: str) -> errors.NotUnderstood:
    """Return the error for a fault in an expression, with a line that points at it."""
    first = max(0, start - _BEFORE)
    last = min(len(text), first + _SHOWN)
    line = "".join(sign if sign.isprintable() else " " for sign in text[first:last])
    before, after = "..." if first else "", "..." if last < len(text) else ""
    marks = "^" * max(1, min(end, last) - start)
    return errors.NotUnderstood(
        f"where: {reason}\n  {before}{line}{after}\n  {' ' * (len(before) + start - first)}{marks}"
    )
