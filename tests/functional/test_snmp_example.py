"""The example of a driver for PDUs, installed as a stranger would: a real SNMP agent and a real daemon."""

import importlib.util
import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemons import Daemon, eventually
from environments import Environment
from peers import PATIENCE, free_port, own_address
from rounds import only_long

EXAMPLE = Path(__file__).parents[2] / "examples" / "podium-driver-snmp-pdu"

pytest.importorskip("pysnmp", reason="pysnmp is not installed (make test does)")


def load_agent() -> Any:
    """The module of the example's tests that runs an agent."""
    spec = importlib.util.spec_from_file_location("snmp_example_agent", EXAMPLE / "tests" / "agent.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(tmp_path_factory.mktemp("environment"))
    made.install(EXAMPLE)
    return made


def snmp_daemon(environment: Environment, folder: Path) -> Daemon:
    text = "[conductor]\nsync_power_state_interval = 2\n[periodic_tasks]\nspacing = snmp.read_loads:2\n"
    return Daemon(folder, text, default="enabled_drivers = snmp", bin=environment.bin)


def enrol(daemon: Daemon, **nodes: dict[str, Any]) -> None:
    """Enrol nodes, each with this driver_info."""
    listed = [{"name": name, "driver": "snmp", "driver_info": info} for name, info in nodes.items()]
    file = daemon.folder / "nodes.json"
    file.write_text(json.dumps({"nodes": listed}))
    daemon.podium("node", "import", str(file))


def reads_of(daemon: Daemon, more_than: int) -> dict[str, Any] | None:
    """How the reads of the nodes fare, once there were so many."""
    shown = json.loads(daemon.podium("conductor", "show", "-f", "json").stdout)
    figures: dict[str, Any] = (shown["power_reads"] or {}).get("snmp") or {"reads": 0}
    return figures if figures["reads"] > more_than else None


def history_of(daemon: Daemon, node: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(daemon.podium("node", "history", node, "-f", "json").stdout)
    return found


@only_long
def test_the_tests_of_the_example_pass(
    environment: Environment, require_peer: Callable[[str], str], tmp_path: Path
) -> None:
    require_peer("snmpd")
    arguments = ("-m", "pytest", "-p", "no:cacheprovider", "--basetemp", tmp_path / "base")
    environment.python(*arguments, cwd=EXAMPLE, timeout=4 * PATIENCE)


@only_long
def test_the_types_of_the_example_are_right(environment: Environment, tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed (make lint does)")
    environment.python("-m", "mypy", "--cache-dir", tmp_path, cwd=EXAMPLE)


@only_long
def test_the_check_of_installed_drivers_finds_nothing_in_the_example(
    environment: Environment, tmp_path: Path
) -> None:
    environment.podium("driver", "check", "snmp", cwd=tmp_path)


@only_long
def test_a_pdu_of_240_outlets_is_swept_and_switched(
    environment: Environment, require_peer: Callable[[str], str], tmp_path: Path
) -> None:
    require_peer("snmpd")
    module = load_agent()
    kind = "apc_rackpdu2"
    port = free_port(socket.SOCK_DGRAM)
    with (
        module.Agent(tmp_path, own_address(), port, outlets=240) as agent,
        snmp_daemon(environment, tmp_path) as daemon,
    ):
        outlets = {f"m{outlet}": agent.info(kind, outlet, snmp_version="3") for outlet in range(1, 241)}
        gone = agent.info(kind, snmp_port=free_port(socket.SOCK_DGRAM))
        enrol(daemon, **outlets, gone=gone)
        eventually(
            lambda: sum(one["power_state"] == "power off" for one in daemon.nodes().values()) == 240,
            "all are read",
        )
        daemon.podium("node", "power", "on", "m3", "--wait")
        assert agent.is_on(kind, 3)
        agent.put(module.state_of(kind, 240), 2)
        eventually(
            lambda: daemon.nodes()["m240"]["power_state"] == "power on", "a button of the PDU is noticed"
        )
        eventually(lambda: (daemon.nodes()["m1"]["health"] or {}).get("status") == "OK", "the load is told")
        eventually(lambda: "does not answer" in (daemon.nodes()["gone"]["last_error"] or ""), "one is silent")
        figures = eventually(lambda: reads_of(daemon, more_than=4 * 240), "several sweeps have ended")
        assert figures["counters"]["requests"] < figures["reads"] / 10
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
        assert module.AUTH_KEY not in daemon.text()
        assert module.PRIV_KEY not in daemon.text()


@only_long
def test_outlets_say_that_a_machine_is_on_whose_bmc_is_dead_and_are_switched_for_it(
    environment: Environment, require_peer: Callable[[str], str], tmp_path: Path
) -> None:
    require_peer("snmpd")
    module, kind = load_agent(), "apc_rackpdu2"
    with (
        module.Agent(tmp_path, own_address(), free_port(socket.SOCK_DGRAM), outlets=2) as agent,
        snmp_daemon(environment, tmp_path) as daemon,
    ):
        outlets = {f"pdu{outlet}": agent.info(kind, outlet) for outlet in (1, 2)}
        enrol(daemon, **outlets, dead=agent.info(kind, snmp_port=free_port(socket.SOCK_DGRAM)))
        daemon.podium("node", "power", "on", "pdu[1-2]", "--wait")
        daemon.podium("node", "set", "dead", "--extra", "power_feeds=pdu1,pdu2")
        told = "its feeds draw 203 W: it is on"
        assert told in daemon.podium("node", "feeds", "dead").stdout
        reason = eventually(lambda: daemon.nodes()["dead"]["maintenance_reason"], "it is given up")
        assert reason.endswith(told)
        done = daemon.podium("node", "power", "cycle", "dead", "--at", "feed", "--yes", "--wait")
        assert re.search(r": power on, off [1-9]\d+ s, on again", done.stdout)
        for outlet in ("pdu1", "pdu2"):
            *_, switched = history_of(daemon, outlet)
            assert re.match(r"at feeds of dead: off [1-9]\d+ s", switched["reason"])
            assert agent.is_on(kind, int(outlet[-1]))
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
