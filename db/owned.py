"""How many nodes each member owns, and how many have no owner, without reading the nodes' rows.

Their slots are in an index. Passing through all nodes in its order takes many times as long as reading it
alone.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db import members
from podium.db.endpoints import SLOTS
from podium.db.members import Member
from podium.db.models import nodes, slots
from podium.db.provision_states import IS_CONDUCTED
from podium.db.slots import Pair

#: A slot of a group and driver.
Place = tuple[str, str, int]

_PLACE: Final = (nodes.c.conductor_group, nodes.c.driver, nodes.c.slot)
_OWNERS: Final = sa.select(slots.c.conductor_group, slots.c.driver, slots.c.slot, slots.c.owner)
_ALL: Final = sa.select(*_PLACE, sa.func.count()).group_by(*_PLACE)


def by(*columns: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[Any], ...]:
    """Return columns for grouping some of the nodes.

    As expressions they do not make SQLite pass through all nodes in the order of an index.
    """
    return tuple(sa.func.coalesce(one, one) for one in columns)


_LEFT_OUT: Final = sa.select(*by(*_PLACE), sa.func.count()).where(~IS_CONDUCTED).group_by(*by(*_PLACE))


class Owned(NamedTuple):
    """Who owns the nodes that are to be conducted.

    :param owners: the number of the member that has a slot, ended or not
    :param by_member: how many nodes each member that has not ended has, by its number
    :param unserved: how many nodes nobody serves, by group and driver
    :param avoided: how many further nodes nobody has because all members that serve the others avoid their
        subnet
    """

    owners: Mapping[Place, int | None]
    by_member: Mapping[int, int]
    unserved: Mapping[Pair, int]
    avoided: Mapping[Pair, int]

    @property
    def unowned(self) -> int:
        """How many nodes have no owner, or one that has ended."""
        return sum(self.unserved.values()) + sum(self.avoided.values())


def owned(connection: sa.Connection, living: list[Member]) -> Owned:
    """Return who owns the nodes.

    :param living: the members that have not ended
    """
    alive, served = {one.id for one in living}, members.served_by(living)
    owners: dict[Place, int | None] = {
        (group, driver, slot): owner for group, driver, slot, owner in connection.execute(_OWNERS)
    }
    by_member: dict[int, int] = defaultdict(int)
    unserved: dict[Pair, int] = defaultdict(int)
    avoided: dict[Pair, int] = defaultdict(int)
    for place, count in _counts(connection).items():
        group, driver, slot = place
        owner, pair = owners.get(place), (group, driver)
        if owner in alive:
            by_member[owner] += count
        elif owner is None and slot >= SLOTS and pair in served:
            avoided[pair] += count
        else:
            unserved[pair] += count
    return Owned(owners, dict(by_member), dict(unserved), dict(avoided))


def _counts(connection: sa.Connection) -> dict[Place, int]:
    found = _by_place(connection, _ALL)
    for place, count in _by_place(connection, _LEFT_OUT).items():
        found[place] -= count
    return {place: count for place, count in found.items() if count}


def _by_place(connection: sa.Connection, query: sa.Select[Any]) -> dict[Place, int]:
    return {(group, driver, slot): count for group, driver, slot, count in connection.execute(query)}
