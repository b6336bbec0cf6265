"""Who gets which schema, and what those who have another are told."""

import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from fakes import give_slots
from podium import errors
from podium.db import (
    api,
    beginning,
    changes,
    conductors,
    enforcement,
    ledger,
    leftovers,
    migrations,
    models,
    notifications,
    operations,
    retention,
    schema,
    task_commands,
)
from podium.db.engine import Database
from podium.db.keyring import write_new_file
from podium.db.worker import Worker
from rounds import ROUNDS
from servers import Server
from templates import upgrade_to

Open = Callable[[str], Database]

C1 = Worker("c1", 0)
NEW = Worker("c1", 0, 1)


@pytest.fixture
def bare(database_url: str, opened: Open) -> Database:
    """A database of each kind that holds nothing yet."""
    return opened(database_url)


@pytest.fixture
def made(migrated_url: str, opened: Open) -> Database:
    """A database of each kind that has its schema."""
    return opened(migrated_url)


@pytest.fixture
def embedded(tmp_path: Path, opened: Open) -> Database:
    """An SQLite database whose file and folder do not exist yet."""
    return opened(f"sqlite:///{tmp_path / 'state' / 'podium.sqlite'}")


def test_an_upgrade_makes_the_schema_that_the_program_needs(bare: Database) -> None:
    assert schema.upgrade(bare) == schema.head()
    schema.check(bare)


@pytest.mark.mariadb_long
def test_an_upgrade_of_the_present_schema_keeps_what_is_there(bare: Database) -> None:
    schema.upgrade(bare)
    with bare.write() as connection:
        conductors.begin(connection, "c1", 1)
    schema.upgrade(bare)
    with bare.read() as connection:
        assert connection.scalars(sa.select(models.conductors.c.hostname)).all() == ["c1"]


_OF_0002 = (
    "INSERT INTO nodes (uuid, name, driver, driver_info, driver_internal_info, properties, extra,"
    " power_failures, maintenance, conductor_group, version, created_at, updated_at) VALUES"
    " ('u1', 'n1', 'fake', '{}', '{}', '{}', '{}', 0, {false}, '', 7, '2030-05-01', '2030-05-01')",
    "INSERT INTO conductors (hostname, process, drivers, conductor_group, online, started_at, heartbeat_at)"
    " VALUES ('c1', 'p', '[]', '', {true}, '2030-05-01', '2030-05-01')",
    "INSERT INTO periodic_tasks (conductor, task, state, spacing, runs, failures, skipped, deadline_misses,"
    " switched_off) VALUES ('c1', 'acme.poll', 'idle', 60, 9, 0, 0, 0, {true})",
    "INSERT INTO task_commands (id, conductor, task, action, requested_at) VALUES"
    " (41, 'c1', 'acme.poll', 'run', '2030-05-01')",
)


def test_an_upgrade_from_before_numbered_changes_keeps_what_is_there(bare: Database) -> None:
    upgrade_to(bare, "0002", _OF_0002)
    schema.upgrade(bare)
    with bare.write() as connection:
        (node,) = api.list_nodes(connection)
        assert (node.version, changes.pulse(connection)) == (7, changes.Pulse(7, 0, 0, 41, 0))
        (conductor,) = conductors.list_conductors(connection)
        assert (conductor.hostname, conductor.workers) == ("c1", 1)
        assert conductors.reports(connection, C1)["acme.poll"].runs == 9
        assert task_commands.switched_off(connection, "c1") == {"acme.poll"}
        assert [row.id for row in task_commands.unanswered(connection, C1, 0)] == [41]


