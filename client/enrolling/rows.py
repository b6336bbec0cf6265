"""Faults of the rows of a list, with their positions."""

from collections.abc import Iterable, Sequence
from typing import Any

from podium import node_ranges
from podium.client.enrolling import scalars


def lines(
    noun: str, plural: str, given: Sequence[Any], faults: Iterable[tuple[int, Sequence[str]]]
) -> list[str]:
    """Return each fault with the rows that have it, in the order of their first rows.

    :param given: the list's values for the rows
    :param faults: the faults of rows, with the position of each row, from 1 on
    """
    alike: dict[str, list[tuple[int, str]]] = {}
    for place, its in faults:
        for fault in its:
            alike.setdefault(fault, []).append((place, label(given[place - 1])))
    found = []
    for fault, rows in alike.items():
        places, labels = zip(*rows, strict=True)
        named = node_ranges.fold_for_log([*dict.fromkeys(labels)])
        folded = node_ranges.fold_numbers(places)
        found.append(f"{noun}{plural if rows[1:] else ''} {folded} ({named}): {fault}")
    return found


def label(row: Any) -> str:
    """Return the name of a row in messages."""
    name = row.get("name", row.get("uuid")) if isinstance(row, dict) else None
    named = name is not None and not isinstance(name, dict | list)
    return repr(scalars.text(name))[1:-1][:80] if named else "no name"
