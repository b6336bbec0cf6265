"""Everything is the same in another database, or the other database says that it is incomplete."""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db import (
    api,
    belongings,
    chassis,
    copying,
    members,
    models,
    ports,
    schema,
    task_commands,
    tokens,
)
from podium.db.engine import Database
from podium.db.models import UTCDateTime, metadata
from podium.db.models.hardware import key_of
from rounds import ONLY_LONG, rest_is_long
from servers import Server
from templates import prepared

Make = Callable[[str], Database]

_TABLES = metadata.sorted_tables
_KINDS = ("sqlite", "postgresql", "mariadb")
#: Each kind is copied from and to in make test.
_PAIRS = [
    pytest.param((source, target), marks=() if target == following else ONLY_LONG, id=f"{source}-{target}")
    for source, following in zip(_KINDS, _KINDS[1:] + _KINDS[:1], strict=True)
    for target in _KINDS
]

#: Texts that a wrong character set, collation or quotation would change, or take for one another.
_TEXTS = ("a", "A", "ä", "a ", " a", "ß", "\U0001f50c", "é", "é", "%'\"\\;--", "null", "0", "\n")
_JSON = (
    {},
    {"a": [1, 1.0, True, None, "\U0001f50c", 0.1, 1e300, 2**63], "A": {"": ""}},
    {"password": "'\"\\ \u2028\x00\x7f"},
)
_TIMES = (datetime(1970, 1, 1), datetime(2030, 5, 1, 12, 0, 0, 123456), datetime(9999, 12, 31, 23, 59, 59, 1))


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """``make("mariadb")`` is a database of that kind that holds nothing yet."""
    made: list[Database] = []

    def database(kind: str) -> Database:
        if kind == "sqlite":
            url = f"sqlite:///{tmp_path / f'{len(made)}.sqlite'}"
        else:
            server: Server = request.getfixturevalue(f"{kind}_server")
            url = server.url(server.create_database())
        made.append(Database(url))
        return made[-1]

    yield database
    for one in made:
        one.dispose()


def copy(source: Database, target: Database) -> dict[str, int]:
    return copying.copy(source, target, lambda _what, _done, _total: None)


def value(column: sa.Column[Any], number: int) -> Any:
    """A value for one of three rows, hard to keep as it is."""
    kind = column.type.impl if isinstance(column.type, sa.types.TypeDecorator) else column.type
    if column.nullable and number == 0:
        return None
    if isinstance(column.type, UTCDateTime):
        return _TIMES[number]
    match kind:
        case sa.JSON():
            return ["\U0001f50c", 1.0] if number == 2 else _JSON[number]
        case sa.Boolean():
            return number == 1
        case sa.BigInteger():
            return 2**62 + number if not column.primary_key else number + 1
        case sa.Integer():
            return number + 1
        case sa.Double():
            return (0.1, -1e-300, 1e15)[number]
        case sa.String():
            return None
    raise AssertionError(f"{column}: {kind!r}")


def fill(database: Database) -> None:
    """Put rows into every table."""
    texts = itertools.cycle(_TEXTS)
    with database.write() as connection:
        for table in _TABLES:
            if table is models.leases or connection.execute(sa.select(table)).first():
                continue
            if table is models.avoidances:  # of which a text is understood
                row = {"subnet": "10.0.0.0/24", "host": "c1", "number": 0}
                connection.execute(sa.insert(table).values(row))
                continue
            for number in range(3):
                row = {column.name: value(column, number) for column in table.c}
                for column in table.c:
                    if isinstance(column.type, sa.String | models.WorkerName) and row[column.name] is None:
                        # Different ones in keys, and none where there may be none.
                        length = getattr(column.type, "length", None) or 255
                        text = f"{next(texts)}{number}" if number or not column.nullable else None
                        row[column.name] = text and text[:length]
                if table is models.nodes:  # a key is of ASCII
                    row["name_key"] = key_of(row["name"])
                connection.execute(sa.insert(table).values(_as_texts(table, row)))


def _as_texts(table: sa.Table, row: dict[str, Any]) -> dict[Any, Any]:
    return {
        name: sa.literal(one, sa.String) if isinstance(table.c[name].type, models.WorkerName) and one else one
        for name, one in row.items()
    }


def contents(database: Database) -> dict[str, list[str]]:
    """Every row of every table, with values that have not become Podium's own."""
    with database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(_plain(table)))) for table in _TABLES}


