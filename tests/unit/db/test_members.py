"""Members enter, are ended by who saw their lease stand still, and write only while they are unended."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db import changes, members, models, slots, task_commands
from podium.db.engine import Database
from podium.db.worker import Worker

Step = Callable[[sa.Connection], object]
Contend = Callable[..., BaseException | None]
LineUp = Callable[..., list[BaseException | None]]

SERVICE = members.Service("boot:1:2", ("fake",), ("",), (), 30.0, 5.0, "1", "f")


def enter(database: Database, host: str = "c1", worker: int = 0) -> Worker:
    with database.write() as connection:
        return members.enter(connection, host, worker, SERVICE)


def names(database: Database) -> list[Worker]:
    with database.read() as connection:
        return [member.name for member in members.unended(connection)]


def end(database: Database, seen: dict[int, int], by: Worker | None = None) -> list[int]:
    with database.write() as connection:
        return members.end(connection, seen, by, "its lease ran out")


def test_a_worker_has_one_member_at_a_time_and_a_new_number_at_each_entry(database: Database) -> None:
    first = enter(database)
    with pytest.raises(errors.ConductorAlreadyRunning, match="c1/0"):
        enter(database)
    with database.write() as connection:
        members.leave(connection, first)
    second = enter(database)
    assert second.incarnation > first.incarnation
    assert names(database) == [second]


def test_a_lease_that_was_raised_since_is_not_ended(database: Database) -> None:
    one, two = enter(database), enter(database, "c2")
    with database.write() as connection:
        seen = members.renew(connection, two, 2)
        members.renew(connection, one, 2)
    assert seen == {one.incarnation: 1, two.incarnation: 2}
    assert end(database, {one.incarnation: 1}, two) == []
    assert end(database, {one.incarnation: 2}, two) == [one.incarnation]
    assert names(database) == [two]


def test_who_was_ended_learns_it_at_its_next_heartbeat_and_at_every_write(database: Database) -> None:
    one, two = enter(database), enter(database, "c2")
    end(database, {one.incarnation: 1}, two)
    with database.write() as connection:
        assert members.renew(connection, one, 2) is None
        members.guard(connection, two)
        with pytest.raises(errors.MemberEnded, match=r"c1/0@\d+ was ended by c2/0@\d+: its lease ran out"):
            members.guard(connection, one)


def test_a_member_that_the_database_does_not_know_is_ended(database: Database) -> None:
    with database.write() as connection, pytest.raises(errors.MemberEnded, match="c1/0@99"):
        members.guard(connection, Worker("c1", 0, 99))


def test_nobody_is_ended_in_the_middle_of_a_write(database: Database, contend: Contend) -> None:
    one = enter(database)
    ended: list[list[int]] = []
    contend(
        lambda connection: members.guard(connection, one),
        lambda connection: ended.append(members.end(connection, {one.incarnation: 1}, None, "forgotten")),
        lambda connection: members.guard(connection, one),
    )
    assert ended == [[one.incarnation]]


def test_a_generation_has_settled_when_the_last_has_acknowledged(database: Database) -> None:
    one, two = enter(database), enter(database, "c2")
    with database.write() as connection:
        generation = slots.make_generation(connection) or 0
        assert members.settled(connection) == generation - 1
        members.acknowledge(connection, one, generation)
        assert members.settled(connection) == generation - 1
        members.acknowledge(connection, two, generation)
        assert members.settled(connection) == generation


def test_the_member_with_the_lowest_number_is_the_first_until_it_ends(database: Database) -> None:
    def is_first(*them: Worker) -> list[bool]:
        with database.read() as connection:
            return [members.is_first(connection, one) for one in them]

    one, two = enter(database), enter(database, "c2")
    assert is_first(one, two) == [True, False]
    end(database, {one.incarnation: 1}, two)
    assert is_first(one, two) == [False, True]


def test_a_number_that_was_given_once_more_is_not_the_same_member(database: Database) -> None:
    """As after a promotion that lost the entry of the first."""
    one = enter(database)
    lost = Worker("c2", 0, one.incarnation)
    with database.write() as connection:
        assert members.renew(connection, lost, 9) is None
        members.acknowledge(connection, lost, 9)
        members.leave(connection, lost)
        with pytest.raises(errors.MemberEnded, match="c2/0"):
            members.guard(connection, lost)
        members.guard(connection, one)
        assert members.standing(connection) == {one.incarnation: 1}


def test_an_acknowledgement_that_comes_late_takes_nothing_back(database: Database) -> None:
    one = enter(database)
    with database.write() as connection:
        newest = slots.make_generation(connection) or 0
        members.acknowledge(connection, one, newest)
        members.acknowledge(connection, one, newest - 1)
        assert [member.acknowledged for member in members.unended(connection)] == [newest]


def test_a_generation_that_the_database_has_lost_is_not_acknowledged(database: Database) -> None:
    one = enter(database)
    with database.write() as connection:
        newest = slots.make_generation(connection) or 0
        members.acknowledge(connection, one, newest + 3)
        assert [member.acknowledged for member in members.unended(connection)] == [newest]


def test_who_leaves_after_it_was_ended_was_ended_by_the_other(database: Database) -> None:
    one, two = enter(database), enter(database, "c2")
    end(database, {one.incarnation: 1}, two)
    with database.write() as connection:
        members.leave(connection, one)
        with pytest.raises(errors.MemberEnded, match="was ended by c2/0"):
            members.guard(connection, one)


# Races, on servers: SQLite lets one transaction write at a time.


def test_a_lease_that_is_raised_meanwhile_is_not_ended(database: Database, contend: Contend) -> None:
    one = enter(database)
    ended: list[list[int]] = []
    contend(
        lambda connection: members.renew(connection, one, 2),
        lambda connection: ended.append(members.end(connection, {one.incarnation: 1}, None, "over")),
    )
    assert ended == [[]]
    assert names(database) == [one]


def test_a_renewal_that_comes_as_the_member_is_ended_finds_that_out(
    database: Database, contend: Contend
) -> None:
    one = enter(database)
    renewed: list[object] = []
    contend(
        lambda connection: members.end(connection, {one.incarnation: 1}, None, "over"),
        lambda connection: renewed.append(members.renew(connection, one, 2)),
    )
    assert renewed == [None]


def test_a_write_that_comes_as_the_member_is_ended_is_refused(database: Database, contend: Contend) -> None:
    one = enter(database)
    error = contend(
        lambda connection: members.end(connection, {one.incarnation: 1}, None, "over"),
        lambda connection: members.guard(connection, one),
    )
    assert isinstance(error, errors.MemberEnded)


def test_of_two_that_end_the_same_one_does(database: Database, contend: Contend) -> None:
    one, two, three = enter(database), enter(database, "c2"), enter(database, "c3")
    seen = {one.incarnation: 1, two.incarnation: 1}
    ended: list[list[int]] = []
    error = contend(
        lambda connection: ended.append(members.end(connection, seen, three, "over")),
        lambda connection: ended.append(members.end(connection, seen, two, "over")),
    )
    assert error is None
    assert ended == [[one.incarnation, two.incarnation], []]
    with database.read() as connection:
        ends = sa.select(models.members.c.ended_by).where(models.members.c.ended_at.is_not(None))
        assert set(connection.scalars(ends)) == {three}


def test_an_acknowledgement_and_other_writes_of_its_member_do_not_lock_each_other_out(
    database: Database, line_up: LineUp
) -> None:
    one, two = enter(database), enter(database, "c2")

    def writes(member: Worker) -> Step:
        def write(connection: sa.Connection) -> None:
            members.guard(connection, member)
            changes.next_change(connection)

        return write

    def acknowledges(connection: sa.Connection) -> None:
        members.guard(connection, one)
        members.acknowledge(connection, one, 1)

    assert line_up(writes(two), acknowledges, writes(one)) == [None, None]
    assert line_up(writes(two), writes(one), acknowledges, writes(one)) == [None, None, None]


def test_commands_to_tasks_of_a_member_that_ends_are_answered(database: Database) -> None:
    one = enter(database)
    with database.write() as connection:
        numbers = task_commands.ask(connection, "c1", "acme.poll", "run", "ada@desk")
        members.end(connection, {one.incarnation: 1}, None, "its lease ran out")
        (command,) = task_commands.find(connection, numbers)
    assert command.finished_at is not None
    assert command.error == "the conductor c1 ended before it answered"
