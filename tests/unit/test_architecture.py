"""The page about the architecture keeps up with the code, and the pages' pictures can be drawn."""

import ast
import importlib.util
import re
import tomllib
from collections import defaultdict
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


def package_sources() -> Iterator[tuple[Path, ast.Module]]:
    """The modules of the package, without its tests, examples and the like."""
    apart = {"tests", "examples", "benchmarks", "docs", "build"}
    for file in ROOT.rglob("*.py"):
        place = file.relative_to(ROOT)
        if place.parts[0] not in apart and not place.parts[0].startswith("."):
            yield place, ast.parse(file.read_text())


def test_every_name_of_code_on_the_page_exists() -> None:
    sources = dict(package_sources())
    files = {place.as_posix() for place in sources}
    classes: dict[str, set[str]] = defaultdict(set)
    functions = set()
    for tree in sources.values():
        for item in tree.body:
            if isinstance(item, ast.ClassDef):
                classes[item.name] |= {name for one in item.body if (name := getattr(one, "name", ""))}
            elif isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.add(item.name)
    page = re.sub(r"^```.*?^```$", "", PAGE.read_text(), flags=re.M | re.S)
    for name in re.findall(r"`([\w./]+)`", page.replace("CONTRIBUTING.md", "")):
        if name.endswith(".py"):
            assert any(f"/{file}".endswith(f"/{name}") for file in files), f"there is no module {name}"
        elif name[0].isupper() and name.upper() != name:
            owner, _, method = name.partition(".")
            assert owner in classes, f"there is no class {owner}"
            assert not method or method in classes[owner], f"{owner} has no {method}"
        elif name.endswith("_periodic_task"):
            assert name in functions


def test_every_module_of_a_wing_is_in_the_wings_row() -> None:
    rows = dict(re.findall(r"^\| `(\w+)/` \|.*\| (.*) \|$", PAGE.read_text(), re.M))
    wings = {folder.parent.name for folder in ROOT.glob("conductor/*/__init__.py")}
    assert rows.keys() >= wings
    for wing in wings:
        modules = {file.name for file in ROOT.glob(f"conductor/{wing}/*.py")} - {"__init__.py"}
        assert set(re.findall(r"`(\w+\.py)`", rows[wing])) == modules, wing
