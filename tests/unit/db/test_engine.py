"""The way to the database, and what a person reads when it does not answer."""

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from oslo_config import cfg
from oslo_db.exception import DBDuplicateEntry

import peers
from podium import errors
from podium.conf import opts
from podium.db import api, fleet, models
from podium.db.engine import Database
from power_requests import NOON
from servers import PostgreSQL, RestartablePostgreSQL, Server

PASSWORD = "hunter2-correct-horse"

Open = Callable[[str], Database]
Contend = Callable[..., BaseException | None]
Enrol = Callable[..., list[sa.Row[tuple[object, ...]]]]


def ask(database: Database) -> int:
    with database.read() as connection:
        return int(connection.scalar(sa.text("SELECT 1")) or 0)


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


def refusal(database: Database) -> str:
    with pytest.raises(errors.DatabaseUnavailable, match=r"\[database\] connection = ") as caught:
        ask(database)
    text = str(caught.value)
    assert "\n" not in text
    assert PASSWORD not in text
    return text


def with_login(url: str, user: str) -> str:
    return sa.make_url(url).set(username=user, password=PASSWORD).render_as_string(hide_password=False)


def test_a_refused_login_is_told_without_the_password(opened: Open, server: Server) -> None:
    url = with_login(server.url(server.create_database()), "stranger")
    assert "stranger" in refusal(opened(url))


def test_a_server_that_is_not_there_is_told_with_its_place(opened: Open, server: Server) -> None:
    port = peers.free_port()
    url = sa.make_url(with_login(server.url("podium"), "podium")).set(port=port)
    text = refusal(opened(url.render_as_string(hide_password=False)))
    assert f"podium:***@{server.host}:{port}/podium: " in text


def test_an_unknown_database_is_told_by_its_name(opened: Open, server: Server) -> None:
    assert "nowhere" in refusal(opened(server.url("nowhere")))


def own_number(connection: sa.Connection) -> int:
    question = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
    return int(connection.scalar(sa.text(question[connection.dialect.name])) or 0)


def break_connection(server: Server, number: int) -> None:
    postgresql = isinstance(server, PostgreSQL)
    command = "SELECT pg_terminate_backend({}, 60000)" if postgresql else "KILL HARD CONNECTION {}"
    server.execute(command.format(number))


def test_an_idle_connection_that_the_server_closed_is_replaced_unnoticed(
    opened: Open, server: Server
) -> None:
    database = opened(server.url(server.create_database()))
    with database.read() as connection:
        number = own_number(connection)
    break_connection(server, number)
    assert ask(database) == 1


def test_a_connection_that_breaks_in_mid_transaction_is_told_and_the_next_one_works(
    opened: Open, server: Server
) -> None:
    database = opened(server.url(server.create_database()))
    with pytest.raises(errors.DatabaseUnavailable), database.write() as connection:
        break_connection(server, own_number(connection))
        connection.execute(sa.text("SELECT 1"))
    assert ask(database) == 1


def test_a_restarted_server_is_used_again_without_a_new_database_object(
    opened: Open, restartable_postgresql: RestartablePostgreSQL
) -> None:
    database = opened(restartable_postgresql.url)
    ask(database)
    restartable_postgresql.stop()
    refusal(database)
    restartable_postgresql.start()
    assert ask(database) == 1


def test_a_failed_block_leaves_nothing_behind(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1")
    with pytest.raises(RuntimeError), database.write() as connection:
        api.delete_node(connection, node.id)
        raise RuntimeError
    with database.read() as connection:
        assert api.count_nodes(connection) == 1


def test_a_reader_neither_waits_for_a_writer_nor_sees_what_it_may_yet_undo(
    database: Database, enrol: Enrol
) -> None:
    (node,) = enrol("n1")
    with database.write() as writer, database.read() as reader:
        api.delete_node(writer, node.id)
        assert api.count_nodes(reader) == 1


def test_writers_wait_for_each_other_on_sqlite_rather_than_fail(tmp_path: Path, opened: Open) -> None:
    database = opened(f"sqlite:///{tmp_path / 'counter.sqlite'}")
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE counter AS SELECT 0 AS value"))

    def count(_thread: int) -> None:
        for _ in range(40):
            with database.write() as connection:
                value = connection.scalar(sa.text("SELECT value FROM counter"))
                connection.execute(sa.text("UPDATE counter SET value = :next"), {"next": value + 1})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(count, range(4)))
    with database.read() as connection:
        assert connection.scalar(sa.text("SELECT value FROM counter")) == 160


