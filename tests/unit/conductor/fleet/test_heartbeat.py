"""Heartbeats, one by one, by a clock that is told the time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import entries
from fakes import Clock
from podium import errors
from podium.conductor.fleet.heartbeat import Heartbeat
from podium.conductor.fleet.lease import Lease
from podium.conductor.rooms.clock import DatabaseClock
from podium.db import clock as database_clock
from podium.db import members, models
from podium.db.worker import Worker
from servers import Server
from templates import prepared

pytestmark = pytest.mark.mariadb_long


class Beating:
    """The member ``here/0`` with a lease of 60 s, another one, and a database that can be away."""

    def __init__(self, url: str) -> None:
        self.database = prepared(url)
        self.clock = Clock(1000)
        self.works = True
        (self.me,), (self.other,) = (self.enter(host) for host in ("here", "there"))
        self.lease = Lease(self.me, 60, since=1000, clock=self.clock)
        self.now = DatabaseClock()
        self.ended: list[errors.MemberEnded] = []
        self.heartbeat = Heartbeat(
            self.database,
            self.lease,
            interval=10,
            now=self.now,
            works=lambda: self.works,
            ended=self.ended.append,
            clock=self.clock,
        )

    def enter(self, host: str) -> list[Worker]:
        with self.database.write() as connection:
            return entries.enter(connection, host)

    def beat_until(self, end: float) -> None:
        while self.clock.now < end:
            self.clock.now += 10
            self.heartbeat.beat()

    def numbers(self) -> list[int]:
        with self.database.read() as connection:
            return [number for _, number in sorted(members.standing(connection).items())]


@pytest.fixture
def it(tmp_path: Path) -> Iterator[Beating]:
    made = Beating(f"sqlite:///{tmp_path}/p")
    yield made
    made.database.dispose()


@pytest.fixture
def away(it: Beating, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    real, flag = members.renew, [False]

    def renew(*arguments: Any) -> Any:
        if flag[0]:
            raise errors.DatabaseUnavailable("away")
        return real(*arguments)

    monkeypatch.setattr(members, "renew", renew)
    return flag


def test_each_heartbeat_raises_the_number_and_renews_the_lease(it: Beating) -> None:
    it.beat_until(1020)
    assert it.numbers() == [3, 1]
    assert it.lease.until == 1080


def test_a_heartbeat_has_a_way_of_its_own_to_every_database(migrated_url: str) -> None:
    it = Beating(migrated_url)
    hurried = it.database.hurried()
    it.heartbeat = Heartbeat(
        hurried, it.lease, interval=10, now=it.now, works=lambda: True, ended=it.ended.append, clock=it.clock
    )
    it.beat_until(1020)
    assert it.numbers() == [3, 1]
    hurried.dispose()
    it.database.dispose()


def test_a_heartbeat_learns_what_time_it_is_in_the_database(
    it: Beating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_clock, "now", lambda _connection: datetime(1970, 1, 1, tzinfo=UTC))
    it.heartbeat.beat()
    assert it.now().year == 1970


def test_a_number_is_never_used_twice_answered_or_not(it: Beating, away: list[bool]) -> None:
    it.beat_until(1010)
    away[0] = True
    it.beat_until(1030)
    away[0] = False
    it.beat_until(1040)
    assert it.numbers() == [5, 1]


def test_a_renewal_that_is_not_answered_counts_for_nothing(
    it: Beating, away: list[bool], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium")
    it.beat_until(1010)
    away[0] = True
    it.beat_until(1050)
    assert (it.lease.until, it.lease.is_safe(), caplog.records) == (1070, True, [])
    it.beat_until(1080)
    assert not it.lease.is_safe()
    away[0] = False
    it.beat_until(1090)
    assert it.lease.is_safe()
    assert [record.message for record in caplog.records] == [
        "here/0@1 switches no nodes until it can renew its lease: away",
        "here/0@1 switches nodes again: its lease is renewed",
    ]


def test_a_member_whose_lease_stands_still_is_ended_and_its_loss_is_told(
    it: Beating, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="podium")
    slot = {
        "conductor_group": "",
        "driver": "fake",
        "slot": 1,
        "owner": it.other.incarnation,
        "generation": 1,
    }
    with it.database.write() as connection:
        connection.execute(sa.insert(models.slots).values(slot))
    it.beat_until(1060)
    assert it.numbers() == [7, 1]
    it.beat_until(1070)
    assert it.numbers() == [8]
    with it.database.read() as connection:
        (row,) = connection.execute(sa.select(models.members).where(models.members.c.host == "there"))
    assert (row.ended_by, row.ended_why) == (it.me, "its lease ran out")
    assert [record.message for record in caplog.records] == [
        "here/0@1 has ended the member there/0@2, because its lease ran out: its nodes go to others, and it"
        " had changes of 0 nodes under way"
    ]


def test_a_member_that_renews_its_lease_is_left_alone(it: Beating) -> None:
    for number in range(2, 30):
        with it.database.write() as connection:
            members.renew(connection, it.other, number)
        it.beat_until(it.clock.now + 30)
    assert len(it.numbers()) == 2


def test_an_outage_of_the_database_ends_nobody(it: Beating, away: list[bool]) -> None:
    it.beat_until(1050)
    away[0] = True
    it.beat_until(1500)
    away[0] = False
    it.beat_until(1560)
    assert len(it.numbers()) == 2
    it.beat_until(1580)  # the other had as long as it promised to come back
    assert len(it.numbers()) == 1


def test_with_a_new_connection_others_are_watched_anew(postgresql_server: Server) -> None:
    it = Beating(postgresql_server.url(postgresql_server.create_migrated_database()))
    it.beat_until(1050)
    it.database.dispose()
    it.beat_until(1110)
    assert len(it.numbers()) == 2
    it.beat_until(1120)
    assert len(it.numbers()) == 1
    it.database.dispose()


def test_an_end_that_fails_is_tried_again(it: Beating, monkeypatch: pytest.MonkeyPatch) -> None:
    real = members.end

    def end(*_: Any) -> Any:
        monkeypatch.setattr(members, "end", real)
        raise errors.DatabaseBusy("locked")

    monkeypatch.setattr(members, "end", end)
    it.beat_until(1070)
    assert len(it.numbers()) == 2
    it.beat_until(1080)
    assert len(it.numbers()) == 1


def test_a_worker_that_does_not_work_renews_nothing_and_ends_nobody(it: Beating) -> None:
    it.beat_until(1010)
    it.works = False
    it.beat_until(1200)
    assert it.numbers() == [2, 1]
    it.works = True
    it.beat_until(1210)
    assert (len(it.numbers()), it.lease.until) == (2, 1270)


def test_who_was_ended_learns_it_and_why(it: Beating) -> None:
    with it.database.write() as connection:
        members.end(connection, {it.me.incarnation: 1}, it.other, "its lease ran out")
    with pytest.raises(errors.MemberEnded, match="here/0@1 was ended by there/0@2: its lease ran out"):
        it.heartbeat.beat()


def test_a_database_that_was_replaced_by_another_ends_this_member(it: Beating) -> None:
    with it.database.write() as connection:
        connection.execute(sa.delete(models.leases))
        connection.execute(sa.delete(models.members))
    with pytest.raises(errors.MemberEnded, match="does not know the member here/0@1"):
        it.heartbeat.beat()


def test_the_thread_tells_of_the_end_and_stops(it: Beating) -> None:
    heartbeat = Heartbeat(
        it.database,
        it.lease,
        interval=0.001,
        now=it.now,
        works=lambda: True,
        ended=it.ended.append,
    )
    with it.database.write() as connection:
        members.end(connection, {it.me.incarnation: 1}, None, "forgotten")
    heartbeat.start()
    heartbeat._thread.join()
    assert it.lease.ended
    assert ["forgotten" in str(error) for error in it.ended] == [True]
    heartbeat.stop()


def test_it_leaves_when_it_stops(it: Beating) -> None:
    it.heartbeat.start()
    it.heartbeat.stop()
    with it.database.read() as connection:
        assert [one.name for one in members.unended(connection)] == [it.other]


def test_an_unexpected_fault_does_not_end_the_thread(it: Beating, caplog: pytest.LogCaptureFixture) -> None:
    faults = iter([ZeroDivisionError("oops")])

    def works() -> bool:
        for fault in faults:
            raise fault
        it.heartbeat._stop.set()
        return True

    heartbeat = it.heartbeat = Heartbeat(
        it.database, it.lease, interval=0.001, now=it.now, works=works, ended=it.ended.append
    )
    heartbeat.start()
    heartbeat._thread.join()
    assert it.numbers() == [2, 1]
    assert "A heartbeat failed" in caplog.text
    heartbeat.stop()
