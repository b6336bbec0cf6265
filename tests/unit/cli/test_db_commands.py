"""``podium db copy``: where to, and what it says. How it copies is in tests/unit/db/test_copying.py."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.db import api, schema
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def filled(database: Database) -> Database:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": f"n{number}", "driver": "fake"} for number in range(3)])
    return database


def names(file: Path) -> list[str]:
    database = Database(f"sqlite:///{file}")
    with database.read() as connection:
        found = [node.name for node in api.list_nodes(connection)]
    schema.check(database)
    database.dispose()
    return found


@pytest.mark.usefixtures("filled")
def test_a_copy_says_how_many_rows_of_each_table_it_made(podium: Run, tmp_path: Path) -> None:
    target = tmp_path / "new" / "copy.sqlite"
    (tmp_path / "url").write_text(f"sqlite:///{target}\nwhatever\n")
    done = podium("db", "copy", "--to", f"@{tmp_path}/url")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "nodes: 3" in lines
    assert not any(line.endswith(": 0") for line in lines)
    assert lines[-1].endswith(f"; now set [database] connection = sqlite:///{target}")
    assert names(target) == ["n0", "n1", "n2"]


@pytest.mark.usefixtures("filled")
def test_the_url_may_come_from_standard_input(
    podium: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"sqlite:///{tmp_path}/copy.sqlite\n"))
    done = podium("db", "copy", "--to", "-", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert names(tmp_path / "copy.sqlite") == ["n0", "n1", "n2"]


def test_a_copy_ends_with_the_url_for_the_config(
    podium: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text("postgresql://podium:hunter2@db/podium\n")
    monkeypatch.setattr("podium.cli.database.copying.copy", lambda *_: {"nodes": 3})
    done = podium("db", "copy", "--to", f"@{tmp_path}/url")
    assert done.stdout.endswith("now set [database] connection = postgresql://podium:***@db/podium\n")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://podium:hunter2@db/podium",
        "postgresql://podium@db/podium?password=hunter2",
        "mysql://podium:hunter2@db:3306/podium",
        "postgresql://podium:hunter2@db1:5432,db2:5432/podium",
    ],
)
def test_a_password_on_the_command_line_is_refused(podium: Run, url: str) -> None:
    done = podium("db", "copy", "--to", url)
    assert done.returncode == 1
    assert "write the URL into a file and give --to @FILE" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("nonsense", "--to is not a database URL"),
        ("oracle://db/podium", "Podium cannot use oracle"),
        ("@/nowhere", "--to @/nowhere: cannot be read: No such file or directory"),
        ("@/dev/null", "--to @/dev/null: its first line is empty"),
    ],
)
def test_what_is_no_database_is_refused(podium: Run, to: str, words: str) -> None:
    done = podium("db", "copy", "--to", to)
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.usefixtures("filled")
def test_only_its_owner_may_read_the_copy(podium: Run, tmp_path: Path) -> None:
    podium("db", "copy", "--to", f"sqlite:///{tmp_path}/copy.sqlite")
    assert (tmp_path / "copy.sqlite").stat().st_mode & 0o777 == 0o600
