"""Each sink gets the events that it wants, and no filter loses or repeats one."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from fakes import PATIENCE, Clock, make_conf, until
from notified import cursors, happen, running
from podium.causes import SEVERITY
from podium.conductor.telling.sink_settings import NotificationSettings, Subscription
from podium.db import ledger
from podium.db.engine import Database
from podium.db.event_filters import EventFilter
from podium.db.models import power_events
from templates import prepared

FAULTS = EventFilter(frozenset({"fault"}))
BUT_FIRST_READINGS = EventFilter(frozenset(SEVERITY) - {"first reading"})


class Taken:
    """A sink that keeps what it takes."""

    name = "unused"

    def __init__(self) -> None:
        self.nodes: list[str] = []
        self.answering = threading.Event()
        self.answering.set()
        self.fails_for: tuple[str, ...] = ()

    def deliver(self, document: str) -> None:
        self.answering.wait(PATIENCE)
        node = json.loads(document)["subject"]
        if node in self.fails_for:
            raise OSError("it is down")
        self.nodes.append(node)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = prepared(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    yield made
    made.dispose()


def newest(database: Database) -> int:
    with database.read() as connection:
        return ledger.newest_number(connection)


def given(**sinks: tuple[Taken, EventFilter]) -> Any:
    return SimpleNamespace(subscriptions=lambda: {name: Subscription(*its) for name, its in sinks.items()})


def test_of_5000_first_readings_a_sink_gets_none_and_goes_past_them(database: Database) -> None:
    sink = Taken()

    async def scenario() -> None:
        async with running(database, given(pager=(sink, BUT_FIRST_READINGS))) as notifications:
            happen(database, *(f"n{number}" for number in range(5000)), cause="first reading")
            happen(database, "n7", cause="fault")
            await until(lambda: sink.nodes == ["n7"])
            await until(lambda: cursors(database)["pager"].event_id == 5001)
            await until(lambda: notifications.figures()["pager"].pending == 0)
            figures = notifications.figures()["pager"]
            assert (figures.delivered, figures.left_out) == (1, 5000)

    asyncio.run(scenario())


def test_each_sink_gets_its_own_events_and_only_these_are_pending(database: Database) -> None:
    pager, audit = Taken(), Taken()
    pager.answering.clear()

    async def scenario() -> None:
        sinks = given(pager=(pager, FAULTS), audit=(audit, EventFilter()))
        async with running(database, sinks) as notifications:
            happen(database, "n1", "n2")
            happen(database, "n3", "n4", cause="fault")
            await until(lambda: audit.nodes == ["n1", "n2", "n3", "n4"])
            await until(lambda: notifications.figures()["pager"].pending == 2)
            pager.answering.set()
            await until(lambda: pager.nodes == ["n3", "n4"])

    asyncio.run(scenario())


def test_another_filter_after_a_restart_neither_loses_nor_repeats_events(database: Database) -> None:
    sink = Taken()

    async def scenario(wanted: EventFilter, *expected: str) -> None:
        async with running(database, given(pager=(sink, wanted))):
            happen(database, "a")
            happen(database, "b", cause="fault")
            await until(lambda: len(sink.nodes) >= len(expected))
            await until(lambda: cursors(database)["pager"].event_id % 2 == 0)
        assert sink.nodes == [*expected]

    asyncio.run(scenario(FAULTS, "b"))
    asyncio.run(scenario(EventFilter(), "b", "a", "b"))
    asyncio.run(scenario(FAULTS, "b", "a", "b", "b"))


def test_a_failing_sink_gets_of_what_waits_only_what_it_wants_by_then(database: Database) -> None:
    sink = Taken()
    sink.fails_for = ("a", "b", "c")

    async def scenario() -> None:
        async with running(database, given(pager=(sink, EventFilter()))) as notifications:
            happen(database, *"abc")
            happen(database, "n1", cause="fault")
            await until(lambda: notifications.figures()["pager"].pending == 4)
            notifications._deliveries["pager"].choose(FAULTS)
            await until(lambda: sink.nodes == ["n1"])
            await until(lambda: notifications.figures()["pager"].pending == 0)

    asyncio.run(scenario())


def test_a_sink_fails_no_longer_once_it_does_not_want_what_it_did_not_take(database: Database) -> None:
    sink = Taken()
    sink.fails_for = ("a", "b")

    async def pause(seconds: float) -> None:
        await asyncio.sleep(3600.0 if seconds == 1.0 else 0.001)  # the gap after a failure does not end

    async def scenario() -> None:
        async with running(database, given(pager=(sink, EventFilter())), sleep=pause) as notifications:
            happen(database, *"ab")
            await until(lambda: cursors(database)["pager"].failing_since is not None)
            notifications._deliveries["pager"].choose(FAULTS)
            await until(lambda: not notifications.figures()["pager"].failing)
            assert notifications.figures()["pager"].last_error is None
            await until(lambda: cursors(database)["pager"].failing_since is None)
            assert cursors(database)["pager"].event_id == 2
            sink.fails_for = ("c",)
            happen(database, "c", cause="fault")
            await until(lambda: notifications.figures()["pager"].failing)

    asyncio.run(scenario())


def test_a_sink_fails_no_longer_once_what_it_did_not_take_is_deleted(database: Database) -> None:
    sink = Taken()
    sink.fails_for = ("a",)

    async def scenario() -> None:
        async with running(database, given(pager=(sink, EventFilter()))) as notifications:
            happen(database, "a")
            await until(lambda: notifications.figures()["pager"].failing)
            with database.write() as connection:
                connection.execute(sa.delete(power_events))
            await until(lambda: not notifications.figures()["pager"].failing)

    asyncio.run(scenario())


TEXT = "[notifications]\nsinks = pager\n[notifications_pager]\n"


def test_filters_follow_the_config_file_at_a_reload(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    taken = tmp_path / "taken"
    script = tmp_path / "take"
    script.write_text(f"#!/bin/sh\ncat >> {taken}\necho >> {taken}\n")
    script.chmod(0o755)
    program = f"{TEXT}exec = {script}\n"
    conf = make_conf(tmp_path, f"{program}causes = fault\n")

    def nodes() -> list[str]:
        return (
            [json.loads(one)["subject"] for one in taken.read_text().splitlines()] if taken.exists() else []
        )

    def reload(text: str) -> None:
        make_conf(tmp_path, f"{program}{text}")
        conf.mutate_config_files()

    async def scenario() -> None:
        async with running(database, NotificationSettings.read(conf)) as notifications:
            happen(database, "n1")
            happen(database, "n2", cause="fault")
            await until(lambda: nodes() == ["n2"])
            reload("causes = all\nmin_severity = warning\n")
            notifications.apply(conf)
            happen(database, "n3", cause="request")
            happen(database, "n4")
            await until(lambda: nodes() == ["n2", "n4"])
            reload("where = rack=r1\n")
            notifications.apply(conf)
            happen(database, "n5")
            await until(lambda: nodes() == ["n2", "n4", "n5"])

    with caplog.at_level(logging.ERROR, "podium"):
        asyncio.run(scenario())
    (line,) = [one for one in caplog.messages if "sinks" in one]
    assert line.startswith(
        "All sinks of notifications get the events that they got before: [notifications_pager]"
    )


def test_a_member_that_takes_over_goes_past_what_its_predecessor_left_out(database: Database) -> None:
    clock, sink = Clock(), Taken()

    async def scenario(name: str) -> None:
        async with running(database, given(pager=(sink, FAULTS)), clock=clock) as notifications:
            happen(database, name)
            await until(lambda: cursors(database)["pager"].event_id == newest(database))
            assert notifications.figures()["pager"].left_out == 1

    asyncio.run(scenario("a"))
    asyncio.run(scenario("b"))
    assert sink.nodes == []
