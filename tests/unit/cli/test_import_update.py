"""A changed file is imported again: what is different is shown, and done once somebody has agreed."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from commands import Here
from podium.cli import node_update
from podium.client.calls.updating import Fields, Plan
from podium.db import models
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_NODES = (
    "name,driver,driver_info.fake_password,extra.rack\n"
    "n1,fake,geheim,r1\n"
    "n2,fake,geheim,r1\n"
    "n3,fake,geheim,r2\n"
    "n10,fake,,r2\n"
)
_CHANGED = (
    "name,driver,driver_info.fake_password,extra.rack\n"
    "n1,fake,******,r7\n"
    "n2,fake,geheim,r7\n"
    "n10,fake,,r2\n"
    "n11,fake,neu,r2\n"
)
_PLAN = """\
new: n11
change: n[1-2] (2 nodes): extra.rack
not in the file, and left alone (--delete-missing deletes them): n3
1 unchanged
"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], str]:
    def write(content: str) -> str:
        (tmp_path / "nodes.csv").write_text(content)
        return str(tmp_path / "nodes.csv")

    return write


@pytest.fixture
def imported(podium: Run, file: Callable[[str], str]) -> Run:
    assert podium("node", "import", file(_NODES)).stdout == "4 imported\n"
    return podium


def names(podium: Run) -> list[str]:
    return podium("node", "list", "-f", "value", "-c", "name").stdout.split()


def racks(database: Database) -> dict[str, str]:
    with database.read() as connection:
        rows = connection.execute(sa.select(models.nodes.c.name, models.nodes.c.extra))
        return {row.name: row.extra["rack"] for row in rows}


def test_without_anybody_to_ask_the_plan_is_shown_and_nothing_is_changed(
    imported: Run, file: Callable[[str], str], database: Database
) -> None:
    done = imported("node", "import", file(_CHANGED), "--update")
    assert (done.returncode, done.stdout) == (1, _PLAN)
    assert "give --yes to carry it out; nothing was changed" in done.stderr
    assert "geheim" not in done.stdout + done.stderr
    assert racks(database) == {"n1": "r1", "n2": "r1", "n3": "r2", "n10": "r2"}


