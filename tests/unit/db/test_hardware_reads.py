"""What people ask to have read from hardware, and the answers, in the database."""

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from entries import enter
from fakes import give_slots
from podium import errors
from podium.db import clock, hardware_reads, members, models
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker
from power_requests import Contend, Enrol
from readers import owner


def ask(database: Database, node: str = "n1", kind: str = "sensors", **arguments: Any) -> int:
    with database.write() as connection:
        return hardware_reads.ask(connection, node, kind, "ada@desk", arguments)


def find(database: Database, number: int) -> HardwareRead:
    with database.read() as connection:
        found = hardware_reads.find(connection, number)
    assert found is not None
    return found


def owed(database: Database, reader: Worker) -> list[int]:
    with database.read() as connection:
        return [one.id for one in hardware_reads.unanswered(connection, reader)]


def test_the_owner_of_a_node_is_asked_and_answers(database: Database, enrol: Enrol) -> None:
    reader, (node,) = owner(database), enrol("n1")
    number = ask(database)
    (read,) = [find(database, one) for one in owed(database, reader)]
    assert (read.id, read.node_uuid, read.kind, read.reader) == (number, node.uuid, "sensors", reader)
    assert (read.requested_by, read.finished_at, read.answer) == ("ada@desk", None, None)
    with database.write() as connection:
        hardware_reads.answer(connection, number, {"sensors": [{"name": "Süd"}]})
    read = find(database, number)
    assert (read.answer, read.error) == ({"sensors": [{"name": "Süd"}]}, None)
    assert read.finished_at is not None
    assert owed(database, reader) == []


def test_what_could_not_be_read_has_an_error_and_keeps_it(database: Database, enrol: Enrol) -> None:
    owner(database)
    enrol("n1")
    number = ask(database)
    with database.write() as connection:
        hardware_reads.fail(connection, number, "BMCUnreachable", "no answer")
        hardware_reads.answer(connection, number, {"sensors": []})
    read = find(database, number)
    assert (read.answer, read.error_kind, read.error) == (None, "BMCUnreachable", "no answer")


def test_a_read_that_is_owed_already_is_shared_and_one_that_has_ended_is_not(
    database: Database, enrol: Enrol
) -> None:
    owner(database)
    enrol("n1", "n2")
    number = ask(database)
    assert ask(database) == number
    assert len({number, ask(database, "n2"), ask(database, kind="log")}) == 3
    with database.write() as connection:
        hardware_reads.answer(connection, number, {})
    assert ask(database) > number


def test_a_read_is_shared_only_where_all_arguments_are_the_same(database: Database, enrol: Enrol) -> None:
    owner(database)
    enrol("n1")
    number = ask(database, kind="log", before="Ä1", limit=5)
    assert ask(database, kind="log", limit=5, before="Ä1") == number
    others = [{"before": "ä1", "limit": 5}, {"before": "Ä1 ", "limit": 5}, {}]
    found = {ask(database, kind="log", **arguments) for arguments in others}
    assert len({number, *found}) == 4
    assert json.loads(find(database, number).arguments or "") == {"before": "Ä1", "limit": 5}
    assert [find(database, one).arguments for one in sorted(found)][-1] is None


def test_a_node_is_asked_for_so_many_parts_of_its_log_at_the_most(database: Database, enrol: Enrol) -> None:
    owner(database)
    enrol("n1", "n2")
    first, *_ = [ask(database, kind="log", limit=limit) for limit in range(1, 5)]
    with pytest.raises(errors.NodeConflict, match="^n1: 4 other reads of its log are under way; ask again"):
        ask(database, kind="log", limit=5)
    assert ask(database, kind="log", limit=1) == first
    ask(database, kind="sensors")
    ask(database, "n2", kind="log", limit=5)
    with database.write() as connection:
        hardware_reads.answer(connection, first, {})
    ask(database, kind="log", limit=5)


def test_the_longest_arguments_have_room(database: Database, enrol: Enrol) -> None:
    owner(database)
    enrol("n1")
    longest = {"before": '"' * 128, "after": "\U0001f525" * 128, "limit": 1000}
    assert json.loads(find(database, ask(database, kind="log", **longest)).arguments or "") == longest


def test_a_read_that_another_member_owes_is_not_shared(database: Database, enrol: Enrol) -> None:
    first = owner(database)
    enrol("n1")
    number = ask(database)
    with database.write() as connection:
        (second,) = enter(connection, "c2")
        give_slots(connection, second, ["fake"])
    assert [owed(database, one) for one in (first, second)] == [[number], []]
    assert [ask(database)] == owed(database, second)