_OF_0003 = (
    "INSERT INTO nodes (uuid, name, driver, driver_info, driver_internal_info, properties, extra,"
    " power_failures, maintenance, conductor_group, version, created_at, updated_at, power_state,"
    " target_power_state, power_requested_by, power_requested_at, reservation) VALUES"
    " ('u1', 'n1', 'fake', '{}', '{}', '{}', '{}', 0, {false}, '', 7, '2030-05-01', '2030-05-01', 'power on',"
    " 'rebooting', 'ada@desk', '2020-05-01 10:00:00', 'c1'),"
    " ('u2', 'n2', 'fake', '{}', '{}', '{}', '{}', 0, {false}, '', 8, '2030-05-01', '2030-05-01', 'power on',"
    " NULL, NULL, NULL, NULL)",
    "INSERT INTO power_events (node_uuid, node_name, at, cause)"
    " VALUES ('u1', 'n1', '2030-05-01', 'first reading')",
)


@pytest.mark.mariadb_long
def test_what_was_asked_for_before_there_were_operations_stays_asked_for(bare: Database) -> None:
    upgrade_to(bare, "0003", _OF_0003)
    schema.upgrade(bare)
    with bare.write() as connection:
        (operation,) = operations.list_operations(connection, 9)
        assert (operation.action, operation.requested_by) == ("rebooting", "ada@desk")
        assert operation.counts == {"waiting": 1}
        give_slots(connection, NEW, ["fake"])
        (waiting,) = beginning.due(connection, NEW, ["fake"], limit=9)
        (begun,) = beginning.begin(connection, [waiting.request_id], NEW, models.utcnow())
        assert (begun.node.name, begun.action) == ("n1", "rebooting")
        (event,) = ledger.newest_events(connection, ledger.Chosen(), limit=9)
        assert (event.cause, event.writer, event.conductor) == ("first reading", None, None)


_OF_0004 = (
    "INSERT INTO nodes (id, uuid, name, driver, driver_info, driver_internal_info, properties, extra,"
    " power_failures, maintenance, conductor_group, version, created_at, updated_at, power_state,"
    " target_power_state, power_request_id, power_requested_by, power_requested_at, reservation) VALUES"
    " (1, 'u1', 'n1', 'fake', '{}', '{}', '{}', '{}', 0, {false}, '', 7, '2030-05-01', '2030-05-01',"
    " 'power on', 'rebooting', 1, 'ada@desk', '2020-05-01 10:00:00', 'c1'),"
    " (2, 'u2', 'n2', 'fake', '{}', '{}', '{}', '{}', 0, {false}, '', 8, '2030-05-01', '2030-05-01',"
    " 'power on', 'rebooting', 2, 'ada@desk', '2020-05-01 10:00:00', 'c1/1'),"
    " (3, 'u3', 'n3', 'fake', '{}', '{}', '{}', '{}', 0, {false}, '', 9, '2030-05-01', '2030-05-01',"
    " 'power on', NULL, NULL, NULL, NULL, 'rack/7'),"
    " (4, 'u4', 'n4', 'fake', '{}', '{}', '{}', '{}', 0, {false}, '', 9, '2030-05-01', '2030-05-01',"
    " 'power on', NULL, NULL, NULL, NULL, 'rack')",
    "INSERT INTO conductors (hostname, process, drivers, conductor_group, workers, online, started_at,"
    " heartbeat_at) VALUES ('c1', 'p', '[]', '', 2, {false}, '2030-05-01', '2030-05-01'),"
    " ('rack/7', 'p', '[]', '', 1, {false}, '2030-05-01', '2030-05-01')",
    "INSERT INTO operations (id, action, requested_by, requested_at, nodes, then_off) VALUES"
    " (1, 'rebooting', 'ada@desk', '2020-05-01 10:00:00', 2, {false})",
    "INSERT INTO power_requests (id, operation_id, node_id, node_uuid, node_name, action, state, not_before,"
    " then_off, requested_by, requested_at, holder, begun_at, sent_at) VALUES"
    " (1, 1, 1, 'u1', 'n1', 'rebooting', 'begun', '2020-05-01 10:00:00', {false}, 'ada@desk',"
    " '2020-05-01 10:00:00', 'c1', '2020-05-01 10:00:01', '2020-05-01 10:00:02'),"
    " (2, 1, 2, 'u2', 'n2', 'rebooting', 'begun', '2020-05-01 10:00:00', {false}, 'ada@desk',"
    " '2020-05-01 10:00:00', 'c1/1', '2020-05-01 10:00:01', NULL)",
    "INSERT INTO power_events (node_uuid, node_name, at, cause, conductor) VALUES"
    " ('u1', 'n1', '2030-05-01', 'first reading', 'c1'), ('u2', 'n2', '2030-05-01', 'first reading', 'c1/1'),"
    " ('u3', 'n3', '2030-05-01', 'first reading', NULL)",
    "INSERT INTO notification_cursors (conductor, sink, event_id) VALUES ('c1', 's', 1), ('c1/1', 's', 2)",
)


