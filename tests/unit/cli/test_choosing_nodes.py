"""NODE, conditions and groups, the same in every command."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands import Here
from podium import errors
from podium.cli import groups
from podium.db import api
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: Commands that do something to nodes, and what they need besides.
_CHANGING = [
    ["node", "set", "--description", "a"],
    ["node", "delete"],
    ["node", "maintenance", "set"],
    ["node", "maintenance", "unset"],
    ["node", "check"],
    ["node", "history"],
    ["node", "manage"],
    ["node", "provide"],
    ["node", "adopt"],
    ["node", "power", "off"],
    ["credential", "set", "--generate", "--on-bmc"],
    ["credential", "settle"],
]


@pytest.fixture
def fleet(database: Database) -> None:
    with database.write() as connection:
        rows = [
            {"name": "r1n1", "power_state": "power on", "extra": {"rack": "r1"}},
            {"name": "r1n2", "power_state": "power off", "extra": {"rack": "r1"}},
            {"name": "r2n1", "health": {"status": "Critical", "reasons": []}},
        ]
        api.create_nodes(connection, [{**row, "driver": "fake"} for row in rows])


def names(done: "subprocess.CompletedProcess[str]") -> list[str]:
    assert (done.returncode, done.stderr) == (0, "")
    return [row["name"] for row in json.loads(done.stdout)]


def test_nodes_are_listed_as_they_are_chosen(podium: Run, fleet: None) -> None:
    for chosen, found in (
        (["r1*"], ["r1n1", "r1n2"]),
        (["--where", "power_state=off and extra.rack=r1"], ["r1n2"]),
        (["--where", "extra.rack=r1", "--where", "power_state=on"], ["r1n1"]),
        (["r?n1", "--where", "extra.rack!=r1"], ["r2n1"]),
        (["--unhealthy"], ["r2n1"]),
        (["--stale", "5m", "r2*"], ["r2n1"]),
        (["--failing", "--driver", "fake"], ["r1n1", "r1n2", "r2n1"]),
        (["--all"], ["r1n1", "r1n2", "r2n1"]),
        (["--where", "name=nobody"], []),
    ):
        assert names(podium("node", "list", "-f", "json", *chosen)) == found, chosen


def test_a_faulty_condition_is_told_with_its_place(podium: Run, fleet: None) -> None:
    done = podium("node", "power", "off", "--where", "power_state=on and colour=red")
    assert done.returncode == 2
    first, *lines = done.stderr.splitlines()
    assert first == "podium: where: there is no field colour; --where help lists the fields"
    assert lines == ["  power_state=on and colour=red", "                     ^^^^^^"]


def test_the_fields_of_conditions_are_listed_for_who_asks(podium: Run, fleet: None) -> None:
    done = podium("node", "list", "--where", "help")
    assert done.returncode == 2
    assert "\n  power_state: one of error, off, on, power off, power on\n" in done.stderr
    assert "\n  extra.KEY" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--where", "owner="],
        ["--where", "extra.password=a"],
        ["--where", "extra.a='https://root:calvin@bmc'"],
        ["r1n[01-"],
        ["r1n[1-200000]"],
        ["r[1-200]n*"],
    ],
)
def test_nodes_that_are_chosen_in_a_wrong_way_are_a_wrong_command_line(
    podium: Run, fleet: None, words: list[str]
) -> None:
    for command in (["node", "list"], ["node", "delete"]):
        assert podium(*command, *words).returncode == 2


def test_a_command_that_does_something_never_means_all_by_silence(podium: Run, fleet: None) -> None:
    for command in _CHANGING:
        done = podium(*command)
        assert done.returncode == 2 and "say which nodes: NODE, --where or another" in done.stderr, command
        for chosen in (["r1n1"], ["--failing"], ["--where", "owner=a"]):
            done = podium(*command, "--all", *chosen)
            assert done.returncode == 2 and "--all: goes without NODE and conditions" in done.stderr, command
    assert names(podium("node", "list", "-f", "json")) == ["r1n1", "r1n2", "r2n1"]


def test_commands_that_change_nodes_take_conditions(podium: Run, fleet: None) -> None:
    for command, said in (
        (["node", "maintenance", "set", "--where", "extra.rack=r1"], "2 in maintenance\n"),
        (["node", "maintenance", "unset", "--all"], "2 out of maintenance, 1 already\n"),
        (["node", "set", "--description", "a", "r1*", "--where", "power_state=on"], "1 changed\n"),
        (["node", "manage", "--where", "description=a"], "r1n1: manageable\n"),
        (["node", "power", "on", "--unhealthy"], "operation 1: 1 requested\n"),
        (["node", "delete", "--where", "name in (r1n2, r1n9)"], "1 deleted\n"),
    ):
        done = podium(*command)
        assert (done.returncode, done.stdout) == (0, said), done.stderr
    exported = podium("node", "export", "-f", "json", "--where", "description=a").stdout
    assert [node["name"] for node in json.loads(exported)["nodes"]] == ["r1n1"]
    assert names(podium("node", "list", "-f", "json")) == ["r1n1", "r2n1"]


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Groups of ClusterShell: racks in a file, and a source that would run a program."""
    folder = tmp_path / "clustershell"
    (folder / "groups.d").mkdir(parents=True)
    (folder / "groups.conf").write_text(
        "[Main]\ndefault: rack\nautodir: $CFGDIR/groups.d\n"
        f"[program]\nmap: touch {tmp_path / 'ran'}; echo r1n1\nall: echo r1n1\nlist: echo a\n"
    )
    (folder / "groups.d/racks.yaml").write_text(
        "rack:\n  r1: 'r1n[1-2]'\n  r2: r2n1\n  both: '@r1,@r2'\n  empty:\n  all: '@both'\n"
    )
    monkeypatch.setenv("CLUSTERSHELL_CFGDIR", str(folder))
    yield tmp_path
    assert not (tmp_path / "ran").exists()


def test_groups_are_those_of_clustershells_files(podium: Here, fleet: None, sources: Path) -> None:
    for chosen, found in (
        (["@rack:r1"], ["r1n1", "r1n2"]),
        (["r2n1", "@r1", "--where", "power_state=on"], ["r1n1"]),
        (["@both!r1n2"], ["r1n1", "r2n1"]),
        (["@*"], ["r1n1", "r1n2", "r2n1"]),
        (["@rack:r2,r1*"], ["r1n1", "r1n2", "r2n1"]),
        (["@rack:r2, r1n[1,2]"], ["r1n1", "r1n2", "r2n1"]),
    ):
        assert names(podium("node", "list", "-f", "json", *chosen)) == found, chosen


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        ("@r9", "it has no nodes, or is no group"),
        ("@empty", "it has no nodes, or is no group"),
        ("@nowhere:r1", "there is no source nowhere"),
        ("@program:a", "the source program runs programs"),
        ("@program:*", "the source program runs programs, which Podium does not; in files are @rack:\\*;"),
        ("@r1&n[", "groups are read from"),
        ("@r1&n[1-999999999]", "more than 100000 names"),
    ],
)
def test_a_group_that_is_none_is_refused(sources: Path, group: str, reason: str) -> None:
    with pytest.raises(errors.BadRequest, match=reason):
        groups.expanded([group])


def test_clustershell_is_only_imported_for_a_group() -> None:
    script = "import sys; from podium.cli import arguments; print('ClusterShell' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"
