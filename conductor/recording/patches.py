"""Values that drivers save in JSON columns of nodes, beside those that are there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from podium.conductor.fleet.entry import Entry
from podium.db import fleet
from podium.drivers import internal_info

#: Values by node, column and key.
Values = Mapping[tuple[int, str, str], Any]


class Patched(NamedTuple):
    """What came of values that were to be written.

    :param columns: what the columns hold now, by node and name
    :param refused: why values are dropped for which there is no room, by node
    """

    columns: Mapping[int, Mapping[str, Mapping[str, Any]]]
    refused: Mapping[int, str]


class Unsaved:
    """What drivers saved for themselves and the database does not have yet: the limit counts that, too.

    For any thread. Of two that save for one node at the same moment, one may not be counted.
    """

    def __init__(self) -> None:
        self._values: dict[int, dict[str, Any]] = {}  # by node

    def add(self, entry: Entry, values: Mapping[str, Any]) -> None:
        """Count values of a node's ``driver_internal_info``.

        :raises ValueError: when there is no room for them
        """
        waiting = self._values.get(entry.number, {})
        refusal = internal_info.refusal({**entry.node.driver_internal_info, **waiting}, values)
        if refusal is not None:
            raise ValueError(f"{entry.node.name}: {refusal}")
        self._values[entry.number] = {**waiting, **values}

    def clear(self) -> None:
        """Forget all, once nothing waits."""
        self._values = {}


def write(connection: sa.Connection, values: Values) -> Patched:
    """Write values, but not those of nodes that have no room for them."""
    patches: dict[int, dict[str, dict[str, Any]]] = {}
    for (number, column, key), value in values.items():
        patches.setdefault(number, {}).setdefault(column, {})[key] = value
    refused: dict[int, str] = {}

    def fits(number: int, column: str, held: Mapping[str, Any]) -> bool:
        if column != "driver_internal_info":
            return True
        refusal = internal_info.refusal(held, patches[number][column])
        if refusal is not None:
            refused[number] = refusal
        return refusal is None

    return Patched(fleet.record_patches(connection, patches, fits), refused)
