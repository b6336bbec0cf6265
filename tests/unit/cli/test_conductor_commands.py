"""`podium conductor list` and `show`: who is there, and the figures that workers wrote down."""

import json
import subprocess
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import entries
from podium.db import conductors, enforcement, members, notifications
from podium.db.engine import Database
from podium.db.figures import DriverFigures, EnforcementFigures, Figures
from podium.db.models import conductor_workers, leases, utcnow
from podium.db.worker import Worker

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def go_online(database: Database, hostname: str, workers: int = 1) -> Worker:
    with database.write() as connection:
        return entries.enter(connection, hostname, group="east", workers=workers)[0]


def go_silent(database: Database, hostname: str) -> None:
    silent = sa.update(leases).where(leases.c.host == hostname)
    with database.write() as connection:
        connection.execute(silent.values(renewed_at=utcnow().replace(year=2020)))


def figures(nodes: int, fresh_share: float, ages: Mapping[str, float], **driver: Any) -> dict[str, Any]:
    return {
        "nodes": nodes,
        "in_maintenance": 0,
        "unreadable": 1,
        "never_read": 1,
        "failing": 2,
        "max_age": 120,
        "fresh_share": fresh_share,
        "ages": dict(ages),
        "age_buckets": {"30": nodes - 1, "inf": nodes},
        "drivers": {"fake": {"nodes": nodes, "late": False, **driver}},
        "enforcement": {"is_frozen": False, "enforced": 3},
        "notifications": {},
        "queues": {"readings": 5},
        "write_lag": 0.5,
    }


def write(database: Database, hostname: str, *documents: dict[str, Any]) -> None:
    with database.write() as connection:
        for index, document in enumerate(documents):
            conductors.save_figures(connection, Worker(hostname, index), Figures.from_json(document))


#: What is shown of a driver whose reads are not counted yet.
UNREAD = DriverFigures().to_json()