def _plain(table: sa.Table) -> sa.Select[Any]:
    plain = {
        column: column.type.impl if isinstance(column.type, sa.types.TypeDecorator) else column.type
        for column in table.c
    }
    return sa.select(*(sa.type_coerce(column, kind) for column, kind in plain.items()))


@pytest.mark.parametrize("kinds", _PAIRS)
def test_everything_is_the_same_in_the_other_database(make: Make, kinds: tuple[str, str]) -> None:
    source, target = (make(kind) for kind in kinds)
    schema.upgrade(source)
    with source.write() as connection:
        for _ in range(5):
            (last,) = task_commands.ask(connection, "c1", "acme.poll", "run", "ada@desk")
        connection.execute(sa.delete(models.task_commands))
    fill(source)
    counts = copy(source, target)
    schema.check(target)
    assert set(counts) == {table.name for table in _TABLES}
    assert {counts[table.name] for table in (models.nodes, models.power_events, models.members)} == {3}
    assert contents(target) == contents(source)
    with target.write() as connection:  # numbers of deleted rows are not given again
        assert task_commands.ask(connection, "c1", "acme.poll", "run", "ada@desk") == [last + 1]
        api.create_nodes(connection, [{"name": "n3", "driver": "fake"}])
        assert connection.scalar(sa.select(sa.func.max(models.nodes.c.id))) == 4


_NODE, _CHASSIS = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
_PORTS = [
    {"uuid": _CHASSIS, "address": "52:54:00:12:34:56", "name": None, "record": {"pxe_enabled": False}},
    {"uuid": _NODE, "address": "52:54:00:12:34:57", "name": "eth1", "record": {}},
]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=ONLY_LONG)])
def test_what_people_note_and_tokens_are_the_same_to_those_who_ask_for_them(make: Make, kind: str) -> None:
    source, target = prepared(make("sqlite").url), make(kind)
    noted = {"owner": "lab", "retired": True, "record": {"traits": ["CUSTOM_GPU"], "protected": True}}
    place = {"uuid": _CHASSIS, "description": "rack 1", "extra": {"row": 7}}
    with source.write() as connection:
        belongings.create_chassis(connection, [place])
        node = {"uuid": _NODE, "name": "n1", "driver": "fake", "chassis_uuid": _CHASSIS, **noted}
        api.create_nodes(connection, [node])
        belongings.create_ports(connection, {_NODE: _PORTS})
        for name in ("grafana", "old"):
            tokens.create(connection, name, "reader", f"secret of {name}", who="ada", seconds=None)
        tokens.revoke(connection, "old", "ada")
    counts = copy(source, target)
    assert [counts[name] for name in ("nodes", "ports", "chassis", "api_tokens")] == [1, 2, 1, 2]
    with target.write() as connection:
        (copied,) = api.find_nodes(connection, [_NODE])
        assert {name: getattr(copied, name) for name in noted} == noted
        assert belongings.read_ports(connection, [_NODE]) == {_NODE: _PORTS}
        assert belongings.read_chassis(connection) == [place]
        assert chassis.has_nodes(connection, _CHASSIS)
        valid = tokens.valid(connection, "secret of grafana")
        assert (valid and valid.name, tokens.valid(connection, "secret of old")) == ("grafana", None)
        with pytest.raises(errors.NodeConflict):
            ports.create(connection, _NODE, {**_PORTS[0], "uuid": "33333333-2222-3333-4444-555555555555"})


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Database]:
    """A database with a few nodes."""
    database = prepared(f"sqlite:///{tmp_path / 'source.sqlite'}")
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"n{number}", "driver": "fake"} for number in range(3)])
    yield database
    database.dispose()


def _enter(database: Database) -> None:
    service = members.Service("boot:1:1", ["fake"], [""], [], 30.0, 5.0, "1.0", "print")
    with database.write() as connection:
        members.enter(connection, "c1", 0, service)


def test_no_copy_is_made_while_a_conductor_works_on_the_source(make: Make, source: Database) -> None:
    _enter(source)
    target = make("sqlite")
    with pytest.raises(errors.ConductorsAtWork, match=r"source.sqlite, on c1; stop every conductor"):
        copy(source, target)
    assert schema.current(target) is None


def test_no_copy_is_made_while_a_conductor_works_on_the_target(make: Make, source: Database) -> None:
    target = make("sqlite")
    schema.upgrade(target)
    _enter(target)
    with pytest.raises(errors.ConductorsAtWork, match=r"0.sqlite, on c1; stop every conductor"):
        copy(source, target)


def test_a_target_with_an_empty_schema_is_taken(make: Make, source: Database) -> None:
    target = make("sqlite")
    schema.upgrade(target)
    assert copy(source, target)["nodes"] == 3


