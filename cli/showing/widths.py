"""How many characters of a terminal a text takes, and texts as lines that are not longer than that.

What is not ASCII is rare, and rich takes a while to import.
"""

import re
from collections.abc import Iterator
from typing import Final

from podium.cli.showing.words import harmless

#: What a word that is too long is broken after: the commas between ranges of names, not those inside them.
_LINKS: Final = re.compile(r"(?:\[[^\]]*\]|[^,])+,*|,+")

#: Characters that columns of prose keep while others are left out, and while the last of these is.
PROSE: Final = 20


def width_of(text: str) -> int:
    """Return how many characters of the terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def cut(text: str, width: int, dots: str) -> str:
    """Return a text, or as much of it as fits."""
    return text if width_of(text) <= width else _beginning(text, width - 1) + dots


def _beginning(text: str, width: int) -> str:
    if text.isascii():
        return text[:width]
    from rich.cells import set_cell_size

    return set_cell_size(text, width)


def wrapped(text: str, width: int) -> list[str]:
    """Return lines as several where they are too long; words stay whole if they fit into one."""
    lines: list[str] = []
    for line in map(harmless, text.splitlines()):
        lines += [line.rstrip()] if width_of(line) <= width else _broken(line, width)
    return lines or [""]


def hung(start: str, indent: int, text: str, columns: int) -> list[str]:
    """Return a text behind what its line begins with, as lines of which the further ones stand below it.

    Where there is hardly room behind that, all of the text stands below the line.

    :param start: with all its spaces
    :param indent: how many characters of the terminal that takes
    """
    if columns - indent < PROSE:
        return [start.rstrip(), *(f"  {line}" for line in wrapped(text, max(columns - 2, 1)))]
    first, *others = wrapped(text, columns - indent)
    return [f"{start}{first}".rstrip(), *(f"{'':{indent}}{line}" for line in others)]


def _broken(line: str, width: int) -> Iterator[str]:
    spaces = len(line) - len(line.lstrip())
    indent = " " * min(spaces + 2, width // 2)
    shown, room = indent[:spaces], width - min(spaces, len(indent))
    for word in line.split():
        gap = " " if shown.strip() else ""
        for piece in _pieces(word, width - len(indent)):
            needed = len(gap) + width_of(piece)
            if needed > room and shown.strip():
                yield shown
                shown, gap = indent, ""
                needed, room = width_of(piece), width - len(indent)
            shown, room, gap = f"{shown}{gap}{piece}", room - needed, ""
    yield shown


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield a word, or parts of it that fit."""
    if width_of(word) <= width:
        yield word
        return
    for link in _LINKS.findall(word):
        if width_of(link) <= width:
            yield link
            continue
        piece = ""
        for character in link:
            if piece and width_of(piece + character) > width:
                yield piece
                piece = ""
            piece += character
        yield piece
