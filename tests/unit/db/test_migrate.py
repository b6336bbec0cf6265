"""Migrations keep nobody waiting, change few rows at a time, and can be broken off and run again."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from podium import errors
from podium.db import api, at_work, members, migrate, migrations, models, name_keys, schema, secret_keys
from podium.db.endpoints import slot_of
from podium.db.engine import Database
from podium.db.keyring import Keyring, names_in
from podium.db.migrations import REVISIONS, expand
from podium.db.sealed import Sealing
from rounds import only_long
from servers import Server
from templates import upgrade_to

Open = Callable[[str], Database]
Statements = Callable[[str], object]

_NODE = (
    "INSERT INTO nodes (uuid, name, driver, driver_info, driver_internal_info, properties, extra,"
    " power_failures, maintenance, conductor_group, version, created_at, updated_at) VALUES"
    " ('{}', 'n{}', 'fake', '{{}}', '{{}}', '{{}}', '{{}}', 0, {{false}}, '', 7, '2030-05-01', '2030-05-01')"
)
_UUIDS = [str(uuid.UUID(int=number)) for number in range(5)]
_NODES = [_NODE.format(one, number) for number, one in enumerate(_UUIDS)]


class PulledPlug(BaseException):
    """What breaks a migration off: no error, which the libraries would translate."""


@pytest.fixture
def bare(database_url: str, opened: Open) -> Database:
    """A database of each kind that holds nothing yet."""
    return opened(database_url)


@contextmanager
def statements(seen: Statements) -> Iterator[None]:
    """Show every statement that changes something before it is executed."""

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().upper().startswith(("CREATE", "ALTER", "INSERT", "UPDATE", "DELETE")):
            seen(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", look)


def breaks_off(database: Database, after: int, kind: str) -> bool:
    """Whether an upgrade is broken off, after so many statements that begin with some word."""
    done = 0

    def count(statement: str) -> None:
        nonlocal done
        if statement.lstrip().upper().startswith(kind):
            if done == after:
                raise PulledPlug
            done += 1

    try:
        with statements(count):
            schema.upgrade(database)
    except PulledPlug:
        return True
    return False


def slots(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {row.uuid: row.slot for row in connection.execute(sa.select(models.nodes.c["uuid", "slot"]))}


@pytest.mark.mariadb_long
def test_a_migration_that_was_broken_off_anywhere_is_run_again(bare: Database) -> None:
    upgrade_to(bare, "0006", _NODES)
    at_once = bare.url.get_backend_name() == "mysql"  # which commits with each such statement
    attempts = 0
    for kind in ("CREATE", "ALTER"):
        while breaks_off(bare, 1 if at_once else attempts, kind):
            attempts += 1
            assert schema.current(bare) in REVISIONS[5:]  # whichever is complete
    assert attempts > 3
    schema.upgrade(bare)
    schema.check(bare)
    with bare.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, models.metadata) == []


@pytest.mark.mariadb_long
def test_slots_are_filled_few_rows_at_a_time(bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "MOST_ROWS", 2)
    upgrade_to(bare, "0006", _NODES)
    changed = [0]

    def add(_connection: object, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE nodes SET slot"):
            changed[-1] += cursor.rowcount

    def begin(_connection: object) -> None:
        changed.append(0)

    sa.event.listen(sa.Engine, "after_cursor_execute", add)
    sa.event.listen(sa.Engine, "commit", begin)
    try:
        schema.upgrade(bare)
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", add)
        sa.event.remove(sa.Engine, "commit", begin)
    assert [rows for rows in changed if rows] == [2, 2, 1]
    assert slots(bare) == {one: slot_of(one) for one in _UUIDS}


def test_filling_slots_that_was_broken_off_is_finished_by_the_next_upgrade(
    bare: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expand, "MOST_ROWS", 2)
    upgrade_to(bare, "0006", _NODES)
    assert breaks_off(bare, 3, "UPDATE NODES")
    assert schema.current(bare) == "0006"
    done = [one for one, slot in slots(bare).items() if slot == slot_of(one)]
    assert done == _UUIDS[:2]
    schema.upgrade(bare)
    assert slots(bare) == {one: slot_of(one) for one in _UUIDS}


@pytest.mark.mariadb_long
def test_names_are_in_natural_order_after_an_upgrade(bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_keys, "_MOST_ROWS", 2)
    upgrade_to(bare, "0010", [_NODE.format(one, 12 - number) for number, one in enumerate(_UUIDS)])
    schema.upgrade(bare)
    with bare.read() as connection:
        assert [node.name for node in api.list_nodes(connection)] == ["n8", "n9", "n10", "n11", "n12"]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_an_upgrade_gives_up_soon_when_a_transaction_holds_what_it_changes(
    kind: str, request: pytest.FixtureRequest, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LIMITS", replace(migrate.LIMITS, lock=1))
    server: Server = request.getfixturevalue(f"{kind}_server")
    url = server.url(server.create_database())
    upgrade_to(opened(url), "0006", _NODES)
    with opened(url).write() as connection:
        connection.execute(sa.text("UPDATE nodes SET extra = '{}'"))
        with pytest.raises(errors.DatabaseBusy, match="gave up the step to revision 0007: "):
            schema.upgrade(opened(url))
    assert schema.current(opened(url)) == "0006"
    assert schema.upgrade(opened(url)) == schema.head()


_NEXT = """
import sqlalchemy as sa
from podium.db.migrations.expand import add_column
revision, down_revision, usable_from = "0099", "{before}", "{usable_from}"
def upgrade():
    add_column("nodes", sa.Column("rack", sa.Text))
