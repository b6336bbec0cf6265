import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crews import enter, settle
from podium.db import api
from podium.db.engine import Database
from podium.db.models import utcnow
from podium.db.worker import Worker
from read_nodes import create_nodes

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def shown(podium: Run, node: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(podium("node", "show", node, "-f", "json").stdout)
    return found


def create(podium: Run, name: str, *more: str) -> "subprocess.CompletedProcess[str]":
    return podium("node", "create", "--driver", "fake", "--name", name, *more)


def enrol(database: Database, **row: Any) -> None:
    with database.write() as connection:
        create_nodes(connection, [row])


def test_a_node_is_created_with_everything_that_was_given(podium: Run) -> None:
    create(podium, "n1", "--driver-info", "fake_latency=0.5", "--property", "cpus=8", "--extra", "owner=me",
           "--conductor-group", "east")  # fmt: skip
    node = shown(podium, "n1")
    given = {key: node[key] for key in ("driver", "driver_info", "properties", "extra", "conductor_group")}
    assert given == {
        "driver": "fake",
        "driver_info": {"fake_latency": 0.5},
        "properties": {"cpus": "8"},
        "extra": {"owner": "me"},
        "conductor_group": "east",
    }


def test_a_node_without_a_name_is_called_by_its_uuid(podium: Run) -> None:
    number = "0b3c7f4e-8c1c-4f5b-9c57-0d6f6a1f3f10"
    podium("node", "create", "--driver", "fake", "--uuid", number)
    assert shown(podium, number)["name"] == number


@pytest.mark.parametrize("form", ["table", "json", "yaml", "value", "shell"])
def test_secrets_are_masked_in_every_format_of_show(podium: Run, form: str) -> None:
    create(podium, "n1", "--driver-info", "fake_password=hunter2", "--extra", "api_token=hunter2")
    done = podium("node", "show", "n1", "-f", form)
    assert done.stdout.count("******") == 2
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize("form", ["table", "json", "yaml", "value", "csv"])
def test_secrets_are_masked_in_every_format_of_list(podium: Run, form: str) -> None:
    create(podium, "n1", "--driver-info", "fake_password=hunter2")
    done = podium("node", "list", "--long", "-f", form)
    assert "******" in done.stdout
    assert "hunter2" not in done.stdout


def test_all_of_driver_info_is_a_secret_where_the_driver_is_not_installed(
    podium: Run, database: Database
) -> None:
    enrol(database, name="n1", driver="acme", driver_info={"acme_pin": "1234"})
    assert shown(podium, "n1")["driver_info"] == {"acme_pin": "******"}


def test_a_secret_on_the_command_line_is_accepted_with_a_warning(podium: Run) -> None:
    done = create(podium, "n1", "--driver-info", "fake_password=hunter2")
    assert done.returncode == 0
    assert "other users of this machine can see fake_password" in done.stderr
    assert "hunter2" not in done.stderr


def stored_password(database: Database) -> str:
    with database.read() as connection:
        (row,) = api.list_nodes(connection)
    return str(row.driver_info["fake_password"])


@pytest.mark.parametrize("text", ["hunter2\nnot this\n", "\ufeffhunter2\r\n"])
def test_a_secret_is_read_from_the_first_line_of_a_file(
    podium: Run, database: Database, tmp_path: Path, text: str
) -> None:
    (tmp_path / "secret").write_text(text)
    done = create(podium, "n1", "--driver-info", f"fake_password=@{tmp_path}/secret")
    assert stored_password(database) == "hunter2"
    assert "other users" not in done.stderr


def test_a_secret_is_read_from_standard_input(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hunter2\n"))
    create(podium, "n1", "--driver-info", "fake_password=-")
    assert stored_password(database) == "hunter2"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def nothing_typed(_prompt: str) -> str:
    return ""


def ctrl_d(_prompt: str) -> str:
    raise EOFError


@pytest.mark.parametrize("typed", [nothing_typed, ctrl_d])
def test_a_person_who_is_asked_for_a_secret_has_to_type_one(
    podium: Run, monkeypatch: pytest.MonkeyPatch, typed: Callable[[str], str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", typed)
    done = create(podium, "n1", "--driver-info", "fake_password=-")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().splitlines() == [
        "podium: fake_password: a value was to be typed, but nothing was",
        "podium: nothing was changed",
    ]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--driver", "fke", "--name", "a"], "there is no driver fke; did you mean fake?"),
        (["--driver", "fake", "--name", "a b"], "name 'a b' is not a host name"),
        (["--driver", "fake", "--name", "a", "--driver-info", "fake_latncy=1"], "did you mean fake_latency?"),
        (["--driver", "fake", "--name", "a", "--driver-info", "fake_latency=soon"], "fake_latency is wrong"),
        (["--driver", "fake", "--name", "a", "--driver-info", "fake_password=@/no/such"], "cannot read"),
        (["--driver", "fake", "--name", "taken"], "name taken is already enrolled"),
        (["--driver", "fake", "--uuid", "7"], "uuid '7' is not a UUID"),
    ],
)
def test_what_cannot_be_enrolled_is_refused_with_the_reason(
    podium: Run, arguments: list[str], fault: str
) -> None:
    create(podium, "taken")
    done = podium("node", "create", *arguments)
    assert done.returncode == 1
    assert fault in done.stderr
    assert podium("node", "list", "-f", "value", "-c", "name").stdout == "taken\n"


@pytest.mark.mariadb_long
def test_set_changes_what_was_named_and_keeps_the_rest(podium_anywhere: Run) -> None:
    create(podium_anywhere, "n1", "--driver-info", "fake_latency=1", "--driver-info", "fake_refuse=true")
    done = podium_anywhere("node", "set", "n1", "--name", "n2", "--driver-info", "fake_latency=2",
                           "--unset-driver-info", "fake_refuse", "--extra", "a=b")  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "1 changed\n")
    node = shown(podium_anywhere, "n2")
    assert (node["driver_info"], node["extra"]) == ({"fake_latency": 2.0}, {"a": "b"})


def test_set_changes_all_nodes_or_none(podium: Run, database: Database) -> None:
    create(podium, "n1")
    enrol(database, name="n2", driver="fake", driver_info={"fake_wrong_state": "nonsense"})
    done = podium("node", "set", "n[1-2]", "--driver-info", "fake_latency=1")
    assert done.returncode == 1
    assert done.stderr.startswith("podium: n2: driver_info: fake_wrong_state is wrong")
    assert shown(podium, "n1")["driver_info"] == {}


def test_set_counts_what_it_changes(podium: Run) -> None:
    for name in ("n1", "n2"):
        create(podium, name)
    podium("node", "set", "n1", "--extra", "a=b", "--power-policy", "record")
    before = shown(podium, "n1")
    done = podium("node", "set", "n[1-2]", "--extra", "a=b", "--power-policy", "record")
    assert (done.returncode, done.stdout) == (0, "1 changed, 1 unchanged\n")
    assert shown(podium, "n1") == before
    done = podium("node", "set", "n1", "--unset-driver-info", "fake_latency")
    assert (done.returncode, done.stdout) == (0, "0 changed, 1 unchanged\n")


def test_set_without_anything_to_change_is_refused(podium: Run) -> None:
    create(podium, "n1")
    for options in ([], ["--force"]):
        done = podium("node", "set", "n1", *options)
        assert done.returncode == 2
        assert "nothing to change: give at least one option; see: podium node set --help" in done.stderr


def test_a_misspelt_key_cannot_be_unset(podium: Run) -> None:
    create(podium, "n1")
    unset = ("--unset-driver-info", "fake_latenzy", "--unset-driver-info", "x", "--extra", "a=b")
    assert podium("node", "set", "n1", *unset).stderr.splitlines() == [
        "podium: fake_latenzy is not set; did you mean fake_latency?",
        "podium: x is not set",
        "podium: nothing was changed",
    ]


@pytest.mark.parametrize("command", ["create", "set"])
def test_an_empty_secret_on_a_command_line_is_refused(podium: Run, command: str) -> None:
    create(podium, "n1", "--driver-info", "fake_password=secret")
    where = ["n1"] if command == "set" else ["--driver", "fake", "--name", "n2"]
    done = podium("node", command, *where, "--driver-info", "fake_password=")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "podium: fake_password is empty; leave it out if there is none; podium node set"
        " --unset driver_info.fake_password removes it",
        "podium: nothing was changed",
    ]