def shown(podium: Run, *arguments: str) -> dict[str, Any]:
    done = podium("conductor", "show", *arguments, "-f", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_conductors_are_listed_as_online_while_they_are_heard_of(podium: Run, database: Database) -> None:
    go_online(database, "alive", workers=2)
    go_online(database, "silent")
    go_silent(database, "silent")
    listed = json.loads(podium("conductor", "list", "-f", "json").stdout)
    columns = ("hostname", "online", "drivers", "conductor_group", "workers")
    assert [[one[column] for column in columns] for one in listed] == [
        ["alive", True, ["fake"], "east", 2],
        ["silent", False, ["fake"], "east", 1],
    ]


@pytest.mark.mariadb_long
def test_the_figures_of_the_only_conductor_are_shown(podium_anywhere: Run, migrated_url: str) -> None:
    database = Database(migrated_url)
    try:
        go_online(database, "head")
        write(
            database,
            "head",
            figures(10, 0.9, {"median": 15.0, "p99": 29.5, "max": 31.0}, sweep_duration=30.0),
        )
    finally:
        database.dispose()
    found = shown(podium_anywhere)
    assert found.pop("started_at") <= found.pop("heartbeat_at") <= found.pop("statistics_at")
    assert found == {
        "hostname": "head",
        "online": True,
        "conductor_group": "east",
        "drivers": ["fake"],
        "workers": 1,
        "frozen_at": None,
        "frozen_reason": None,
        "nodes": 10,
        "failing": 2,
        "in_maintenance": 0,
        "unreadable": 1,
        "never_read": 1,
        "power_state_max_age": 120,
        "fresh_share": 0.9,
        "power_state_ages": {"median": 15.0, "p99": 29.5, "max": 31.0},
        "power_state_age_buckets": {"30": 9, "inf": 10},
        "power_reads": {"fake": UNREAD | {"nodes": 10, "sweep_duration": 30.0}},
        "enforcement": EnforcementFigures(enforced=3).to_json(),
        "notifications": {},
        "queues": {"readings": 5},
        "write_lag": 0.5,
        "load": {},
        "out_of_reach": [],
    }


def test_the_figures_of_workers_are_those_of_one_conductor(podium: Run, database: Database) -> None:
    go_online(database, "head", workers=2)
    one = figures(30, 1.0, {"median": 10.0, "p99": 20.0, "max": 21.0}, reads=7, sweep_duration=None)
    other = figures(10, 0.6, {"median": 12.0, "p99": 90.0, "max": 400.0}, reads=5, sweep_duration=3.0)
    other["drivers"]["fake"] |= {"late": True, "failures": {"timeout": 4}}
    write(database, "head", one, other)
    found = shown(podium, "head")
    assert found["nodes"] == 40
    assert found["fresh_share"] == pytest.approx(0.9)
    assert found["power_state_max_age"] == 120
    assert found["power_state_ages"] == {"median": 12.0, "p99": 90.0, "max": 400.0}
    assert found["power_state_age_buckets"] == {"30": 38, "inf": 40}
    assert found["power_reads"]["fake"] == UNREAD | {
        "nodes": 40,
        "late": True,
        "reads": 12,
        "sweep_duration": 3.0,
        "failures": {"timeout": 4},
    }


def test_a_conductor_is_shown_while_a_webhook_fails(podium: Run, database: Database) -> None:
    member = go_online(database, "head", workers=2)
    with database.write() as connection:
        notifications.declare(connection, "head", ["url"])
        notifications.take(connection, member, ["url"])
    failing = {"delivered": 3, "pending": 2, "failing": True, "last_error": "answered 503"}
    since = ["2030-05-01T12:00:00+00:00", "2030-05-01T11:00:00+00:00"]
    workers = [
        figures(10, 1.0, {}) | {"notifications": {"url": {**failing, "failing_since": at}}} for at in since
    ]
    write(database, "head", *workers)
    assert shown(podium)["notifications"] == {
        "url": {
            "delivered": 6,
            "left_out": 0,
            "pending": 4,
            "set_aside": 0,
            "failing": True,
            "failing_since": "2030-05-01T11:00:00Z",
            "last_error": "answered 503",
            "delivered_by": str(member),
        }
    }


def test_a_conductor_that_wrote_no_figures_is_shown_without(podium: Run, database: Database) -> None:
    go_online(database, "head")
    found = shown(podium)
    assert found["hostname"] == "head"
    assert {found[name] for name in ("statistics_at", "nodes", "fresh_share", "power_reads")} == {None}


def test_a_conductor_without_nodes_is_shown(podium: Run, database: Database) -> None:
    go_online(database, "head")
    write(database, "head", {"nodes": 0, "fresh_share": None, "ages": {"median": None}, "drivers": {}})
    assert (shown(podium)["nodes"], shown(podium)["fresh_share"]) == (0, None)


def test_a_table_shows_what_is_nested_indented(podium: Run, database: Database) -> None:
    go_online(database, "head")
    write(database, "head", figures(10, 1.0, {"median": 1.0}, failures={"timeout": 1, "fault": 2}))
    lines = [
        line.rstrip(" |") for line in podium("conductor", "show", "-c", "power_reads").stdout.splitlines()
    ]
    cells = [line.rpartition("| ")[2] for line in lines[3:-1]]
    assert cells[:3] == ["fake:", "  nodes: 10", "  reads: 0"]
    assert cells[-4:] == ["  failures:", "    timeout: 1", "    fault: 2", "  counters:"]


def test_a_table_does_not_round_the_share_of_one_stale_node_away(podium: Run, database: Database) -> None:
    go_online(database, "head")
    write(database, "head", figures(100_000, 0.99999, {}))
    assert "| 0.99999 |" in podium("conductor", "show", "-c", "fresh_share").stdout


def test_a_conductor_that_is_gone_owns_nothing_and_its_figures_are_told_as_old(
    podium: Run, database: Database
) -> None:
    member = go_online(database, "head")
    write(database, "head", figures(10, 1.0, {}))
    with database.write() as connection:
        members.leave(connection, member)
    done = podium("conductor", "show", "-f", "json")
    assert done.stderr.startswith("podium: warning: head is gone and owns no nodes; the figures are of 20")
    found = json.loads(done.stdout)
    assert next(iter(found.items())) == ("hostname", "head")
    assert (found["online"], found["nodes"], found["failing"], found["fresh_share"]) == (False, 0, 0, None)
    assert (found["power_state_ages"], found["power_reads"], found["write_lag"]) == (None, None, 0.5)


def test_old_figures_of_a_conductor_that_is_silent_are_told_as_such(podium: Run, database: Database) -> None:
    go_online(database, "head")
    write(database, "head", figures(10, 1.0, {}))
    go_silent(database, "head")
    done = podium("conductor", "show", "-f", "json")
    assert done.stderr.startswith("podium: warning: head is offline; its figures are of 20")
    assert json.loads(done.stdout)["nodes"] == 10


@pytest.mark.parametrize("hours", [1, -1])
def test_figures_that_one_worker_no_longer_writes_are_told_as_old(
    podium: Run, database: Database, hours: float
) -> None:
    go_online(database, "head", workers=2)
    write(database, "head", figures(10, 1.0, {}), figures(10, 1.0, {}))
    with database.write() as connection:
        stuck = sa.update(conductor_workers).where(conductor_workers.c.worker == 1)
        connection.execute(stuck.values(updated_at=utcnow() - timedelta(hours=hours)))
    done = podium("conductor", "show")
    assert done.stderr.startswith("podium: warning: head has written no new figures since 20")


@pytest.mark.parametrize(
    ("online", "arguments", "fault"),
    [
        ([], [], "no conductor has run on this database yet; start one: podium-conductor"),
        (["east", "west"], ["north"], "there is no conductor north; there are: east, west"),
    ],
)
def test_a_conductor_that_is_not_clear_is_asked_for(
    podium: Run, database: Database, online: list[str], arguments: list[str], fault: str
) -> None:
    for hostname in online:
        go_online(database, hostname)
    done = podium("conductor", "show", *arguments)
    assert (done.returncode, done.stderr) == (1, f"podium: {fault}\n")


def freeze(database: Database, hostname: str) -> None:
    go_online(database, hostname)
    with database.write() as connection:
        enforcement.freeze(connection, utcnow(), "300 of 1000 nodes vanished within 300 s")


def test_a_conductor_that_froze_says_since_when_and_why(podium: Run, database: Database) -> None:
    freeze(database, "head")
    assert shown(podium)["frozen_reason"] == "300 of 1000 nodes vanished within 300 s"
    (listed,) = json.loads(podium("conductor", "list", "-f", "json").stdout)
    assert listed["frozen_at"] == shown(podium)["frozen_at"]
    assert listed["frozen_at"].startswith("20")


def test_a_thaw_is_for_all_conductors_and_says_where_none_is_frozen(podium: Run, database: Database) -> None:
    freeze(database, "west")
    done = podium("conductor", "thaw")
    assert (done.returncode, done.stdout, done.stderr) == (0, "enforcement goes on\n", "")
    assert shown(podium)["frozen_at"] is None
    done = podium("conductor", "thaw")
    assert (done.returncode, done.stdout) == (0, "enforcement is not frozen\n")
