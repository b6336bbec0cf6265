"""Values that drivers save in JSON columns of nodes, beside those that are there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

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