def test_a_fault_that_many_nodes_share_is_one_line(podium: Run) -> None:
    for number in range(1, 6):
        create(podium, f"n{number}")
    done = podium("node", "set", "n[1-5]", "--driver-info", "fake_latency=soon")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("podium: n[1-5]: driver_info: fake_latency is wrong: ")
    assert second == "podium: nothing was changed"


def test_one_name_is_not_given_to_two_nodes(podium: Run) -> None:
    done = podium("node", "set", "n[1-2]", "--name", "n3")
    assert done.returncode == 2


def test_a_node_is_not_changed_while_its_power_is(podium: Run, head: Any) -> None:
    create(podium, "n1")
    podium("node", "power", "on", "n1")
    head.begin(1)
    done = podium("node", "delete", "n1")
    assert done.returncode == 1
    assert "podium: n1: power on is under way" in done.stderr


@pytest.mark.parametrize("command", ["node show", "node log clear", "task run fake.x --node"])
@pytest.mark.parametrize(
    ("several", "kind"), [("r1n[01-02]", "range"), ("r1n*", "pattern"), ("@rack:r1", "group")]
)
def test_what_is_about_one_node_takes_not_several(
    podium_here: Run, command: str, several: str, kind: str
) -> None:
    done = podium_here(*command.split(), several)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        f"{several} is a {kind} of nodes, and this command takes one node; podium node list " in done.stderr
    )


