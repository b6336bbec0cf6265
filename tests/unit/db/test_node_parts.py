"""Events, shards and children of nodes, as programs read them."""

from collections.abc import Callable

import sqlalchemy as sa

from podium.db import ledger, models, node_list
from podium.db.api import NodeRecord
from podium.db.engine import Database
from power_requests import C1

Enrol = Callable[..., list[NodeRecord]]


def test_the_events_of_a_node_follow_each_other(database: Database, enrol: Enrol) -> None:
    one, two = enrol("n1", "n2")
    with database.write() as connection:
        for node in (one, two, one, one):
            row = ledger.event(node, "request", at=models.utcnow(), to_state="power on", writer=C1, change=1)  # type: ignore[arg-type]
            connection.execute(sa.insert(models.power_events), [row])
        found = ledger.events_of(connection, one.uuid, limit=10)
        first, second, third = (event.id for event in found)
        assert {event.node_name for event in found} == {"n1"}

        def numbers(**options: int) -> list[int]:
            return [event.id for event in ledger.events_of(connection, one.uuid, **options)]

        assert numbers(limit=1, after=first) == [second]
        assert numbers(limit=5, after=third, descending=True) == [second, first]
        assert ledger.event_of(connection, one.uuid, second) == found[1]
        assert ledger.event_of(connection, two.uuid, second) is None


def test_shards_are_counted_and_children_found(database: Database, enrol: Enrol) -> None:
    (parent,) = enrol("p")
    made = enrol("a", "b", shard="s2", parent_node=parent.uuid)
    enrol("c", shard="s1")
    with database.read() as connection:
        assert node_list.shards(connection) == [(None, 1), ("s1", 1), ("s2", 2)]
        assert node_list.children(connection, parent.uuid) == [one.uuid for one in made]
