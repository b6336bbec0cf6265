"""Draws the pages' pictures when the site is built.

A picture is a Mermaid flowchart. Code-hosting pages draw it themselves, and the text can be read as it is.
This module draws the same text as SVG, without Graphviz, a browser or a network. It knows as much of Mermaid
as the pages use: boxes with labels, subgraphs, and one chain of rows in each graph (`a --> b & c --> d`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Final

WIDTH: Final = 720
_GAP: Final = 12
_LINE: Final = 18
_LETTER: Final = 6.6  # the width of most letters at this size
_PADDING: Final = 14
_ARROW: Final = 22

_SUBGRAPH: Final = re.compile(r'subgraph (\w+)(?:\["([^"]*)"\])?$')
_BOX: Final = re.compile(r'(\w+)\["([^"]*)"\]$')
_STEP: Final = re.compile(r"\s*(<?-->)(?:\|([^|]*)\|)?\s*")
_HEAD: Final = (
    '<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path d="M0,0 L10,5 L0,10 z"/></marker>'
)


@dataclass
class Box:
    """A box with lines of text, or a graph with boxes inside, row by row; places and sizes are in pixels."""

    name: str
    lines: list[str]
    inside: dict[str, "Box"] = field(default_factory=dict)
    rows: list[list[str]] = field(default_factory=list)
    #: The arrow and the label between each row and the next.
    steps: list[tuple[str, str]] = field(default_factory=list)
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def parse(text: str) -> Box:
    """Parse a Mermaid flowchart and return its outermost graph.

    :raises ValueError: for a line that this module does not know
    """
    graphs = [Box("", [])]
    for line in filter(None, map(str.strip, text.splitlines())):
        if found := _SUBGRAPH.match(line):
            graphs.append(Box(found[1], (found[2] or found[1]).split("<br/>")))
            graphs[-2].inside[found[1]] = graphs[-1]
        elif line == "end":
            graphs.pop()
        elif found := _BOX.match(line):
            graphs[-1].inside[found[1]] = Box(found[1], found[2].split("<br/>"))
        elif "-->" in line:
            rows, arrows, labels = (_STEP.split(line)[start::3] for start in range(3))
            graphs[-1].rows = [row.split(" & ") for row in rows]
            graphs[-1].steps = [(arrow, label or "") for arrow, label in zip(arrows, labels, strict=True)]
        elif line not in ("flowchart TB", "direction TB"):
            raise ValueError(f"not understood in a picture: {line}")
    return graphs[0]


def draw(text: str) -> str:
    """Draw a picture as an SVG element; the style sheet of the pages gives it its colours.

    :raises ValueError: for a line that this module does not know, or that is too long for its box
    """
    graph = parse(text)
    _place(graph, 0, 0, WIDTH)
    return (
        f'<svg class="picture" viewBox="-1 -1 {WIDTH + 2} {graph.height + 2:g}" role="img">'
        f"{_HEAD}{''.join(_draw_graph(graph))}</svg>"
    )


def _place(box: Box, x: float, y: float, width: float) -> None:
    """Set the places of a box and of all inside; `x` and `y` are the top left corner."""
    box.x, box.y, box.width = x, y, width
    box.height = len(box.lines) * _LINE + _PADDING if box.lines else 0
    if not box.rows:
        return
    padding = _PADDING if box.lines else 0
    labels = [label for _, label in box.steps]
    for row, label in zip(box.rows, [*labels, None], strict=True):
        cell = (width - 2 * padding + _GAP) / len(row)
        inside = [box.inside[name] for name in row]
        for number, each in enumerate(inside):
            _place(each, x + padding + number * cell, y + box.height, cell - _GAP)
        highest = max(each.height for each in inside)
        for each in inside:
            each.height = highest
        box.height += highest
        if label is not None:
            box.height += 2 * _ARROW if label else _ARROW
    box.height += padding


def _draw_graph(graph: Box) -> Iterator[str]:
    for box in graph.inside.values():
        size = f'width="{box.width:g}" height="{box.height:g}"'
        yield f'<rect class="{"graph" if box.rows else "box"}" x="{box.x:g}" y="{box.y:g}" {size} rx="6"/>'
        height = 0 if box.rows else box.height - len(box.lines) * _LINE - _PADDING
        top = box.y + (height + _PADDING + _LINE) / 2
        for number, line in enumerate(box.lines):
            if len(line) * _LETTER > box.width:
                raise ValueError(f"too long for its box in a picture: {line}")
            yield _text("detail" if number else "name", box.middle, top + number * _LINE, line)
        yield from _draw_graph(box)
    for above, below, (arrow, label) in zip(graph.rows, graph.rows[1:], graph.steps, strict=False):
        top = max(graph.inside[name].y + graph.inside[name].height for name in above)
        bottom = graph.inside[below[0]].y
        both = 'marker-start="url(#head)" ' if arrow == "<-->" else ""
        for name in max(above, below, key=len):
            x = graph.inside[name].middle
            ends = f'x1="{x:g}" y1="{top + 2:g}" x2="{x:g}" y2="{bottom - 2:g}"'
            yield f'<line {ends} {both}marker-end="url(#head)"/>'
        yield _text("arrow", graph.middle, (top + bottom) / 2, label) if label else ""


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'
