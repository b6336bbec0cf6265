"""Notifications: every event reaches every sink in order, whatever fails, and nobody else waits for it."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import PATIENCE, THERE, Clock, until
from notified import Pauses, cursors, enter, entered, happen, running
from podium.conductor.fleet.lease import Lease
from podium.conductor.rooms.sql import Sql
from podium.conductor.telling.notification_metrics import of_notifications
from podium.conductor.telling.notifications import Notifications
from podium.conductor.telling.refusals import Refusals
from podium.conductor.telling.sink_settings import NotificationSettings, SinkSettings
from podium.db import ledger, members, notifications
from podium.db.engine import Database
from podium.db.figures import SinkFigures
from podium.db.models import power_events
from receivers import Receiver
from rounds import rest_is_long
from servers import RestartablePostgreSQL
from templates import prepared


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = prepared(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    yield made
    made.dispose()


def settings(
    *urls: str, program: str = "", token: str = "", timeout: float = PATIENCE
) -> NotificationSettings:
    programs = [SinkSettings(program=program, timeout=timeout)] if program else []
    webhooks = [SinkSettings(url=url, token=token, timeout=timeout) for url in urls]
    return NotificationSettings((*programs, *webhooks))


async def saved(database: Database, receiver: Receiver, count: int) -> None:
    """Wait until so many events are taken, and that is written: until then they may be delivered again."""

    def is_saved() -> bool:
        with database.read() as connection:
            return cursors(database)[receiver.url()].event_id == ledger.newest_number(connection)

    await until(lambda: len(receiver.taken) >= count and is_saved())


def test_an_event_is_a_cloud_event(database: Database, receiver: Receiver) -> None:
    async def scenario() -> None:
        async with running(database, settings(receiver.url())):
            happen(database, "n1")
            await until(lambda: bool(receiver.taken))

    asyncio.run(scenario())
    assert receiver.taken == [
        {
            "specversion": "1.0",
            "id": "here/0/1",
            "source": "/podium/conductors/here",
            "type": "org.podium.power.out-of-band",
            "subject": "n1",
            "severity": "warning",
            "time": "2026-01-02T03:04:05.000600Z",
            "datacontenttype": "application/json",
            "data": {
                "node": "n1",
                "uuid": "uuid of n1",
                "from": "power on",
                "to": "power off",
                "cause": "out-of-band",
                "who": None,
                "reason": None,
                "operation": None,
                "request_id": None,
                "at": "2026-01-02T03:04:05.000600Z",
            },
        }
    ]
    assert receiver.headers[0]["Content-Type"] == "application/cloudevents+json; charset=utf-8"


def test_a_sink_gets_the_events_of_all_conductors_in_order(database: Database, receiver: Receiver) -> None:
    async def scenario() -> None:
        async with running(database, settings(receiver.url())):
            for number in range(0, 250, 5):
                happen(database, *(f"n{one}" for one in range(number, number + 4)))
                happen(database, f"n{number + 4}", writer=THERE)
            await until(lambda: len(receiver.taken) >= 250)

    asyncio.run(scenario())
    assert receiver.subjects == [f"n{number}" for number in range(250)]
    assert [receiver.taken[3][key] for key in ("source", "id")] == ["/podium/conductors/here", "here/0/4"]
    assert [receiver.taken[4][key] for key in ("source", "id")] == ["/podium/conductors/there", "there/0/5"]


def test_one_member_delivers_and_its_successor_goes_on_where_it_was(
    database: Database, receiver: Receiver
) -> None:
    async def scenario() -> None:
        leases = entered(database), entered(database, "there")
        given = settings(receiver.url())
        async with running(database, given, leases[0]), running(database, given, leases[1]):
            await until(lambda: owner(database) is not None)
            happen(database, "n1", "n2")
            await until(lambda: cursors(database)[receiver.url()].event_id == 2)
            (first,) = (lease for lease in leases if lease.holder.incarnation == owner(database))
            first.end()
            happen(database, "n3")
            with database.write() as connection:
                members.end(connection, {first.holder.incarnation: 1}, None, "its lease ran out")
            await until(lambda: cursors(database)[receiver.url()].event_id == 3)

    asyncio.run(scenario())
    assert receiver.subjects == ["n1", "n2", "n3"]


def owner(database: Database) -> int | None:
    (cursor,) = cursors(database).values()
    found: int | None = cursor.owner
    return found


def test_a_member_whose_lease_is_nearly_over_delivers_nothing(database: Database, receiver: Receiver) -> None:
    clock = Clock()

    async def scenario() -> None:
        sql, lease = Sql(database), Lease(enter(database), 30.0, clock(), clock=clock)
        with contextlib.closing(sql):
            made = Notifications(sql, lease, settings(receiver.url()), clock=clock, sleep=Pauses())
            task = asyncio.create_task(made.run())
            await until(lambda: bool(cursors(database)))
            happen(database, "n1")
            await until(lambda: len(receiver.taken) == 1)
            clock.advance(25.0)
            happen(database, "n2")
            await until(lambda: made.figures()[receiver.url()].pending == 1)
            assert len(receiver.taken) == 1
            lease.renew(clock())
            await until(lambda: len(receiver.taken) == 2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())


@rest_is_long("status", [400, 404, 410, 413, 422])
def test_an_event_that_is_refused_for_an_hour_is_set_aside(
    database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    clock = Clock()

    async def pause(seconds: float) -> None:
        clock.advance(seconds if receiver.asked else 0)
        await asyncio.sleep(0.001)

    def refuse(document: dict[str, Any]) -> int:
        return status if document["subject"] == "n1" else 200

    async def scenario() -> None:
        receiver.judge = refuse
        async with running(database, settings(receiver.url()), sleep=pause, clock=clock) as notifications:
            happen(database, "n1", "n2")
            await until(lambda: bool(receiver.taken))
            figures = notifications.figures()[receiver.url()]
            assert (figures.set_aside, figures.failing) == (1, False)

    with caplog.at_level(logging.ERROR, "podium"):
        asyncio.run(scenario())
    assert receiver.subjects == ["n2"]
    assert f"{receiver.url()} does not get the event 1 of n1 (out-of-band)" in caplog.text
    with database.read() as connection:
        assert notifications.refused(connection, receiver.url()) == [1]


@rest_is_long("status", [401, 403, 408, 425, 429, 500, 503])
def test_what_is_not_refused_for_good_waits_for_ever(
    database: Database, receiver: Receiver, status: int
) -> None:
    clock = Clock()

    async def pause(seconds: float) -> None:
        clock.advance(seconds)
        await asyncio.sleep(0.001)

    async def scenario() -> None:
        receiver.status = status
        async with running(database, settings(receiver.url()), sleep=pause, clock=clock):
            happen(database, "n1", "n2")
            await until(lambda: receiver.asked >= 60)
            assert clock.now > 3 * 3600
            receiver.status = 200
            await until(lambda: len(receiver.taken) == 2)

    asyncio.run(scenario())
    assert receiver.subjects == ["n1", "n2"]


def test_only_the_time_between_refusals_counts_and_a_successor_counts_on() -> None:
    clock = Clock()
    refusals = Refusals(None, 0.0, clock)
    for definite, seconds, expected in (
        (True, 300, 0),
        (True, 3000, 300),
        (False, 9000, 300),  # unreachable for long
        (True, 9000, 300),
        (False, 10, 300),
        (True, 300, 300),
    ):
        assert not refusals.note(5, definite)
        assert refusals.seconds == expected
        clock.advance(seconds)
    successor = Refusals(refusals.number, 3500.0, clock)
    clock.advance(9000)
    assert not successor.note(5, True)
    clock.advance(100)
    assert successor.note(5, True)
    assert not successor.note(6, True)
    assert (successor.number, successor.seconds) == (6, 0.0)


def test_nothing_is_lost_or_repeated_over_a_restart(database: Database, receiver: Receiver) -> None:
    async def scenario(first: str, offline: str, second: str) -> None:
        happen(database, "before the sink was configured")
        async with running(database, settings(receiver.url())):
            happen(database, first)
            await saved(database, receiver, 1)
        happen(database, offline)
        async with running(database, settings(receiver.url())):
            happen(database, second)
            await until(lambda: len(receiver.taken) == 3)

    asyncio.run(scenario("n1", "n2", "n3"))
    assert receiver.subjects == ["n1", "n2", "n3"]


def test_a_failing_sink_is_tried_again_at_growing_gaps_until_it_takes_the_event(
    database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    pauses = Pauses()

    async def scenario() -> None:
        async with running(database, settings(receiver.url()), sleep=pauses) as notifications:
            receiver.status = 503
            happen(database, "n1", "n2")
            await until(lambda: receiver.asked >= 12)
            (figures,) = notifications.figures().values()
            assert figures.failing
            assert figures.last_error == "answered 503 Service Unavailable"
            receiver.status = 200
            await until(lambda: len(receiver.taken) == 2)
            await until(lambda: not next(iter(notifications.figures().values())).failing)

    with caplog.at_level(logging.INFO, "podium"):
        asyncio.run(scenario())
    assert receiver.subjects == ["n1", "n2"]
    gaps = [gap for gap in pauses.asked if gap not in (0, 0.5, 5.0)]
    assert gaps[:11] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    name = receiver.url()
    assert [record.getMessage() for record in caplog.records if name in record.getMessage()] == [
        f"This conductor notifies {name}, from the event 1 on",
        f"Notifications to {name} fail and wait, tried again at growing gaps:"
        " answered 503 Service Unavailable",
        f"Notifications to {name} are taken again",
    ]


def test_what_a_failing_sink_missed_is_known_after_a_restart(database: Database, receiver: Receiver) -> None:
    async def fail() -> None:
        receiver.status = 500
        async with running(database, settings(receiver.url())):
            happen(database, "n1")
            await until(lambda: receiver.asked >= 2)

    async def recover() -> None:
        receiver.status = 200
        async with running(database, settings(receiver.url())):
            await until(lambda: bool(receiver.taken))

    asyncio.run(fail())
    failing = cursors(database)[receiver.url()]
    assert failing.failing_since is not None
    assert failing.last_error == "answered 500 Internal Server Error"
    asyncio.run(recover())
    assert receiver.subjects == ["n1"]
    assert cursors(database)[receiver.url()].failing_since is None


def test_a_sink_that_hangs_keeps_no_other_waiting(
    database: Database, receiver: Receiver, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    receiver.answering.clear()
    given = settings(receiver.url(), program=f"/bin/sh -c 'cat >> {taken}; echo >> {taken}'")

    async def scenario() -> None:
        async with running(database, given) as notifications:
            happen(database, "n1", "n2", "n3")
            await until(lambda: taken.exists() and taken.read_text().count("\n") == 3)
            await until(lambda: notifications.figures()[receiver.url()].pending == 3)
            await until(lambda: receiver.asked == 1)
            receiver.answering.set()
            await until(lambda: len(receiver.taken) == 3)

    asyncio.run(scenario())
    lines = [json.loads(line) for line in taken.read_text().splitlines()]
    assert [line["subject"] for line in lines] == ["n1", "n2", "n3"]


def test_events_that_were_deleted_before_a_sink_took_them_are_told(
    database: Database, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(waits_for: int) -> None:
        async with running(database, settings(receiver.url())):
            await until(lambda: len(receiver.taken) == waits_for)

    asyncio.run(scenario(0))
    happen(database, "n1", "n2", "n3")
    with database.write() as connection:
        connection.execute(sa.delete(power_events).where(power_events.c.node_name != "n3"))
    with caplog.at_level(logging.INFO, "podium"):
        asyncio.run(scenario(1))
    assert [record.getMessage() for record in caplog.records if "deleted" in record.getMessage()] == [
        f"{receiver.url()} did not get up to 2 events, which were deleted before it took them;"
        " [conductor] power_events_max_age and power_events_max_count say how many are kept"
    ]


def test_notifications_go_on_after_an_outage_of_the_database(
    restartable_postgresql: RestartablePostgreSQL, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    database = prepared(restartable_postgresql.url)

    async def scenario() -> None:
        async with running(database, settings(receiver.url())):
            happen(database, "n1")
            await saved(database, receiver, 1)
            await asyncio.to_thread(restartable_postgresql.stop)
            await until(lambda: "The database is out of reach" in caplog.text)
            await asyncio.to_thread(restartable_postgresql.start)
            happen(database, "n2", "n3")
            await until(lambda: len(receiver.taken) >= 3)

    try:
        asyncio.run(scenario())
    finally:
        database.dispose()
    assert receiver.subjects == ["n1", "n2", "n3"]


def test_a_sink_that_is_taken_out_of_the_configuration_begins_anew(
    database: Database, receiver: Receiver
) -> None:
    async def scenario(given: NotificationSettings, then: Callable[[], object]) -> None:
        async with running(database, given):
            then()

    asyncio.run(scenario(settings(receiver.url()), lambda: None))
    asyncio.run(scenario(settings(), lambda: happen(database, "n1")))

    async def again() -> None:
        async with running(database, settings(receiver.url())):
            happen(database, "n2")
            await until(lambda: bool(receiver.taken))

    asyncio.run(again())
    assert receiver.subjects == ["n2"]


def test_sinks_that_differ_in_secrets_only_are_told_apart_without_them() -> None:
    given = settings(
        "https://a:1@host/x?key=2", "https://b:3@host/x?key=4", "https://host/y", program="/bin/true --key 5"
    )
    assert list(given.subscriptions()) == [
        "exec /bin/true",
        "https://host/x",
        "https://host/x #2",
        "https://host/y",
    ]


def test_metrics_tell_how_each_sink_fares() -> None:
    told = {"exec /bin/true": SinkFigures(delivered=5, left_out=7, pending=2, set_aside=3, failing=True)}
    samples = [sample for metric in of_notifications(told) for sample in metric.samples]
    assert {sample.name: sample.value for sample in samples} == {
        "podium_notifications_delivered_total": 5,
        "podium_notifications_left_out_total": 7,
        "podium_notifications_pending": 2,
        "podium_notifications_set_aside": 3,
        "podium_notifications_failing": 1,
    }
    assert {sample.labels["sink"] for sample in samples} == {"exec /bin/true"}
