"""podium-sim with Redfish BMCs as a process of its own, read and switched by Python's own HTTP client."""

import base64
import json
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from peers import PATIENCE

PROGRAM = (sys.executable, "-P", "-c", "import sys; from podium.simulator.main import main; sys.exit(main())")
SYSTEM = "/redfish/v1/Systems/1"


class Rack:
    """A running podium-sim with three BMCs, as its nodes file tells of them."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._control = str(folder / "control")
        file = folder / "nodes.yaml"
        self.process = subprocess.Popen(
            [
                *(*PROGRAM, "--redfish", "3", "--address", "127.21.8.1", "--port", "0"),
                *("--nodes-file", str(file), "--control", self._control, *options),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        assert self.line, "podium-sim did not start"
        self.nodes: list[dict[str, Any]] = yaml.safe_load(file.read_text())["nodes"]

    def ask(self, place: int, path: str, body: Any = None) -> Any:
        """What a BMC answers, checked with the certificate that its node trusts."""
        info = self.nodes[place]["driver_info"]
        login = f"{info['redfish_username']}:{info['redfish_password']}".encode()
        request = urllib.request.Request(
            info["redfish_address"] + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Basic {base64.b64encode(login).decode()}"},
        )
        trusted = info["redfish_verify_ca"]
        context = ssl.create_default_context(cafile=trusted) if trusted else None
        with urllib.request.urlopen(request, timeout=PATIENCE, context=context) as response:
            text = response.read()
        return json.loads(text) if text else None

    def ctl(self, *words: str) -> str:
        command = [*PROGRAM, "ctl", "--control", self._control, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
        return done.stdout

    def stop(self) -> int:
        with self.process as process:
            process.send_signal(signal.SIGTERM)
            return process.wait(PATIENCE)


@pytest.fixture(params=["https", "http"])
def rack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rack]:
    options = ["--http"] if request.param == "http" else ["--tls-ca-file", str(tmp_path / "ca.pem")]
    started = Rack(tmp_path, *options)
    yield started
    assert started.stop() == 0


def test_a_machine_is_read_and_switched_as_its_node_says(rack: Rack) -> None:
    before = rack.ask(1, SYSTEM)["PowerState"]
    rack.ask(1, f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "On"})
    assert (before, rack.ask(1, SYSTEM)["PowerState"], rack.ask(0, SYSTEM)["PowerState"]) == (
        "Off",
        "On",
        "Off",
    )


def test_a_machine_is_switched_and_broken_behind_its_bmcs_back(rack: Rack) -> None:
    rack.ctl("power", "on", "127.21.8.3")
    rack.ctl("fault", "cooling-fault", "3")
    system = rack.ask(2, SYSTEM)
    assert (system["PowerState"], system["Status"]["HealthRollup"]) == ("On", "Critical")
    assert "faulty: 1\n" in rack.ctl("status")


def test_it_says_where_the_bmcs_are(rack: Rack) -> None:
    port = rack.nodes[0]["driver_info"]["redfish_address"].rpartition(":")[2]
    assert rack.line == f"podium-sim: 3 BMCs at 127.21.8.1-127.21.8.3, port {port}, user admin\n"
