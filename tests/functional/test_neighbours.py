"""Programs of two versions on one database, as in an upgrade."""

import ast
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa

from daemons import BIN, Daemon
from history import before_migration
from podium.db import schema
from podium.db.engine import Database
from podium.db.migrations import FIRST_WITH_FLOOR, REVISIONS
from podium.db.models import schema_floor
from rounds import only_long
from templates import upgrade_to


def carries_out_what_is_asked(daemon: Daemon, folder: Path) -> None:
    """Have a daemon of some version switch a node, by a command of it and one of the present version."""
    folder.mkdir()
    present = Daemon(folder, url=daemon.url)
    present.podium("node", "create", "--driver", "fake", "--name", "n1")
    with daemon:
        for asking, power in ((daemon, "on"), (present, "off")):
            asking.podium("node", "power", power, "n1", "--wait", "--timeout", "60")
            (node,) = json.loads(daemon.podium("node", "list", "-f", "json").stdout)
            assert node["power_state"] == f"power {power}"
        assert daemon.stop() == 0


def revisions(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The revisions that the program of an environment knows."""
    script = "from podium.db.migrations import REVISIONS; print(REVISIONS)"
    surroundings = os.environ | dict(environment)
    done = subprocess.run(
        [BIN / "python", "-c", script], env=surroundings, cwd="/", capture_output=True, check=True, timeout=60
    )
    return tuple(ast.literal_eval(done.stdout.decode()))


@only_long
def test_the_program_of_the_commit_before_the_newest_migration_meets_the_new_schema(tmp_path: Path) -> None:
    environment = before_migration(REVISIONS[-1], tmp_path / "before")
    assert revisions(environment) == REVISIONS[:-1]
    daemon = Daemon(tmp_path, environment=environment)
    database = Database(daemon.url)
    with database.read() as connection:
        floor = connection.scalar(sa.select(schema_floor.c.revision))
    database.dispose()
    if floor in REVISIONS[:-1]:
        carries_out_what_is_asked(daemon, tmp_path / "present")
        return
    assert REVISIONS[-1] == FIRST_WITH_FLOOR, "a schema must let the version before use it"
    daemon.launch()
    assert daemon.wait() == 1
    assert "the schema is of a newer Podium" in daemon.text()
    assert "the schema is of a newer Podium" in daemon.podium("node", "list", expect=1).stderr


@pytest.mark.parametrize(
    "asked", [("power", "on", "n1", "--boot", "pxe"), ("identify", "n1", "--seconds", "5")], ids=" ".join
)
@only_long
def test_a_program_that_would_not_heed_what_a_request_is_given_does_not_start_while_it_waits(
    tmp_path: Path, asked: tuple[str, ...]
) -> None:
    (tmp_path / "old").mkdir()
    daemon = Daemon(tmp_path)
    old = Daemon(tmp_path / "old", url=daemon.url, environment=before_migration("0012", tmp_path / "before"))
    daemon.podium("node", "create", "--driver", "fake", "--name", "n1")
    daemon.podium("node", *asked, "--yes")
    old.launch()
    assert old.wait() == 1
    told = f"the schema is of a newer Podium ({REVISIONS[-1]}, this one knows 0011); install that Podium"
    assert told in old.text()
    assert told in old.podium("node", "list", expect=1).stderr
    with daemon:
        daemon.podium("operation", "wait", "1")


def test_a_newer_schema_that_only_adds_is_used_and_told(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    database = Database(daemon.url)
    with database.write() as connection:  # as the next migration might
        connection.execute(sa.text("ALTER TABLE nodes ADD COLUMN rack INTEGER DEFAULT 7 NOT NULL"))
        connection.execute(sa.text("ALTER TABLE members ADD COLUMN place TEXT"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'next'"))
    database.dispose()
    carries_out_what_is_asked(daemon, tmp_path / "present")
    assert daemon.text().count("the schema is of a newer Podium (next, ") == 1


@only_long
def test_the_step_to_members_waits_until_every_conductor_without_a_lease_was_stopped(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/podium.sqlite"
    database = Database(url)
    upgrade_to(database, "0006", ())
    environment = before_migration(FIRST_WITH_FLOOR, tmp_path / "before")
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    new = Daemon(tmp_path / "new", url=url)
    with Daemon(tmp_path / "old", url=url, environment=environment) as old:
        refused = new.podium("db", "upgrade", expect=1)
        assert "here of the Podium before it was heard of" in refused.stderr
        new.launch()
        assert new.wait() == 1
        assert "stop every conductor and run: podium db upgrade" in new.text()
        assert schema.current(database) == "0006"
        assert old.stop() == 0
    new.podium("db", "upgrade")
    with new:
        assert new.stop() == 0
    database.dispose()
