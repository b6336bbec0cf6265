"""What people see change is found after any place, once, and in the order of commits."""

from collections.abc import Collection
from datetime import timedelta

import pytest
import sqlalchemy as sa

from crews import enter
from podium import states
from podium.db import (
    api,
    cancelling,
    clock,
    drains,
    faults,
    fleet,
    ledger,
    members,
    news,
    operations,
    readings,
    removal,
)
from podium.db.engine import Database
from podium.db.news import Place
from podium.db.readings import Reading, ReadOfChange
from power_requests import C1, NOON, Contend, Enrol, ask, begin, due, end


def place_of_now(database: Database) -> Place:
    with database.read() as connection:
        return Place.after(news.newest(connection))


def read(
    database: Database, place: Place, kinds: Collection[str] = news.KINDS, most: int = 100
) -> list[news.News]:
    with database.snapshot() as connection:
        return news.after(connection, place, news.newest(connection), kinds, most)


def named(found: list[news.News]) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in found]


def record(database: Database, *some: Reading) -> set[int]:
    with database.write() as connection:
        return readings.record_readings(connection, some, C1)


def reading(node: api.NodeRecord, state: str | None, failure: str | None = None) -> Reading:
    return Reading(node.id, node.version, NOON, state, failure)


def test_a_place_is_a_text_and_back() -> None:
    for place in (Place.after(7), Place(7, 0, 3), Place(7, 4, "c1.example.com"), Place(7, 4, "ä.b %")):
        assert Place.parse(str(place)) == place
    for text in ("", "x", "1.9.1", "1.0.x", "-1", "1.5", "9" * 30, "1.0", "٣"):
        with pytest.raises(ValueError, match=r".*"):
            Place.parse(text)


def test_what_people_change_is_news_once_and_in_order(database: Database, enrol: Enrol) -> None:
    one, two, three = enrol("n1", "n2", "n3")
    place = place_of_now(database)
    for node in (two, one):
        with database.write() as connection:
            api.update_node(connection, node.id, {"description": "new"})
    with database.write() as connection:
        api.delete_node(connection, three.id)
    found = read(database, place)
    assert named(found) == [("nodes", "n2"), ("nodes", "n1"), ("nodes", "n3")]
    assert [one.is_deleted for one in found] == [False, False, True]
    for at, news_there in enumerate(found):
        assert read(database, news_there.place) == found[at + 1 :]
    with database.write() as connection:
        api.update_node(connection, two.id, {"description": "newer"})
    assert named(read(database, place)) == [("nodes", "n1"), ("nodes", "n3"), ("nodes", "n2")]


def test_rows_of_one_change_are_read_in_parts(database: Database, enrol: Enrol) -> None:
    place = place_of_now(database)
    enrol(*(f"n{number}" for number in range(7)))
    seen: list[str] = []
    while found := read(database, place, most=2):
        seen += [one.name for one in found]
        place = found[-1].place
    assert seen == [f"n{number}" for number in range(7)]


def test_a_reading_is_news_when_people_see_it_and_takes_no_number_otherwise(
    database: Database, enrol: Enrol
) -> None:
    (node,) = enrol("n1")

    def news_of(state: str | None, failure: str | None = None) -> list[str]:
        place = place_of_now(database)
        assert record(database, reading(node, state, failure)) == set()
        found = [one.kind for one in read(database, place)]
        assert bool(found) == (place_of_now(database) != place)
        return found

    assert news_of(states.POWER_ON) == ["nodes", "events"]
    assert news_of(states.POWER_ON) == []
    assert news_of(states.POWER_OFF) == ["nodes", "events"]
    assert news_of(None, "no answer") == ["nodes"]
    assert news_of(None, "no answer") == []
    assert news_of(None, "another reason") == ["nodes"]
    assert news_of(states.POWER_OFF) == ["nodes"]


def test_a_sweep_does_not_change_the_version_by_which_readings_are_accepted(
    database: Database, enrol: Enrol
) -> None:
    (node,) = enrol("n1")
    record(database, reading(node, states.POWER_ON))
    assert record(database, reading(node, states.POWER_OFF)) == set()


