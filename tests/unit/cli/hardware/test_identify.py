"""``podium node identify``."""

import json
from typing import Any

import pytest

from commands import Run
from podium import states
from podium.db import api
from podium.db.engine import Database


@pytest.fixture
def nodes(database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in ("n1", "n2")])


def asked(podium: Run) -> tuple[str, Any]:
    """Return the action of the only operation, and what was given with it."""
    found = json.loads(podium("operation", "show", "1", "-f", "json").stdout)
    return found["action"], found["arguments"]


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize(
    ("words", "seconds"),
    [("", 60), ("--seconds 5m", 300), ("--on", None), ("--off", 0)],
)
def test_a_machine_is_found_for_as_long_as_somebody_says(podium: Run, words: str, seconds: Any) -> None:
    done = podium("node", "identify", "n[1-2]", *words.split())
    assert (done.returncode, done.stdout) == (0, "operation 1: 2 requested\n")
    assert asked(podium) == (states.IDENTIFY, {"identification": {"seconds": seconds}})


@pytest.mark.parametrize("words", ["--seconds 0", "--seconds 2d", "--on --off", "--seconds 5 --on"])
def test_times_that_cannot_be_are_refused(podium_here: Run, words: str) -> None:
    done = podium_here("node", "identify", "n1", *words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not between 1 and 86400 seconds" in done.stderr or "not allowed with argument" in done.stderr
