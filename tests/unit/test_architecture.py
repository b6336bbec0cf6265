"""The page about the architecture keeps up with the code, and the pages' pictures can be drawn."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from xml.etree import ElementTree

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/architecture.md"


def load_pictures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs/pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pictures: Final = load_pictures()


def texts(page: Path) -> list[str]:
    return re.findall(r"^```mermaid\n(.*?)^```$", page.read_text(), re.M | re.S)


def graphs(box: Any) -> Iterator[Any]:
    """Yield a graph and the graphs inside."""
    if box.rows:
        yield box
    for inside in box.inside.values():
        yield from graphs(inside)


def layers() -> list[list[set[str]]]:
    """The layers of each contract from the top down, by the last part of their names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [
        [{name.strip().rpartition(".")[2] for name in layer.split("|")} for layer in contract["layers"]]
        for contract in contracts
        if contract["type"] == "layers"
    ]


def test_the_pictures_have_every_layer_of_the_contracts_in_their_order_and_no_other() -> None:
    drawn = [graph for text in texts(PAGE) for graph in graphs(pictures.parse(text))]
    rows = [[set(row) for row in graph.rows] for graph in drawn]
    for contract in layers():
        assert contract in rows, "docs/architecture.md has no picture of these layers"
    assert len(rows) == len(layers())
    assert all(set(graph.inside) == set().union(*graph.rows) for graph in drawn)


@pytest.mark.parametrize("page", ["architecture.md", "index.md"])
def test_the_pictures_of_a_page_are_drawn_with_every_word_of_their_boxes(page: str) -> None:
    for text in texts(ROOT / "docs" / page):
        drawn = "".join(ElementTree.fromstring(pictures.draw(text)).itertext())
        for label in re.findall(r'\["([^"]*)"\]', text):
            assert all(line in drawn for line in label.split("<br/>"))


def test_boxes_of_a_row_lie_side_by_side_and_rows_below_each_other() -> None:
    svg = pictures.draw('flowchart TB\na["one"]\nb["two"]\nc["three<br/>more"]\na & b -->|then| c')
    boxes = [box.attrib for box in ElementTree.fromstring(svg).iter("rect")]
    (left, right, below) = [{key: float(box[key]) for key in ("x", "y", "width", "height")} for box in boxes]
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    assert left["y"] + left["height"] < below["y"]
    assert below["width"] == pictures.WIDTH


def test_a_line_that_is_too_long_for_its_box_is_named() -> None:
    with pytest.raises(ValueError, match="too long for its box in a picture: a{200}"):
        pictures.draw(f'flowchart TB\na["{"a" * 200}"]\nb["two"]\na --> b')


def test_a_line_that_is_not_understood_is_named() -> None:
    with pytest.raises(ValueError, match="not understood in a picture: pie title Pets"):
        pictures.parse("pie title Pets")
