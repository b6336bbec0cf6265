"""Tests of the driver's guarantees to its users, with a real agent if there is one, and with scripts."""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from podium import errors, states
from podium.drivers import base
from podium.testing import DriverContract, FakeManager, make_node

from podium_driver_fence.agent import agent_options
from podium_driver_fence.driver import FenceDriver

DUMMY = shutil.which("fence_dummy", path="/usr/sbin:/usr/bin:/sbin:/bin")
with_dummy = pytest.mark.skipif(DUMMY is None, reason="fence_dummy is not installed (package fence-agents)")


@pytest.fixture
def driver() -> FenceDriver:
    return FenceDriver("fence", SimpleNamespace(timeout=30))


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH for the test's own agents."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def agent(folder: Path, script: str) -> base.Node:
    """A node whose agent is this shell script, with a secret of each kind."""
    path = folder / "fence_script"
    path.write_text(f"#!/bin/sh\ncd {folder}\n{script}\n")
    path.chmod(0o755)
    return node(
        fence_agent="fence_script",
        fence_options={"ip": "192.0.2.1"},
        fence_password="opensesame",
        fence_secret_options={"community": "shibboleth"},
    )


def node(**driver_info: Any) -> base.Node:
    return make_node("fence", driver_info, name="m1")


def dummy(status_file: Path, **options: str) -> base.Node:
    return node(fence_agent="fence_dummy", fence_options={"status_file": str(status_file), **options})


class TestFenceKeepsTheContract(DriverContract):
    driver_class = FenceDriver
    driver_name = "fence"
    driver_info: ClassVar[Mapping[str, Any]] = {"fence_agent": "fence_dummy"}
    reads_hardware = DUMMY is not None
    patience = 30.0

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_node(self, name: str = "node1") -> base.Node:
        info = {**self.driver_info, "fence_options": {"status_file": str(self.folder / name)}}
        return make_node("fence", info, name=name)


def test_secrets_reach_the_agent_on_standard_input_only(driver: FenceDriver, agents: Path) -> None:
    driver.set_power_state(agent(agents, 'echo "$0 $*" >seen; env >>seen; cat >input'), states.REBOOTING)
    assert (agents / "input").read_text().splitlines() == [
        "action=reboot",
        "ip=192.0.2.1",
        "community=shibboleth",
        "password=opensesame",
    ]
    seen = (agents / "seen").read_text()
    assert "opensesame" not in seen
    assert "shibboleth" not in seen


@pytest.mark.parametrize(
    ("status", "state"), [(0, states.POWER_ON), (2, states.POWER_OFF)], ids=["on", "off"]
)
def test_the_exit_status_tells_the_power_state(
    driver: FenceDriver, agents: Path, status: int, state: str
) -> None:
    assert driver.get_power_state(agent(agents, f"exit {status}")) == state


def test_a_secret_that_an_agent_repeats_is_not_in_the_error(driver: FenceDriver, agents: Path) -> None:
    repeating = agent(agents, 'echo "cannot use: $(tr "\\n" " ")" >&2; exit 1')
    with pytest.raises(errors.DriverError, match="cannot use: action=status ip=192.0.2.1") as raised:
        driver.get_power_state(repeating)
    assert "opensesame" not in str(raised.value)
    assert "shibboleth" not in str(raised.value)


def test_hardware_that_the_agent_cannot_reach_is_unreachable_not_off(
    driver: FenceDriver, agents: Path
) -> None:
    with pytest.raises(errors.BMCUnreachable, match="printed: ERROR: Connection timed out"):
        driver.get_power_state(
            agent(agents, "echo '2026-01-02 03:04:05,678 ERROR: Connection timed out' >&2; exit 1")
        )


def test_an_agent_that_is_not_installed_is_named(driver: FenceDriver) -> None:
    with pytest.raises(errors.DriverError, match="fence_of_no_kind is not installed"):
        driver.get_power_state(node(fence_agent="fence_of_no_kind"))