def test_delete_takes_ranges_and_all_or_none(podium_anywhere: Run) -> None:
    for name in ("n1", "n2", "n3"):
        create(podium_anywhere, name)
    assert podium_anywhere("node", "delete", "n[1-4]").returncode == 1
    assert podium_anywhere("node", "delete", "n[1-2]").stdout == "2 deleted\n"
    assert podium_anywhere("node", "list", "-f", "value", "-c", "name").stdout == "n3\n"


@pytest.mark.mariadb_long
def test_maintenance_is_set_with_a_reason_and_unset_again(podium_anywhere: Run) -> None:
    create(podium_anywhere, "n1")
    podium_anywhere("node", "maintenance", "set", "n1", "--reason", "new fans")
    node = shown(podium_anywhere, "n1")
    assert (node["maintenance"], node["maintenance_reason"]) == (True, "new fans")
    podium_anywhere("node", "maintenance", "unset", "n1")
    node = shown(podium_anywhere, "n1")
    assert (node["maintenance"], node["maintenance_reason"]) == (False, None)


@pytest.mark.mariadb_long
def test_maintenance_that_is_set_again_keeps_its_reason_unless_another_is_given(podium_anywhere: Run) -> None:
    create(podium_anywhere, "n1")
    reasons = []
    for more in (("--reason", "new fans"), (), ("--reason", "new disk")):
        podium_anywhere("node", "maintenance", "set", "n1", *more)
        reasons.append(shown(podium_anywhere, "n1")["maintenance_reason"])
    assert reasons == ["new fans", "new fans", "new disk"]


def test_unsetting_maintenance_clears_the_fault(podium: Run, database: Database) -> None:
    enrol(database, name="n1", driver="fake", maintenance=True, fault="power failure", power_failures=3)
    podium("node", "maintenance", "unset", "n1")
    node = shown(podium, "n1")
    assert (node["maintenance"], node["fault"], node["power_failures"]) == (False, None, 0)


def test_maintenance_that_a_person_sets_is_no_fault_that_would_clear_by_itself(
    podium: Run, database: Database
) -> None:
    enrol(database, name="n1", driver="fake", maintenance=True, fault="power failure")
    podium("node", "maintenance", "set", "n1", "--reason", "mine")
    node = shown(podium, "n1")
    assert (node["maintenance"], node["maintenance_reason"], node["fault"]) == (True, "mine", None)


