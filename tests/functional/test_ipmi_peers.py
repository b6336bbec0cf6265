"""The driver against OpenIPMI's simulator, a BMC that nobody here wrote."""

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peers import PATIENCE, free_port, own_address
from podium import errors, states
from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.ipmi.lan import packet
from podium.simulator import fru, sensors
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator
from podium.testing.manager import FakeManager

KG = "506f6469756d" + 10 * "4b" + 4 * "00"  # ipmi_sim takes 16 bytes and adds the zeros
OPTIONS = SimpleNamespace(
    inventory_interval=86400,
    command_retry_timeout=20,
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
"get boot") echo "boot:$(cat boot)" ;;
"set boot") echo "$4" > boot ;;
esac
"""

LAN = """\
name "podium"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
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
{more}
mc_enable 0x20
"""
NO_EVENTS = " ".join(["0" * 15] * 4)


class IPMISim:
    """A running ipmi_sim."""

    def __init__(self, program: str, folder: Path, kg: str = "", more: str = "") -> None:
        self._folder = folder
        self.port = free_port(socket.SOCK_DGRAM)
        chassis = folder / "chassis"
        chassis.write_text(CHASSIS)
        chassis.chmod(0o700)
        self.power = "1"
        (folder / "boot").write_text("none\n")
        (folder / "asked").touch()
        key = f"bmc_key {kg[:32]}" if kg else ""
        (folder / "lan.conf").write_text(
            LAN.format(address=own_address(), port=self.port, program=chassis, key=key)
        )
        (folder / "commands").write_text(COMMANDS.format(more=more))
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
        """What the simulator asked of the chassis, reads left out.

        It does twice what is sent again, because the program that it starts each time has not ended yet.
        """
        lines = (self._folder / "asked").read_text().splitlines()
        return [line.removeprefix("0x20 ") for line, _ in itertools.groupby(lines) if " get " not in line]

    def wait_until_it_answers(self) -> None:
        request = packet.encode_request(packet.GET_CHANNEL_AUTHENTICATION_CAPABILITIES, 0, b"\x8e\x04")
        deadline = time.monotonic() + PATIENCE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((own_address(), self.port))
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
        "ipmi_address": own_address(),
        "ipmi_port": simulator.port,
        "ipmi_username": "podium",
        "ipmi_password": "secret",
    }
    return base.Node("n1", "n1", "ipmi", driver_info=info | changes)


@asynccontextmanager
async def started(options: SimpleNamespace = OPTIONS) -> AsyncIterator[IPMIDriver]:
    driver = IPMIDriver("ipmi", options)
    await driver.start()
    try:
        yield driver
    finally:
        await driver.close()


def run(main: Awaitable[Any]) -> Any:
    return asyncio.run(asyncio.wait_for(main, PATIENCE))


def with_driver(use: Callable[[IPMIDriver], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with started() as driver:
            return await use(driver)

    return run(main())


@pytest.mark.parametrize("password", ["sixteen bytes of", "twenty bytes of it.."])
def test_openipmi_takes_another_password(
    ipmi_sim: Any, require_peer: Callable[[str], str], password: str
) -> None:
    simulator, ipmitool = ipmi_sim(), require_peer("ipmitool")

    async def change(driver: IPMIDriver) -> None:
        await driver.set_password(node_of(simulator), password)
        report = await driver.check_login(node_of(simulator, ipmi_password=password))
        assert (report.privilege, report.power_state) == ("ADMINISTRATOR", states.POWER_ON)
        with pytest.raises(errors.AuthenticationRefused):
            await driver.check_login(node_of(simulator))

    with_driver(change)
    asked = [ipmitool, "-I", "lanplus", "-C", "3", "-H", own_address(), "-p", str(simulator.port)]
    said = subprocess.run(
        [*asked, "-U", "podium", "-E", "power", "status"],
        env=os.environ | {"IPMI_PASSWORD": password[:16]},  # ipmi_sim keeps no more, which the driver knows
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert said.stdout == "Chassis Power is on\n", said.stderr


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


def test_openipmi_says_who_logs_in_and_at_which_level(ipmi_sim: Any) -> None:
    simulator = ipmi_sim()
    # Asked for more, ipmi_sim grants it to any user.
    reader = node_of(simulator, ipmi_username="reader", ipmi_password="reading", ipmi_priv_level="USER")

    async def check_both(driver: IPMIDriver) -> None:
        await driver.get_power_state(node_of(simulator))
        full = await driver.check_login(node_of(simulator))
        protocol = "IPMI 2.0, cipher suite 3"
        assert full == base.LoginReport("podium", "ADMINISTRATOR", states.POWER_ON, protocol)
        little = await driver.check_login(reader)
        assert (little.username, little.privilege, len(little.remarks)) == ("reader", "USER", 1)
        assert await driver.get_power_state(node_of(simulator)) == states.POWER_ON
        assert driver.statistics()["sessions"] == 1

    with_driver(check_both)


@pytest.mark.parametrize("changes", [{"ipmi_password": "wrong"}, {"ipmi_username": "nobody"}])
def test_openipmi_refuses_a_login_that_is_tried(ipmi_sim: Any, changes: dict[str, str]) -> None:
    simulator = ipmi_sim()

    async def check(driver: IPMIDriver) -> None:
        await driver.get_power_state(node_of(simulator))
        with pytest.raises(errors.AuthenticationRefused):
            await driver.check_login(node_of(simulator, **changes))
        assert (await driver.check_login(node_of(simulator))).username == "podium"

    with_driver(check)


def test_openipmi_gone_is_unreachable(ipmi_sim: Any) -> None:
    simulator = ipmi_sim()

    async def read_twice() -> None:
        async with started(SimpleNamespace(**vars(OPTIONS) | {"command_retry_timeout": 2})) as driver:
            is_read = False
            while not is_read:
                with contextlib.suppress(errors.BMCUnreachable):  # on a busy machine for a while
                    is_read = await driver.get_power_state(node_of(simulator)) == states.POWER_ON
            simulator.kill()
            with pytest.raises(errors.BMCUnreachable, match=str(simulator.port)):
                await driver.get_power_state(node_of(simulator))

    run(read_twice())


def test_openipmi_gets_its_sessions_back(ipmi_sim: Any) -> None:
    # The user may hold ten, so that a leak shows.
    simulator = ipmi_sim()
    for _ in range(15):
        assert with_driver(lambda driver: driver.get_power_state(node_of(simulator))) == states.POWER_ON


async def look(driver: IPMIDriver, node: base.Node) -> FakeManager:
    """What a conductor is told by all tasks of the driver."""
    conductor = FakeManager([node])
    conductor.report_power_state(node, await driver.get_power_state(node))
    for task in ("check_status", "collect_inventory", "collect_sensors"):
        await conductor.run_task(driver, task)
    assert not conductor.failures
    return conductor


def test_openipmi_is_healthy(ipmi_sim: Any) -> None:
    node = node_of(ipmi_sim())
    told = with_driver(lambda driver: look(driver, node))
    assert told.healths["n1"] == base.Health("OK")
    assert told.properties["n1"] == {"bmc_firmware_version": "9.08"}
    assert told.sensors["n1"] == []


# -- sensors, FRU data and identity, which ipmitool has to see in the same way

STATUSES = {"ok": "OK", "nc": "Warning", "cr": "Critical", "nr": "Critical"}


def number(text: str) -> float | None:
    return None if text == "na" else float(text)


def thresholds(texts: list[str]) -> base.Thresholds | None:
    """The last columns of ``ipmitool sensor``: from the lowest to the highest."""
    found = base.Thresholds(*map(number, texts))
    return None if found == base.Thresholds() else found


class IPMITool:
    """ipmitool on the BMC that a node tells of."""

    def __init__(self, program: str, node: base.Node) -> None:
        info = node.driver_info
        self._command = (
            *(program, "-I", "lanplus", "-C", "3", "-H", info["ipmi_address"], "-N", "30", "-R", "2"),
            *("-p", str(info["ipmi_port"]), "-U", info["ipmi_username"], "-P", info["ipmi_password"]),
        )

    async def say(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *self._command, *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        said, _ = await process.communicate()
        return said.decode()

    async def measured(self) -> dict[str, tuple[float | None, str, base.Thresholds | None]]:
        """Value, status and thresholds of each sensor with numbers, by name."""
        rows = [
            [cell.strip() for cell in line.split("|")] for line in (await self.say("sensor")).splitlines()
        ]
        return {
            name: (number(value), STATUSES.get(status, "OK"), thresholds(limits))
            for name, value, unit, status, *limits in rows
            if unit != "discrete"
        }

    async def log(self) -> list[tuple[str, str]]:
        """ID and time of each entry of the log, oldest first, without those that have no time."""
        rows = [
            [cell.strip() for cell in line.split("|")]
            for line in (await self.say("sel", "list")).splitlines()
        ]
        return [
            (str(int(row[0], 16)), f"{row[1]} {row[2].removesuffix(' UTC')}")
            for row in rows
            if row[1][:1].isdigit()
        ]

    async def identity(self) -> dict[str, str]:
        """What ``fru`` and ``mc info`` say, by the names of properties."""
        said = await self.say("mc", "info") + await self.say("fru", "print", "0")
        rows = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
        lines = {name.strip(): value.strip() for name, value in rows.items()}
        return {
            "manufacturer": lines["Product Manufacturer"],
            "model": lines["Product Name"],
            "serial_number": lines["Product Serial"],
            "bmc_firmware_version": lines["Firmware Revision"],
        }


async def alike(driver: IPMIDriver, node: base.Node, ipmitool: IPMITool) -> base.Health:
    """The health of a node, when driver and ipmitool read the same of all else."""
    told = await look(driver, node)
    assert told.sensors["n1"]
    sensors = await driver.get_sensors(node)
    assert [sensor.name for sensor in told.sensors["n1"]] == [one.name for one in sensors]
    measured = {one.name: (one.value, one.status, one.thresholds) for one in sensors}
    seen = await ipmitool.measured()  # where a sensor has no reading, without the thresholds of its record
    assert {
        name: said if said[0] is not None else (*said[:2], seen[name][2]) for name, said in measured.items()
    } == seen
    identity = await ipmitool.identity()
    assert {name: told.properties["n1"][name] for name in identity} == identity
    return told.healths["n1"]


def hexadecimal(data: bytes) -> str:
    return " ".join(f"0x{byte:02x}" for byte in data)


def test_openipmi_has_the_sensors_and_fru_data_that_ipmitool_sees(
    ipmi_sim: Any, require_peer: Callable[[str], str]
) -> None:
    records = [found[1] for found in map(sensors.record, (1, 4, 9, 15)) if found]
    lines = [f"main_sdr_add 0x20 {hexadecimal(record)}" for record in records]
    for number, kind, reading_type in ((1, 1, 1), (4, 4, 1), (15, 8, 0x6F)):
        lines.append(f"sensor_add 0x20 0 {number} {kind} {reading_type}")
        lines.append(f"sensor_set_event_support 0x20 0 {number} enable scanning per-state {NO_EVENTS}")
    lines += [
        "sensor_set_threshold 0x20 0 1 settable 111000 100 95 85 0 0 0",
        "sensor_set_value 0x20 0 1 97 0",
        "sensor_set_value 0x20 0 4 90 0",
        "sensor_set_bit 0x20 0 15 0 1 0",
        "sensor_set_bit 0x20 0 15 1 1 0",
        f"mc_add_fru_data 0x20 0 256 data {hexadecimal(fru.data(7))}",
    ]
    node = node_of(ipmi_sim(more="\n".join(lines)))
    ipmitool = IPMITool(require_peer("ipmitool"), node)
    health = with_driver(lambda driver: alike(driver, node, ipmitool))
    assert health.status == "Critical"
    assert "PSU1 Status: presence detected, failure detected" in health.reasons
    assert any(reason.startswith("CPU1 Temp 97 degrees C, above its upper ") for reason in health.reasons)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("fault", [None, "cooling-fault", "power-fault"])
def test_the_simulated_sensors_and_fru_data_are_what_ipmitool_sees(
    require_peer: Callable[[str], str], fault: str | None, on: bool
) -> None:
    program = require_peer("ipmitool")

    placed = [f"{fault}:1"] if fault else []

    async def main() -> base.Health:
        async with Simulator(address_range("127.20.6.1", 1), placed=placed) as simulator:
            simulator.set_power(on, "1")
            info = {"ipmi_address": "127.20.6.1", "ipmi_port": simulator.port}
            info |= {"ipmi_username": "admin", "ipmi_password": "podium-sim"}
            node = base.Node("n1", "n1", "ipmi", driver_info=info)
            async with started() as driver:
                return await alike(driver, node, IPMITool(program, node))

    assert (run(main()) == base.Health("OK")) == (fault is None)


# -- what a machine boots from, its LED, its log and its clock

RECORDS = (
    "0x02 0 0 0 0 0x20 0 4 1 1 1 0x59 97 95",
    "0xc1 0 0 0 0 0x5e 0x2a 0 1 2 3 4 5 6",
    "0xe0 1 2 3 4 5 6 7 8 9 10 11 12 13",
)


def with_a_log(*, flags: str = "0x0a") -> str:
    """Commands that give OpenIPMI's simulator a log of three entries, and a sensor that is named in it."""
    found = sensors.record(1)
    assert found is not None
    lines = [f"main_sdr_add 0x20 {hexadecimal(found[1])}", "sensor_add 0x20 0 1 1 1"]
    return "\n".join([*lines, f"sel_enable 0x20 1000 {flags}", *(f"sel_add 0x20 {one}" for one in RECORDS)])


