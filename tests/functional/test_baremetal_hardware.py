"""What OpenStack's clients ask of machines beside the power, seen at simulated BMCs of both protocols."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

import peers
from baremetal import Baremetal
from daemons import Rack, eventually
from doors import Door
from rounds import only_long

#: Asks openstacksdk; given are the address of podium-api, the node, and a call of ``baremetal``.
SDK: Final = """\
import json, sys, openstack
url, name, call, *arguments = sys.argv[1:]
cloud = openstack.connect(auth_type="none", endpoint=url, baremetal_endpoint_override=url)
try:
    found = getattr(cloud.baremetal, call)(name, *map(json.loads, arguments))
except openstack.exceptions.HttpException as error:
    found = f"{error.response.status_code}: {error}"
print(json.dumps(getattr(found, "status_code", found)))
"""
#: What the simulator calls what was chosen, by protocol.
LASTING: Final = {"ipmi": "disk, persistent, bios", "redfish": "Hdd, continuous"}


@dataclass
class Stand:
    """A machine, its node, and what asks for it."""

    baremetal: Baremetal
    door: Door
    rack: Rack
    protocol: str

    def sdk(self, call: str, *arguments: Any) -> Any:
        """What a call of openstacksdk returns, or the error that it raises."""
        python = peers.require_in("openstack", "python")
        texts = [self.door.url, "r1n01", call, *map(json.dumps, arguments)]
        done = subprocess.run(
            [python, "-c", SDK, *texts], stdout=subprocess.PIPE, text=True, timeout=peers.PATIENCE, check=True
        )
        return json.loads(done.stdout)

    def machine(self) -> str:
        return self.rack.ctl("machines", "1")


@pytest.fixture(scope="module", params=["ipmi", "redfish"])
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("stand")
    with (
        Rack(folder, 1, protocol=request.param) as rack,
        Door(folder, conductor="sync_power_state_interval = 1\n") as door,
        door.conductor as daemon,
        Baremetal(folder, "--os-endpoint", door.url) as baremetal,
    ):
        rack.ctl("power", "on", "100%")
        daemon.podium("node", "import", str(rack.nodes))
        daemon.podium("node", "create", "--name", "fake1", "--driver", "fake")
        eventually(lambda: daemon.nodes()["r1n01"]["power_state"], "its power is known")
        yield Stand(baremetal, door, rack, request.param)


def test_baremetal_chooses_what_a_machine_boots_from(stand: Stand) -> None:
    device = "node", "boot", "device"
    supported = stand.baremetal.json(*device, "show", "r1n01", "--supported")["supported_boot_devices"]
    assert {"pxe", "disk", "cdrom", "bios"} <= set(supported.split(", "))
    assert stand.baremetal.json(*device, "show", "r1n01") == {"boot_device": None, "persistent": None}
    stand.baremetal.run(*device, "set", "r1n01", "disk", "--persistent")
    assert f"boot {LASTING[stand.protocol]}" in stand.machine()
    assert stand.baremetal.json(*device, "show", "r1n01") == {"boot_device": "disk", "persistent": True}
    said = [row["event"] for row in stand.baremetal.json("node", "history", "list", "r1n01")]
    assert any("set boot device by" in event for event in said)


def test_openstacksdk_chooses_what_a_machine_boots_from(stand: Stand) -> None:
    assert "pxe" in stand.sdk("get_node_supported_boot_devices")["supported_boot_devices"]
    assert stand.sdk("set_node_boot_device", "pxe", False) is None
    assert stand.sdk("get_node_boot_device") == {"boot_device": "pxe", "persistent": False}
    refused = stand.sdk("set_node_boot_device", "wanboot")
    assert refused.startswith("400: ") and "boot_device must be one of pxe" in refused


@only_long
def test_a_bmc_that_does_not_answer_is_an_error_in_the_words_of_the_driver(stand: Stand) -> None:
    stand.rack.ctl("fault", "dead", "1")
    try:
        answer = stand.door.http.get("/v1/nodes/r1n01/management/boot_device")
    finally:
        stand.rack.ctl("fault", "clear", "dead", "1")
    assert answer.status_code == 400
    assert "does not answer" in answer.text


def test_the_light_is_switched(stand: Stand) -> None:
    lights = []
    for state in ("ON", "OFF"):
        path = "/v1/nodes/r1n01/management/indicators/system/led"
        stand.door.http.put(path, json={"state": state}).raise_for_status()
        lights.append(stand.machine().split("identify ")[1].split(",")[0])
    assert lights == ["on", "off"]


@only_long
@pytest.mark.parametrize("stand", ["ipmi"], indirect=True)
def test_a_machine_that_goes_on_refusing_is_an_error_before_clients_give_up(stand: Stand) -> None:
    stand.door.http.patch(
        "/v1/nodes/fake1", json=[{"op": "add", "path": "/driver_info/fake_refuse", "value": True}]
    ).raise_for_status()
    answer = stand.door.http.put("/v1/nodes/fake1/management/boot_device", json={"boot_device": "pxe"})
    assert answer.status_code == 400
    assert "fake1: failed: " in answer.text and "fake_refuse is set" in answer.text
    stand.door.http.patch(
        "/v1/nodes/fake1", json=[{"op": "remove", "path": "/driver_info/fake_refuse"}]
    ).raise_for_status()


def test_the_actions_of_drivers_are_methods_of_their_vendor(stand: Stand) -> None:
    baremetal = stand.baremetal
    assert baremetal.json("node", "passthru", "list", "r1n01") == []
    (method,) = baremetal.json("node", "passthru", "list", "fake1")
    assert (method["Name"], method["Async"]) == ("blink", True)
    baremetal.run("node", "passthru", "call", "fake1", "blink", "--arg", "colour=red", "--arg", "times=2")
    assert "needs colour" in baremetal.refused("node", "passthru", "call", "fake1", "blink")

    def said() -> list[str]:
        return [row["event"] for row in baremetal.json("node", "history", "list", "fake1")]

    eventually(lambda: any("driver action by" in event for event in said()), "the light blinked")