def test_a_writer_that_waited_too_long_is_told_the_file_and_may_try_again(
    tmp_path: Path, opened: Open
) -> None:
    file = tmp_path / "busy.sqlite"
    database = opened(f"sqlite:///{file}?timeout=0.01")
    refused = pytest.raises(errors.DatabaseUnavailable, match=f"{file}: database is locked")
    with database.write(), refused, database.write():
        pass
    with database.write() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_a_connection_that_breaks_when_it_is_handed_back_is_no_traceback_in_the_log(
    opened: Open, mariadb_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    conf = cfg.ConfigOpts()
    opts.register(conf)
    conf([], default_config_files=[])
    for entry in conf.default_log_levels:
        name, level = entry.split("=")
        caplog.set_level(level, name)
    database = opened(mariadb_server.url(mariadb_server.create_database()))
    with database.read() as connection:
        number = connection.scalar(sa.text("SELECT connection_id()"))
        kill = functools.partial(mariadb_server.execute, f"KILL {number}")
        sa.event.listen(database.engine, "reset", lambda *_: kill(), once=True)
    assert (caplog.records, ask(database)) == ([], 1)


# Not on SQLite, which has one writer at a time.
@pytest.mark.parametrize("migrated", ["postgresql", "mariadb"], indirect=True)
def test_transactions_that_wait_for_each_other_end_with_one_that_may_try_again(
    database: Database, enrol: Enrol, contend: Contend
) -> None:
    one, two = enrol("n1", "n2")

    def change(number: int) -> Callable[[sa.Connection], None]:
        return lambda connection: fleet.record_health_times(connection, {number: (NOON, 1.0)})

    def change_both(connection: sa.Connection) -> None:
        change(two.id)(connection)
        change(one.id)(connection)

    try:
        loser = contend(change(one.id), change_both, change(two.id))
    except errors.DatabaseBusy as refused:
        loser = refused
    assert isinstance(loser, errors.DatabaseBusy)


@pytest.mark.parametrize(("failures", "tries"), [(4, 5), (9, 5)])
def test_what_others_are_in_the_way_of_is_tried_again_a_few_times(
    tmp_path: Path, opened: Open, failures: int, tries: int
) -> None:
    tried: list[int] = []

    def work(connection: sa.Connection) -> int:
        tried.append(len(tried))
        if len(tried) <= failures:
            raise errors.DatabaseBusy("a deadlock")
        return int(connection.scalar(sa.text("SELECT 7")) or 0)

    database = opened(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    if failures < tries:
        assert database.written(work) == 7
    else:
        with pytest.raises(errors.DatabaseBusy, match="a deadlock"):
            database.written(work)
    assert len(tried) == tries


def test_a_database_that_is_held_open_keeps_its_log_between_transactions(
    tmp_path: Path, opened: Open
) -> None:
    database = opened(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    log = tmp_path / "podium.sqlite-wal"
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE kept (id integer)"))
    database.keep_open()
    with database.write() as connection:
        connection.execute(sa.text("INSERT INTO kept VALUES (1)"))
    assert log.exists()
    database.dispose()
    assert not log.exists()


def _insert(number: int) -> sa.TextClause:
    return sa.text(f"INSERT INTO kept VALUES ({number})")


def test_writes_to_a_file_that_is_held_open_share_a_connection_unless_they_overlap(
    tmp_path: Path, opened: Open
) -> None:
    database = opened(f"sqlite:///{tmp_path / 'podium.sqlite'}?timeout=60")
    made: list[object] = []
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE kept (id integer PRIMARY KEY)"))
    sa.event.listen(database.engine, "connect", lambda *_: made.append(None))
    database.keep_open()
    for number in (1, 2):
        with database.write() as connection:
            connection.execute(_insert(number))
    assert len(made) == 1
    with pytest.raises(DBDuplicateEntry), database.write() as connection:
        connection.execute(_insert(3))
        connection.execute(_insert(1))

    def meanwhile() -> None:
        with database.write() as connection:
            connection.execute(_insert(4))

    with ThreadPoolExecutor(1) as threads:
        with database.write() as connection:
            connection.execute(_insert(5))
            other = threads.submit(meanwhile)
        other.result(peers.PATIENCE)
    with database.read() as connection:
        assert list(connection.scalars(sa.text("SELECT id FROM kept ORDER BY id"))) == [1, 2, 4, 5]


def test_writes_go_to_the_file_that_is_there(tmp_path: Path, opened: Open) -> None:
    file, other = tmp_path / "podium.sqlite", tmp_path / "other.sqlite"
    database = opened(f"sqlite:///{file}")
    for one in (database, opened(f"sqlite:///{other}")):
        with one.write() as connection:
            connection.execute(sa.text("CREATE TABLE kept (id integer PRIMARY KEY)"))
    database.keep_open()
    with database.write() as connection:
        connection.execute(_insert(1))
    other.rename(file)
    for suffix in ("-wal", "-shm"):
        file.with_name(f"{file.name}{suffix}").unlink(missing_ok=True)
    with database.write() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM kept")) == 0


def test_reads_of_a_file_that_is_held_open_share_a_connection_unless_they_overlap(
    tmp_path: Path, opened: Open
) -> None:
    database = opened(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    made: list[object] = []
    sa.event.listen(database.engine, "connect", lambda *_: made.append(None))
    database.keep_open()
    count = sa.text("SELECT count(*) FROM sqlite_master")
    for _ in range(3):
        with database.read() as connection:
            assert connection.scalar(count) == 0
    assert len(made) == 1
    with database.read() as connection, database.read() as other:
        assert connection.scalar(count) == other.scalar(count) == 0
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE kept (id integer PRIMARY KEY)"))
    with database.read() as connection:
        assert connection.scalar(count) == 1


def test_reads_are_of_the_file_that_is_there(tmp_path: Path, opened: Open) -> None:
    file, other = tmp_path / "podium.sqlite", tmp_path / "other.sqlite"
    database = opened(f"sqlite:///{file}")
    with opened(f"sqlite:///{other}").write() as connection:
        connection.execute(sa.text("CREATE TABLE kept (id integer PRIMARY KEY)"))
    database.keep_open()
    count = sa.text("SELECT count(*) FROM sqlite_master")
    with database.read() as connection:
        assert connection.scalar(count) == 0
    other.rename(file)
    for suffix in ("-wal", "-shm"):
        file.with_name(f"{file.name}{suffix}").unlink(missing_ok=True)
    with database.read() as connection:
        assert connection.scalar(count) == 1


def test_an_error_does_not_tell_what_was_to_be_written(database: Database, enrol: Enrol) -> None:
    (node,) = enrol("n1", driver_info={"acme_password": PASSWORD})
    with pytest.raises(DBDuplicateEntry, match="INSERT INTO nodes") as caught, database.write() as connection:
        row = {name: value for name, value in node._asdict().items() if name != models.CHECKED_AT}
        connection.execute(sa.insert(models.nodes).values(row))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("transaction", ["read", "write"])
def test_an_interrupt_during_a_statement_stays_an_interrupt(tmp_path: Path, transaction: str) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    database = Database(f"sqlite:///{tmp_path}/p.sqlite")
    try:
        with pytest.raises(KeyboardInterrupt), getattr(database, transaction)() as connection:
            sa.event.listen(database.engine, "do_execute", interrupt)
            connection.execute(sa.text("SELECT 1"))
    finally:
        database.dispose()


def test_the_hints_of_libraries_are_left_out(tmp_path: Path, opened: Open, server: Server) -> None:
    port = peers.free_port()
    url = sa.make_url(with_login(server.url("podium"), "podium")).set(port=port)
    text = refusal(opened(url.render_as_string(hide_password=False)))
    assert text.count("server up") == 1
    assert "Is the server running" not in text
    assert "sqlalche.me" not in text


def test_after_a_snapshot_a_transaction_sees_what_was_committed_before_each_statement(
    database: Database,
) -> None:
    with database.snapshot() as connection:
        connection.execute(sa.text("SELECT 1"))
    if database.is_sqlite:  # where a transaction that has begun to read sees one moment
        return
    with database.write() as reading:
        before = reading.scalar(sa.text("SELECT changes FROM change_counter"))
        with database.engine.begin() as writing:
            writing.execute(sa.text("UPDATE change_counter SET changes = changes + 1"))
        assert reading.scalar(sa.text("SELECT changes FROM change_counter")) == before + 1


def test_a_snapshot_does_not_see_what_is_committed_meanwhile(database: Database) -> None:
    with database.snapshot() as connection:
        before = connection.scalar(sa.text("SELECT changes FROM change_counter"))
        with database.write() as writing:
            writing.execute(sa.text("UPDATE change_counter SET changes = changes + 1"))
        assert connection.scalar(sa.text("SELECT changes FROM change_counter")) == before