@pytest.mark.parametrize("device", ["pxe", "cdrom", "bios"])
def test_openipmi_is_told_what_to_boot_from(ipmi_sim: Any, device: str) -> None:
    simulator = ipmi_sim()

    async def choose(driver: IPMIDriver) -> None:
        assert (await driver.get_boot_device(node_of(simulator))).chosen == base.BootDevice("default")
        await driver.set_boot_device(node_of(simulator), base.BootDevice(device))
        # Its flags are never valid, and it has none of the parameters around them.
        assert (await driver.get_boot_device(node_of(simulator))).chosen == base.BootDevice("default")

    with_driver(choose)
    assert simulator.asked == [f"set boot {device}"]


@pytest.mark.parametrize(("seconds", "asked"), [(60, "60 0"), (None, "0 1"), (0, "0 0")])
def test_openipmi_lights_its_led(ipmi_sim: Any, seconds: float | None, asked: str) -> None:
    simulator = ipmi_sim()
    with_driver(lambda driver: driver.identify(node_of(simulator), seconds))
    assert simulator.asked == [f"set identify {asked}"]


@pytest.mark.parametrize("flags", ["0x0a", "0x08"], ids=["reservations", "no reservations"])
def test_openipmi_has_its_log_read_and_cleared(ipmi_sim: Any, flags: str) -> None:
    simulator = ipmi_sim(more=with_a_log(flags=flags))

    async def read_and_clear(driver: IPMIDriver) -> None:
        node = node_of(simulator)
        log = await driver.get_log(node, None, None, 1000)
        told = [(entry.id, entry.sensor, entry.message) for entry in log.entries]
        assert told == [
            ("1", "CPU1 Temp", "97 degrees C, above its upper critical threshold 95"),
            ("2", None, "record C1h of the maker 10846: 010203040506"),
            ("3", None, "record E0h of the maker's: 0102030405060708090a0b0c0d"),
        ]
        assert not any(entry.at for entry in log.entries)  # its clock was not set
        assert [one.id for one in (await driver.get_log(node, "3", "1", 1000)).entries] == ["2"]
        with pytest.raises(errors.LogChanged):
            await driver.clear_log(node, "2")
        await driver.clear_log(node, "3")
        assert not (await driver.get_log(node, None, None, 1000)).entries

    with_driver(read_and_clear)


