"""Nodes that their owner has another member read."""

import pytest
import sqlalchemy as sa

from podium import states
from podium.db import api, cross_checks, leftovers, members, models, slots, subnets
from podium.db.api import NodeRecord
from podium.db.cross_checks import Question
from podium.db.engine import Database
from podium.db.worker import Worker
from power_requests import C1, C2, Enrol, ask, only

pytestmark = pytest.mark.usefixtures("two_members")


def question(row: NodeRecord, reader: Worker = C2, version: int | None = None) -> Question:
    return Question(row.id, row.version if version is None else version, "10.0.0.0/24", reader)


def put(database: Database, *questions: Question, by: Worker = C1) -> set[int]:
    with database.write() as connection:
        return cross_checks.ask(connection, questions, by).numbers


def end(database: Database, member: Worker) -> None:
    with database.write() as connection:
        assert members.end(connection, {member.incarnation: 1}, None, "its lease ran out")


def test_a_node_is_the_readers_until_it_has_answered(database: Database, enrol: Enrol) -> None:
    (row,) = enrol("n1")
    assert put(database, question(row)) == {row.id}
    held = only(database)
    assert (held.reservation, held.reserved_for) == (C2, "cross-check: c1 cannot read it")
    assert held.version > row.version
    with database.read() as connection:
        assert cross_checks.to_read(connection, C2) == [row.id]
        assert cross_checks.answers(connection, C1) == []
    with database.write() as connection:
        cross_checks.answer(connection, C2, {row.id: (states.POWER_ON, None)})
    freed = only(database)
    assert (freed.reservation, freed.power_state) == (None, None)
    assert freed.version > held.version
    with database.read() as connection:
        assert cross_checks.to_read(connection, C2) == []
        (answer,) = cross_checks.answers(connection, C1)
        assert (answer.reader, answer.power_state, answer.failure) == (C2, "power on", None)
        (told,) = cross_checks.out_of_reach(connection)
        assert str(told) == (
            "c1 cannot reach 10.0.0.0/24, while c2 has read n1; see: podium conductor avoid c1 10.0.0.0/24"
        )
    with database.write() as connection:
        cross_checks.forget(connection, [row.id], C1)
        assert cross_checks.out_of_reach(connection) == []


def test_a_node_that_is_not_as_its_owner_knows_it_is_left_alone(database: Database, enrol: Enrol) -> None:
    changed, asked, reserved = enrol("changed", "asked", "reserved")
    ask(database, [asked])
    (asked,) = (row for row in _rows(database) if row.name == "asked")
    with database.write() as connection:
        its = models.nodes.c.id == reserved.id
        connection.execute(sa.update(models.nodes).where(its).values(reservation=C1))
    questions = question(changed, version=changed.version - 1), question(asked), question(reserved)
    assert put(database, *questions) == set()
    assert [row.reservation for row in _rows(database)] == [None, None, C1]


def test_nobody_asks_of_anothers_nodes_or_one_who_has_ended(database: Database, enrol: Enrol) -> None:
    (row,) = enrol("n1")
    assert put(database, question(row, C1), by=C2) == set()
    end(database, C2)
    assert put(database, question(row)) == set()
    assert only(database).reservation is None


def test_what_a_reader_that_ends_was_to_read_is_free_again(database: Database, enrol: Enrol) -> None:
    (row,) = enrol("n1")
    put(database, question(row))
    end(database, C2)
    with database.write() as connection:
        assert leftovers.take_back(connection) == 1
        cross_checks.drop_ended(connection)
        assert cross_checks.to_read(connection, C2) == []
    assert only(database).reservation is None


def test_the_answer_to_a_member_that_ended_frees_the_node_and_is_forgotten(
    database: Database, enrol: Enrol
) -> None:
    (row,) = enrol("n1")
    put(database, question(row))
    end(database, C1)
    with database.write() as connection:
        cross_checks.drop_ended(connection)
        assert cross_checks.to_read(connection, C2) == [row.id]
        cross_checks.answer(connection, C2, {row.id: (None, "no answer")})
        cross_checks.drop_ended(connection)
        assert cross_checks.answers(connection, C1) == []
    assert only(database).reservation is None


def test_a_node_that_is_deleted_takes_its_cross_check_along(database: Database, enrol: Enrol) -> None:
    (row,) = enrol("n1")
    put(database, question(row))
    with database.write() as connection:
        cross_checks.answer(connection, C2, {row.id: (states.POWER_ON, None)})
        api.delete_nodes(connection, [row.id])
        assert cross_checks.answers(connection, C1) == []


def test_those_may_read_who_serve_the_node_on_other_hosts(database: Database) -> None:
    service = members.Service("p", ["fake"], [""], [], 30.0, 5.0, "1", "f")
    with database.write() as connection:
        for host, index, changes in (
            ("c1", 1, {}),
            ("spare", 0, {"conductor_groups": ["x"], "fallback_groups": [""]}),
            ("elsewhere", 0, {"conductor_groups": ["x"]}),
            ("redfish", 0, {"drivers": ["redfish"]}),
            ("old", 0, {}),
        ):
            members.enter(connection, host, index, service._replace(**changes))
        old = models.members.c.host == "old"
        connection.execute(sa.update(models.members).where(old).values(revision="0007"))
        roster = slots.roster(connection)
        found = cross_checks.readers(connection, roster, ("", "fake"), 5, "c1")
        assert [one.host for one in found] == ["c2", "spare"]
        barred = roster._replace(whom=roster.whom._replace(barred=((1024, frozenset({"c2"})),)))
        found = cross_checks.readers(connection, barred, ("", "fake"), 1024, "c1")
        assert [one.host for one in found] == ["spare"]


def test_a_request_for_a_node_that_is_read_by_another_is_refused_until_that_has_ended(
    database: Database, enrol: Enrol
) -> None:
    (row,) = enrol("n1")
    put(database, question(row))
    (refused,) = ask(database, [row]).refused
    assert refused.startswith("n1: reserved by c2/0@2 for cross-check: c1 cannot read it since ")
    with database.write() as connection:
        cross_checks.answer(connection, C2, {row.id: (None, "no answer")})
    assert len(ask(database, [row]).accepted) == 1


@pytest.mark.parametrize(
    ("endpoint", "network"),
    [
        ("10.1.2.3", "10.1.2.0/24"),
        ("10.1.2.3:6230", "10.1.2.0/24"),
        ("fd00:1:2:3::9", "fd00:1:2:3::/64"),
        ("[fd00:1:2:3::9]:623", "fd00:1:2:3::/64"),
        ("bmc1.example", "bmc1.example"),
        ("bmc1.example:623", "bmc1.example:623"),
        ("10.1.2.example", "10.1.2.example"),
    ],
)
def test_the_network_around_an_endpoint(endpoint: str, network: str) -> None:
    assert subnets.network_of(endpoint) == network


def _rows(database: Database) -> list[NodeRecord]:
    with database.read() as connection:
        return api.list_nodes(connection)