@pytest.mark.parametrize(
    ("word", "policy", "enforcement"),
    [
        ("record", "record", None),
        ("enforce", "enforce", "seen once"),
        ("ignore", "ignore", None),
        ("default", None, "seen once"),
    ],
)
def test_the_power_policy_of_nodes_is_set(
    podium: Run, database: Database, word: str, policy: str | None, enforcement: str | None
) -> None:
    before = "ignore" if word == "enforce" else "enforce"
    enrol(database, name="n1", driver="fake", power_policy=before, enforcement="seen once")
    assert podium("node", "set", "n1", "--power-policy", word).stdout == "1 changed\n"
    node = shown(podium, "n1")
    assert (node["power_policy"], node["enforcement"]) == (policy, enforcement)


def test_a_power_policy_is_kept_while_something_else_is_set(podium: Run, database: Database) -> None:
    enrol(database, name="n1", driver="fake", power_policy="ignore")
    podium("node", "set", "n1", "--extra", "a=b")
    assert shown(podium, "n1")["power_policy"] == "ignore"


@pytest.fixture
def switched_nodes(podium_anywhere: Run, migrated_url: str) -> Run:
    """``podium`` on nodes that were switched off behind Podium's back, with different policies."""
    off: dict[str, Any] = {"driver": "fake", "power_state": "power off", "wanted_power_state": "power on"}
    off |= {"power_policy": None, "enforcement": None}
    rows = [
        {**off, "name": "default"},
        {**off, "name": "broken", "power_policy": "enforce", "power_state": "error"},
        {**off, "name": "enforced", "power_policy": "enforce"},
        {**off, "name": "flapping", "power_policy": "enforce", "enforcement": "it changes too often"},
        {**off, "name": "ignored", "power_policy": "ignore"},
        {**off, "name": "parked", "power_policy": "enforce", "maintenance": True},
        {**off, "name": "recorded", "power_policy": "record"},
        {**off, "name": "right", "power_policy": "enforce", "power_state": "power on"},
        {**off, "name": "unwanted", "power_policy": "enforce", "wanted_power_state": None},
        {**off, "name": "unread", "power_policy": "enforce", "power_state": None},
    ]
    database = Database(migrated_url)
    try:
        with database.write() as connection:
            api.create_nodes(connection, rows)
    finally:
        database.dispose()
    return podium_anywhere


def test_would_enforce_lists_what_is_to_be_put_back_and_why_it_was_not(switched_nodes: Run) -> None:
    listed = json.loads(switched_nodes("node", "list", "--would-enforce", "-f", "json").stdout)
    assert [list(node.values()) for node in listed] == [
        ["enforced", "power off", "power on", None],
        ["flapping", "power off", "power on", "it changes too often"],
    ]


def test_would_enforce_takes_nodes_without_a_policy_as_the_config_file_says(
    switched_nodes: Run, tmp_path: Path
) -> None:
    with (tmp_path / "podium.conf").open("a") as config:
        config.write("[conductor]\nforce_power_state_during_sync = true\n")
    done = switched_nodes("node", "list", "--would-enforce", "-f", "value", "-c", "name")
    assert done.stdout.split() == ["default", "enforced", "flapping"]


@pytest.fixture
def mixed_nodes(database: Database) -> None:
    settle(database, enter(database, "c1", drivers=("acme", "fake")))
    enrol(database, name="alien", driver="acme", power_state="power off")
    enrol(database, name="dead", driver="fake", power_state="power on", power_failures=3)
    enrol(database, name="fine", driver="fake", power_state="power on", power_checked_at=utcnow())
    noted = {
        "extra": {"rack": "r7"},
        "owner": "physics",
        "resource_class": "large",
        "conductor_group": "east",
    }
    enrol(database, name="parked", driver="fake", maintenance=True, **noted)


