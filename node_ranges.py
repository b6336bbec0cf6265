"""Node names written as ranges, ``r1n[01-48]``, their order, and messages of many nodes folded into one."""

import itertools
import math
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from podium import errors

#: Maximum number of names in the ranges and names of one request.
MOST_NODES: Final = 100_000

_IS_RANGE: Final = re.compile(r"[\[\],]")
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
_SPAN: Final = re.compile(r"(?P<first>[0-9]{1,18})(?:-(?P<last>[0-9]{1,18})(?:/(?P<step>[0-9]{1,18}))?)?")
_LONGEST_NAME: Final = 255
_LONGEST_LINE: Final = 200
#: Maximum names that are folded for a line, of which only the beginning is shown.
_MOST_FOLDED: Final = 10_000
#: Few enough for numbers that everything can handle.
_MOST_DIGITS: Final = 18
_NUMBER: Final = re.compile(rf"[0-9]{{1,{_MOST_DIGITS}}}")
_LENGTHS: Final = [f"{length:02}" for length in range(_MOST_DIGITS + 1)]
_DIGITS: Final = re.compile(rf"({_NUMBER.pattern})")
#: Characters that cannot be in a name, and have a meaning in the node sets of ClusterShell.
_SIGNS: Final = re.compile(r"[^A-Za-z0-9_.:-]")
#: The same for names with wildcards.
_SIGNS_OF_PATTERNS: Final = re.compile(r"[^A-Za-z0-9_.:*?-]")
_WILDCARD: Final = re.compile(r"[*?]")


def expand(arguments: Iterable[str]) -> list[str]:
    """Return names, UUIDs and patterns unchanged and ranges expanded, each once.

    :raises podium.errors.NotUnderstood: for a range that cannot be understood, or for too many names
    """
    names: dict[str, None] = {}
    left = MOST_NODES
    for argument in arguments:
        parts = _parts(argument) if is_range(argument) else [[_Piece.of(argument)]]
        left -= sum(math.prod(piece.number for piece in part) for part in parts)
        if left < 0:
            raise errors.NotUnderstood(f"these are more than {MOST_NODES} names of nodes, the most at once")
        for part in parts:
            names |= dict.fromkeys(map("".join, itertools.product(*(piece.texts for piece in part))))
    return list(names)


def is_range(text: str) -> bool:
    """Return whether a text stands for several nodes, and is not the name or UUID of one."""
    return _IS_RANGE.search(text) is not None


def natural(text: str) -> str:
    """Return the sort key of a text, ``n2`` before ``n10``: each number preceded by its length.

    The database stores it for every name; see podium.db.name_keys. Its length is at most three times that of
    the text, plus two characters.
    """
    return f"{_NUMBER.sub(_measured, text)}\1{text}"


def _measured(digits: re.Match[str]) -> str:
    number = digits[0].lstrip("0")
    return _LENGTHS[len(number)] + number


def is_pattern(text: str) -> bool:
    """Return whether a text is a pattern of names: ``*`` for any text, ``?`` for one character."""
    return _WILDCARD.search(text) is not None


def fold(names: Iterable[str]) -> str:
    """Return names as ranges, ``r1n[01-40]``, followed by what cannot be the name of a node.

    The time grows linearly with the number of names, whatever they are: many people may ask for nodes that do
    not exist. The folding of ClusterShell takes 16 seconds for a thousand names of two numbers.
    """
    alike: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    odd = []
    for name in dict.fromkeys(names):
        if _SIGNS.search(name):
            odd.append(name)
        else:
            pieces = _DIGITS.split(name)
            alike.setdefault(tuple(pieces[::2]), set()).add(tuple(pieces[1::2]))
    folded = []
    for texts, rows in alike.items():
        for numbers in _folded(rows, len(texts) - 1):
            folded.append("".join(itertools.chain(*zip(texts, (*numbers, ""), strict=True))))
    folded.sort(key=lambda text: natural(text.replace("[", "")))
    return ",".join([*folded, *odd])


def _folded(rows: Collection[tuple[str, ...]], count: int) -> Collection[tuple[str, ...]]:
    """Return rows of numbers, merging those that differ in one number only, the last number first."""
    rows = sorted(rows, key=lambda row: [int(number) for number in row])
    for place in reversed(range(count)):
        groups: dict[tuple[str, ...], list[str]] = {}
        for row in rows:
            groups.setdefault(row[:place] + row[place + 1 :], []).append(row[place])
        rows = [(*rest[:place], _spans(numbers), *rest[place:]) for rest, numbers in groups.items()]
    return rows


def _spans(numbers: Sequence[str]) -> str:
    """Return ``[1-3,7]`` for numbers; a single number without brackets."""
    if not numbers[1:]:
        return numbers[0]
    padded = {len(number) for number in numbers if number[0] == "0" and number != "0"}
    by_width: dict[int, list[int]] = {}
    for number in numbers:
        by_width.setdefault(len(number) if len(number) in padded else 0, []).append(int(number))
    found = []
    for width, values in sorted(by_width.items()):
        # Consecutive numbers all have the same distance to their positions.
        for _, run in itertools.groupby(enumerate(sorted(values)), lambda one: one[1] - one[0]):
            ends = [f"{value:0{width}}" for _, value in run]
            found.append(ends[0] if not ends[1:] else f"{ends[0]}-{ends[-1]}")
    return f"[{','.join(found)}]"