def test_many_are_asked_for_together_and_each_may_be_refused(database: Database, enrol: Enrol) -> None:
    reader = owner(database)
    enrol("n1", "n2")
    enrol("n3", provision_state="enroll")
    number = ask(database, kind="login")
    with database.write() as connection:
        asked = hardware_reads.ask_many(connection, ["n1", "n2", "n3"], "login", "ada@desk", 3)
    assert [node.name for node, _ in asked] == ["n1", "n2", "n3"]
    found = [one for _, one in asked]
    assert found[:2] == owed(database, reader) and found[0] == number
    assert isinstance(found[2], errors.NodeConflict)
    with database.read() as connection:
        assert [*hardware_reads.find_many(connection, [number, 10**6])] == [number]


def test_too_many_are_not_asked_for(database: Database, enrol: Enrol) -> None:
    reader = owner(database)
    enrol("n1", "n2")
    for wanted, kind in ((["n1", "n2"], errors.BadRequest), (["n1", "n9"], errors.NodeNotFound)):
        with pytest.raises(kind), database.write() as connection:
            hardware_reads.ask_many(connection, wanted, "login", "ada@desk", 1)
    assert owed(database, reader) == []


def test_nobody_is_asked_where_nobody_owns_the_node(database: Database, enrol: Enrol) -> None:
    enrol("n1")
    with pytest.raises(errors.NodeConflict, match="no conductor has n1 now"):
        ask(database)
    with pytest.raises(errors.NodeNotFound):
        ask(database, "n2")


def test_nobody_is_asked_for_a_node_that_no_conductor_looks_after(database: Database, enrol: Enrol) -> None:
    owner(database)
    enrol("n1", provision_state="enroll")
    with pytest.raises(errors.NodeConflict, match="n1: the node is in enroll"):
        ask(database)


def test_reads_of_a_member_that_ends_are_answered_and_it_is_asked_no_more(
    database: Database, enrol: Enrol
) -> None:
    reader = owner(database)
    enrol("n1")
    number = ask(database)
    with database.write() as connection:
        members.end(connection, {reader.incarnation: 1}, None, "its lease ran out")
    read = find(database, number)
    assert (read.error_kind, read.error) == (
        "NodeConflict",
        "the conductor c1 ended before it answered; ask again",
    )
    with pytest.raises(errors.NodeConflict, match="no conductor has n1 now"):
        ask(database)


def test_a_read_that_is_asked_for_while_the_member_ends_is_answered_or_refused(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    reader = owner(database)
    enrol("n1")

    def end(connection: sa.Connection) -> None:
        members.end(connection, {reader.incarnation: 1}, None, "its lease ran out")

    refused = contend(end, lambda connection: hardware_reads.ask(connection, "n1", "sensors", "ada@desk"))
    assert isinstance(refused, errors.NodeConflict | errors.DatabaseBusy)
    assert owed(database, reader) == []


def test_a_member_owes_so_many_reads_at_the_most(
    database: Database, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware_reads, "_MOST_UNANSWERED", 1)
    owner(database)
    enrol("n1", "n2")
    number = ask(database)
    with pytest.raises(errors.NodeConflict, match="n2: its conductor has too much to read"):
        ask(database, "n2")
    assert ask(database) == number


def _age(database: Database, number: int, seconds: float) -> None:
    with database.write() as connection:
        at = clock.now(connection) - timedelta(seconds=seconds)
        its = sa.update(models.hardware_reads).where(models.hardware_reads.c.id == number)
        connection.execute(its.values(requested_at=at, finished_at=at))


def test_answers_that_nobody_waits_for_go_when_their_conductor_is_asked_again(
    database: Database, enrol: Enrol
) -> None:
    owner(database)
    enrol("n1", *(f"m{number}" for number in range(25)))
    others = [ask(database, f"m{number}") for number in range(25)]
    for number in others:
        _age(database, number, 600)
    young = ask(database)
    with database.write() as connection:
        hardware_reads.answer(connection, young, {})

    def left() -> int:
        with database.read() as connection:
            return len(hardware_reads.find_many(connection, others))

    assert left() == 5
    assert ask(database, kind="log") > young
    assert left() == 0
    assert find(database, young).answer == {}


def test_too_long_arguments_are_refused(database: Database, enrol: Enrol) -> None:
    reader = owner(database)
    enrol("n1")
    with pytest.raises(errors.BadRequest, match="what is asked of n1 has more than 1024 characters"):
        ask(database, kind="log", before="x" * 1024)
    assert owed(database, reader) == []


def test_old_reads_are_deleted(database: Database, enrol: Enrol) -> None:
    owner(database)
    enrol("n1", "n2")
    old, young = ask(database), ask(database, "n2")
    _age(database, old, 4000)
    with database.write() as connection:
        hardware_reads.prune(connection, clock.later(clock.now(connection), -3600))
        assert hardware_reads.find(connection, old) is None
        assert hardware_reads.find(connection, young) is not None