def test_with_yes_it_is_done(imported: Run, file: Callable[[str], str], database: Database) -> None:
    done = imported("node", "import", file(_CHANGED), "--update", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{_PLAN}1 imported, 2 changed, 1 unchanged\n"
    assert racks(database) == {"n1": "r7", "n2": "r7", "n3": "r2", "n10": "r2", "n11": "r2"}
    again = imported("node", "import", file(_CHANGED), "--update")
    assert again.stdout.endswith("4 unchanged\nnothing to change\n")
    assert again.returncode == 0


@pytest.mark.mariadb_long
def test_an_update_on_every_database(podium_anywhere: Run, tmp_path: Path) -> None:
    file = tmp_path / "nodes.json"
    port, moved = {"address": "52:54:00:12:34:56"}, {"address": "52:54:00:12:34:57"}
    nodes = [{"name": f"n{number}", "driver": "fake"} for number in range(4)]
    file.write_text(json.dumps({"nodes": [{**nodes[0], "ports": [port, moved]}, *nodes[1:3]]}))
    podium_anywhere("node", "import", str(file))
    nodes = [{**nodes[0], "ports": [port]}, {**nodes[1], "extra": {"a": 1}, "ports": [moved]}, nodes[3]]
    file.write_text(json.dumps({"nodes": nodes}))
    done = podium_anywhere("node", "import", str(file), "--update", "--yes", "--delete-missing")
    assert done.stdout.splitlines()[-1] == "1 imported, 2 changed, 0 unchanged, 1 deleted"
    again = podium_anywhere("node", "import", str(file), "--update")
    assert again.stdout == "3 unchanged\nnothing to change\n"


def test_missing_nodes_are_deleted_on_request(imported: Run, file: Callable[[str], str]) -> None:
    done = imported("node", "import", file(_CHANGED), "--update", "--yes", "--delete-missing")
    assert "delete, not in the file: n3\n" in done.stdout
    assert done.stdout.endswith("1 imported, 2 changed, 1 unchanged, 1 deleted\n")
    assert sorted(names(imported)) == ["n1", "n10", "n11", "n2"]


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_a_person_is_asked(
    podium_here: Here,
    file: Callable[[str], str],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
) -> None:
    podium_here("node", "import", file(_NODES))

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    done = podium_here("node", "import", file(_CHANGED), "--update")
    assert done.returncode == status
    assert "change 3 nodes? [y/N] " in done.stderr
    assert ("nothing was changed" in done.stderr) == bool(status)
    assert racks(database)["n1"] == ("r1" if status else "r7")


def test_a_plan_of_many_different_changes_is_short() -> None:
    changed = [Fields(fields=[f"extra.k{number}"], nodes=[f"n{number}"]) for number in range(60)]
    plan = Plan(
        new=[f"x{'y' * number}" for number in range(1, 100)],
        changed=changed,
        left=[],
        gone=[],
        unchanged=0,
        new_chassis=[],
        changed_chassis=[],
        busy=[],
        digest="",
    )
    lines = node_update.lines(plan, deletes=False)
    assert (len(lines), max(map(len, lines)) < 330) == (53, True)
    assert lines[-2] == "change: and 10 more, each with other fields"


@pytest.mark.parametrize("form", ["yaml", "json", "csv"])
def test_an_export_that_is_imported_again_changes_nothing(imported: Run, tmp_path: Path, form: str) -> None:
    exported = imported("node", "export", "-f", form).stdout
    assert "******" in exported
    (tmp_path / "exported").write_text(exported)
    done = imported("node", "import", str(tmp_path / "exported"), "--update")
    assert (done.returncode, done.stdout, done.stderr) == (0, "4 unchanged\nnothing to change\n", "")


def test_a_fault_names_its_row(imported: Run, file: Callable[[str], str]) -> None:
    done = imported("node", "import", file(f"{_CHANGED}\nn12,fake,******,\n"), "--update", "--yes")
    assert done.returncode == 1
    assert done.stderr.startswith("podium: row 7 (n12): driver_info: fake_password is ******")


def test_busy_nodes_are_told_before_anybody_is_asked(
    imported: Run, file: Callable[[str], str], database: Database
) -> None:
    with database.write() as connection:
        busy = sa.update(models.nodes).where(models.nodes.c.name == "n2")
        connection.execute(busy.values(reservation="c1/0@1", reserved_for="a look"))
    done = imported("node", "import", file(_CHANGED), "--update", "--yes")
    assert (done.returncode, done.stdout) == (1, _PLAN)
    assert "n2: reserved by c1" in done.stderr


def test_a_table_of_a_single_entry_changes_nothing_else(
    imported: Run, file: Callable[[str], str], database: Database
) -> None:
    done = imported("node", "import", file("name,extra.rack\nn1,r9\nn3,r9\n"), "--update", "--yes")
    assert "change: n[1,3] (2 nodes): extra.rack\n" in done.stdout
    assert "left as it is, not in the file: n[1,3] (2 nodes): driver_info\n" in done.stdout
    assert racks(database) == {"n1": "r9", "n2": "r1", "n3": "r9", "n10": "r2"}


def test_quiet_prints_neither_plan_nor_result(imported: Run, file: Callable[[str], str]) -> None:
    done = imported("node", "import", file(_CHANGED), "--update", "--yes", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "fault"),
    [(["--yes"], "go with --update"), (["--delete-missing"], "go with --update")],
)
def test_options_of_an_update_need_it(
    podium_here: Here, file: Callable[[str], str], options: list[str], fault: str
) -> None:
    done = podium_here("node", "import", file(_NODES), *options)
    assert (done.returncode, fault in done.stderr) == (2, True)
