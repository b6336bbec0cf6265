"""The driver against OpenIPMI's simulator, a BMC that nobody here wrote."""

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from podium import errors, states
from podium.drivers import base
from podium.drivers.ipmi import packet
from podium.drivers.ipmi.driver import IPMIDriver

PATIENCE = 20.0  # seconds
KG = "506f6469756d" + 10 * "4b" + 4 * "00"  # ipmi_sim takes 16 bytes and adds the zeros
OPTIONS = SimpleNamespace(
    command_retry_timeout=2,
    retransmit_interval=0.5,
    authentication_retry_interval=600,
    session_close_timeout=5,
)

# ipmi_sim asks a program of ours for the power, as it would ask a virtual machine's manager:
# `<program> 0x20 get power`, and `<program> 0x20 set power 1`. All that was asked is written down.
CHASSIS = """\
#!/bin/sh
cd "${0%/*}" || exit 1
echo "$*" >> asked
case "$2 $3" in
"get power") echo "power:$(cat power)" ;;
"set power") echo "$4" > power ;;
esac
"""

LAN = """\
name "podium"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md5
    allowed_auths_user none md5
    allowed_auths_operator none md5
    allowed_auths_admin none md5
    guid a123456789abcdefa123456789abcdef
    {key}
  endlan
  chassis_control "{program} 0x20"
  user 2 true "podium" "secret" admin 10
  user 3 true "reader" "reading" user 10
"""