def test_a_target_with_an_older_schema_is_upgraded(make: Make, source: Database) -> None:
    target = make("sqlite")
    schema.upgrade(target, to="0006")
    assert copy(source, target)["nodes"] == 3
    schema.check(target)


@rest_is_long("kind", _KINDS)
def test_a_target_with_rows_or_tables_of_others_is_refused(make: Make, source: Database, kind: str) -> None:
    full, foreign = make(kind), make(kind)
    schema.upgrade(full)
    with full.write() as connection:
        api.create_nodes(connection, [{"name": "other", "driver": "fake"}])
    schema.create_sqlite_file(foreign)
    with foreign.write() as connection:
        connection.execute(sa.text("CREATE TABLE invoices (id INTEGER)"))
    with pytest.raises(errors.DatabaseError, match="is not empty: it has nodes, power_readings;"):
        copy(source, full)
    with pytest.raises(errors.DatabaseError, match="is not empty: it has invoices;"):
        copy(source, foreign)
    assert [node.name for node in _nodes(full)] == ["other"]


def _nodes(database: Database) -> list[api.NodeRecord]:
    with database.read() as connection:
        return api.list_nodes(connection)


def test_a_schema_of_which_this_program_does_not_know_all_is_not_copied(make: Make, source: Database) -> None:
    with source.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'f00d'"))
    with pytest.raises(errors.SchemaMismatch, match="install that Podium here too before you copy"):
        copy(source, make("sqlite"))


def test_the_configured_database_is_no_target(source: Database) -> None:
    with pytest.raises(errors.ConfigError, match="is the configured database itself"):
        copy(source, Database(source.url))


@rest_is_long("kind", ["postgresql", "mariadb"])
def test_a_row_that_the_target_cannot_hold_leaves_it_incomplete_and_the_source_as_it_was(
    make: Make, source: Database, kind: str
) -> None:
    with source.write() as connection:
        connection.execute(
            sa.update(models.nodes).values(driver="x" * 65, driver_info={"password": "hunter2"})
        )
    before = contents(source)
    target = make(kind)
    with pytest.raises(errors.DatabaseError) as caught:
        copy(source, target)
    text = str(caught.value)
    assert re.search(
        r"nodes, id 1 to id 3: .*\. .* is incomplete, .* empty it .*source.sqlite is as it was", text
    )
    assert "hunter2" not in text
    assert contents(source) == before


@rest_is_long("kind", _KINDS)
def test_what_changed_on_the_way_is_found_and_the_target_is_no_database_for_anybody(
    make: Make, source: Database, kind: str
) -> None:
    target = make(kind)

    def corrupt(what: str, done: int, _total: int) -> None:
        if what == "checking" and not done:
            with target.write() as connection:
                connection.execute(
                    sa.update(models.nodes).where(models.nodes.c.id == 2).values(extra={"a": True})
                )

    with pytest.raises(errors.DatabaseError, match=r"nodes, id 2: the row is not the same\. "):
        copying.copy(source, target, corrupt)
    for use in (schema.check, schema.upgrade, schema.prepare, lambda one: copy(source, one)):
        with pytest.raises(errors.SchemaMismatch, match="copy to this database was begun and not completed"):
            use(target)


@rest_is_long("kind", _KINDS)
def test_a_row_that_is_missing_at_the_end_is_found(make: Make, source: Database, kind: str) -> None:
    target = make(kind)

    def lose(what: str, done: int, _total: int) -> None:
        if what == "checking" and not done:
            with target.write() as connection:
                connection.execute(sa.delete(models.nodes).where(models.nodes.c.id == 3))

    with pytest.raises(errors.DatabaseError, match="nodes, id 3: the row is not the same"):
        copying.copy(source, target, lose)


def test_a_source_that_was_changed_meanwhile_is_no_complete_copy(make: Make, source: Database) -> None:
    def enrol(what: str, done: int, _total: int) -> None:
        if what == "checking" and not done:
            with source.write() as connection:
                api.create_nodes(connection, [{"name": "late", "driver": "fake"}])

    with pytest.raises(errors.DatabaseError, match="somebody changed .*source.sqlite meanwhile"):
        copying.copy(source, make("sqlite"), enrol)


def test_a_copy_that_was_broken_off_is_no_database_for_anybody(make: Make, source: Database) -> None:
    target = make("sqlite")

    def interrupt(_what: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copying.copy(source, target, interrupt)
    with pytest.raises(errors.SchemaMismatch, match="begun and not completed"):
        schema.prepare(target)
