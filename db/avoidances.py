"""Takes the nodes of a subnet from a conductor that cannot reach it, and gives them back.

Each step is a transaction that takes the change counter, moves some nodes to other slots, and makes a
generation. A moved node is taken over like a node whose address was edited; see docs/conductors.md.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.db import slots
from podium.db.bulk import AMONG, AT_ONCE, chunks, execute
from podium.db.changes import next_change
from podium.db.engine import Database
from podium.db.models import avoidances, nodes
from podium.db.subnets import Avoidance, Network, Places, listed

#: Nodes that one transaction moves: everybody else waits for it.
STEP: Final = 20_000
#: Subnets that may be avoided at the same time; this bounds the number of slots.
MOST: Final = 64


def avoid(database: Database, host: str, subnet: Network, step: int = STEP) -> int | None:
    """Take the nodes of a subnet from a conductor; return how many moved, None if it was avoided already.

    :raises podium.errors.Conflict: when too many subnets are avoided
    """
    with database.read() as connection:
        known = listed(connection)
    new = _added(known, host, subnet)
    if new is None:
        return _move(database, known, step) or None

    def change(connection: sa.Connection) -> None:
        added = _added(listed(connection), host, subnet)
        if added is not None:
            connection.execute(sa.insert(avoidances).values(added._asdict()))

    return _move(database, [*known, new], step, change)


def unavoid(database: Database, host: str, subnet: Network, step: int = STEP) -> int | None:
    """Give the nodes of a subnet back to a conductor; return how many moved, None if it does not avoid it."""
    with database.read() as connection:
        known = listed(connection)
    left = [one for one in known if (one.host, one.subnet) != (host, str(subnet))]
    if len(left) == len(known):
        return _move(database, known, step) or None
    its = avoidances.c.host == host, avoidances.c.subnet == str(subnet)
    return _move(
        database, left, step, lambda connection: connection.execute(sa.delete(avoidances).where(*its))
    )


def _added(known: Sequence[Avoidance], host: str, subnet: Network) -> Avoidance | None:
    text = str(subnet)
    numbers = {one.subnet: one.number for one in known}
    if any((one.host, one.subnet) == (host, text) for one in known):
        return None
    if text in numbers:
        return Avoidance(text, host, numbers[text])
    free = sorted(set(range(MOST)) - set(numbers.values()))
    if not free:
        raise errors.Conflict(
            f"{MOST} subnets are avoided already, and more are not possible; see: podium conductor avoided"
        )
    return Avoidance(text, host, free[0])


def _move(
    database: Database,
    planned: Iterable[Avoidance],
    step: int,
    change: Callable[[sa.Connection], object] | None = None,
) -> int:
    """Move nodes until all of them are in their slots; return how many moved.

    :param planned: the avoided subnets, as they will be
    :param change: writes the avoided subnets, in the first transaction
    """
    moved, places = 0, Places(planned)
    while True:
        with database.read() as connection:
            found = _misplaced(connection, places)
        if not (found or change):
            return moved
        for some in list(chunks(found, step)) or [[]]:
            with database.write() as connection:
                next_change(connection, roster=True)  # from here on nobody else changes subnets or nodes
                if change is not None:
                    change(connection)
                change = None
                places = Places.read(connection)
                moved += _place(connection, places, some)
                slots.make_generation(connection)


def _misplaced(connection: sa.Connection, places: Places) -> list[int]:
    """The numbers of the nodes that are not in their slots."""
    its = nodes.c.id, nodes.c.uuid, nodes.c.endpoint, nodes.c.slot
    query = sa.select(*its).where(nodes.c.endpoint.is_not(None))
    return [row.id for row in connection.execute(query) if places.slot(row.endpoint, row.uuid) != row.slot]


def _place(connection: sa.Connection, places: Places, numbers: Sequence[int]) -> int:
    """Move nodes to their slots; return how many of them moved."""
    its = sa.select(nodes.c.id, nodes.c.uuid, nodes.c.endpoint, nodes.c.slot).where(AMONG)
    by_slot: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(numbers, AT_ONCE):
        for row in connection.execute(its, {"numbers": chunk}):
            slot = places.slot(row.endpoint, row.uuid)
            if slot != row.slot:
                by_slot[slot].append(row.id)
    version = next_change(connection, roster=True)
    for slot, some in by_slot.items():
        execute(connection, sa.update(nodes).where(AMONG).values(slot=slot, version=version), some)
    return sum(map(len, by_slot.values()))