@pytest.mark.usefixtures("mixed_nodes")
@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["--driver", "acme"], ["alien"]),
        (["--power-state", "on"], ["dead", "fine"]),
        (["--power-state", "power off"], ["alien"]),
        (["--power-state", "none"], ["parked"]),
        (["--maintenance"], ["parked"]),
        (["--failing"], ["dead"]),
        (["--power-state", "on", "--failing"], ["dead"]),
        (["fine,parked"], ["fine", "parked"]),
        (["fine,parked", "--maintenance"], ["parked"]),
        (["--extra", "rack=r7"], ["parked"]),
        (["--extra", "rack=r7", "--extra", "row=2"], []),
        (["--owner", "physics", "--resource-class", "large"], ["parked"]),
        (["--conductor-group", "east"], ["parked"]),
        (["--conductor-group", ""], ["alien", "dead", "fine"]),
        (["--provision-state", "active"], []),
        (["--health", "ok"], []),
    ],
)
def test_lists_are_narrowed_by_filters(podium: Run, filters: list[str], names: list[str]) -> None:
    assert podium("node", "list", *filters, "-f", "value", "-c", "name").stdout.split() == names


@pytest.mark.usefixtures("mixed_nodes")
def test_nodes_that_nobody_reads_are_failing(podium: Run, database: Database) -> None:
    enrol(database, name="held", driver="fake", reservation=Worker("c2", 0, 99))
    enrol(database, name="unserved", driver="other")
    enrol(database, name="new", driver="other", provision_state="enroll")
    enrol(database, name="ignored", driver="other", power_policy="ignore")
    listed = podium("node", "list", "--failing", "-f", "value", "-c", "name").stdout.split()
    assert listed == ["dead", "held", "unserved"]


@pytest.fixture
def nodes_of_ages(podium_anywhere: Run, migrated_url: str) -> Run:
    """``podium`` on nodes whose power was read 10 and 1,000 seconds ago, or never, and one in maintenance.

    One was read an hour ahead: the clock was set back since.
    """
    now = utcnow()
    ages = {"fresh": 10, "old": 1000, "parked": 1000, "ahead": -3600}
    rows = [{"name": name, "power_checked_at": now - timedelta(seconds=age)} for name, age in ages.items()]
    rows[2]["maintenance"] = True
    database = Database(migrated_url)
    try:
        settle(database, enter(database, "c1"))
        with database.write() as connection:
            create_nodes(
                connection,
                [{"driver": "fake", **row} for row in [*rows, {"name": "unread", "power_checked_at": None}]],
            )
    finally:
        database.dispose()
    return podium_anywhere


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (["--stale", "600"], ["ahead", "old", "unread"]),
        (["--stale", "5"], ["ahead", "fresh", "old", "unread"]),
        (["--stale", "9999"], ["ahead", "unread"]),
        (["--stale", "600", "--maintenance"], ["parked"]),
        (["--stale", "600", "--power-state", "none", "--driver", "fake"], ["ahead", "old", "unread"]),
        (["--stale", "600", "--failing"], []),
        (["--stale", "600", "unread", "fresh", "old"], ["unread", "old"]),
    ],
)
def test_stale_lists_nodes_whose_reading_is_older_or_missing(
    nodes_of_ages: Run, filters: list[str], names: list[str]
) -> None:
    assert nodes_of_ages("node", "list", *filters, "-f", "value", "-c", "name").stdout.split() == names


def test_stale_shows_the_age_of_each_reading_in_seconds(nodes_of_ages: Run) -> None:
    listed = json.loads(nodes_of_ages("node", "list", "--stale", "600", "-f", "json").stdout)
    ages = {node["name"]: node["power_state_age"] for node in listed}
    assert 1000 <= ages["old"] < 1060
    assert ages["unread"] is None


def test_a_list_can_be_sorted_by_age_and_show_names_only(nodes_of_ages: Run) -> None:
    done = nodes_of_ages("node", "list", "--sort-column", "power_state_age", "-f", "value", "-c", "name")
    assert done.stdout.split()[0] == "fresh"
    assert done.stdout.split()[-1] == "unread"


@pytest.mark.parametrize("age", ["-1", "nan", "1e12", "soon"])
def test_an_age_that_is_none_is_refused(podium: Run, age: str) -> None:
    assert podium("node", "list", f"--stale={age}").returncode == 2


@pytest.mark.usefixtures("mixed_nodes")
def test_lists_are_sorted_by_a_column_with_empty_cells_last(podium: Run) -> None:
    done = podium("node", "list", "--sort-column", "power_state", "-c", "name", "-c", "power_state")
    names = [line.split()[1] for line in done.stdout.splitlines()[3:-1]]
    assert names == ["alien", "dead", "fine", "parked"]