COMMANDS = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
mc_enable 0x20
"""


class IPMISim:
    """A running ipmi_sim."""

    def __init__(self, program: str, folder: Path, kg: str = "") -> None:
        self._folder = folder
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        chassis = folder / "chassis"
        chassis.write_text(CHASSIS)
        chassis.chmod(0o700)
        self.power = "1"
        (folder / "asked").touch()
        key = f"bmc_key {kg[:32]}" if kg else ""
        (folder / "lan.conf").write_text(LAN.format(port=self.port, program=chassis, key=key))
        (folder / "commands").write_text(COMMANDS)
        (folder / "state").mkdir()
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [program, "-c", folder / "lan.conf", "-f", folder / "commands", "-s", folder / "state", "-n"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )

    @property
    def power(self) -> str:
        return (self._folder / "power").read_text().strip()

    @power.setter
    def power(self, value: str) -> None:
        (self._folder / "power").write_text(f"{value}\n")

    @property
    def asked(self) -> list[str]:
        """What the simulator asked of the chassis, reads left out."""
        lines = (self._folder / "asked").read_text().splitlines()
        return [line.removeprefix("0x20 ") for line in lines if " get " not in line]

    def wait_until_it_answers(self) -> None:
        request = packet.encode_request(packet.GET_CHANNEL_AUTHENTICATION_CAPABILITIES, 0, b"\x8e\x04")
        deadline = time.monotonic() + PATIENCE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", self.port))
            probe.settimeout(0.1)
            while time.monotonic() < deadline and self._process.poll() is None:
                with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                    probe.send(packet.wrap_sessionless(request))
                    probe.recv(1024)
                    return
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.02)
        pytest.fail(f"ipmi_sim does not answer\n{(self._folder / 'log').read_text()}", pytrace=False)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        self._log.close()


@pytest.fixture
def ipmi_sim(require_peer: Callable[[str], str], tmp_path: Path) -> Iterator[Callable[..., IPMISim]]:
    """Starts simulators; they end with the test."""
    program = require_peer("ipmi_sim")
    with contextlib.ExitStack() as running:

        def start(**settings: Any) -> IPMISim:
            folder = tmp_path / "sim"
            folder.mkdir()
            simulator = IPMISim(program, folder, **settings)
            running.callback(simulator.kill)
            simulator.wait_until_it_answers()
            return simulator

        yield start


def node_of(simulator: IPMISim, **changes: Any) -> base.Node:
    info = {
        "ipmi_address": "127.0.0.1",
        "ipmi_port": simulator.port,
        "ipmi_username": "podium",
        "ipmi_password": "secret",
    }
    return base.Node("n1", "n1", "ipmi", driver_info=info | changes)


def with_driver(use: Callable[[IPMIDriver], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        driver = IPMIDriver("ipmi", OPTIONS)
        await driver.start()
        try:
            return await use(driver)
        finally:
            await driver.close()

    return asyncio.run(asyncio.wait_for(main(), PATIENCE))


# ipmi_sim does not have cipher suite 17, so the default has to find its way to 3.
@pytest.mark.parametrize("suite", [{"ipmi_cipher_suite": 3}, {}], ids=["suite 3", "default suite"])
@pytest.mark.parametrize(("power", "state"), [("1", states.POWER_ON), ("0", states.POWER_OFF)])
def test_openipmi_is_read(ipmi_sim: Any, suite: dict[str, int], power: str, state: str) -> None:
    simulator = ipmi_sim()
    simulator.power = power
    assert with_driver(lambda driver: driver.get_power_state(node_of(simulator, **suite))) == state


@pytest.mark.parametrize(
    ("before", "target", "asked", "after"),
    [
        ("0", states.POWER_ON, "set power 1", states.POWER_ON),
        ("1", states.POWER_OFF, "set power 0", states.POWER_OFF),
        ("1", states.REBOOTING, "set reset 1", states.POWER_ON),
        ("0", states.REBOOTING, "set power 1", states.POWER_ON),
    ],
)
def test_openipmi_is_switched(ipmi_sim: Any, before: str, target: str, asked: str, after: str) -> None:
    simulator = ipmi_sim()
    simulator.power = before

    async def switch(driver: IPMIDriver) -> str:
        await driver.set_power_state(node_of(simulator), target)
        return await driver.get_power_state(node_of(simulator))

    assert with_driver(switch) == after
    assert simulator.asked == [asked]


def test_openipmi_is_asked_to_shut_down_softly(ipmi_sim: Any) -> None:
    simulator = ipmi_sim()
    with_driver(lambda driver: driver.set_power_state(node_of(simulator), states.SOFT_POWER_OFF))
    assert simulator.asked == ["set shutdown 1"]


def test_openipmi_with_a_key_kg_is_read(ipmi_sim: Any) -> None:
    node = node_of(ipmi_sim(kg=KG), ipmi_hex_kg_key=KG)
    assert with_driver(lambda driver: driver.get_power_state(node)) == states.POWER_ON


@pytest.mark.parametrize(
    "changes",
    [{"ipmi_password": "wrong"}, {"ipmi_username": "nobody"}, {"ipmi_hex_kg_key": "4b" * 20}],
    ids=["password", "user", "Kg"],
)
def test_openipmi_refusing_the_login_is_not_silence(ipmi_sim: Any, changes: dict[str, str]) -> None:
    node = node_of(ipmi_sim(), **changes)
    with pytest.raises(errors.AuthenticationRefused):
        with_driver(lambda driver: driver.get_power_state(node))


def test_openipmi_lets_a_reader_read_but_not_switch(ipmi_sim: Any) -> None:
    simulator = ipmi_sim()
    node = node_of(simulator, ipmi_username="reader", ipmi_password="reading", ipmi_priv_level="USER")

    async def read_and_switch(driver: IPMIDriver) -> None:
        assert await driver.get_power_state(node) == states.POWER_ON
        with pytest.raises(errors.DriverError, match="insufficient privilege"):
            await driver.set_power_state(node, states.POWER_OFF)

    with_driver(read_and_switch)
    assert simulator.power == "1"


def test_openipmi_gone_is_unreachable(ipmi_sim: Any) -> None:
    simulator = ipmi_sim()

    async def read_twice(driver: IPMIDriver) -> None:
        await driver.get_power_state(node_of(simulator))
        simulator.kill()
        with pytest.raises(errors.BMCUnreachable, match=str(simulator.port)):
            await driver.get_power_state(node_of(simulator))

    with_driver(read_twice)


def test_openipmi_gets_its_sessions_back(ipmi_sim: Any) -> None:
    # The user may hold ten, so that a leak shows.
    simulator = ipmi_sim()
    for _ in range(15):
        assert with_driver(lambda driver: driver.get_power_state(node_of(simulator))) == states.POWER_ON


def test_openipmi_is_healthy(ipmi_sim: Any) -> None:
    node = node_of(ipmi_sim())
    reported: list[base.Health] = []

    def report(_: base.Node, health: base.Health) -> None:
        reported.append(health)

    async def read_and_check(driver: IPMIDriver) -> None:
        await driver.get_power_state(node)
        await driver.check_status(node, manager, None)

    manager: Any = SimpleNamespace(report_health=report)
    with_driver(read_and_check)
    assert reported == [base.Health("OK")]