@pytest.mark.mariadb_long
def test_an_upgrade_gives_every_worker_its_one_name(bare: Database) -> None:
    upgrade_to(bare, "0004", _OF_0004)
    schema.upgrade(bare)
    second, rack = Worker("c1", 1), Worker("rack/7", 0)
    with bare.write() as connection:
        reservations = [node.reservation for node in api.list_nodes(connection)]
        assert reservations == [C1, second, rack, Worker("rack", 0)]
        assert [one.holder for one in operations.requests_of(connection, 1)] == [C1, second]
        events = ledger.newest_events(connection, ledger.Chosen(), limit=9)
        assert [event.writer for event in events] == [C1, second, None]


_FROZEN = (
    "INSERT INTO conductors (hostname, process, drivers, conductor_group, workers, online, started_at,"
    " heartbeat_at, frozen_at, frozen_reason, thaw_requested_at) VALUES"
    " ('c1', 'p', '[]', '', 1, {false}, '2030-05-01', '2030-05-01', '2030-05-01', 'first', NULL),"
    " ('c2', 'p', '[]', '', 1, {false}, '2030-05-01', '2030-05-01', '2030-05-02', 'second', NULL),"
    " ('c3', 'p', '[]', '', 1, {false}, '2030-05-01', '2030-05-01', '2030-05-03', 'thaws', '2030-05-03')"
)


@pytest.mark.mariadb_long
def test_an_upgrade_makes_the_freeze_of_a_conductor_that_of_all(bare: Database) -> None:
    upgrade_to(bare, "0006", (_FROZEN,))
    schema.upgrade(bare)
    with bare.read() as connection:
        assert enforcement.standing(connection).frozen_reason == "second"


_EVENTS = "INSERT INTO power_events (id, node_uuid, node_name, at, cause, writer) VALUES " + ", ".join(
    f"({number}, 'u1', 'n1', '2030-05-01', 'request', '{writer}')"
    for number, writer in ((3, "c1/0"), (5, "c2/0"), (6, "c1/0"), (8, "c1/1"), (9, "c2/0"))
)
_CURSORS = (
    "INSERT INTO notification_cursors (holder, sink, event_id) VALUES"
    " ('c1/0', 's', 7), ('c1/1', 's', 7), ('c1/2', 's', 1), ('c2/0', 's', 9), ('c2/0', 't', 4)"
)


@pytest.mark.mariadb_long
def test_an_upgrade_makes_one_cursor_of_all_workers_before_all_that_waits(bare: Database) -> None:
    upgrade_to(bare, "0006", (_EVENTS, _CURSORS))
    schema.upgrade(bare)
    with bare.write() as connection:
        # Of c1/2, which was long ago, nothing waits.
        taken = notifications.take(connection, Worker("c2", 0, 1), ["s", "t"])
        assert {one.sink: one.event_id for one in taken} == {"s": 7, "t": 4}
        notifications.declare(connection, "c2", [])  # c1 has s as well
        left = connection.scalars(sa.select(models.notification_cursors.c.sink)).all()
        assert left == ["s"]


