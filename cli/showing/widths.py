"""The width of texts on a terminal, and texts wrapped to lines of a given width.

rich is imported only for texts that are not ASCII: these are rare, and the import takes a while.
"""

import re
from collections.abc import Iterator
from typing import Final

from podium.cli.showing.words import harmless

#: The parts of a word that is too long: it breaks after commas between ranges of names, not inside them.
_LINKS: Final = re.compile(r"(?:\[[^\]]*\]|[^,])+,*|,+")

#: Characters that columns of prose keep at least while other columns can be left out.
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
    """Return the lines of a text, wrapped if too long; words stay whole if they fit into a line."""
    lines: list[str] = []
    for line in map(harmless, text.splitlines()):
        lines += [line.rstrip()] if width_of(line) <= width else _broken(line, width)
    return lines or [""]


def hung(start: str, indent: int, text: str, columns: int) -> list[str]:
    """Return a text after the beginning of its line, with its further lines below its first.

    If there is hardly room after that, the whole text is below the line.

    :param start: the beginning of the line, with all its spaces
    :param indent: how many characters of the terminal the beginning takes
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
