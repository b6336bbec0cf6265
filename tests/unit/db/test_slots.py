"""Slots are shared out evenly, with as few changes as that takes."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from podium import states
from podium.db import beginning, conductors, members, models, power, slots
from podium.db.api import NodeRecord
from podium.db.endpoints import SLOTS, slot_of
from podium.db.engine import Database
from podium.db.sharing import plan
from podium.db.worker import Worker

Enrol = Callable[..., list[NodeRecord]]
Contend = Callable[..., BaseException | None]


def weights(nodes: int, seed: int = 1) -> dict[int, int]:
    chance = random.Random(seed)
    return dict(Counter(slot_of(str(chance.getrandbits(64))) for _ in range(nodes)))


def loads(planned: Mapping[int, int | None], weight: Mapping[int, int]) -> Counter[int | None]:
    return Counter(dict.fromkeys(planned.values(), 0)) + sum(
        (Counter({owner: weight.get(slot, 0)}) for slot, owner in planned.items()), Counter()
    )


def test_the_slot_of_an_endpoint_is_the_same_for_ever() -> None:
    assert [slot_of("192.0.2.1"), slot_of("192.0.2.2"), slot_of("")] == [17, 433, 692]


def test_shares_are_even_within_two_percent() -> None:
    for nodes, able in ((3000, [1, 2, 3]), (100_000, [4, 5, 9, 11])):
        weight = weights(nodes)
        shares = loads(plan({}, able, weight, {}), weight)
        assert set(shares) == set(able)
        assert max(shares.values()) <= 1.02 * nodes / len(able)
        assert min(shares.values()) >= 0.98 * nodes / len(able)


def test_a_join_moves_its_share_and_no_more() -> None:
    weight = weights(30_000)
    before = plan({}, [1, 2, 3], weight, {})
    after = plan(before, [1, 2, 3, 4], weight, {})
    moved = {slot for slot in before if before[slot] != after[slot]}
    assert {after[slot] for slot in moved} == {4}
    assert sum(weight.get(slot, 0) for slot in moved) <= 1.02 * 30_000 / 4


def test_only_the_slots_of_who_is_gone_move() -> None:
    weight = weights(30_000)
    before = plan({}, [1, 2, 3], weight, {})
    after = plan(before, [1, 3], weight, {})
    assert {before[slot] for slot in before if before[slot] != after[slot]} == {2}


def test_without_nodes_the_slots_are_shared_out_all_the_same() -> None:
    assert set(Counter(plan({}, [1, 2], {}, {}).values()).values()) == {SLOTS // 2}
    assert set(plan({}, [], {}, {}).values()) == {None}


def test_the_few_nodes_of_many_drivers_do_not_all_fall_to_one() -> None:
    assert plan({}, [1, 2], {7: 1}, {1: 5, 2: 0})[7] == 2


def test_one_slot_that_is_heavier_than_all_others_does_not_go_round_and_round() -> None:
    weight = {1: 100, 2: 1, 3: 1}
    planned = plan({}, [1, 2], weight, {})
    assert plan(planned, [1, 2], weight, {}) == planned


def test_slots_that_some_must_not_have_are_shared_evenly_by_the_others() -> None:
    barred = dict.fromkeys(range(SLOTS, SLOTS + 16), {1})
    weight = dict.fromkeys(barred, 100)
    before = plan({}, [1, 2, 3], weight, {}, barred)
    assert loads(before, weight) == {2: 800, 3: 800}
    after = plan(before, [1, 2, 3, 4], weight, {}, barred)
    assert loads(after, weight)[1] == 0
    assert min(loads(after, weight)[member] for member in (2, 3, 4)) >= 500
    assert {before[slot] for slot in barred if before[slot] != after[slot]} <= {2, 3}
    assert {after[slot] for slot in barred if before[slot] != after[slot]} == {4}


def test_who_must_not_have_a_subnet_has_more_of_the_rest() -> None:
    barred = dict.fromkeys(range(SLOTS, SLOTS + 16), {1})
    weight = weights(2000) | dict.fromkeys(barred, 62)
    shares = loads(plan({}, [1, 2, 3], weight, {}, barred), weight)
    assert max(shares.values()) <= 1.02 * sum(weight.values()) / 3


def test_what_nobody_may_have_has_no_owner() -> None:
    planned = plan({SLOTS: 1}, [1, 2], {SLOTS: 5}, {}, {SLOTS: {1, 2}})
    assert planned[SLOTS] is None
    assert None not in {planned[slot] for slot in range(SLOTS)}


# Generations


def enter(database: Database, host: str, **service: Any) -> Worker:
    plain = members.Service("boot:1:2", ("fake",), ("",), (), 30.0, 5.0, "1", "f")
    with database.write() as connection:
        return members.enter(connection, host, 0, plain._replace(**service))


def generation(database: Database) -> int | None:
    with database.write() as connection:
        return slots.make_generation(connection)


def settle(database: Database, *workers: Worker) -> int:
    """Make the generation that is due, and have everybody acknowledge it."""
    number = generation(database) or 0
    with database.write() as connection:
        for worker in workers:
            members.acknowledge(connection, worker, number)
    return number


def end(database: Database, worker: Worker) -> None:
    with database.write() as connection:
        members.leave(connection, worker)


def counts(database: Database, pair: slots.Pair = ("", "fake")) -> dict[int | None, int]:
    table = models.slots
    its = table.c.conductor_group == pair[0], table.c.driver == pair[1]
    with database.read() as connection:
        query = sa.select(table.c.owner, sa.func.count().label("count")).where(*its).group_by(table.c.owner)
        return {row.owner: row[1] for row in connection.execute(query)}


def test_a_member_gets_all_slots_and_a_second_one_half(database: Database) -> None:
    one = enter(database, "c1")
    settle(database, one)
    assert counts(database) == {one.incarnation: SLOTS}
    assert generation(database) is None, "nothing is to be changed"
    two = enter(database, "c2")
    number = settle(database, one, two)
    shares = counts(database)
    assert shares.keys() == {one.incarnation, two.incarnation}
    assert abs(shares[one.incarnation] - SLOTS // 2) <= SLOTS // 100
    with database.read() as connection:
        assert set(slots.owned(connection, two)[("", "fake")].values()) == {number}
        assert set(slots.owned(connection, one)[("", "fake")].values()) == {number - 1}


def test_a_join_waits_until_the_last_generation_has_settled(database: Database) -> None:
    one = enter(database, "c1")
    number = generation(database) or 0
    enter(database, "c2")
    assert generation(database) is None
    with database.write() as connection:
        members.acknowledge(connection, one, number)
    assert generation(database) == number + 1


def test_what_one_that_ended_had_is_given_away_at_once(database: Database) -> None:
    one, two = enter(database, "c1"), enter(database, "c2")
    assert generation(database)
    end(database, two)
    assert generation(database)
    assert counts(database) == {one.incarnation: SLOTS}


def test_who_leaves_or_is_drained_gives_all_to_others(database: Database) -> None:
    one, two = enter(database, "c1"), enter(database, "c2")
    settle(database, one, two)
    with database.write() as connection:
        members.announce_leave(connection, two)
    settle(database, one, two)
    assert counts(database) == {one.incarnation: SLOTS}


def test_nobody_has_the_slots_of_a_driver_that_nobody_serves(database: Database) -> None:
    one = enter(database, "c1", drivers=("fake", "acme"))
    settle(database, one)
    two = enter(database, "c2")
    settle(database, one, two)
    end(database, one)
    settle(database, two)
    assert counts(database) == {two.incarnation: SLOTS}
    assert counts(database, ("", "acme")) == {None: SLOTS}


def test_a_fallback_serves_while_the_groups_own_are_gone(database: Database) -> None:
    one = enter(database, "c1", conductor_groups=("a",))
    two = enter(database, "c2", conductor_groups=("b",), fallback_groups=("a",))
    settle(database, one, two)
    assert counts(database, ("a", "fake")) == {one.incarnation: SLOTS}
    end(database, one)
    settle(database, two)
    assert counts(database, ("a", "fake")) == {two.incarnation: SLOTS}
    three = enter(database, "c1", conductor_groups=("a",))
    settle(database, two, three)
    assert counts(database, ("a", "fake")) == {three.incarnation: SLOTS}


def test_what_became_uneven_is_levelled(database: Database, enrol: Enrol) -> None:
    one, two = enter(database, "c1"), enter(database, "c2")
    settle(database, one, two)
    with database.read() as connection:
        mine = slots.owned(connection, one)[("", "fake")]
    rows = enrol(*(f"n{i}" for i in range(40)))
    with database.write() as connection:
        for row, slot in zip(rows, sorted(mine), strict=False):
            connection.execute(sa.update(models.nodes).where(models.nodes.c.id == row.id).values(slot=slot))
    settle(database, one, two)
    with database.read() as connection:
        theirs = slots.owned(connection, two)[("", "fake")]
        assert sum(slot in theirs for slot in sorted(mine)[:40]) == 20


def drain(database: Database, host: str) -> None:
    with database.write() as connection:
        conductors.begin(connection, host, 1)
        connection.execute(sa.update(models.conductors).values(draining_since=models.utcnow()))


def test_a_fallback_serves_while_the_groups_own_are_drained(database: Database) -> None:
    one = enter(database, "c1", conductor_groups=("a",))
    two = enter(database, "c2", conductor_groups=("b",), fallback_groups=("a",))
    settle(database, one, two)
    drain(database, "c1")
    settle(database, one, two)
    assert counts(database, ("a", "fake")) == {two.incarnation: SLOTS}
    end(database, two)
    settle(database, one)
    assert counts(database, ("a", "fake")) == {one.incarnation: SLOTS}


def test_what_nobody_has_is_given_away_at_once(database: Database) -> None:
    one, two = enter(database, "c1"), enter(database, "c2", conductor_groups=("b",))
    settle(database, one, two)
    end(database, two)
    assert generation(database)
    assert counts(database, ("b", "fake")) == {None: SLOTS}
    three = enter(database, "c3", conductor_groups=("b",))
    assert generation(database), "though the first has acknowledged nothing yet"
    assert counts(database, ("b", "fake")) == {three.incarnation: SLOTS}


# Races, on servers: SQLite lets one transaction write at a time.


def test_of_two_that_make_a_generation_one_does(database: Database, contend: Contend) -> None:
    enter(database, "c1")
    made: list[int | None] = []
    contend(
        lambda connection: made.append(slots.make_generation(connection)),
        lambda connection: made.append(slots.make_generation(connection)),
    )
    assert made[0] is not None
    assert made[1] is None


def test_a_generation_waits_for_an_acknowledgement_and_counts_it(
    database: Database, contend: Contend
) -> None:
    one = enter(database, "c1")
    number = generation(database) or 0
    enter(database, "c2")
    made: list[int | None] = []
    contend(
        lambda connection: members.acknowledge(connection, one, number),
        lambda connection: made.append(slots.make_generation(connection)),
    )
    assert made == [number + 1]


def test_an_acknowledgement_that_comes_during_a_generation_is_not_for_that_one(
    database: Database, contend: Contend
) -> None:
    one, two = enter(database, "c1"), enter(database, "c2")
    number = settle(database, one, two)
    enter(database, "c3")
    contend(slots.make_generation, lambda connection: members.acknowledge(connection, one, number))
    with database.read() as connection:
        assert members.settled(connection) == number
    assert generation(database) is None, "a generation that has not settled"


def test_a_generation_that_comes_as_a_member_is_ended_gives_its_slots_away(
    database: Database, contend: Contend
) -> None:
    one, two = enter(database, "c1"), enter(database, "c2")
    settle(database, one, two)
    contend(
        lambda connection: members.end(connection, {two.incarnation: 1}, one, "over"), slots.make_generation
    )
    assert counts(database) == {one.incarnation: SLOTS}


def test_a_generation_is_not_taken_for_one_of_members_that_came_after_it(database: Database) -> None:
    one = enter(database, "c1")
    before = settle(database, one)
    is_first = True

    def meanwhile(*_: object) -> None:
        nonlocal is_first
        if is_first and not database.is_sqlite:
            is_first = False
            two = enter(database, "c2")
            settle(database, one, two)

    sa.event.listen(database.engine, "after_cursor_execute", meanwhile)
    try:
        with database.read() as connection:
            found = slots.roster(connection)
    finally:
        sa.event.remove(database.engine, "after_cursor_execute", meanwhile)
    assert (len(found.whom.able), found.generation) != (2, before)


def test_a_request_that_is_begun_as_its_node_is_given_away_waits_for_the_new_owner(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    one = enter(database, "c1")
    settle(database, one)
    (node,) = enrol("n1")
    with database.write() as connection:
        power.ask(connection, [node], states.POWER_ON, who="ann")
        (request,) = (row.request_id for row in beginning.due(connection, one, ["fake"], limit=9))
        members.announce_leave(connection, one)
    begun: list[list[beginning.Begun]] = []
    contend(
        slots.make_generation,
        lambda connection: begun.append(beginning.begin(connection, [request], one, models.utcnow())),
    )
    assert begun == [[]]


def test_a_node_whose_request_was_begun_before_is_given_away_with_its_reservation(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    one = enter(database, "c1")
    settle(database, one)
    (node,) = enrol("n1")
    with database.write() as connection:
        power.ask(connection, [node], states.POWER_ON, who="ann")
        (request,) = (row.request_id for row in beginning.due(connection, one, ["fake"], limit=9))
    two = enter(database, "c2")
    with database.write() as connection:
        members.announce_leave(connection, one)
    begun: list[list[beginning.Begun]] = []
    contend(
        lambda connection: begun.append(beginning.begin(connection, [request], one, models.utcnow())),
        slots.make_generation,
    )
    assert [len(some) for some in begun] == [1]
    settle(database, one, two)
    with database.read() as connection:
        assert counts(database) == {two.incarnation: SLOTS}
        assert beginning.due(connection, two, ["fake"], limit=9) == []
        assert [row.request_id for row in beginning.due(connection, one, ["fake"], limit=9)] == [request]