def test_what_conductors_learn_otherwise_is_news(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    health = {"status": "Warning", "reasons": ["a fan"]}
    for step in (
        lambda connection: fleet.record_health(connection, {node.id: health}),
        lambda connection: faults.record_enforcement(connection, {node.id: "waits"}),
        lambda connection: fleet.record_patches(connection, {node.id: {"properties": {"cpus": 4}}}),
    ):
        place = place_of_now(database)
        with database.write() as connection:
            step(connection)
        assert named(read(database, place)) == [("nodes", "n1")]
    place = place_of_now(database)
    with database.write() as connection:
        fleet.record_patches(connection, {node.id: {"properties": {"cpus": 4}}})
        readings.record_reads_of_changes(connection, [], C1)
    assert (read(database, place), place_of_now(database)) == ([], place)


@pytest.mark.usefixtures("two_members")
def test_an_operation_is_news_whenever_its_requests_get_on(database: Database, enrol: Enrol) -> None:
    rows = enrol("n1", "n2")
    kinds = [news.OPERATIONS, news.EVENTS]

    def counts() -> list[tuple[str, dict[str, int]]]:
        nonlocal place
        found = read(database, place, kinds)
        place = place_of_now(database)
        with database.read() as connection:
            keys = [int(one.key) for one in found if one.kind == news.OPERATIONS]
            its = {one.id: dict(one.counts) for one in operations.operations_of(connection, keys)}
        return [(one.kind, its[int(one.key)] if one.kind == news.OPERATIONS else {}) for one in found]

    place = place_of_now(database)
    asked = ask(database, rows)
    assert counts() == [("operations", {"waiting": 2})]
    first, second = begin(database, due(database))
    assert counts() == [("operations", {"begun": 2})]
    with database.write() as connection:
        readings.record_reads_of_changes(connection, [ReadOfChange(first.node.id, 1, "no answer")], C1)
    assert counts() == []
    end(database, first, states.POWER_ON)
    assert counts() == [("operations", {"begun": 1, "done": 1}), ("events", {})]
    end(database, second, None, "no answer")
    assert counts() == [("operations", {"done": 1, "failed": 1}), ("events", {})]
    ask(database, rows)
    ask(database, rows, states.POWER_OFF)
    assert [kind for kind, _ in counts()] == ["operations", "operations"]
    with database.write() as connection:
        cancelling.cancel(connection, (asked.operation_id or 0) + 2, "ada@desk")
    assert counts() == [("operations", {"cancelled": 2})]


@pytest.mark.usefixtures("two_members")
def test_an_operation_is_news_when_a_node_that_it_waits_for_is_deleted(
    database: Database, enrol: Enrol
) -> None:
    rows = enrol("n1", "n2")
    ask(database, rows)
    place = place_of_now(database)
    with database.write() as connection:
        api.delete_node(connection, rows[0].id)
    assert [one.kind for one in read(database, place, [news.OPERATIONS])] == ["operations"]


def test_a_conductor_is_news_when_its_members_change(database: Database) -> None:
    place = place_of_now(database)
    member, other = enter(database, "c1"), enter(database, "c2")

    def states_of() -> list[tuple[str, str]]:
        nonlocal place
        found = read(database, place, [news.CONDUCTORS])
        place = place_of_now(database)
        with database.read() as connection:
            there = news.presences(connection, [one.name for one in found])
        return [
            (one.name, "deleted" if one.is_deleted else f"{there[one.name].state} {there[one.name].workers}")
            for one in found
        ]

    assert states_of() == [("c1", "alive 1"), ("c2", "alive 1")]
    with database.write() as connection:
        drains.drain(connection, "c1")
    assert states_of() == [("c1", "draining 1")]
    with database.write() as connection:
        members.acknowledge(connection, other, 0)
    assert states_of() == []
    with database.write() as connection:
        members.announce_leave(connection, member)
    assert states_of() == [("c1", "leaving 1")]
    with database.write() as connection:
        members.leave(connection, member)
    assert states_of() == [("c1", "gone 0")]
    with database.write() as connection:
        removal.remove(connection, "c1")
    assert states_of() == [("c1", "deleted")]


def test_deletions_are_forgotten_after_their_time_and_what_is_older_is_said(
    database: Database, enrol: Enrol
) -> None:
    rows = enrol("n1", "n2")
    place = place_of_now(database)
    with database.write() as connection:
        api.delete_node(connection, rows[0].id)
        now = clock.now(connection)
        news.prune(connection, now - timedelta(days=1))
        assert news.oldest(connection) <= place.number + 1
        before = news.newest(connection)
    assert named(read(database, place)) == [("nodes", "n1")]
    with database.write() as connection:
        api.delete_node(connection, rows[1].id)
        news.prune(connection, now + timedelta(seconds=60))
        assert news.oldest(connection) > before
    assert read(database, place) == []


def test_what_followed_events_that_were_pruned_is_no_longer_known(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    place = place_of_now(database)
    for state in (states.POWER_ON, states.POWER_OFF, states.POWER_ON):
        record(database, reading(node, state))
    with database.write() as connection:
        ledger.prune_events(connection, NOON - timedelta(days=1), 1)
        assert news.oldest(connection, [news.NODES]) <= place.number < news.oldest(connection)
        assert news.oldest(connection) == news.newest(connection) - 1


def test_a_number_is_read_only_when_all_before_it_are_there(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    one, two = enrol("n1", "n2")
    place = place_of_now(database)
    seen: list[list[tuple[str, str]]] = []

    def change(connection: sa.Connection) -> None:
        api.update_node(connection, one.id, {"description": "new"})

    def learn(connection: sa.Connection) -> None:
        readings.record_readings(connection, [reading(two, states.POWER_ON)], C1)

    assert contend(change, learn, lambda _: seen.append(named(read(database, place)))) is None
    assert seen == [[]]
    assert named(read(database, place, [news.NODES])) == [("nodes", "n1"), ("nodes", "n2")]
