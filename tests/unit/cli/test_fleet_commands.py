"""What the commands show of several conductors: who is there, who owns what, what nobody serves."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from crews import SERVICE, enter, settle
from podium.db import api, clock, conductors, members
from podium.db.engine import Database
from podium.db.figures import Figures
from podium.db.models import nodes, power_readings
from podium.db.worker import Worker
from read_nodes import set_checked

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def enrol(database: Database, *names: str, **columns: Any) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"driver": "fake", **columns, "name": name} for name in names])


def listed(podium: Run, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(podium(*arguments, "-f", "json").stdout)
    return found


@pytest.fixture
def workers(database: Database) -> list[Worker]:
    """Two conductors that share ten nodes."""
    enrol(database, *(f"n{i}" for i in range(10)))
    workers = [
        enter(database, "c1"),
        enter(database, "c2", version="2", fallback_groups=("east",)),
    ]
    settle(database, *workers)
    return workers


def test_each_conductor_is_listed_with_its_nodes_lease_generation_and_version(
    podium: Run, workers: list[Worker]
) -> None:
    one, two = listed(podium, "conductor", "list")
    assert one["nodes"] + two["nodes"] == 10
    assert [(each["state"], each["version"]) for each in (one, two)] == [("alive", "1"), ("alive", "2")]
    assert one["acknowledged"] == one["generation"] == two["generation"]
    assert one["lease_age"] >= 0
    assert (two["members"], two["fallback_groups"]) == ([str(workers[1])], ["east"])


def test_a_conductor_that_is_gone_is_listed_with_the_time_of_its_end(
    podium: Run, database: Database, workers: list[Worker]
) -> None:
    with database.write() as connection:
        members.leave(connection, workers[0])
    one, two = listed(podium, "conductor", "list")
    assert (one["state"], one["nodes"], two["state"]) == ("gone", 0, "alive")
    assert (one["generation"], one["acknowledged"]) == (None, None)
    assert one["since"].startswith("20")
    assert "| gone " in podium("conductor", "list").stdout


def test_options_that_are_not_as_most_conductors_have_them_are_named(podium: Run, database: Database) -> None:
    for host, fingerprint in (("c1", "a:1 b:1"), ("c2", "a:1 b:2"), ("c3", "a:1 b:2")):
        enter(database, host, fingerprint=fingerprint)
    assert [one["differs_in"] for one in listed(podium, "conductor", "list")] == [["b"], [], []]


def test_of_two_conductors_the_younger_one_differs(podium: Run, database: Database) -> None:
    for host, fingerprint in (("c2", "a:1"), ("c1", "a:2")):
        enter(database, host, fingerprint=fingerprint)
    assert [one["differs_in"] for one in listed(podium, "conductor", "list")] == [["a"], []]


def test_nodes_that_nobody_serves_are_counted_beside_the_list(
    podium: Run, database: Database, workers: list[Worker]
) -> None:
    enrol(database, "x1", "x2", driver="acme")
    enrol(database, "x3", conductor_group="west")
    done = podium("conductor", "list")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "podium: warning: nobody serves the nodes with the driver acme: 2",
        "podium: warning: nobody serves the nodes with the driver fake of the group west: 1",
    ]


def test_the_figures_of_all_conductors_are_added_up_without_a_name(
    podium: Run, database: Database, workers: list[Worker]
) -> None:
    for worker, count in zip(workers, (4, 6), strict=True):
        with database.write() as connection:
            conductors.save_figures(connection, worker, Figures(nodes=count, write_lag=count))
    done = podium("conductor", "show", "-f", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["hostnames"], found["nodes"], found["write_lag"]) == (["c1", "c2"], 10, 6)
    assert json.loads(podium("conductor", "show", "c2", "-f", "json").stdout)["nodes"] == 6


def test_the_whole_fleet_has_the_nodes_too_that_a_dead_conductor_holds(
    podium: Run, database: Database, workers: list[Worker]
) -> None:
    _, second = workers
    with database.write() as connection:
        hour_ago = clock.later(clock.now(connection), -3600)
        connection.execute(sa.update(nodes).values(created_at=hour_ago))
        connection.execute(sa.update(power_readings).values(checked_at=clock.now(connection)))
        for number, holder in ((1, second), (2, second), (3, None)):
            its = sa.update(nodes).where(nodes.c.name == f"n{number}")
            connection.execute(its.values(reservation=holder))
            key, *_ = api.find_keys(connection, [f"n{number}"])
            set_checked(connection, key.id, hour_ago)
        members.leave(connection, second)
    found = json.loads(podium("conductor", "show", "-f", "json").stdout)
    assert (found["fresh_share"], found["held_by_ended"]) == (0.7, 2)
    assert found["oldest"] == pytest.approx(3600, abs=60)
    held = {"kind": "held", "why": f"held by {second}, which has ended", "nodes": 2}
    assert held in found["unread"]


def test_a_fleet_that_could_not_do_without_a_host_is_warned_of_beside_the_list(
    podium: Run, database: Database, workers: list[Worker]
) -> None:
    for worker in workers:
        with database.write() as connection:
            conductors.save_figures(connection, worker, Figures(load={"cpu": 0.6}))
    done = podium("conductor", "list")
    assert done.returncode == 0
    assert "warning: conductor group '': without c2 the 1 workers left would be busy to 120%" in done.stderr


# Nodes


def test_a_node_shows_its_owner_and_its_slot(podium: Run, workers: list[Worker]) -> None:
    found = json.loads(podium("node", "show", "n1", "-f", "json").stdout)
    assert found["conductor"] in [str(worker) for worker in workers]
    assert 0 <= found["slot"] < 1024


def test_nodes_are_listed_by_their_owner(podium: Run, workers: list[Worker]) -> None:
    by_owner = {
        host: listed(podium, "node", "list", "--conductor", host, "-c", "name", "-c", "conductor")
        for host in ("c1", "c2")
    }
    assert sorted(row["name"] for rows in by_owner.values() for row in rows) == [f"n{i}" for i in range(10)]
    assert {row["conductor"] for row in by_owner["c1"]} == {str(workers[0])}
    done = podium("node", "list", "--conductor", "c3")
    assert (done.returncode, done.stderr) == (1, "podium: there is no conductor c3; there are: c1, c2\n")


def test_nodes_that_nobody_serves_are_listed(podium: Run, database: Database, workers: list[Worker]) -> None:
    enrol(database, "x1", driver="acme")
    rows = listed(podium, "node", "list", "--unserved", "-c", "name", "-c", "conductor")
    assert rows == [{"name": "x1", "conductor": None}]
    for worker in workers:
        with database.write() as connection:
            members.leave(connection, worker)
    assert len(listed(podium, "node", "list", "--unserved")) == 11, "who has ended serves nobody"


def test_every_service_of_a_member_is_listed(podium: Run, database: Database) -> None:
    enter(database, "c1", conductor_groups=("east", ""), drivers=("fake", "ipmi"))
    (one,) = listed(podium, "conductor", "list")
    assert (one["conductor_group"], one["conductor_groups"]) == ("east", ["east", ""])
    assert one["drivers"] == ["fake", "ipmi"]
    assert one["version"] == SERVICE.version


# Subnets that a conductor cannot reach


def test_a_subnet_is_avoided_listed_and_given_back(
    podium: Run, database: Database, workers: list[Worker]
) -> None:
    for number in range(4):
        address = f"fake_address=10.0.1.{number}"
        podium("node", "create", "--driver", "fake", "--name", f"a{number}", "--driver-info", address)
    podium("node", "create", "--driver", "fake", "--name", "b", "--driver-info", "fake_address=bmc7")
    its = len(listed(podium, "node", "list", "a[0-3]", "--conductor", "c1"))
    done = podium("conductor", "avoid", "c1", "10.0.1.0/24")
    go = "goes" if its == 1 else "go"
    kept = f"c1 is kept from 10.0.1.0/24 from now on: {its} of its nodes {go} to others\n"
    assert (done.returncode, done.stdout) == (0, kept)
    done = podium("conductor", "avoid", "c1", "10.0.1.0/24")
    assert done.stdout == "c1 is kept from 10.0.1.0/24 already\n"
    assert listed(podium, "conductor", "avoided") == [{"hostname": "c1", "subnet": "10.0.1.0/24", "nodes": 4}]
    assert len(listed(podium, "node", "list", "a[0-3]", "--conductor", "c2")) == 4
    done = podium("conductor", "unavoid", "c1", "10.0.1.0/24")
    assert done.stdout == "c1 may have the 4 nodes in 10.0.1.0/24 again\n"
    done = podium("conductor", "unavoid", "c1", "10.0.1.0/24")
    assert done.stdout == "c1 was not kept from 10.0.1.0/24\n"


def test_nodes_that_everybody_avoids_are_told(podium: Run, database: Database, workers: list[Worker]) -> None:
    podium("node", "create", "--driver", "fake", "--name", "a", "--driver-info", "fake_address=10.0.1.1")
    assert podium("conductor", "avoid", "c1", "10.0.1.0/24").stderr == ""
    done = podium("conductor", "avoid", "c2", "10.0.1.0/24")
    assert done.stdout == ("c2 is kept from 10.0.1.0/24 from now on: no conductor may have 1 of its nodes\n")
    assert done.stderr.startswith("podium: warning: nodes of avoided subnets that no conductor may have: 1;")
    assert [row["name"] for row in listed(podium, "node", "list", "--unserved", "-c", "name")] == ["a"]
    done = podium("conductor", "unavoid", "c2", "10.0.1.0/24")
    assert done.stdout == "c2 may have the 1 node in 10.0.1.0/24 again\n"


def test_the_subnet_of_an_address_in_it_is_offered(podium: Run) -> None:
    done = podium("conductor", "avoid", "c1", "127.77.0.1/28")
    assert "127.77.0.1 is an address within it; did you mean 127.77.0.0/28?" in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize("text", ["10.0.1", "bmc7", ""])
def test_what_is_no_subnet_is_refused(podium: Run, text: str) -> None:
    done = podium("conductor", "avoid", "c1", text)
    assert done.returncode == 2
    assert "is not a subnet such as 10.0.1.0/24" in done.stderr