"""


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``next_migration("0007")`` adds a migration that lets programs from that revision on use its schema."""

    def add(usable_from: str) -> None:
        (tmp_path / "versions").mkdir()
        for file in (Path(migrations.__file__).parent / "versions").glob("0*.py"):
            shutil.copy(file, tmp_path / "versions")
        text = _NEXT.format(before=REVISIONS[-1], usable_from=usable_from)
        (tmp_path / "versions" / "0099_next.py").write_text(text)
        monkeypatch.setattr(migrate, "_script", lambda: ScriptDirectory(str(tmp_path)))
        for module in (migrations, schema, at_work):
            monkeypatch.setattr(module, "REVISIONS", (*REVISIONS, "0099"))

    return add


def _enter(database: Database) -> None:
    service = members.Service("boot:1:1", ["fake"], [""], [], 30.0, 5.0, "1.0", "print")
    with database.write() as connection:
        members.enter(connection, "c1", 0, service)


def test_an_upgrade_is_made_beside_members_of_the_version_before(
    bare: Database, next_migration: Callable[[str], None]
) -> None:
    schema.upgrade(bare)
    _enter(bare)
    next_migration(REVISIONS[-1])
    assert schema.upgrade(bare) == "0099"
    with bare.read() as connection:
        assert connection.scalars(sa.select(models.schema_floor.c.revision)).all() == [REVISIONS[-1]]


def test_an_upgrade_that_members_could_not_follow_changes_nothing(
    bare: Database, next_migration: Callable[[str], None]
) -> None:
    schema.upgrade(bare)
    _enter(bare)
    next_migration("0099")
    with pytest.raises(errors.ConductorsAtWork, match="runs on c1; install .* revision 0099"):
        schema.upgrade(bare)
    assert schema.current(bare) == REVISIONS[-1]


def test_each_schema_can_be_used_by_the_program_of_the_one_before() -> None:
    for before, revision in zip(REVISIONS[6:], REVISIONS[7:], strict=False):
        assert migrate.floor_of(revision) <= before


def test_a_column_that_older_programs_could_not_leave_out_is_refused() -> None:
    with pytest.raises(ValueError, match="nodes.rack must be nullable or have a server_default"):
        expand.add_column("nodes", sa.Column("rack", sa.Integer, nullable=False))


@only_long
def test_secrets_of_before_stay_plain_until_they_are_written_with_a_key(bare: Database) -> None:
    ring = Keyring([bytes(32)])
    password = {"ipmi_password": "calvin"}
    upgrade_to(bare, "0010", [_NODES[0].replace("'{}'", """'{"ipmi_password": "calvin"}'""", 1)])
    schema.upgrade(bare)
    found = Database(bare.url, sealing=Sealing(ring, frozenset))
    try:
        schema.check(found)
        with found.write() as connection:
            (node,) = api.find_nodes(connection, ["n0"])
            assert node.driver_info == password
            assert secret_keys.begin(connection, ring) == (ring.names[0], 1)
        with found.write() as connection:
            api.update_node(connection, node.id, {"driver_info": node.driver_info})
        with bare.read() as connection:
            text = str(connection.scalar(sa.text("SELECT driver_info FROM nodes")))
            assert names_in(text) == {*ring.names}
            assert connection.scalar(sa.select(models.schema_floor.c.revision)) == "0011"
        with found.read() as connection:
            assert api.find_nodes(connection, ["n0"])[0].driver_info == password
    finally:
        found.dispose()
