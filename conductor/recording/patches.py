"""Values that drivers save in JSON columns of nodes, in addition to existing values."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from podium.conductor.fleet.entry import Entry
from podium.db import fleet
from podium.drivers import internal_info

#: Values by node, column and key.
Values = Mapping[tuple[int, str, str], Any]


class Patched(NamedTuple):
    """The result of writing values.

    :param columns: the present content of the columns, by node and name
    :param refused: why values were dropped, by node, if there was no room for them
    """

    columns: Mapping[int, Mapping[str, Mapping[str, Any]]]
    refused: Mapping[int, str]


class Unsaved:
    """Values that drivers saved for themselves and that are not yet in the database; the limit includes them.

    For any thread. If two threads save values for one node at the same moment, one may not be counted.
    """

    def __init__(self) -> None:
        self._values: dict[int, dict[str, Any]] = {}  # by node

    def add(self, entry: Entry, values: Mapping[str, Any]) -> None:
        """Count values of a node's ``driver_internal_info``.

        :raises ValueError: there is no room for them
        """
        waiting = self._values.get(entry.number, {})
        refusal = internal_info.refusal({**entry.node.driver_internal_info, **waiting}, values)
        if refusal is not None:
            raise ValueError(f"{entry.node.name}: {refusal}")
        self._values[entry.number] = {**waiting, **values}

    def clear(self) -> None:
        """Forget all values, once none waits to be written."""
        self._values = {}


def write(connection: sa.Connection, values: Values) -> Patched:
    """Write values, except those of nodes that have no room for them."""
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
