"""``podium node do``: actions of a driver's own."""

import json

import pytest

from commands import Run
from heads import Head
from podium import states
from podium.db import api
from podium.db.engine import Database


@pytest.fixture
def nodes(database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in ("n1", "n2")])


@pytest.mark.usefixtures("nodes")
def test_an_action_of_a_drivers_own_is_asked_for_with_what_it_takes(podium: Run, head: Head) -> None:
    head.go_online()
    head.results[states.DRIVER_ACTION] = "blinked 3 times"
    with head.carrying_out({}):
        done = podium("node", "do", "fake.blink", "n1", "colour=red", "--wait", "n2", "times=3")
    assert done.stdout == "operation 1: 2 requested\nn[1-2]: blinked 3 times\n"
    assert (done.returncode, done.stderr) == (0, "")
    asked = json.loads(podium("operation", "show", "1", "-f", "json").stdout)
    assert (asked["action"], asked["what"]) == (states.DRIVER_ACTION, "fake.blink colour=red times=3")


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        ("fake.blink n1 color=red", 2, "did you mean colour?; it takes colour=red|green [times=1]"),
        ("fake.blink n1 colour=blue", 2, "fake.blink: colour is red or green, not 'blue'"),
        ("fake.blink n1", 2, "fake.blink needs colour; it takes colour=red|green [times=1]"),
        ("fake.blink n1 colour=red times=often", 2, "fake.blink: times is "),
        ("fake.wink n1", 1, "the driver fake does not know the action fake.wink, only fake.blink"),
        ("ipmi.blink n1", 1, "the driver fake does not know the action ipmi.blink"),
        ("blink n1", 2, "blink is not DRIVER.ACTION; podium driver show DRIVER lists"),
        ("fake.blink colour=red", 2, "say which nodes"),
        ("fake.blink n1 colour=red colour=green", 2, "colour is given twice; give it once"),
    ],
)
def test_what_an_action_does_not_take_is_one_line(podium: Run, words: str, status: int, line: str) -> None:
    done = podium("node", "do", *words.split())
    assert (done.returncode, done.stdout) == (status, "")
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
