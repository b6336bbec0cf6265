import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from podium import __version__
from podium.cli.main import main
from podium.db import api, schema
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_missing_database_is_told_with_its_path_and_not_made(bare_podium: Run, tmp_path: Path) -> None:
    file = tmp_path / "podium.sqlite"
    done = bare_podium("node", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"podium: [database] connection = sqlite:///{file}: there is no database {file}; correct the path or,"
        " for a new one, run: podium db upgrade\n"
    )
    assert not file.exists()


def test_a_missing_schema_is_told_with_the_command_that_makes_it(bare_podium: Run, tmp_path: Path) -> None:
    (tmp_path / "podium.sqlite").touch()
    done = bare_podium("node", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(": no schema there yet; run: podium db upgrade\n")


@pytest.mark.parametrize(
    "words", ["nod del web2", "node del web2", "n l", "node power of web2", "operation canc 1"]
)
def test_a_command_is_not_guessed_from_the_beginning_of_its_name(podium: Run, words: str) -> None:
    podium("node", "create", "--driver", "fake", "--name", "web2")
    done = podium(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no command " in done.stderr
    assert "web2" in podium("node", "list").stdout


@pytest.mark.parametrize("words", ["node list", "task list", "operation list", "events", "conductor list"])
def test_a_list_without_rows_prints_nothing(podium: Run, words: str) -> None:
    done = podium(*words.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert podium(*words.split(), "-f", "json").stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("operation show x", "argument ID: x is not a number from 1 on"),
        ("operation show 1_000", "argument ID: 1_000 is not a number from 1 on"),
        (
            "node power on n1 --timeout soon",
            "argument --timeout: 'soon' is not a time in seconds, or such as 90s, 5m, 2h or 90d",
        ),
        ("node power on n1 --timeout 0", "argument --timeout: give more than 0 seconds"),
        ("node power on n1 --timeout 2d", "argument --timeout: 2d is not between 0 and 86400 seconds"),
        (
            "node list --stale soon",
            "argument --stale: 'soon' is not a time in seconds, or such as 90s, 5m, 2h or 90d",
        ),
    ],
)
def test_a_number_that_is_none_is_told_without_names_of_the_program(
    podium: Run, words: str, fault: str
) -> None:
    done = podium(*words.split())
    assert done.returncode == 2
    assert done.stderr.startswith(f"podium: {fault}; see: podium ")


def test_an_upgrade_creates_the_folder_and_says_the_revision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "podium.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/new\n")
    assert main(["--config-file", str(config), "db", "upgrade"]) == 0
    assert capsys.readouterr().out == (
        f"sqlite:///{tmp_path}/new/podium.sqlite: created the schema, revision {schema.head()}\n"
    )


@pytest.mark.mariadb_long
def test_a_second_upgrade_says_that_there_is_nothing_to_do(podium_anywhere: Run) -> None:
    done = podium_anywhere("db", "upgrade")
    assert done.returncode == 0
    assert done.stdout.endswith(f": the schema is at revision {schema.head()} already\n")


def test_a_newer_schema_is_refused(bare_podium: Run, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'ffff'")
        connection.exec_driver_sql("UPDATE schema_floor SET revision = 'ffff'")
    done = bare_podium("node", "list")
    assert done.returncode == 1
    assert "the schema is of a newer Podium (ffff" in done.stderr


@pytest.mark.parametrize("command", [("node", "list"), ("db", "upgrade")])
def test_a_newer_schema_that_this_podium_may_use_is_used_with_a_warning(
    bare_podium: Run, database: Database, command: tuple[str, ...]
) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'ffff'")
    done = bare_podium(*command)
    assert done.returncode == 0
    assert "warning" in done.stderr
    assert "the schema is of a newer Podium (ffff" in done.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[conductor]\nheartbeat_timeout = soon\n", "[conductor] heartbeat_timeout = soon"),
        ("no section\n", "podium.conf cannot be understood"),
        ("[database]\nconnection = nonsense\n", "[database] connection is not a database URL"),
        ("[database]\nconnection = oracle://a/b\n", "[database] connection = oracle://a/b"),
        (
            "[database]\nconnection = postgresql://u:hunter2@127.0.0.1:1/podium\n",
            "[database] connection = postgresql+psycopg://u:***@127.0.0.1:1/podium: ",
        ),
        (
            "[database]\nconnection = mysql://u:hunter2@127.0.0.1:1/podium\n",
            "[database] connection = mysql+pymysql://u:***@127.0.0.1:1/podium: ",
        ),
    ],
)
def test_a_broken_configuration_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    config = tmp_path / "podium.conf"
    config.write_text(content)
    status = main(["--config-file", str(config), "node", "list"])
    written = capsys.readouterr()
    assert (status, written.out, written.err.count("\n")) == (1, "", 1)
    assert said in written.err
    assert "hunter2" not in written.err


def test_the_config_file_may_follow_the_command(bare_podium: Run, tmp_path: Path) -> None:
    done = bare_podium("node", "list", "--config-file", str(tmp_path / "missing.conf"))
    assert done.returncode == 1
    assert "missing.conf" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["node", "-h"], ["node", "list", "--help"]])
def test_help_is_printed_as_a_result(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    written = capsys.readouterr()
    assert "node" in written.out
    assert written.err == ""


def test_debug_shows_where_an_error_comes_from(podium: Run) -> None:
    done = podium("node", "show", "missing", "--debug")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("podium: no node has the name or UUID missing; see: podium node list\n")


def test_a_fault_of_the_program_is_one_line_that_says_how_to_see_more(
    bare_podium: Run, database: Database
) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": "n1", "driver": "fake"}])
        connection.exec_driver_sql("UPDATE nodes SET extra = '{'")
    done = bare_podium("node", "list", "--long")
    assert done.returncode == 1
    assert re.fullmatch(
        r"podium: unexpected JSONDecodeError: .*; --debug shows where it comes from\n", done.stderr
    )


def test_nodes_that_are_not_there_are_named_as_ranges(podium: Run) -> None:
    podium("node", "create", "--driver", "fake", "--name", "r1n01")
    for command in (["power", "off", "--yes"], ["list"], ["set", "--extra", "a=b"], ["delete"]):
        done = podium("node", *command, "r1n[01-99]", "r2n[1-5]")
        assert done.returncode == 1
        assert done.stderr == (
            "podium: no node has the name or UUID r1n[02-99],r2n[1-5]; see: podium node list\n"
        )


def test_a_bad_range_changes_nothing_and_a_list_does_not_say_so(podium: Run) -> None:
    done = podium("node", "list", "r1n[03-01]")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "r1n[03-01] is not a range of nodes" in done.stderr


def test_the_version_is_shown_with_that_of_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"podium {__version__} (schema {schema.head()})\n"
