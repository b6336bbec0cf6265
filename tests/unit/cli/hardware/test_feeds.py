"""``podium node feeds``."""

import json

import pytest
import sqlalchemy as sa

from commands import Here, Run
from podium.db import api, hardware_reads
from podium.db.engine import Database
from podium.db.hardware_reads import HardwareRead
from podium.db.worker import Worker
from readers import answering, drawing
from terminals import Terminal


@pytest.mark.usefixtures("xterm")
def test_what_feeds_deliver_stands_beside_what_follows(
    podium_here: Here, database: Database, owner: Worker
) -> None:
    podium_here("node", "set", "n1", "--extra", "power_feeds=n2,n3")
    with answering(database, owner, drawing(156.0)):
        (_, row) = Terminal(podium_here)("node", "feeds", "n1", columns=140)
        (found,) = json.loads(podium_here("node", "feeds", "n1", "-f", "json").stdout)
    assert "its feeds draw 312 W: it is on" in row
    assert row.endswith("n2 never read 156 W, n3 never read 156 W")
    assert (found["node"], found["watts"]) == ("n1", 312.0)
    assert [feed["name"] for feed in found["feeds"]] == ["n2", "n3"]


def test_feeds_that_are_not_read_say_why(podium: Run, database: Database, owner: Worker) -> None:
    podium("node", "set", "n1", "--extra", "power_feeds=n2")

    def fails(connection: sa.Connection, read: HardwareRead) -> None:
        hardware_reads.fail(connection, read.id, "BMCUnreachable", "n2: no answer within 30 s")

    with answering(database, owner, fails):
        done = podium("node", "feeds", "n1", "n3", "-f", "csv")
    assert done.returncode == 0
    assert "its feed does not say what it draws" in done.stdout
    assert "n2: no answer within 30 s" in done.stdout
    assert "it names no feeds" in done.stdout


def test_what_is_no_feed_is_said(podium_here: Here, database: Database, owner: Worker) -> None:
    podium_here("node", "set", "n1", "n2", "--extra", "power_feeds=n3")
    podium_here("node", "set", "n3", "--extra", "power_feeds=n3,n9")
    with answering(database, owner, drawing(156.0)):
        found = json.loads(podium_here("node", "feeds", "--all", "-f", "json").stdout)
    assert {one["node"]: one["words"] for one in found} == {
        "n1": "its feed n3 also feeds n2",
        "n2": "its feed n3 also feeds n1",
        "n3": "its feed n3 is the node itself; its feed n9 is no node",
    }


def test_a_feed_may_be_named_by_its_uuid_and_is_counted_once(
    podium_here: Here, database: Database, owner: Worker
) -> None:
    with database.read() as connection:
        (feed,) = api.find_nodes(connection, ["n2"])
    podium_here("node", "set", "n1", "--extra", f"power_feeds=n2,{feed.uuid}")
    podium_here("node", "set", "n3", "--extra", f"power_feeds={feed.uuid}")
    with answering(database, owner, drawing(156.0)):
        (found,) = json.loads(podium_here("node", "feeds", "n1", "-f", "json").stdout)
    assert (found["watts"], found["words"]) == (156.0, "its feed n2 also feeds n3")