def fold_for_log(names: Sequence[str]) -> str:
    """Return names as ranges, shortened to fit into a line of the log or of an error."""
    text = fold(names[:_MOST_FOLDED])
    if len(text) <= _LONGEST_LINE and len(names) <= _MOST_FOLDED:
        return text
    return f"{text[: _LONGEST_LINE - 3]}... ({len(names)} nodes)"


def fold_numbers(numbers: Sequence[int]) -> str:
    """Return numbers as ``1-3,7``, shortened as by :func:`fold_for_log`."""
    text = _spans([*map(str, numbers)]).strip("[]")
    return text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}... ({len(numbers)})"


def folded_lines(lines: Iterable[str]) -> list[str]:
    """Return lines ``NAME: TEXT``, with the names that share a text folded."""
    alike: dict[str, list[str]] = {}
    for line in lines:
        name, _, text = line.partition(": ")
        alike.setdefault(text, []).append(name)
    return [f"{fold(names)}: {text}" for text, names in alike.items()]


_ADDRESS: Final = r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.%]+\])(?::\d+)?"
#: The parts of a driver's messages that only identify the BMC, and their replacements.
_WHOSE: Final = (
    (re.compile(rf"^(?:BMC )?{_ADDRESS}: |^{_ADDRESS} "), ""),
    (re.compile(rf"\bBMC (?:{_ADDRESS}|\S+:\d+)"), "BMC"),
    (re.compile(_ADDRESS), "its address"),
)


def anonymous(message: str) -> str:
    """Return a driver's message without the address of its BMC."""
    for pattern, instead in _WHOSE:
        message = pattern.sub(instead, message)
    return message


def by_reason(failures: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Group failures: each reason with the names, the most frequent first.

    Reasons that differ only in the address of a BMC are merged without it.

    :param failures: names and reasons
    """
    alike: dict[str, dict[str, str]] = {}
    for name, reason in failures:
        alike.setdefault(anonymous(reason), {})[name] = reason
    grouped = []
    for shared, members in alike.items():
        reasons = set(members.values())
        grouped.append((reasons.pop() if len(reasons) == 1 else shared, list(members)))
    return sorted(grouped, key=lambda group: -len(group[1]))


class _Piece(NamedTuple):
    """A part of names that is the same in all, or is different in each.

    :ivar longest: greatest number of characters
    :ivar texts: created once they are counted, and not too many
    """

    number: int
    longest: int
    texts: Iterable[str]

    @classmethod
    def of(cls, text: str) -> "_Piece":
        return cls(1, len(text), (text,))


def _parts(text: str) -> list[list[_Piece]]:
    """Return the parts between commas, each split into the pieces of its names."""
    parts: list[list[_Piece]] = [[]]
    compact = ",".join(map(str.strip, text.split(",")))
    for place, piece in enumerate(_BRACKETS.split(compact)):
        if place % 2:
            parts[-1].append(_numbers(text, piece))
            continue
        first, *others = piece.split(",")
        for one in (first, *others):
            if odd := _SIGNS_OF_PATTERNS.search(one):
                brackets = "its brackets do not match"
                raise _refusal(text, brackets if odd[0] in "[]" else f"{odd[0]!r} cannot be in a name")
        parts[-1] += [_Piece.of(first)] if first else []
        parts += [[_Piece.of(other)] if other else [] for other in others]
    if not all(parts):
        raise _refusal(text, "a name is missing beside a comma")
    if any(sum(piece.longest for piece in part) > _LONGEST_NAME for part in parts):
        raise _refusal(text, f"names have at most {_LONGEST_NAME} characters")
    return parts


def _numbers(text: str, inside: str) -> _Piece:
    spans = []
    for one in inside.split(","):
        found = _SPAN.fullmatch(one)
        if found is None:
            raise _refusal(text, f"{one[:80]!r} is no number, and no span such as 01-40 or 0-40/2")
        first, last, step = found["first"], found["last"] or found["first"], int(found["step"] or 1)
        span = range(int(first), int(last) + 1, step or 1)
        is_padded = any(len(end) > 1 and end[0] == "0" for end in (first, last))
        if not span or not step or (is_padded and len(first) != len(last)):
            raise _refusal(text, f"{one[:80]!r} is no span such as 1-40, 01-40 or 0-40/2")
        spans.append((span, len(first) if is_padded else 0))
    return _Piece(
        number=sum(len(span) for span, _ in spans),
        longest=max(max(len(str(span[-1])), width) for span, width in spans),
        texts=(f"{number:0{width}}" for span, width in spans for number in span),
    )


def _refusal(text: str, reason: str) -> errors.NotUnderstood:
    shown = text if len(text) <= _LONGEST_LINE else f"{text[: _LONGEST_LINE - 3]}..."
    return errors.NotUnderstood(f"{shown} is not a range of nodes: {reason}; one looks like r1n[01-40],r2n05")