@pytest.mark.mariadb_long
def test_an_upgrade_leaves_open_which_machines_the_nodes_are(bare: Database) -> None:
    upgrade_to(bare, "0005", _OF_0004[:1])
    schema.upgrade(bare)
    with bare.read() as connection:
        found = connection.execute(sa.select(models.nodes.c["name", "identity", "controller"]))
        assert sorted(found) == [(f"n{number}", None, None) for number in range(1, 5)]


@pytest.mark.mariadb_long
def test_requests_that_were_begun_before_an_upgrade_are_resumed_after_it(bare: Database) -> None:
    upgrade_to(bare, "0004", _OF_0004)
    schema.upgrade(bare)
    with bare.write() as connection:
        give_slots(connection, NEW, ["fake"])
        assert leftovers.take_back(connection) == 3  # one of them of a conductor that is not among these
        found = beginning.due(connection, NEW, ["fake"], limit=9)
        begun = beginning.begin(connection, [one.request_id for one in found], NEW, models.utcnow())
    assert [(one.node.name, one.sent_at is not None) for one in begun] == [("n1", True), ("n2", False)]


@pytest.mark.mariadb_long
def test_what_0006_adds_is_empty_and_keeps_what_is_there(bare: Database) -> None:
    conductor = _OF_0002[1].replace("conductor_group, ", "conductor_group, workers, ")
    upgrade_to(bare, "0005", (conductor.replace("'', {true}", "'', 1, {true}"),))
    schema.upgrade(bare)
    with bare.read() as connection:
        assert [row.hostname for row in conductors.list_conductors(connection)] == ["c1"]
        assert retention.reached(connection) is None


@pytest.mark.mariadb_long
def test_a_health_of_which_nobody_knows_when_it_was_reported_does_not_outlast_0006(bare: Database) -> None:
    node = _OF_0002[0]
    upgrade_to(bare, "0005", (node, 'UPDATE nodes SET health = \'{"status": "Critical", "reasons": []}\''))
    schema.upgrade(bare)
    with bare.read() as connection:
        (row,) = api.list_nodes(connection)
    assert (row.health, row.health_checked_at, row.health_lasts) == (None, None, None)


@pytest.mark.mariadb_long
def test_0007_keeps_when_each_node_was_last_read(bare: Database) -> None:
    another = _OF_0002[0].replace("'u1', 'n1'", "'u2', 'n2'")
    read = "UPDATE nodes SET power_checked_at = '2030-05-01 12:00:00.123456' WHERE name = 'n2'"
    upgrade_to(bare, "0006", (_OF_0002[0], another, read))
    schema.upgrade(bare)
    with bare.read() as connection:
        found = {node.name: node.power_checked_at for node in api.list_nodes(connection)}
    at = datetime(2030, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert found == {"n1": None, "n2": at}


@pytest.mark.mariadb_long
def test_numbers_of_commands_are_not_given_again_after_an_upgrade(bare: Database) -> None:
    schema.upgrade(bare)
    with bare.write() as connection:
        (first,) = task_commands.ask(connection, "c1", "acme.poll", "run", "ada@desk")
        task_commands.prune(connection, models.utcnow() + timedelta(seconds=1))
        (second,) = task_commands.ask(connection, "c1", "acme.poll", "run", "ada@desk")
    assert second > first


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, models.metadata) == []


def test_the_revisions_that_are_listed_are_those_of_the_migrations() -> None:
    folder = Path(migrations.__file__).parent
    revisions = ScriptDirectory(str(folder)).walk_revisions()
    assert tuple(one.revision for one in revisions)[::-1] == migrations.REVISIONS


def test_a_database_without_a_schema_is_told_the_command(bare: Database) -> None:
    with pytest.raises(
        errors.SchemaMismatch, match=r"(there is no database .*,|there yet;) run: podium db upgrade"
    ):
        schema.check(bare)


