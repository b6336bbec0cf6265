"""Podium's public interface for driver authors, as text: each public name with its signature.

``python tests/public_names.py`` rewrites ``tests/public_names.txt``.
"""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

#: Methods with special names that are part of the interface of a class.
_METHODS: Final = ("__init__", "__await__", "__enter__", "__exit__", "__aenter__", "__aexit__")

FILE: Final = Path(__file__).with_suffix(".txt")
MODULES: Final = (
    "podium",
    "podium.drivers.base",
    "podium.drivers.command",
    "podium.drivers.context",
    "podium.errors",
    "podium.masking",
    "podium.states",
    "podium.testing",
)


def text() -> str:
    """Return the list for the present code."""
    modules = {name: importlib.import_module(name) for name in MODULES}
    public = {id(getattr(module, name)) for module in modules.values() for name in module.__all__}
    lines = []
    for title, module in modules.items():
        lines += ["", title] if lines else [title]
        for name in sorted(module.__all__):
            found = _described(name, getattr(module, name), public)
            lines += textwrap.indent("\n".join(found), "    ").split("\n")
    return "\n".join(lines) + "\n"


def _described(name: str, value: Any, public: set[int]) -> Iterator[str]:
    value = inspect.unwrap(value) if callable(value) else value
    if inspect.isclass(value) or inspect.isfunction(value):
        if value.__name__ != name:
            yield f"{name} = {value.__name__}"
        elif inspect.isclass(value):
            yield from _class(value, public)
        else:
            yield from _function(_source(value))
    elif name.startswith("__"):
        yield f"{name}: {type(value).__name__}"
    elif isinstance(value, frozenset):
        yield f"{name} = frozenset({sorted(value)})"
    elif isinstance(value, Mapping):
        yield f"{name} = {dict(value)}"
    else:
        yield f"{name} = {value!r}"


def _source(value: Any) -> Any:
    return ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]


def _class(value: type, public: set[int]) -> Iterator[str]:
    source = _source(value)
    yield from (f"@{ast.unparse(decorator)}" for decorator in source.decorator_list)
    yield f"class {source.name}({', '.join(map(ast.unparse, source.bases))})"
    members: dict[str, list[str]] = {}
    parents = (one for one in value.__mro__[1:] if one.__module__.startswith("podium"))
    for owner in (value, *(one for one in parents if id(one) not in public)):
        for item in _source(owner).body:
            for name, lines in _members(item):
                members.setdefault(name, lines)
    for name in sorted(members):
        yield from (f"    {line}" for line in members[name])


def _members(item: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield the public members that a statement adds to a class."""
    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
        if _is_public(item.name):
            yield item.name, list(_function(item))
        if item.name == "__init__":
            for one in ast.walk(item):
                if isinstance(one, ast.AnnAssign | ast.Assign):
                    yield from _attributes(one)
    elif isinstance(item, ast.AnnAssign | ast.Assign):
        targets = [item.target] if isinstance(item, ast.AnnAssign) else item.targets
        for target in targets:
            if isinstance(target, ast.Name) and _is_public(target.id):
                yield target.id, [ast.unparse(item)]


def _attributes(item: ast.AnnAssign | ast.Assign) -> Iterator[tuple[str, list[str]]]:
    """Yield the public attributes that an assignment creates."""
    kind = f": {ast.unparse(item.annotation)}" if isinstance(item, ast.AnnAssign) else ""
    for target in [item.target] if isinstance(item, ast.AnnAssign) else item.targets:
        is_own = isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"
        if is_own and _is_public(target.attr):
            yield target.attr, [f"self.{target.attr}{kind}"]


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in _METHODS


def _function(source: Any) -> Iterator[str]:
    yield from (f"@{ast.unparse(decorator)}" for decorator in source.decorator_list)
    word = "async def" if isinstance(source, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(source.returns)}" if source.returns else ""
    yield f"{word} {source.name}({ast.unparse(source.args)}){returns}"


if __name__ == "__main__":
    FILE.write_text(text())
