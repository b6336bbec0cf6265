"""What people are asked before machines are switched whose hardware does not answer, or at their feeds."""

import io
import sys
from typing import Any

import pytest

from commands import Here, Run
from podium.db import api
from podium.db.engine import Database
from readers import answering, drawing, owner


class Person(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def many_nodes(database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"n{number:02}", "driver": "fake"} for number in range(73)])


@pytest.fixture
def rack(database: Database) -> None:
    """A machine that cannot be read, whose feed feeds another, too."""
    rows: list[dict[str, Any]] = [
        {"name": "f1", "driver": "fake"},
        *({"name": name, "driver": "fake", "extra": {"power_feeds": ["f1"]}} for name in ("n1", "n2")),
    ]
    with database.write() as connection:
        api.create_nodes(connection, rows)


@pytest.mark.usefixtures("rack")
@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1)])
def test_who_cuts_the_power_at_feeds_is_asked_loudly(
    podium_here: Here, database: Database, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Person(answer))

    with answering(database, owner(database), drawing(312.0)):
        done = podium_here("node", "power", "cycle", "n1", "--at", "feed")
    assert done.returncode == status
    assert done.stderr.startswith(
        "podium: n1: its feed f1 also feeds n2 (312 W)\n"
        "podium: look at the feed f1: its driver fake is that of a machine\n"
        "CUT THE POWER of n1 at feeds f1, AND OF n2, and switch on again? [y/N] "
    )
    assert (done.stdout == "operation 1: 1 requested\n") == (status == 0)


@pytest.mark.usefixtures("rack")
def test_a_program_that_cuts_the_power_at_feeds_says_yes(podium: Run) -> None:
    done = podium("node", "power", "cycle", "n1", "--at", "feed")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "podium: to CUT THE POWER of n1 at feeds needs --yes; nothing was requested\n"
    assert (
        podium("node", "power", "cycle", "n1", "--at", "feed", "--yes").stdout == "operation 1: 1 requested\n"
    )


@pytest.mark.usefixtures("many_nodes")
def test_who_is_asked_about_many_nodes_hears_what_the_feeds_of_those_say_that_cannot_be_read(
    podium_here: Here, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "f1", "driver": "fake"}])
        (node,) = api.find_keys(connection, ["n07"])
        api.update_node(connection, node.id, {"extra": {"power_feeds": ["f1"]}, "power_failures": 3})

    monkeypatch.setattr(sys, "stdin", Person("n\n"))
    with answering(database, owner(database), drawing(312.0)):
        done = podium_here("node", "power", "off", "n[00-72]")
        soft = podium_here("node", "power", "soft-off", "n[00-72]")
    assert done.stderr.startswith(
        "podium: n07 cannot be read; its feed draws 312 W: it is on\nswitch 73 nodes off? [y/N] "
    )
    assert soft.stderr.startswith("shut 73 nodes down? ")