def test_an_older_schema_is_told_the_command(made: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    older = schema.head()
    monkeypatch.setattr(schema, "head", lambda: "next")
    with pytest.raises(errors.SchemaMismatch, match=rf"older Podium \({older}, .* run: podium db upgrade"):
        schema.check(made)


@pytest.mark.parametrize("use", [schema.check, schema.upgrade, schema.prepare])
def test_a_newer_schema_is_left_to_the_newer_podium(
    made: Database, use: Callable[[Database], object]
) -> None:
    _become(made, "f00d", floor="f00d")
    with pytest.raises(errors.SchemaMismatch, match=r"newer Podium \(f00d, .* run: podium db upgrade"):
        use(made)


@pytest.mark.parametrize("use", [schema.check, schema.prepare])
def test_a_newer_schema_is_used_if_it_says_that_this_program_may(
    made: Database, use: Callable[[Database], str | None]
) -> None:
    _become(made, "f00d", floor=schema.head())
    assert re.search(
        r"newer Podium \(f00d, this one knows 0\d+\), which lets this one use it", use(made) or ""
    )


def test_an_upgrade_leaves_a_newer_schema_that_it_may_use_as_it_is(made: Database) -> None:
    _become(made, "f00d", floor=schema.head())
    assert schema.upgrade(made) == "f00d"


def _become(database: Database, revision: str, *, floor: str) -> None:
    """Make a schema that of a later Podium, as far as it says so."""
    with database.write() as connection:
        connection.execute(sa.text(f"UPDATE alembic_version SET version_num = '{revision}'"))
        connection.execute(sa.update(models.schema_floor).values(revision=floor))


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_daemon_does_not_create_the_schema_of_a_server(
    kind: str, request: pytest.FixtureRequest, opened: Open
) -> None:
    server: Server = request.getfixturevalue(f"{kind}_server")
    bare = opened(server.url(server.create_database()))
    with pytest.raises(errors.SchemaMismatch, match="podium db upgrade"):
        schema.prepare(bare)
    with bare.read() as connection:
        assert sa.inspect(connection).get_table_names() == []


def test_a_mismatch_does_not_tell_the_password(opened: Open, mariadb_server: Server) -> None:
    name = mariadb_server.create_database()
    mariadb_server.execute(f"GRANT ALL ON {name}.* TO 'podium'@'%' IDENTIFIED BY 'hunter2'")
    url = sa.make_url(mariadb_server.url(name)).set(username="podium", password="hunter2")
    with pytest.raises(errors.SchemaMismatch) as caught:
        schema.check(opened(url.render_as_string(hide_password=False)))
    assert "hunter2" not in str(caught.value)


def test_a_daemon_creates_the_embedded_database(embedded: Database) -> None:
    schema.prepare(embedded)
    assert schema.current(embedded) == schema.head()


def test_an_empty_file_becomes_the_embedded_database(embedded: Database) -> None:
    assert embedded.sqlite_file is not None
    embedded.sqlite_file.parent.mkdir()
    embedded.sqlite_file.touch()
    schema.prepare(embedded)
    schema.check(embedded)


def test_only_its_owner_may_read_the_embedded_database(embedded: Database) -> None:
    schema.prepare(embedded)
    with embedded.write():  # while the files of the write-ahead log are there too
        assert embedded.sqlite_file is not None
        files = list(embedded.sqlite_file.parent.iterdir())
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_creates_beside_the_embedded_database_belongs_to_the_folders_owner(
    embedded: Database,
) -> None:
    assert embedded.sqlite_file is not None
    folder = embedded.sqlite_file.parent
    folder.mkdir()
    os.chown(folder, 4711, 4712)
    schema.prepare(embedded)
    write_new_file(folder / "podium.keys")
    with embedded.write():
        made = {file.name: (file.stat().st_uid, file.stat().st_gid) for file in folder.iterdir()}
    names = "podium.keys", "podium.sqlite", "podium.sqlite-shm", "podium.sqlite-wal"
    assert made == dict.fromkeys(names, (4711, 4712))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_folders_that_root_creates_for_it_belong_to_the_owner_of_the_one_that_was_there(
    tmp_path: Path, opened: Open
) -> None:
    os.chown(tmp_path, 4711, 4712)
    schema.prepare(opened(f"sqlite:///{tmp_path}/state/deep/podium.sqlite"))
    made = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in tmp_path.rglob("*")}
    assert made == dict.fromkeys(("state", "deep", "podium.sqlite"), (4711, 4712))
    assert stat.S_IMODE((tmp_path / "state/deep").stat().st_mode) & 0o027 == 0