@pytest.mark.parametrize("name", ["sh", "/usr/sbin/fence_dummy", "../fence_dummy", "fence_x y", "fence_", 7])
def test_no_program_but_an_agent_can_be_named(driver: FenceDriver, name: object) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match="fence_agent"):
        driver.validate(node(fence_agent=name))


@pytest.mark.parametrize(
    "options",
    [{"action": "off"}, {"plug": "1\naction=off"}, {"plug=1\naction": "off"}, ["plug"]],
    ids=["action", "line in a value", "line in a key", "no mapping"],
)
def test_options_cannot_smuggle_in_another_action(driver: FenceDriver, options: object) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match="fence_options"):
        driver.validate(node(fence_agent="fence_dummy", fence_options=options))


@pytest.mark.parametrize(
    ("options", "identity"),
    [
        ({"ip": "PDU1", "plug": 3}, "fence:pdu1#3"),
        ("ipaddr=pdu1 port=3", "fence:pdu1#3"),
        ({"ip": "192.0.2.1", "ipport": "6230"}, "fence:192.0.2.1:6230"),
        ({"ip": "host", "plug": "my machine"}, "fence:host#my%20machine"),
        ({"status_file": "/tmp/x"}, None),
    ],
)
def test_the_machine_is_the_plug_of_the_device(
    driver: FenceDriver, options: object, identity: str | None
) -> None:
    assert driver.identity(node(fence_agent="fence_apc", fence_options=options)) == identity


@pytest.mark.parametrize("plug", [1, 2])
def test_all_plugs_of_a_device_have_its_endpoint(driver: FenceDriver, plug: int) -> None:
    options = {"ip": "PDU1", "ipport": 23, "plug": plug}
    assert driver.endpoint(node(fence_agent="fence_apc", fence_options=options)) == "pdu1:23"


def test_options_of_a_file_have_its_text() -> None:
    given = {"ssl": True, "plug": 3, "delay": 1.5, "login": "0123"}
    assert agent_options(given) == {"ssl": "true", "plug": "3", "delay": "1.5", "login": "0123"}


def test_a_secret_among_the_public_options_is_refused_and_not_shown(driver: FenceDriver) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match="fence_password or fence_secret_options") as raised:
        driver.validate(node(fence_agent="fence_dummy", fence_options="ip=192.0.2.1 passwd=opensesame"))
    assert "opensesame" not in str(raised.value)


def test_a_missing_agent_is_logged_once(driver: FenceDriver, caplog: pytest.LogCaptureFixture) -> None:
    manager = FakeManager([node(fence_agent="fence_of_no_kind")])
    with caplog.at_level(logging.ERROR):
        asyncio.run(manager.run_task(driver, "check_agents"))
        asyncio.run(manager.run_task(driver, "check_agents"))
    (told,) = [record.message for record in caplog.records]
    assert "fence_of_no_kind is not installed; the package fence-agents has it" in told


@pytest.mark.parametrize(
    ("status", "health"), [(0, "OK"), (2, "OK"), (1, "Warning")], ids=["on", "off", "unreachable"]
)
def test_a_device_is_healthy_while_it_answers_its_agent(
    driver: FenceDriver, agents: Path, status: int, health: str
) -> None:
    manager = FakeManager([agent(agents, f"exit {status}")])
    asyncio.run(manager.run_task(driver, "check_health"))
    assert manager.healths["m1"].status == health


@with_dummy
def test_an_option_that_the_agent_does_not_have_shows_in_the_health(
    driver: FenceDriver, tmp_path: Path
) -> None:
    manager = FakeManager([dummy(tmp_path / "status", plugg="3")])
    asyncio.run(manager.run_task(driver, "check_agents"))
    asyncio.run(manager.run_task(driver, "check_health"))
    assert manager.healths == {"m1": base.Health("Warning", ("fence_dummy has no option plugg",))}


@with_dummy
def test_a_machine_that_its_agent_gets_through_to_is_healthy(driver: FenceDriver, tmp_path: Path) -> None:
    manager = FakeManager([dummy(tmp_path / "status")])
    asyncio.run(manager.run_task(driver, "check_agents"))
    asyncio.run(manager.run_task(driver, "check_health"))
    assert manager.healths == {"m1": base.Health("OK")}
