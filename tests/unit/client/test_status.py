"""The state of the whole fleet, asked on the database and over HTTP."""

from collections.abc import Callable

import sqlalchemy as sa

from crews import enter, settle
from podium.client.podium import Podium
from podium.db import clock, conductors, enforcement
from podium.db.api import NodeRecord
from podium.db.conductors import TaskReport
from podium.db.engine import Database
from podium.db.models import leases, nodes, power_readings, utcnow
from podium.db.worker import Worker

Enrol = Callable[..., list[NodeRecord]]


def test_nodes_are_counted_by_what_they_are(podium: Podium, database: Database, enrol: Enrol) -> None:
    health = {"status": "OK", "reasons": []}
    enrol("n1", "n2", power_state="power on", health=health)
    enrol("n3", power_state="power off", wanted_power_state="power on", power_policy="enforce")
    enrol("n4", "n5", maintenance=True)
    enrol("n6", provision_state="enroll")
    settle(database, enter(database, "c1"))
    found = podium.status()
    its = found.nodes
    assert (its.total, its.enroll, its.power_on, its.power_off, its.power_unknown) == (5, 1, 2, 1, 2)
    assert (its.health_ok, its.health_unknown, its.in_maintenance) == (2, 3, 2)
    assert (its.never_read, its.to_be_restored, its.unserved) == (3, 1, 0)
    assert [(one.hostname, one.state, one.nodes) for one in found.conductors] == [("c1", "alive", 5)]
    assert found.attention == []


def test_the_age_of_what_is_known_is_that_of_the_oldest_reading(
    podium: Podium, database: Database, enrol: Enrol
) -> None:
    enrol("n1", "n2")
    settle(database, enter(database, "c1"))
    with database.write() as connection:
        now = clock.now(connection)
        connection.execute(sa.update(nodes).values(created_at=clock.later(now, -9999)))
        connection.execute(sa.update(power_readings).values(checked_at=now))
        old = sa.update(power_readings).where(power_readings.c.node_id == 1)
        connection.execute(old.values(checked_at=clock.later(now, -5000)))
    found = podium.status()
    assert found.readings.oldest is not None and 5000 <= found.readings.oldest < 6000
    assert found.readings.fresh_share == 0.5
    (stale,) = found.attention
    assert (stale.kind, stale.names, stale.severity) == ("stale", "n1", "critical")


def test_what_waits_and_what_is_under_way_is_told(podium: Podium, database: Database, enrol: Enrol) -> None:
    enrol("n1", "n2")
    settle(database, enter(database, "c1"))
    podium.power("power on", nodes=["n1"])
    podium.power("power off", nodes=["n2"])
    its = podium.status().changes
    assert (its.operations, its.waiting, its.begun) == (2, 2, 0)
    assert [(one.id, one.action) for one in its.newest] == [(2, "power off"), (1, "power on")]


def test_conductors_that_are_not_heard_of_and_a_frozen_enforcement_need_attention(
    podium: Podium, database: Database, enrol: Enrol
) -> None:
    enrol("n1", power_state="power on")
    settle(database, enter(database, "c1"), enter(database, "c2"))
    with database.write() as connection:
        connection.execute(sa.update(leases).values(renewed_at=clock.later(utcnow(), -999)))
        enforcement.freeze(connection, utcnow(), "many nodes vanished")
    found = podium.status()
    assert [(one.kind, one.text) for one in found.attention] == [
        ("conductor_silent", "the conductors c[1-2] give no sign of life"),
        ("enforcement_frozen", "no power state is restored: many nodes vanished"),
    ]
    silent = found.attention[0]
    assert (silent.nodes, silent.where) == (1, 'conductor="c1" or conductor="c2"')
    assert silent.since is not None
    assert silent.since < clock.later(utcnow(), -900)
    assert [one.name for one in podium.nodes(where=silent.where)] == ["n1"]
    assert found.nodes.unserved == 1
    for where in ("unserved", "failing"):
        assert [one.name for one in podium.nodes(where=where)] == ["n1"]
    assert found.enforcement.frozen_reason == "many nodes vanished"


def test_power_that_nobody_reads_because_the_task_is_disabled_needs_attention(
    podium: Podium, database: Database
) -> None:
    enter(database, "c1")
    task = "conductor.sync_power_status"
    with database.write() as connection:
        conductors.save_tasks(
            connection, Worker("c1", 0), [TaskReport(task, "idle", 30.0, None, None, 0, 0, 0, 0, None)]
        )
    assert podium.status().attention == []
    podium.disable_task(task)
    (finding,) = podium.status().attention
    assert finding.text == f"no power is read by the conductor c1: the task {task} is disabled"
    assert finding.severity == "critical"
