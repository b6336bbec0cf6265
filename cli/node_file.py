"""Reads the file of ``podium node import``: YAML, JSON or CSV that is not trusted."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from podium import errors, masking
from podium.cli import node_csv, yaml_values
from podium.client.enrolling import scalars

#: Bytes: 100,000 nodes of 1,300 each. Reading takes five to nine times as much memory.
_LARGEST: Final = 128 * 1024 * 1024

#: The beginning of libyaml's messages that quote YAML's own signs, and nothing of the file.
_UNQUOTING: Final = "did not find expected '"


class Lists(NamedTuple):
    """The lists of a file, unchecked.

    :param rows: the number of each node's row, for a CSV file
    :param columns: the fields and entries, such as ``extra.rack``, for a CSV file
    """

    nodes: list[Any]
    chassis: list[Any]
    rows: Sequence[int] = ()
    columns: Sequence[str] = ()


def read(name: str, progress: Callable[[float], None]) -> Lists:
    """Return the lists under ``nodes`` and ``chassis``, which may be missing, or the nodes of a CSV file.

    :param name: a path, or ``-`` for standard input
    :param progress: called now and then with the share of the file that was read
    :raises podium.errors.InvalidNode: if the file cannot be read or has no such lists
    """
    where = _where(name)
    text = _text(name, where)
    if name.lower().endswith(".csv") or node_csv.is_csv(text):
        table = node_csv.read(text, _from_json, progress)
        return Lists(table.nodes, [], table.rows, table.columns)
    content = _parse(text, where, progress)
    if not isinstance(content, dict) or not isinstance(content.get("nodes"), list):
        raise errors.InvalidNode([f'{where} is not {{"nodes": [{{"name": ..., "driver": ...}}, ...]}}'])
    others = [str(key)[:80] for key in content if key not in ("nodes", "chassis") and isinstance(key, str)]
    if others:
        raise errors.InvalidNode(
            [f"{where} contains {', '.join(others[:5])} beside nodes and chassis, which nothing reads"]
        )
    chassis = content.get("chassis", [])
    if not isinstance(chassis, list):
        raise errors.InvalidNode([f'{where}: chassis is not a list, such as [{{"uuid": ...}}, ...]'])
    return Lists(content["nodes"], chassis)


@contextmanager
def in_rows(lists: Lists) -> Iterator[None]:
    """Make faults of nodes from a CSV file name its rows."""
    try:
        yield
    except errors.InvalidNode as fault:
        if not lists.rows:
            raise
        raise errors.InvalidNode([node_csv.with_rows(one, lists.rows) for one in fault.faults]) from None


def content(name: str) -> Any:
    """Return the value that a file contains.

    :param name: a path, or ``-`` for standard input
    :raises podium.errors.InvalidNode: if it cannot be read
    """
    return _parse(_text(name, _where(name)), _where(name), lambda _share: None)


def _where(name: str) -> str:
    return "standard input" if name == "-" else name


def _text(name: str, where: str) -> str:
    try:
        if name == "-":
            content = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(_LARGEST + 1)
    except OSError as fault:
        raise errors.InvalidNode([f"{where} cannot be read: {fault.strerror}"]) from None
    if len(content) > _LARGEST:
        raise errors.InvalidNode([f"{where} is larger than {_LARGEST // 1024**2} MiB; import it in parts"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise errors.InvalidNode([f"{where} is not UTF-8 text, see byte {fault.start}"]) from None


def _parse(text: str, where: str, progress: Callable[[float], None]) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return _from_json(text)
        except (ValueError, RecursionError):
            pass  # it may be YAML, whose parser names the place of a fault in both
    try:
        return yaml_values.load(text, lambda read: progress(read / len(text)))
    except yaml.MarkedYAMLError as fault:
        raise errors.InvalidNode([f"{where}{_fault(fault, text)}"]) from None
    except yaml.YAMLError:
        raise errors.InvalidNode([f"{where} is neither YAML nor JSON that can be understood"]) from None


def _from_json(text: str) -> Any:
    return json.loads(
        text,
        parse_int=scalars.of_json,
        parse_float=scalars.of_json,
        parse_constant=lambda word: scalars.Written(word, float(word)),  # NaN and Infinity, for Python
        object_pairs_hook=_mapping,
    )


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a key is there twice")
    return mapping


def _fault(fault: yaml.MarkedYAMLError, text: str) -> str:
    mark = fault.problem_mark or fault.context_mark
    place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    if mark is not None and masking.MASK in "".join(text.splitlines()[mark.line : mark.line + 1]):
        return f", {place}{masking.MASK} is what Podium shows instead of a secret; give the secret itself"
    problem = str(fault.problem or "")
    if isinstance(fault, yaml_values.Refused):
        return f", {place}{problem}"
    if not problem.startswith(_UNQUOTING):
        # The quoted text is from the file, and may be a password that begins with a star.
        problem = problem.split("'")[0].split('"')[0].strip()
        problem += "; a text with YAML's own signs must stand in quotes"
    return f" is neither YAML nor JSON: {place}{problem}"