def test_a_list_in_json_has_the_columns_of_the_table(podium: Run, database: Database) -> None:
    health = {"status": "Critical", "reasons": ["power fault", "drive fault"]}
    enrol(database, name="n1", driver="fake", health=health)
    assert json.loads(podium("node", "list", "-f", "json").stdout) == [
        {
            "name": "n1",
            "driver": "fake",
            "power_state": None,
            "target_power_state": None,
            "power_checked_at": None,
            "maintenance": False,
            "health": health,
            "last_error": None,
        }
    ]


@pytest.mark.parametrize(("age", "status"), [(100, "Critical"), (1000, None)])
def test_an_outdated_health_is_not_shown_and_the_time_of_its_report_is(
    podium: Run, database: Database, age: float, status: str | None
) -> None:
    at = utcnow() - timedelta(seconds=age)
    health = {"status": "Critical", "reasons": ["hot"]}
    enrol(database, name="n1", driver="fake", health=health, health_checked_at=at, health_lasts=900.0)
    for command in (["list", "--long"], ["list", "-c", "health"], ["show", "n1"]):
        text = podium("node", *command, "-f", "json").stdout
        found = json.loads(text) if command[0] == "show" else json.loads(text)[0]
        assert (found["health"] or {}).get("status") == status
        assert "health_lasts" not in found
        assert found.get("health_checked_at", at.isoformat())[:19] == at.isoformat()[:19]


def test_health_is_one_line_in_a_table(podium: Run, database: Database) -> None:
    health = {"status": "Critical", "reasons": ["power fault, drive fault", "hot"]}
    enrol(database, name="n1", driver="fake", health=health)
    assert " Critical: power fault, drive fault; hot " in podium("node", "list").stdout


def test_a_node_that_was_never_read_has_an_empty_power_state(podium: Run) -> None:
    create(podium, "n1")
    lines = podium("node", "list", "-c", "name", "-c", "power_state").stdout.splitlines()
    assert lines[3] == "| n1   |             |"


def test_a_column_that_there_is_not_is_refused(podium: Run) -> None:
    done = podium("node", "list", "-c", "name", "-c", "colour")
    assert done.returncode == 2
    assert "there is no column colour; there are uuid, name" in done.stderr


def test_secrets_among_the_records_of_a_node_are_not_shown(podium: Run, database: Database) -> None:
    record = {"instance_info": {"image": "x", "admin_password": "hunter2"}}
    enrol(database, name="n1", driver="fake", record=record, provision_state="enroll", owner="lab")
    shown = json.loads(podium("node", "show", "n1", "-f", "json").stdout)
    assert shown["record"] == {"instance_info": {"image": "x", "admin_password": "******"}}
    assert (shown["provision_state"], shown["owner"]) == ("enroll", "lab")
    assert "hunter2" not in podium("node", "list", "--long").stdout


def test_the_table_of_a_node_leaves_out_what_is_empty_and_the_other_formats_show_it(
    podium: Run, database: Database
) -> None:
    enrol(database, name="n1", driver="fake", lessee="lab", power_failures=0)
    lines = podium("node", "show", "n1").stdout.splitlines()
    fields = {line.split()[1] for line in lines if line.startswith("| ")}
    assert {"lessee", "maintenance", "power_failures", "created_at"} <= fields
    assert not {"owner", "description", "driver_info", "power_state", "conductor"} & fields
    shown = json.loads(podium("node", "show", "n1", "-f", "json").stdout)
    assert (shown["owner"], shown["driver_info"], shown["conductor"]) == (None, {}, None)
    assert "owner" in podium("node", "show", "n1", "-c", "owner").stdout


def test_what_is_no_setting_is_refused_without_what_may_be_a_secret(podium: Run) -> None:
    done = podium("node", "set", "n1", "--driver-info", "ipmi_password:hunter2")
    assert "'ipmi_password'... is not KEY=VALUE" in done.stderr
    assert "hunter2" not in done.stderr
