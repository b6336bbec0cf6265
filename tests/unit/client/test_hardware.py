"""Reads of the hardware, asked on the database and over HTTP, and answered by a conductor."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import readers
from fakes import Clock
from podium import conf, errors
from podium.api.callers import Role
from podium.client.calls.hardware import ReadSensors, SensorReading, Thresholds
from podium.client.enrolling.catalog import Catalog
from podium.client.local import entry_times
from podium.client.local.backend import Backend
from podium.client.local.hardware import owed_for
from podium.client.podium import AsyncPodium, Podium
from podium.conductor.tasks.hardware_answers import KINDS
from podium.db import hardware_reads, members, models
from podium.db.api import ClockSetting, NodeRecord
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker
from podium.drivers import base
from podium.drivers.fake import FakeDriver
from readers import BOOT, INLET, LOG, LOGIN, Answer, answering
from served import Everybody

Enrol = Callable[..., list[NodeRecord]]


@pytest.fixture
def owner(database: Database) -> Worker:
    """The conductor that owns all nodes with the driver ``fake``."""
    return readers.owner(database)


def fails(connection: sa.Connection, read: HardwareRead) -> None:
    hardware_reads.fail(connection, read.id, "BMCUnreachable", "n1: no answer within 30 s")


def ends(connection: sa.Connection, read: HardwareRead) -> None:
    members.end(connection, {read.reader.incarnation: 1}, None, "its lease ran out")


def loses(connection: sa.Connection, read: HardwareRead) -> None:
    connection.execute(sa.text(f"DELETE FROM hardware_reads WHERE id = {read.id}"))


def test_sensors_are_read_by_the_conductor_that_has_the_node(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker
) -> None:
    (node,) = enrol("n1")
    with answering(database, owner):
        found = podium.sensors("n1")
    assert found.sensors == [SensorReading(**INLET)]
    assert (found.node, found.node_uuid, found.conductor) == ("n1", node.uuid, str(owner))
    assert found.read_at.tzinfo is not None


def test_an_event_loop_goes_on_while_sensors_are_read(
    async_podium: Callable[[], AsyncPodium], database: Database, enrol: Enrol, owner: Worker
) -> None:
    enrol("n1", "n2")

    async def ask() -> list[str]:
        async with async_podium() as podium:
            found = await asyncio.gather(podium.sensors("n1"), podium.sensors("n2"))
        return [one.node for one in found]

    with answering(database, owner):
        assert asyncio.run(ask()) == ["n1", "n2"]


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (fails, errors.BMCUnreachable, "n1: no answer within 30 s"),
        (ends, errors.NodeConflict, "the conductor c1 ended before it answered; ask again"),
        (loses, errors.NodeConflict, "n1: the answer was deleted meanwhile; ask again"),
    ],
)
def test_what_cannot_be_read_is_an_error(
    podium: Podium,
    database: Database,
    enrol: Enrol,
    owner: Worker,
    answer: Answer,
    kind: type[errors.PodiumError],
    text: str,
) -> None:
    enrol("n1")
    with answering(database, owner, answer), pytest.raises(kind) as caught:
        podium.sensors("n1")
    assert (type(caught.value), str(caught.value)) == (kind, text)


def test_a_conductor_that_does_not_answer_is_named(podium: Podium, enrol: Enrol, owner: Worker) -> None:
    enrol("n1")
    with pytest.raises(
        errors.NodeConflict, match="n1: the conductor c1 has not answered within 0.2 s"
    ) as late:
        podium.sensors("n1", wait=0.2)
    assert str(late.value).endswith("perhaps the hardware does not answer it; ask again, and wait longer")


def test_nobody_is_waited_for_where_nobody_has_the_node(podium: Podium, enrol: Enrol) -> None:
    enrol("n1")
    with pytest.raises(errors.NodeConflict, match="no conductor has n1 now"):
        podium.sensors("n1")
    with pytest.raises(errors.NodeNotFound, match="n2"):
        podium.sensors("n2")


def test_readers_may_ask(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker, everybody: Everybody
) -> None:
    everybody.role = Role.READER
    enrol("n1")
    with answering(database, owner, says({"sensors": [INLET], **BOOT, **LOG, "offset": 0.0})):
        assert len(podium.sensors("n1").sensors) == 1
        assert podium.boot_device("n1").device == "pxe"
        assert len(podium.log("n1").entries) == 2
        assert podium.clock("n1").offset == 0.0


def says(answer: Mapping[str, Any], asked: list[str | None] | None = None) -> Answer:
    """Answer this, and keep what was asked for."""

    def answered(connection: sa.Connection, read: HardwareRead) -> None:
        if asked is not None:
            asked.append(read.arguments)
        hardware_reads.answer(connection, read.id, dict(answer))

    return answered


def test_what_a_machine_boots_from_is_read(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker
) -> None:
    (node,) = enrol("n1")
    with answering(database, owner, says(BOOT)):
        found = podium.boot_device("n1")
    assert (found.node_uuid, found.device, found.persistent, found.mode, found.supported) == (
        *(node.uuid, "pxe", False, "uefi"),
        ["pxe", "disk"],
    )


def test_a_log_is_read_page_by_page(podium: Podium, database: Database, enrol: Enrol, owner: Worker) -> None:
    enrol("n1")
    asked: list[str | None] = []
    with answering(database, owner, says(LOG, asked)):
        found = podium.log("n1")
        podium.log("n1", before=found.entries[0].id, after="ü 3", limit=2)
    assert [json.loads(one or "") for one in asked] == [
        {"before": None, "after": None, "limit": 1000},
        {"before": "7", "after": "ü 3", "limit": 2},
    ]
    first, second = found.entries
    assert (first.id, first.severity, first.message, first.sensor) == (
        *("7", "Critical", "lower critical"),
        "Fan 1",
    )
    assert first.at is not None and first.clock_at is not None and first.raw is not None
    assert (first.clock_at - first.at, bytes.fromhex(first.raw)) == (timedelta(seconds=30), b"\0\xff")
    assert (second.at, second.clock_at, second.sensor, second.raw) == (None, None, None, None)
    assert (found.more, found.clock_offset) == (True, 30.5)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-01T{text}Z")


@pytest.mark.parametrize(
    ("clock_at", "offset", "when"),
    [
        ("12:00:00.9", 0.0, "12:00:00"),
        ("12:00:00", 1.9, "12:00:00"),
        ("12:00:00", -1.9, "12:00:00"),
        ("12:00:00", 3599.6, "11:00:00"),
        ("12:00:00", 3600.4, "11:00:00"),
        ("12:00:00", -3600.4, "13:00:00"),
        ("12:00:00", None, None),
        ("14:00:59", 0.0, "14:00:59"),
        ("14:01:01", 0.0, None),
    ],
)
def test_the_time_of_an_entry_is_a_whole_second_by_a_clock_that_is_right_and_never_in_the_future(
    clock_at: str, offset: float | None, when: str | None
) -> None:
    found = entry_times.when(at(clock_at).isoformat(), offset, at("14:00:00"), None)
    assert found == (when and at(when))


@pytest.mark.parametrize(
    ("before", "clock_at", "when"),
    [
        (3600.0, "12:30:00", "11:30:00"),  # an hour ahead until 13:00
        (3600.0, "13:30:00", None),  # at 12:30 by the clock before, or at 13:30 by the one that is right
        (3600.0, "14:05:00", None),  # of the future by the one, and by the other when it was no more
        (-3600.0, "11:30:00", "12:30:00"),  # an hour behind
        (-3600.0, "12:30:00", None),  # at 13:30 by the one, which was no more, and not yet by the other
        (-3600.0, "13:00:00", "13:00:00"),
        (-3600.0, "13:30:00", "13:30:00"),
        (None, "12:30:00", None),  # by what was never read
        (None, "13:30:00", "13:30:00"),
    ],
)
def test_entries_from_before_a_clock_was_set_are_corrected_by_what_it_was_before(
    before: float | None, clock_at: str, when: str | None
) -> None:
    setting = ClockSetting(at("13:00:00"), before)
    found = entry_times.when(at(clock_at).isoformat(), 0.4, at("14:00:00"), setting)
    assert found == (when and at(when))


def test_an_entry_that_would_be_of_the_future_by_the_clock_that_is_right_is_of_before() -> None:
    setting = ClockSetting(at("13:00:00"), 3600.0)
    found = entry_times.when(at("13:50:00").isoformat(), 0.0, at("13:00:30"), setting)
    assert found == at("12:50:00")


def test_a_log_is_shown_with_the_times_of_before_its_clock_was_set(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker
) -> None:
    (node,) = enrol("n1")
    now = datetime.now(UTC).replace(microsecond=0)
    hour = timedelta(hours=1)

    def entry(clock_at: datetime) -> dict[str, Any]:
        return {**LOG["entries"][0], "clock_at": clock_at.isoformat()}

    log = {"entries": [entry(now - 3 * hour), entry(now - hour / 2)], "more": False, "clock_offset": 0.0}

    def set_clock(set_at: datetime) -> None:
        with database.write() as connection:
            values = {"clock_set_at": set_at, "clock_offset_before": -hour.total_seconds()}
            connection.execute(sa.update(models.nodes).values(values))

    with answering(database, owner, says(log)):
        set_clock(now - hour)
        assert [one.at for one in podium.log("n1").entries] == [now - 2 * hour, now - hour / 2]
        set_clock(now + hour)  # after it was read
        assert [one.at for one in podium.log("n1").entries] == [now - 3 * hour, now - hour / 2]


def test_a_clock_is_read(podium: Podium, database: Database, enrol: Enrol, owner: Worker) -> None:
    enrol("n1")
    with answering(database, owner, says({"offset": -3600.25})):
        assert podium.clock("n1").offset == -3600.25


def test_sensors_are_read_with_their_thresholds(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker
) -> None:
    enrol("n1")
    limits = {"upper_critical": 47.0, "lower_fatal": None, "of_a_later_version": 3}
    with answering(database, owner, says({"sensors": [{**INLET, "thresholds": limits}]})):
        (found,) = podium.sensors("n1").sensors
    assert found.thresholds == Thresholds(upper_critical=47.0)


@pytest.mark.parametrize("podium", ["remote"], indirect=True)
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"before": "x" * 129}, "before"),
        ({"after": "a\n"}, "after"),
        ({"after": ""}, "after"),
    ],
)
def test_what_cannot_be_asked_of_a_log_is_refused(
    podium: Podium, enrol: Enrol, owner: Worker, given: dict[str, Any], text: str
) -> None:
    enrol("n1")
    with pytest.raises(errors.BadRequest, match=text):
        podium.log("n1", **given)


class Fakes:
    """A conductor that asks machines in memory, in the way that the daemon does."""

    def __init__(self, **driver_info: Any) -> None:
        self.driver = FakeDriver("fake", None)
        self.driver_info = driver_info

    def __call__(self, connection: sa.Connection, read: HardwareRead) -> None:
        node = base.Node(read.node_uuid, "n1", "fake", self.driver_info)
        kind, given = KINDS[read.kind], json.loads(read.arguments or "{}")
        found = asyncio.run(kind.method(self.driver)(node, *kind.called(given)))
        hardware_reads.answer(connection, read.id, kind.shown(found, given, str))


def test_what_drivers_return_is_what_callers_see(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker
) -> None:
    enrol("n1")
    with answering(database, owner, Fakes(fake_clock_offset=86400, fake_log_entries=7)):
        assert {one.name: one.thresholds is not None for one in podium.sensors("n1").sensors} == {
            "Inlet": True,
            "Fan 1": True,
            "Input": False,
        }
        booted = podium.boot_device("n1")
        assert (booted.device, booted.persistent, booted.mode) == ("default", False, None)
        assert set(booted.supported) == set(base.BOOT_DEVICES)
        assert podium.clock("n1").offset == pytest.approx(86400, abs=60)
        pages = [podium.log("n1", limit=3)]
        while pages[-1].more:
            pages.append(podium.log("n1", limit=3, before=pages[-1].entries[0].id))
    entries = [entry for page in reversed(pages) for entry in page.entries]
    assert [entry.id for entry in entries] == ["1", "2", "3", "4", "5", "6", "7"]
    now = datetime.now(UTC)
    for one in entries:
        assert one.at is not None and one.clock_at is not None
        assert one.clock_at.replace(microsecond=0) - one.at == timedelta(days=1)
        assert timedelta(0) <= now - one.at < timedelta(hours=1)
    assert {page.clock_offset for page in pages} == {86400.0}


def logs_in(connection: sa.Connection, read: HardwareRead) -> None:
    hardware_reads.answer(connection, read.id, LOGIN)


def fails_as(kind: str) -> Answer:
    return lambda connection, read: hardware_reads.fail(connection, read.id, kind, "n1: why")


def test_logins_are_tried_by_the_conductors_of_the_nodes(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker
) -> None:
    first, second = enrol("n1", "n2")
    podium.set_maintenance("n2")
    with answering(database, owner, logs_in):
        found = podium.check_nodes("n[1-2]").nodes
    assert [(one.node, one.node_uuid, one.maintenance) for one in found] == [
        ("n1", first.uuid, False),
        ("n2", second.uuid, True),
    ]
    for one in found:
        assert (one.result, one.error, one.conductor) == ("works", None, str(owner))
        assert {name: getattr(one, name) for name in LOGIN} == LOGIN
        assert one.checked_at is not None and one.checked_at.tzinfo is not None


@pytest.mark.parametrize(
    ("answer", "result", "error"),
    [
        (fails_as("AuthenticationRefused"), "refused", "n1: why"),
        (fails_as("BMCUnreachable"), "unreachable", "n1: why"),
        (fails_as("InvalidDriverInfo"), "failed", "n1: why"),
        (ends, "not checked", "the conductor c1 ended before it answered; ask again"),
    ],
)
def test_what_became_of_a_check_is_told_for_each_node(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker, answer: Answer, result: str, error: str
) -> None:
    enrol("n1")
    with answering(database, owner, answer):
        (found,) = podium.check_nodes(["n1"]).nodes
    assert (found.result, found.error, found.username) == (result, error, None)


def test_nodes_that_nobody_can_ask_are_not_checked(
    podium: Podium, database: Database, enrol: Enrol, owner: Worker
) -> None:
    enrol("n1", "n2")
    enrol("n3", provision_state="enroll")
    late, unconducted = podium.check_nodes(["n1", "n3"], wait=0.1).nodes
    assert (late.result, unconducted.result) == ("not checked", "not checked")
    assert "n1: the conductor c1 has not answered within 0.1 s" in str(late.error)
    assert "n3: the node is in enroll" in str(unconducted.error)
    with pytest.raises(errors.NodeNotFound, match="n9"):
        podium.check_nodes(["n1", "n9"])


def test_too_many_nodes_for_one_call_are_refused(podium: Podium, enrol: Enrol) -> None:
    enrol(*(f"m{number}" for number in range(65)))
    with pytest.raises(errors.BadRequest, match="65 nodes are more than 64; ask for some at a time"):
        podium.check_nodes("m[0-64]")


@pytest.mark.parametrize("podium", ["remote"], indirect=True)
def test_who_only_reads_may_not_try_logins(podium: Podium, enrol: Enrol, everybody: Everybody) -> None:
    enrol("n1")
    everybody.role = Role.READER
    with pytest.raises(errors.NotAllowed):
        podium.check_nodes("n1")


def test_an_event_loop_goes_on_while_logins_are_tried(
    async_podium: Callable[[], AsyncPodium], database: Database, enrol: Enrol, owner: Worker
) -> None:
    enrol("n1", "n2")

    async def ask() -> list[str]:
        async with async_podium() as podium:
            both = await asyncio.gather(podium.check_nodes("n1"), podium.check_nodes("n2"))
        return [one.nodes[0].result for one in both]

    with answering(database, owner, logs_in):
        assert asyncio.run(ask()) == ["works", "works"]


def test_pauses_between_looks_grow_and_the_wait_ends_by_the_clock(
    config: conf.Config, database: Database, enrol: Enrol, owner: Worker
) -> None:
    enrol("n1")
    clock = Clock(100.0)
    backend: Any = Backend(
        config=config,
        connect=lambda: database,
        drivers=lambda: Catalog(config, print),
        who="ada@desk",
        warn=print,
    )
    owed = owed_for(backend, ReadSensors("n1", 30.0), clock)
    pauses = []
    for seconds in (0.0, 5.0, 24.0):
        clock.advance(seconds)
        assert owed.look() is None
        pauses.append(owed.pause)
    assert pauses == [0.1, 0.5, 1.0]
    clock.advance(1.0)
    with pytest.raises(errors.NodeConflict, match="has not answered within 30 s"):
        owed.look()
