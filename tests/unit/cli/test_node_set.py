"""What podium node import takes for a node can be changed with podium node set."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.client.enrolling.values import TRUTH
from podium.client.records.node_records import RECORDS
from podium.db import api, chassis
from podium.db.engine import Database
from read_nodes import create_nodes

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_INSTANCE = "11111111-2222-3333-4444-555555555555"
_CHASSIS = "99999999-2222-3333-4444-555555555555"
_TEXTS = [
    name
    for name, one in RECORDS.items()
    if one.kind is not TRUTH
    and name
    not in ("traits", "instance_info", "network_data", "chassis_uuid", "instance_uuid", "parent_node")
    and not name.endswith("_reason")
]


def enrol(database: Database, *rows: dict[str, Any]) -> None:
    with database.write() as connection:
        create_nodes(connection, [{"driver": "fake", **row} for row in rows])


def exported(podium: Run, node: str) -> dict[str, Any]:
    (found,) = json.loads(podium("node", "export", "-f", "json", node).stdout)["nodes"]
    assert isinstance(found, dict)
    return {name: value for name, value in found.items() if name not in ("uuid", "driver", "name")}


def test_every_record_of_text_is_set_and_unset_by_its_name(podium: Run, database: Database) -> None:
    enrol(database, {"name": "n1"})
    options = [part for name in _TEXTS for part in (f"--{name.replace('_', '-')}", f"its {name}")]
    assert podium("node", "set", "n1", *options).stdout == "1 changed\n"
    assert exported(podium, "n1") == {name: f"its {name}" for name in _TEXTS}
    assert podium("node", "set", "n1", *options).stdout == "0 changed, 1 unchanged\n"
    unset = [part for name in _TEXTS for part in ("--unset", name)]
    assert podium("node", "set", "n1", *unset).stdout == "1 changed\n"
    assert exported(podium, "n1") == {}


def test_all_named_nodes_are_changed(podium: Run, database: Database) -> None:
    enrol(database, {"name": "n1"}, {"name": "n2"})
    done = podium("node", "set", "n[1-2]", "--owner", "lab", "--trait", "CUSTOM_GPU")
    assert (done.returncode, done.stdout) == (0, "2 changed\n")
    for name in ("n1", "n2"):
        assert exported(podium, name) == {"owner": "lab", "traits": ["CUSTOM_GPU"]}


def test_retired_and_protected_go_with_their_reasons(podium: Run, database: Database) -> None:
    enrol(database, {"name": "n1", "provision_state": "active"})
    podium("node", "set", "n1", "--retired", "true", "--retired-reason", "old", "--protected", "yes",
           "--protected-reason", "in use")  # fmt: skip
    assert exported(podium, "n1") == {
        "provision_state": "active",
        "retired": True,
        "retired_reason": "old",
        "protected": True,
        "protected_reason": "in use",
    }
    podium("node", "set", "n1", "--retired", "No", "--unset", "protected")
    assert exported(podium, "n1") == {"provision_state": "active"}


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--protected", "true"), "n1: it is in available; only an active node can be protected"),
        (("--retired", "true"), "n1: a node in available cannot be retired; set its provision state to"),
        (("--retired-reason", "old"), "n1: retired_reason needs a node that is retired"),
        (
            ("--instance-uuid", _INSTANCE[:-1] + "6"),
            f"n1: it has the instance {_INSTANCE}; remove that first",
        ),
        (("--instance-uuid", "5"), "instance_uuid must be a UUID"),
        (("--trait", "gpu"), "n1: traits has 'gpu', which is no trait such as CUSTOM_GPU"),
        (("--chassis-uuid", _CHASSIS), f"chassis_uuid: there is no chassis {_CHASSIS}"),
        (("--parent-node", "n9"), "parent_node: no node has the name or UUID n9"),
        (("--parent-node", "n1"), "parent_node: a node is not its own parent"),
        (("--resource-class", "x" * 81), "resource_class has more than 80 characters"),
        (("--instance-info", "password=******"), "instance_info.password is ******, which Podium shows"),
    ],
)
def test_what_cannot_be_noted_is_refused_with_the_reason_and_changes_nothing(
    podium: Run, database: Database, options: tuple[str, str], fault: str
) -> None:
    enrol(database, {"name": "n1", "instance_uuid": _INSTANCE})
    done = podium("node", "set", "n1", "--owner", "lab", *options)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "warning" not in line]
    assert lines[0].startswith(f"podium: {fault}")
    assert lines[1:] == ["podium: nothing was changed"]
    assert exported(podium, "n1") == {"instance_uuid": _INSTANCE}


def test_an_instance_is_that_of_one_node(podium: Run, database: Database) -> None:
    enrol(database, {"name": "n1", "instance_uuid": _INSTANCE}, {"name": "n2"})
    done = podium("node", "set", "n2", "--instance-uuid", _INSTANCE)
    assert done.stderr.splitlines()[0] == (
        f"podium: another node has the instance {_INSTANCE}; unset it there first"
    )
    assert podium("node", "set", "n1", "--unset", "instance_uuid").returncode == 0
    assert podium("node", "set", "n2", "--instance-uuid", _INSTANCE.upper()).stdout == "1 changed\n"
    assert podium("node", "set", "n[1-2]", "--instance-uuid", _INSTANCE).returncode == 2


def test_chassis_and_parent_are_those_that_there_are(podium: Run, database: Database) -> None:
    enrol(database, {"name": "n1"}, {"name": "n2"})
    with database.write() as connection:
        chassis.create(connection, {"uuid": _CHASSIS, "description": None, "extra": {}})
        (parent,) = api.find_keys(connection, ["n1"])
    podium("node", "set", "n2", "--parent-node", "n1", "--chassis-uuid", _CHASSIS)
    assert exported(podium, "n2") == {"parent_node": parent.uuid, "chassis_uuid": _CHASSIS}


def test_single_entries_are_added_and_taken_away(podium: Run, database: Database, tmp_path: Path) -> None:
    enrol(
        database,
        {
            "name": "n1",
            "properties": {"cpus": 8, "rack": "1"},
            "extra": {"ticket": "7", "a.b": 1},
            "record": {"traits": ["CUSTOM_A", "CUSTOM_B"], "instance_info": {"image": "x", "root": "y"}},
        },
    )
    (tmp_path / "network.yaml").write_text("links: [{id: eth0}]\nservices: []\n")
    unset = ("properties.rack", "extra.a.b", "traits.CUSTOM_A", "instance_info.image")
    taken = [part for one in unset for part in ("--unset", one)]
    done = podium("node", "set", "n1", *taken, "--trait", "HW_C", "--instance-info", "size=4",
                  "--network-data", str(tmp_path / "network.yaml"))  # fmt: skip
    assert (done.stdout, done.stderr) == ("1 changed\n", "")
    assert exported(podium, "n1") == {
        "properties": {"cpus": 8},
        "extra": {"ticket": "7"},
        "traits": ["CUSTOM_B", "HW_C"],
        "instance_info": {"root": "y", "size": "4"},
        "network_data": {"links": [{"id": "eth0"}], "services": []},
    }


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("ownr", "there is no ownr to unset; did you mean owner?"),
        ("owner.name", "owner has no entry name; --unset owner unsets it"),
        ("driver_info", "name an entry, such as driver_info.KEY"),
        ("name", "there is no name to unset; there are instance_uuid, "),
    ],
)
def test_what_cannot_be_unset_is_refused(podium: Run, database: Database, what: str, fault: str) -> None:
    enrol(database, {"name": "n1"})
    done = podium("node", "set", "n1", "--unset", what)
    assert (done.returncode, fault in done.stderr) == (2, True)


def test_an_entry_that_no_node_has_is_refused_with_one_that_is_like_it(
    podium: Run, database: Database
) -> None:
    enrol(database, {"name": "n1", "extra": {"ticket": "7"}})
    done = podium("node", "set", "n1", "--unset", "extra.tickt")
    assert done.stderr.splitlines()[0] == "podium: tickt is not set; did you mean ticket?"


def test_an_empty_text_is_refused(podium: Run, database: Database) -> None:
    enrol(database, {"name": "n1", "owner": "lab"})
    done = podium("node", "set", "n1", "--owner", "")
    assert (done.returncode, "it is empty; --unset takes a value away" in done.stderr) == (2, True)


def test_records_of_nodes_whose_driver_is_not_installed_can_be_changed(
    podium: Run, database: Database
) -> None:
    enrol(database, {"name": "n1", "driver": "alien"})
    assert podium("node", "set", "n1", "--owner", "lab").stdout == "1 changed\n"


def test_what_only_the_driver_of_before_hides_is_not_shown_with_another(
    podium: Run, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "podium.client.enrolling.catalog.Catalog.secrets",
        lambda _, driver: frozenset({"fake_pin"} if driver == "fake" else ()),
    )
    info = {"fake_pin": "4711"}
    enrol(database, {"name": "n1", "driver_info": info, "driver_internal_info": {**info, "seen": 1}})
    done = podium("node", "set", "n1", "--driver", "fake-hardware")
    assert (done.returncode, "n1: driver_info: fake_pin is, or has, a secret" in done.stderr) == (1, True)
    assert "4711" not in done.stdout + done.stderr
    options = ["--driver", "fake-hardware", "--unset", "driver_info.fake_pin"]
    assert podium("node", "set", "n1", *options).stdout == "1 changed\n"
    with database.read() as connection:
        (node,) = api.find_nodes(connection, ["n1"])
    assert (node.driver_info, node.driver_internal_info) == ({}, {"seen": 1})


def test_what_a_driver_had_that_is_gone_is_not_shown_with_another(podium: Run, database: Database) -> None:
    enrol(database, {"name": "n1", "driver": "gone", "driver_info": {"pin": "4711", "fake_latency": 1.0}})
    done = podium("node", "set", "n1", "--driver", "fake")
    assert (done.returncode, "n1: driver_info: pin may be a secret" in done.stderr) == (1, True)
    options = ["--driver", "fake", "--unset", "driver_info.pin"]
    assert podium("node", "set", "n1", *options).stdout == "1 changed\n"


def test_a_node_in_enroll_need_not_be_complete(podium: Run, database: Database) -> None:
    enrol(database, {"name": "n1", "driver": "ipmi", "provision_state": "enroll"})
    assert podium("node", "set", "n1", "--property", "rack=1", "--owner", "lab").stdout == "1 changed\n"
    enrol(database, {"name": "n2", "driver": "ipmi"})
    done = podium("node", "set", "n2", "--property", "rack=1", "--owner", "lab")
    assert "podium: n2: driver_info lacks" in done.stderr
