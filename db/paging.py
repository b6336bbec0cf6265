"""Pages of a table: the rows after a given row, sorted by any column."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

#: The key that sorts rows in the order of their creation; every mapping of keys must contain it.
NUMBER: Final = "id"


class Order(NamedTuple):
    """The rows of a page.

    :param limit: how many at most
    :param marker: the UUID of the row after which the page begins
    :param key: the sort key; rows without a value come last
    """

    limit: int
    marker: str | None = None
    key: str = NUMBER
    descending: bool = False


def page(
    connection: sa.Connection,
    query: sa.Select[Any],
    conditions: Sequence[sa.ColumnElement[bool]],
    keys: Mapping[str, sa.ColumnElement[Any]],
    order: Order,
) -> list[sa.Row[Any]] | None:
    """Return the rows of a page, one more if there are more; None if the marker's row does not exist.

    :param query: of all rows
    :param conditions: that the rows of the page meet
    :param keys: the sort keys of rows, and their ``uuid``
    """
    key, number = keys[order.key], keys[NUMBER]
    chosen = query.where(*conditions)
    if order.marker is not None:
        place = query.with_only_columns(number.label("number"), key.label("key"))
        found = connection.execute(place.where(keys["uuid"] == order.marker)).one_or_none()
        if found is None:
            return None
        chosen = chosen.where(_after(key, found.key, number, found.number, order.descending))
    directed = [one.desc() if order.descending else one.asc() for one in (key, number)]
    ordered = directed[1:] if key is number else [key.is_(None), *directed]
    return list(connection.execute(chosen.order_by(*ordered).limit(order.limit + 1)))


def _after(
    key: sa.ColumnElement[Any], value: Any, number: sa.ColumnElement[int], at: int, descending: bool
) -> sa.ColumnElement[bool]:
    later = number < at if descending else number > at
    if key is number:
        return later
    if value is None:
        return sa.and_(key.is_(None), later)
    beyond = key < value if descending else key > value
    return sa.or_(beyond, sa.and_(key == value, later), key.is_(None))