def test_openipmi_has_its_clock_set(ipmi_sim: Any) -> None:
    simulator = ipmi_sim()

    async def set_clock(driver: IPMIDriver) -> None:
        assert (await driver.get_clock(node_of(simulator))).year == 1970
        await driver.set_clock(node_of(simulator))
        assert abs(base.clock_offset(await driver.get_clock(node_of(simulator)))) < PATIENCE

    with_driver(set_clock)


def test_the_simulated_log_is_what_ipmitool_sees(require_peer: Callable[[str], str]) -> None:
    program = require_peer("ipmitool")

    async def main() -> None:
        async with Simulator(address_range("127.20.6.1", 1)) as simulator:
            simulator.set_power(True, "1")
            simulator.add_event({"sensor": "CPU1 Temp", "offset": 9}, 40, "1")
            info = {"ipmi_address": "127.20.6.1", "ipmi_port": simulator.port}
            info |= {"ipmi_username": "admin", "ipmi_password": "podium-sim"}
            node = base.Node("n1", "n1", "ipmi", driver_info=info)
            async with started() as driver:
                found = (await driver.get_log(node, None, None, 1000)).entries
                ipmitool = IPMITool(program, node)
                seen = await ipmitool.log()
                assert seen == [(one.id, f"{one.at:%m/%d/%y %H:%M:%S}") for one in found] and len(seen) >= 40

    run(main())
