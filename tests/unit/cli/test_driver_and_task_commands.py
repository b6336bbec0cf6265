import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import entries
from podium.db import conductors, members
from podium.db.engine import Database
from podium.db.models import utcnow
from podium.db.worker import Worker

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def read(done: "subprocess.CompletedProcess[str]") -> Any:
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def go_online(database: Database, hostname: str) -> Worker:
    report = conductors.TaskReport("fake.check_status", "idle", 60.0, utcnow(), 0.25, 3, 1, 0, 0, "boom")
    with database.write() as connection:
        (member,) = entries.enter(connection, hostname, group="east")
        conductors.save_tasks(connection, Worker(hostname, 0), [report])
    return member


def test_tasks_are_listed_with_how_they_fare(podium: Run, database: Database) -> None:
    go_online(database, "head")
    (task,) = read(podium("task", "list", "-f", "json"))
    last_run = task.pop("last_run")
    assert last_run.endswith("Z")
    assert list(task.items()) == [
        ("task", "fake.check_status"),
        ("driver", "fake"),
        ("conductor", "head"),
        ("state", "idle"),
        ("spacing", 60.0),
        ("duration", 0.25),
        ("runs", 3),
        ("failures", 1),
        ("skipped", 0),
        ("deadline_misses", 0),
        ("last_error", "boom"),
    ]


def test_the_tasks_of_a_conductor_that_said_goodbye_are_offline(podium: Run, database: Database) -> None:
    member = go_online(database, "head")
    with database.write() as connection:
        members.leave(connection, member)
    (task,) = read(podium("task", "list", "-f", "json"))
    assert task["state"] == "offline"


def test_drivers_are_listed_with_the_conductors_that_have_them(podium: Run, database: Database) -> None:
    go_online(database, "head")
    listed = {one.pop("name"): one for one in read(podium("driver", "list", "-f", "json"))}
    assert listed["fake"] == {
        "description": "Machines in memory, with latency, failures and wrong answers on request.",
        "enabled": True,
        "conductors": ["head"],
        "error": None,
    }


def test_drivers_are_listed_before_there_is_a_database(bare_podium: Run) -> None:
    done = bare_podium("driver", "list", "-f", "json")
    assert done.returncode == 0
    assert "podium db upgrade" in done.stderr
    assert {one["conductors"] for one in json.loads(done.stdout)} == {None}


def test_a_driver_is_shown_with_its_properties_and_tasks(bare_podium: Run) -> None:
    shown = read(bare_podium("driver", "show", "fake", "-f", "json"))
    assert shown["properties"][0] == {
        "name": "fake_latency",
        "required": False,
        "secret": False,
        "default": 0.0,
        "help": "seconds that every answer takes",
    }
    assert shown["periodic_tasks"] == [{"name": "fake.check_status", "spacing": 60, "enabled": True}]


ACME = """
from typing import Literal
from podium.drivers import base

class Acme(base.Driver):
    def get_power_state(self, node): return "power on"
    def set_power_state(self, node, target): pass
    def get_clock(self, node): pass
    def identify(self, node, seconds): pass

    @base.action(help="Blink the LED at the door")
    def blink(self, node, colour: Literal["red", "green"], times: int = 3, loud: bool = False): pass

    @base.action(help="Write on the display")
    def write(self, node, label: str, seconds: float): pass
"""


def test_a_driver_is_shown_with_what_it_can_and_how_its_own_actions_are_asked_for(
    install: Callable[..., None], bare_podium: Run
) -> None:
    install(ACME)
    shown = bare_podium("driver", "show", "acme", "--fit-width").stdout
    assert re.search(r"abilities +\| identify, clock +\|", shown)
    assert re.search(
        r"actions +\| acme.blink colour=red\|green \[times=3\] \[loud=false\]: Blink the LED", shown
    )
    assert "| acme.write label=TEXT seconds=NUMBER: Write on the display" in shown
    (_, write) = read(bare_podium("driver", "show", "acme", "-f", "json"))["actions"]
    assert write["arguments"][1] == {
        "name": "seconds",
        "kind": "number",
        "required": True,
        "default": None,
        "choices": [],
    }


def test_defaults_that_are_true_or_false_are_shown(bare_podium: Run) -> None:
    shown = bare_podium("driver", "show", "redfish").stdout
    assert "redfish_verify_ca (default true)" in shown and "events (default true)" in shown
    assert "fake_refuse (default false)" in bare_podium("driver", "show", "fake").stdout


def test_the_options_of_a_driver_are_shown_in_every_format(bare_podium: Run) -> None:
    for form in ("table", "json", "yaml", "value", "shell"):
        done = bare_podium("driver", "show", "ipmi", "-f", form)
        assert done.returncode == 0
        assert "command_retry_timeout" in done.stdout


def test_a_driver_that_is_not_installed_is_answered_with_the_nearest(bare_podium: Run) -> None:
    done = bare_podium("driver", "show", "impi")
    assert (done.returncode, done.stderr) == (1, "podium: there is no driver impi; did you mean ipmi?\n")
