"""The example of a driver package, installed as a stranger would, with real agents under a real daemon."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemons import Daemon, Rack, eventually
from environments import Environment
from rounds import only_long

EXAMPLE = Path(__file__).parents[2] / "examples" / "podium-driver-fence"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(tmp_path_factory.mktemp("environment"))
    made.install(EXAMPLE)
    return made


def fence_daemon(environment: Environment, folder: Path) -> Daemon:
    text = "[conductor]\nsync_power_state_interval = 2\n[periodic_tasks]\nspacing = fence.check_health:2\n"
    return Daemon(folder, text, default="enabled_drivers = fence", bin=environment.bin)


def enrol(daemon: Daemon, **nodes: dict[str, Any]) -> None:
    """Enrol nodes, each with this driver_info."""
    listed = [{"name": name, "driver": "fence", "driver_info": info} for name, info in nodes.items()]
    file = daemon.folder / "nodes.json"
    file.write_text(json.dumps({"nodes": listed}))
    daemon.podium("node", "import", "--force", str(file))  # one machine may be there twice


@only_long
def test_the_tests_of_the_example_pass(
    environment: Environment, require_peer: Callable[[str], str], tmp_path: Path
) -> None:
    require_peer("fence_dummy")
    environment.python("-m", "pytest", "-p", "no:cacheprovider", "--basetemp", tmp_path / "base", cwd=EXAMPLE)


@only_long
def test_the_types_of_the_example_are_right(environment: Environment, tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed (make lint does)")
    environment.python("-m", "mypy", "--cache-dir", tmp_path, cwd=EXAMPLE)


@only_long
def test_the_check_of_installed_drivers_finds_nothing_in_the_example(
    environment: Environment, tmp_path: Path
) -> None:
    environment.podium("driver", "check", "fence", cwd=tmp_path)


@only_long
def test_a_real_agent_switches_a_machine_and_tells_its_health(
    environment: Environment, require_peer: Callable[[str], str], tmp_path: Path
) -> None:
    require_peer("fence_dummy")
    status = tmp_path / "status"
    with fence_daemon(environment, tmp_path) as daemon:
        enrol(
            daemon,
            good={"fence_agent": "fence_dummy", "fence_options": {"status_file": str(status)}},
            gone={"fence_agent": "fence_of_no_kind"},
        )
        daemon.podium("node", "power", "on", "good", "--wait")
        assert status.read_text() == "on"
        daemon.podium("node", "power", "reboot", "good", "--wait")
        status.write_text("off")
        eventually(
            lambda: daemon.nodes()["good"]["power_state"] == "power off", "the change behind its back is seen"
        )
        eventually(
            lambda: (daemon.nodes()["good"]["health"] or {}).get("status") == "OK", "the health is told"
        )
        eventually(
            lambda: "fence_of_no_kind is not installed" in (daemon.nodes()["gone"]["last_error"] or ""),
            "the missing agent is told",
        )
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()


@only_long
def test_fence_ipmilan_switches_a_simulated_bmc_and_is_refused_with_a_wrong_password(
    environment: Environment, require_peer: Callable[[str], str], tmp_path: Path
) -> None:
    require_peer("fence_ipmilan")
    require_peer("ipmitool")
    with Rack(tmp_path, 1) as rack, fence_daemon(environment, tmp_path) as daemon:
        (bmc,) = [node["driver_info"] for node in yaml.safe_load(rack.nodes.read_text())["nodes"]]
        options = {"ip": bmc["ipmi_address"], "ipport": bmc["ipmi_port"], "username": bmc["ipmi_username"]}
        info = {"fence_agent": "fence_ipmilan", "fence_options": options | {"lanplus": 1}}
        enrol(
            daemon,
            right=info | {"fence_password": bmc["ipmi_password"]},
            wrong=info | {"fence_password": "opensesame"},
        )
        daemon.podium("node", "power", "on", "right", "--wait")
        assert daemon.nodes()["right"]["power_state"] == "power on"
        refusal = "fence_ipmilan ended with status 1"
        eventually(lambda: refusal in (daemon.nodes()["wrong"]["last_error"] or ""), "the refusal is told")
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
        assert "opensesame" not in daemon.text()