def test_a_link_in_the_place_of_the_embedded_database_is_not_followed(
    embedded: Database, tmp_path: Path
) -> None:
    assert embedded.sqlite_file is not None
    embedded.sqlite_file.parent.mkdir()
    embedded.sqlite_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(errors.ConfigError, match="cannot create the database"):
        schema.prepare(embedded)
    assert not (tmp_path / "elsewhere").exists()


def test_a_check_does_not_create_a_file(embedded: Database) -> None:
    with pytest.raises(errors.SchemaMismatch):
        schema.check(embedded)
    assert embedded.sqlite_file is not None
    assert not embedded.sqlite_file.exists()


@pytest.mark.parametrize("use", [schema.prepare, schema.check, schema.upgrade])
@pytest.mark.parametrize("content", [b"not a database " * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_told_by_its_path(
    tmp_path: Path, opened: Open, content: bytes, use: Callable[[Database], object]
) -> None:
    file = tmp_path / "podium.sqlite"
    file.write_bytes(content)
    with pytest.raises(errors.DatabaseError) as caught:
        use(opened(f"sqlite:///{file}"))
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == content


@pytest.mark.parametrize("use", [schema.prepare, schema.check, schema.upgrade, Database.keep_open])
def test_no_connection_to_a_file_that_is_no_database_is_left_open(
    tmp_path: Path, opened: Open, use: Callable[[Database], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[sqlite3.Connection] = []
    real = sqlite3.connect

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        made.append(real(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr(sqlite3.dbapi2, "connect", connect)  # SQLAlchemy's
    file = tmp_path / "podium.sqlite"
    file.write_bytes(b"not a database " * 100)
    with pytest.raises((errors.DatabaseError, sqlite3.DatabaseError)):
        use(opened(f"sqlite:///{file}"))
    assert made
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
            connection.execute("SELECT 1")


@pytest.mark.parametrize("use", [schema.prepare, schema.upgrade])
def test_a_place_that_cannot_be_written_names_the_options(
    tmp_path: Path, opened: Open, use: Callable[[Database], object]
) -> None:
    (tmp_path / "occupied").touch()
    with pytest.raises(errors.ConfigError, match=r"occupied/podium.sqlite: .* \[DEFAULT\] state_path"):
        use(opened(f"sqlite:///{tmp_path / 'occupied' / 'podium.sqlite'}"))


_PREPARE = """
import sys
from podium.db import schema
from podium.db.engine import Database
from podium.db.keyring import write_new_file
from podium.db.worker import Worker
print("ready", flush=True)
for path in sys.stdin.read().split():
    database = Database(f"sqlite:///{path}")
    schema.prepare(database)
    database.dispose()
"""


@pytest.mark.long
def test_processes_that_create_one_database_at_once_all_find_it_ready(tmp_path: Path) -> None:
    paths = "\n".join(str(tmp_path / f"{number}.sqlite") for number in range(5 * ROUNDS))
    command = [sys.executable, "-c", _PREPARE]
    pipe = subprocess.PIPE
    programs = [subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(3)]
    try:
        for program in programs:
            assert program.stdout is not None
            program.stdout.readline()
        for program in programs:
            assert program.stdin is not None
            program.stdin.write(paths)
            program.stdin.close()
            program.stdin = None
        assert [program.communicate(timeout=60 * ROUNDS)[1] for program in programs] == ["", "", ""]
    finally:
        for program in programs:
            program.kill()
            program.communicate()
