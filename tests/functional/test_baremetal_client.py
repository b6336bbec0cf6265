"""OpenStack's ``baremetal`` command, unchanged, against podium-api, a conductor and simulated BMCs.

What each command brings about is seen in the database, at the BMC, or with another command.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from baremetal import Baremetal
from daemons import Daemon, Rack, eventually
from doors import Door
from rounds import only_long

MACHINES: Final = 3
CONF: Final = "[conductor]\nsync_power_state_interval = 1\n"
INSTANCE: Final = "5a6b1f0e-9d6a-4b6e-8a41-6ac0e0d3c1aa"


@dataclass
class Stand:
    """What the commands are tried on.

    :ivar machines: driver and driver_info of each
    """

    baremetal: Baremetal
    daemon: Daemon
    rack: Rack
    machines: list[dict[str, Any]]

    def enrol(self, name: str, number: int) -> str:
        """Enrol a machine by the client and return its UUID."""
        info = [f"{key}={value}" for key, value in self.machines[number]["driver_info"].items()]
        words = [word for one in info for word in ("--driver-info", one)]
        made = self.baremetal.json("node", "create", "--driver", "ipmi", "--name", name, *words)
        return str(made["uuid"])

    def row(self, name: str) -> dict[str, Any]:
        return self.daemon.nodes()[name]

    def comes_to(self, name: str, state: str) -> None:
        eventually(
            lambda: self.row(name)["power_state"] == state and not self.row(name)["target_power_state"],
            f"{name} is {state}",
        )

    def bmc(self, number: int) -> dict[str, Any]:
        """Return what the simulator says of a machine: whether it is on, and what was carried out."""
        (found,) = self.rack.log(str(number + 1)).values()
        return found


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("stand")
    with (
        Rack(folder, MACHINES) as rack,
        Door(folder, conductor=CONF) as door,
        door.conductor as daemon,
        Baremetal(folder, "--os-endpoint", door.url) as baremetal,
    ):
        yield Stand(baremetal, daemon, rack, yaml.safe_load(rack.nodes.read_text())["nodes"])


@pytest.fixture
def empty(stand: Stand) -> Iterator[Stand]:
    """The stand, without a node when the test begins and when it has ended."""
    yield stand
    for node in stand.baremetal.json("node", "list"):
        stand.baremetal.run("node", "maintenance", "set", node["uuid"])
        stand.baremetal.run("node", "delete", node["uuid"])
    assert stand.daemon.nodes() == {}


def test_nodes_are_enrolled_found_changed_and_deleted(empty: Stand, tmp_path: Path) -> None:
    baremetal = empty.baremetal
    web1 = empty.enrol("web1", 0)
    assert empty.row("web1")["driver_info"]["ipmi_password"] == "podium-sim"
    shown = baremetal.json("node", "show", "web1")
    assert (shown["uuid"], shown["provision_state"], shown["power_state"]) == (web1, "enroll", None)
    assert shown["driver_info"]["ipmi_password"] == "******"

    file = tmp_path / "more.yaml"
    others = [
        {
            **machine,
            "name": f"web{number}",
            "resource_class": "large",
            "ports": [{"address": f"52:54:00:00:00:0{number}"}],
        }
        for number, machine in enumerate(empty.machines[1:], 2)
    ]
    file.write_text(yaml.safe_dump({"nodes": others, "chassis": [{"description": "of the file"}]}))
    baremetal.run("create", str(file))
    assert sorted(empty.daemon.nodes()) == ["web1", "web2", "web3"]
    assert len(baremetal.json("port", "list")) == 2

    def names(*filters: str) -> list[str]:
        return [node["name"] for node in baremetal.json("node", "list", "--fields", "name", "uuid", *filters)]

    assert names("--sort", "name:desc") == ["web3", "web2", "web1"]
    assert names("--limit", "2") == ["web1", "web2"]
    assert names("--marker", web1) == ["web2", "web3"]
    assert names("--resource-class", "large", "--driver", "ipmi", "--sort", "name") == ["web2", "web3"]
    assert names("--provision-state", "enroll", "--unassociated", "--no-maintenance") == [
        "web1",
        "web2",
        "web3",
    ]
    assert names("--provision-state", "available") == names("--associated") == names("--maintenance") == []
    assert baremetal.json("node", "list", "--long")[0]["driver_info"]["ipmi_password"] == "******"

    baremetal.run(
        *("node", "set", "web1", "--name", "shop", "--property", "ram=8", "--extra", "row=7"),
        *("--instance-uuid", INSTANCE, "--instance-info", "display_name=till", "--resource-class", "small"),
        *("--owner", "team", "--lessee", "tenant", "--description", "at the window", "--shard", "s1"),
        *("--retired", "--retired-reason", "old", "--driver-info", "ipmi_priv_level=OPERATOR"),
        *("--conductor-group", ""),
    )
    shown = baremetal.json("node", "show", "--instance", INSTANCE)
    assert {
        "name": "shop",
        "owner": "team",
        "lessee": "tenant",
        "shard": "s1",
        "retired": True,
    }.items() <= shown.items()
    assert (shown["properties"], shown["extra"], shown["retired_reason"]) == (
        {"ram": 8},
        {"row": 7},
        "old",
    )
    assert shown["instance_info"]["display_name"] == shown["instance_name"] == "till"
    assert empty.row("shop")["driver_info"] == empty.machines[0]["driver_info"] | {
        "ipmi_priv_level": "OPERATOR"
    }
    for filters in (
        ["--owner", "team"],
        ["--lessee", "tenant"],
        ["--shards", "s1"],
        ["--sharded"],
        ["--retired"],
        ["--associated"],
        ["--description-contains", "window"],
    ):
        assert names(*filters) == ["shop"], filters
    shards = {row["name"]: row["count"] for row in baremetal.json("shard", "list")}
    assert shards == {"s1": 1, None: 2}

    baremetal.run(
        *(
            "node",
            "unset",
            "shop",
            "--property",
            "ram",
            "--extra",
            "row",
            "--instance-uuid",
            "--instance-info",
        ),
        *("display_name", "--resource-class", "--owner", "--lessee", "--description", "--shard", "--retired"),
        *("--retired-reason", "--driver-info", "ipmi_priv_level"),
    )
    shown = baremetal.json("node", "show", "shop")
    unset = ("instance_uuid", "resource_class", "owner", "lessee", "description", "shard", "retired_reason")
    assert {shown[field] for field in unset} == {None}
    assert (shown["properties"], shown["extra"], shown["retired"]) == ({}, {}, False)
    assert empty.row("shop")["driver_info"] == empty.machines[0]["driver_info"]

    baremetal.run("node", "delete", "shop", "web3")
    assert list(empty.daemon.nodes()) == ["web2"]
    assert len(baremetal.json("port", "list")) == 1
    assert "shop" in baremetal.refused("node", "show", "shop")


def test_machines_are_switched_at_their_bmcs(empty: Stand) -> None:
    baremetal = empty.baremetal
    empty.enrol("web1", 0)
    checked = {row["Interface"]: row["Result"] for row in baremetal.json("node", "validate", "web1")}
    assert checked["power"] is True
    baremetal.run("node", "manage", "web1", "--wait", "60")
    shown = baremetal.json("node", "show", "web1")
    assert (shown["provision_state"], shown["power_state"]) == ("manageable", "power off")
    baremetal.run("node", "provide", "web1", "--wait", "60")
    assert empty.row("web1")["provision_state"] == "available"

    for command, state, carried_out in (
        (["power", "on"], "power on", "on"),
        (["reboot"], "power on", "reset"),
        (["reboot", "--soft", "--power-timeout", "60"], "power on", "soft"),
        (["power", "off", "--soft"], "power off", "soft"),
        (["power", "on", "--power-timeout", "60"], "power on", "on"),
        (["power", "off"], "power off", "off"),
    ):
        before = len(empty.bmc(0)["log"])
        baremetal.run("node", *command, "web1")
        empty.comes_to("web1", state)
        assert carried_out in empty.bmc(0)["log"][before:], command
        assert empty.bmc(0)["power_on"] is (state == "power on")
    asked = empty.daemon.rows("operation", "list").values()
    assert len(asked) >= 6

    events = baremetal.json("node", "history", "list", "web1")
    assert len(events) >= 6
    one = baremetal.json("node", "history", "get", "web1", events[0]["uuid"])
    assert one["event"] and uuid.UUID(one["uuid"])

    baremetal.run("node", "power", "on", "web1")
    empty.comes_to("web1", "power on")
    baremetal.run("node", "inject", "nmi", "web1")
    eventually(lambda: empty.bmc(0)["log"][-1] == "diag", "the interrupt arrives")

    baremetal.run("node", "maintenance", "set", "web1", "--reason", "a fan")
    assert (empty.row("web1")["maintenance"], empty.row("web1")["maintenance_reason"]) == (True, "a fan")
    baremetal.run("node", "maintenance", "unset", "web1")
    assert not empty.row("web1")["maintenance"]

    baremetal.run("node", "manage", "web1")
    baremetal.run("node", "adopt", "web1", "--wait", "60")
    assert empty.row("web1")["provision_state"] == "active"


def test_a_bmc_that_does_not_answer_is_told_and_its_node_stays_in_enroll(empty: Stand) -> None:
    empty.enrol("web1", 0)
    empty.baremetal.run("node", "set", "web1", "--driver-info", "ipmi_password=guess")
    assert "web1" in empty.baremetal.refused("node", "manage", "web1", "--wait", "60")
    shown = empty.baremetal.json("node", "show", "web1")
    assert shown["provision_state"] == "enroll"
    assert shown["last_error"] and "guess" not in shown["last_error"]


@only_long
def test_records_of_traits_ports_and_chassis_are_kept(empty: Stand) -> None:
    baremetal = empty.baremetal
    node = empty.enrol("web1", 0)
    assert "CUSTOM_FAST" in baremetal.run("node", "add", "trait", "web1", "CUSTOM_FAST", "HW_CPU_X86_VMX")
    traits = baremetal.json("node", "trait", "list", "web1")
    assert sorted(row["traits"] for row in traits) == ["CUSTOM_FAST", "HW_CPU_X86_VMX"]
    baremetal.run("node", "remove", "trait", "web1", "CUSTOM_FAST")
    assert baremetal.json("node", "show", "web1")["traits"] == ["HW_CPU_X86_VMX"]
    baremetal.run("node", "remove", "trait", "web1", "--all")
    assert baremetal.json("node", "trait", "list", "web1") == []

    address = "52:54:00:aa:bb:cc"
    port = baremetal.json("port", "create", address.upper(), "--node", node, "--extra", "x=1")["uuid"]
    for filters in ([], ["--node", "web1"], ["--address", address]):
        assert [row["uuid"] for row in baremetal.json("port", "list", *filters)] == [port]
    assert baremetal.json("port", "show", "--address", address)["node_uuid"] == node
    baremetal.run("port", "set", port, "--address", "52:54:00:aa:bb:dd", "--extra", "y=2")
    baremetal.run("port", "unset", port, "--extra", "x")
    shown = baremetal.json("port", "show", port)
    assert (shown["address"], shown["extra"]) == ("52:54:00:aa:bb:dd", {"y": 2})
    baremetal.run("port", "delete", port)
    assert baremetal.json("port", "list") == []

    chassis = baremetal.json("chassis", "create", "--description", "rack 1", "--extra", "row=7")["uuid"]
    baremetal.run("chassis", "set", chassis, "--description", "rack 2", "--extra", "a=1")
    baremetal.run("chassis", "unset", chassis, "--extra", "row")
    shown = baremetal.json("chassis", "show", chassis)
    assert (shown["description"], shown["extra"]) == ("rack 2", {"a": 1})
    assert chassis in [row["uuid"] for row in baremetal.json("chassis", "list")]
    baremetal.run("node", "set", "web1", "--chassis-uuid", chassis)
    assert [row["uuid"] for row in baremetal.json("node", "list", "--chassis", chassis)] == [node]
    assert chassis in baremetal.refused("chassis", "delete", chassis)
    baremetal.run("node", "unset", "web1", "--chassis-uuid")
    baremetal.run("chassis", "delete", chassis)
    assert chassis in baremetal.refused("chassis", "show", chassis)


@only_long
def test_drivers_conductors_and_what_is_known_of_a_machine_are_shown(empty: Stand) -> None:
    baremetal = empty.baremetal
    empty.enrol("web1", 0)
    assert {"name": "ipmi", "hosts": "here"} in baremetal.json("driver", "list")
    assert baremetal.json("driver", "show", "ipmi")["default_power_interface"]
    properties = {
        row["property"]: row["description"] for row in baremetal.json("driver", "property", "list", "ipmi")
    }
    assert "Required" in properties["ipmi_address"]
    assert baremetal.json("driver", "passthru", "list", "ipmi") == []
    (conductor,) = baremetal.json("conductor", "list", "--long")
    assert (conductor["hostname"], conductor["alive"]) == ("here", True)
    assert "ipmi" in baremetal.json("conductor", "show", "here")["drivers"]
    assert baremetal.json("node", "show", "web1")["conductor"] == "here"

    assert "no inventory" in baremetal.refused("node", "inventory", "save", "web1")
    for command in (["firmware", "list"], ["bios", "setting", "list"], ["vif", "list"], ["passthru", "list"]):
        assert baremetal.json("node", *command, "web1") == [], command
    assert not baremetal.json("node", "children", "list", "web1")


@pytest.mark.parametrize(
    "command",
    [
        "allocation list", "deploy template list", "port group list", "volume connector list",
        "volume target list", "runbook list", "inspection rule list", "node show nowhere",
        "node power on nowhere", "driver show nowhere", "conductor show nowhere", "port show nowhere",
        "chassis show nowhere",
    ],
)  # fmt: skip
def test_what_there_is_not_is_not_found_at_once(stand: Stand, command: str) -> None:
    assert "(HTTP 404)" in stand.baremetal.refused(*command.split())


@only_long
def test_what_needs_deployment_is_refused_at_once(empty: Stand) -> None:
    empty.enrol("web1", 0)
    empty.baremetal.run("node", "manage", "web1", "--wait", "60")
    for command in (
        "clean --clean-steps []",
        "inspect",
        "deploy",
        "rescue --rescue-password x",
        "rebuild",
        "undeploy",
        "unrescue",
        "service --service-steps []",
        "console enable",
    ):
        said = empty.baremetal.refused("node", *command.split(), "web1")
        assert "(HTTP 400)" in said or "(HTTP 404)" in said, (command, said)
    assert "(HTTP 400)" in empty.baremetal.refused("node", "create", "--driver", "nonsense")
