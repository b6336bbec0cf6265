"""The example of a driver for virtual machines, installed as a stranger would, with hypervisors in files."""

import contextlib
import importlib.util
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import peers
from apis import Api
from daemons import Daemon, eventually
from environments import Environment
from rounds import only_long

EXAMPLE = Path(__file__).parents[2] / "examples" / "podium-driver-libvirt"


def load_hypervisors() -> Any:
    """The module of the example's tests that makes hypervisors."""
    path = EXAMPLE / "tests" / "hypervisors.py"
    spec = importlib.util.spec_from_file_location("libvirt_example_hypervisors", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    peers.require_in("libvirt", "python")
    made = Environment(tmp_path_factory.mktemp("environment"))
    made.find_in("libvirt")
    made.install(EXAMPLE)
    return made


@only_long
def test_the_tests_of_the_example_pass(
    environment: Environment, require_peer: Callable[[str], str], tmp_path: Path
) -> None:
    require_peer("libvirtd")
    arguments = ("-m", "pytest", "-p", "no:cacheprovider", "--basetemp", tmp_path / "base")
    environment.python(*arguments, cwd=EXAMPLE, timeout=4 * peers.PATIENCE)


@only_long
def test_the_types_of_the_example_are_right(environment: Environment, tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed (make lint does)")
    environment.python("-m", "mypy", "--cache-dir", tmp_path, cwd=EXAMPLE)


@only_long
def test_the_check_of_installed_drivers_finds_nothing_in_the_example(
    environment: Environment, tmp_path: Path
) -> None:
    environment.podium("driver", "check", "libvirt", cwd=tmp_path)


@only_long
def test_hypervisors_that_hang_delay_neither_others_nor_the_end_of_the_conductor(
    environment: Environment, tmp_path: Path
) -> None:
    module = load_hypervisors()
    good = {"libvirt_uri": module.hypervisor(tmp_path / "node.xml", [module.domain("m")])}
    text = "[conductor]\nsync_power_state_interval = 1\n[libvirt]\ntimeout = 2\nthreads = 4\n"
    with (
        contextlib.ExitStack() as silent,
        Daemon(tmp_path, text, default="enabled_drivers = libvirt", bin=environment.bin) as daemon,
    ):
        hung = {}
        for one in range(8):
            # It takes connections, and says nothing.
            server = silent.enter_context(socket.create_server((peers.own_address(), 0)))
            host, port = server.getsockname()
            hung[f"hung{one}"] = {"libvirt_uri": f"qemu+tcp://{host}:{port}/system"}
        listed = [
            {"name": name, "driver": "libvirt", "driver_info": {**info, "libvirt_domain": "m"}}
            for name, info in (*hung.items(), ("good", good))
        ]
        (tmp_path / "nodes.json").write_text(json.dumps({"nodes": listed}))
        daemon.podium("node", "import", str(tmp_path / "nodes.json"))
        eventually(lambda: daemon.nodes()["good"]["power_state"] == "power on", "the good one is read")
        eventually(
            lambda: all("within 2 s" in (daemon.nodes()[name]["last_error"] or "") for name in hung),
            "the others are unreachable",
        )
        daemon.podium("node", "power", "off", "good", "--wait", "--yes")
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()


@only_long
def test_domains_are_swept_and_boot_from_what_is_chosen_over_the_api(
    environment: Environment, tmp_path: Path
) -> None:
    module = load_hypervisors()
    domains = [module.domain(f"m{number}") for number in range(1, 51)]
    uri = module.hypervisor(tmp_path / "node.xml", domains)
    listed = [
        {"name": name, "driver": "libvirt", "driver_info": {"libvirt_uri": uri, "libvirt_domain": name}}
        for name in (*(f"m{number}" for number in range(1, 51)), "gone")
    ]
    (tmp_path / "nodes.json").write_text(json.dumps({"nodes": listed}))
    text = "[conductor]\nsync_power_state_interval = 1\n"
    with (
        Daemon(tmp_path, text, default="enabled_drivers = libvirt", bin=environment.bin) as daemon,
        Api(tmp_path, url=daemon.url) as api,
    ):
        daemon.podium("node", "import", str(tmp_path / "nodes.json"))
        eventually(
            lambda: sum(one["power_state"] == "power on" for one in daemon.nodes().values()) == 50,
            "all domains are read",
        )
        eventually(lambda: "no domain gone" in (daemon.nodes()["gone"]["last_error"] or ""), "one is missing")

        remote = "--url", f"unix:{api.socket}", "node"
        once = daemon.podium(*remote, "boot", "set", "m1", "pxe", "--wait", "--yes", expect=1)
        assert "choose it for every boot" in once.stdout + once.stderr
        reboot = "power", "reboot", "m1", "--boot", "pxe", "--persistent", "--wait", "--yes"
        daemon.podium(*remote, *reboot)
        [shown] = json.loads(daemon.podium(*remote, "boot", "show", "m1", "-f", "json").stdout)
        assert (shown["device"], shown["persistent"], shown["mode"]) == ("pxe", True, "bios")
        [other] = json.loads(daemon.podium(*remote, "boot", "show", "m2", "-f", "json").stdout)
        assert other["device"] == "disk"
        daemon.podium(*remote, "power", "off", "m1", "--wait", "--yes")
        assert daemon.nodes()["m1"]["power_state"] == "power off"
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text() + api.text()
