"""The redfish driver against sushy-tools, Redfish services that nobody here wrote.

Its emulator is one that other people's tools are tested with; its other server hands out files, here those of
a Contoso machine that come with the client library sushy. Both speak HTTP/1.0 and hold no connection.
"""

import asyncio
import contextlib
import ipaddress
import json
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import peers
from peers import PATIENCE, own_address
from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.testing import FakeManager, make_driver, make_node

ONE, TWO = "27946b59-9e44-4fa7-8e91-f3527a1ef094", "6a9d9ab0-2b3c-4a43-8e0d-8f3f1d0a7f5b"
SAMPLES = (
    *("root", "system_collection", "system", "ethernet_interfaces_collection", "ethernet_interfaces"),
    *("manager", "chassis", "thermal"),
)
TASKS = ("check_status", "collect_inventory", "collect_sensors")

# A Python file. Changes take effect after one second rather than after some up to eleven.
CONFIG = """\
import random
random.randint = lambda low, high: low
SUSHY_EMULATOR_LISTEN_IP = "{address}"
SUSHY_EMULATOR_LISTEN_PORT = {port}
SUSHY_EMULATOR_STATE_DIR = "{folder}"
SUSHY_EMULATOR_AUTH_FILE = "{folder}/users"
SUSHY_EMULATOR_SSL_CERT = "{folder}/certificate"
SUSHY_EMULATOR_SSL_KEY = "{folder}/key"
SUSHY_EMULATOR_FAKE_SYSTEMS = {systems}
"""
#: admin, whose password is "secret".
USERS = "admin:$2b$04$Xj1.omVDuzUSTIOSAL2jWOow7DWWD6C5aERbCTRTZ0bqAKceSpcWa\n"


def certify(folder: Path) -> None:
    """A certificate for this process's address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, own_address())])
    now, address = datetime.now(UTC), x509.IPAddress(ipaddress.IPv4Address(own_address()))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key").write_bytes(secret)


class Service:
    """A program that serves Redfish at this process's address."""

    def __init__(self, folder: Path, port: int, command: list[str | Path]) -> None:
        self.port = port
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [peers.require("setpriv"), "--pdeathsig", "KILL", *command],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
        try:
            self._wait_until_it_listens(folder)
        except BaseException:
            self.kill()
            raise

    def _wait_until_it_listens(self, folder: Path) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection((own_address(), self.port), 1).close()
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
        pytest.fail(f"it does not serve\n{(folder / 'log').read_text()}", pytrace=False)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        self._log.close()


class Emulator(Service):
    """A sushy-emulator with two machines, over TLS."""

    def __init__(self, folder: Path) -> None:
        port = peers.free_port()
        self.certificate = str(folder / "certificate")
        machine = {"power_state": "Off", "external_notifier": False}
        systems = [
            {"uuid": ONE, "name": "one", "nics": [{"mac": "00:5C:52:31:3A:9C", "ip": "192.0.2.1"}]} | machine,
            {"uuid": TWO, "name": "two", "nics": []} | machine,
        ]
        config = CONFIG.format(address=own_address(), port=port, folder=folder, systems=systems)
        (folder / "config").write_text(config)
        (folder / "users").write_text(USERS)
        certify(folder)
        program = peers.require_in("sushy", "sushy-emulator")
        super().__init__(folder, port, [program, "--fake", "--config", folder / "config"])

    def node(self, system: str | None = ONE, **changes: Any) -> base.Node:
        info = {
            "redfish_address": f"https://{own_address()}:{self.port}",
            "redfish_system_id": f"/redfish/v1/Systems/{system}",
            "redfish_username": "admin",
            "redfish_password": "secret",
            "redfish_verify_ca": self.certificate,
            "redfish_auth_type": "basic",
        }
        return make_node("redfish", {**info, **changes}, name=f"node-{system}")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    peers.require_in("sushy", "sushy-emulator")
    running = Emulator(tmp_path_factory.mktemp("emulator"))
    yield running
    running.kill()


@pytest.fixture(scope="module")
def contoso(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The sample resources of sushy, each served at the path that it says is its own."""
    program = peers.require_in("sushy", "sushy-static")
    (samples,) = program.parent.parent.glob("lib/python*/site-packages/sushy/tests/unit/json_samples")
    folder = tmp_path_factory.mktemp("contoso")
    for sample in SAMPLES:
        served = json.loads((samples / f"{sample}.json").read_text())
        place = folder / served["@odata.id"].removeprefix("/redfish/v1").strip("/")
        place.mkdir(parents=True, exist_ok=True)
        (place / "index.json").write_text(json.dumps(served))
    # There is a document of this chassis alone, while the system says that it is in another.
    (folder / "Chassis" / "1U").symlink_to(folder / "Chassis" / "Blade1")
    port = peers.free_port()
    command: list[str | Path] = [program, "--interface", own_address(), "--port", str(port)]
    running = Service(folder, port, [*command, "--mockup-files", folder])
    yield running
    running.kill()


def with_driver(use: Callable[[RedfishDriver], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        driver = make_driver(RedfishDriver, "redfish", connect_timeout=PATIENCE, read_timeout=PATIENCE)
        assert isinstance(driver, RedfishDriver)
        await driver.start()
        try:
            return await use(driver)
        finally:
            await driver.close()

    return asyncio.run(asyncio.wait_for(main(), PATIENCE))


async def comes_to(driver: RedfishDriver, node: base.Node, state: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while await driver.get_power_state(node) != state:
            await asyncio.sleep(0.1)


def test_the_emulator_is_read_over_tls_with_its_certificate_verified(emulator: Emulator) -> None:
    assert with_driver(lambda driver: driver.get_power_state(emulator.node(TWO))) == states.POWER_OFF


def test_a_service_without_sessions_gets_user_name_and_password(emulator: Emulator) -> None:
    node = emulator.node(redfish_auth_type="auto")
    assert with_driver(lambda driver: driver.get_power_state(node)) in states.READINGS


def test_a_certificate_of_unknown_origin_is_refused_with_the_remedy(emulator: Emulator) -> None:
    node = emulator.node(redfish_verify_ca=True)
    with pytest.raises(errors.BMCUnreachable, match="redfish_verify_ca"):
        with_driver(lambda driver: driver.get_power_state(node))


@pytest.mark.parametrize(
    "changes", [{"redfish_password": "guess"}, {"redfish_username": "nobody"}], ids=["password", "user"]
)
@pytest.mark.parametrize("login", ["auto", "basic"])
def test_a_refused_login_is_not_silence_and_shows_no_secret(
    emulator: Emulator, changes: dict[str, str], login: str
) -> None:
    node = emulator.node(**changes, redfish_auth_type=login)
    with pytest.raises(errors.AuthenticationRefused, match=str(emulator.port)) as caught:
        with_driver(lambda driver: driver.get_power_state(node))
    assert "guess" not in str(caught.value)


@pytest.mark.parametrize("login", ["auto", "basic"])
def test_a_login_is_tried_with_user_name_and_password(emulator: Emulator, login: str) -> None:
    async def check(driver: RedfishDriver) -> None:
        report = await driver.check_login(emulator.node(redfish_auth_type=login))
        assert (report.username, report.protocol, report.remarks) == ("admin", "Redfish, Basic", ())
        assert report.power_state in states.READINGS
        for wrong in ({"redfish_password": "guess"}, {"redfish_username": "nobody"}):
            with pytest.raises(errors.AuthenticationRefused, match=str(emulator.port)) as caught:
                await driver.check_login(emulator.node(redfish_auth_type=login, **wrong))
            assert "guess" not in str(caught.value)

    with_driver(check)


def test_an_emulator_without_accounts_is_told_apart_from_one_that_refuses(emulator: Emulator) -> None:
    with pytest.raises(errors.DriverError, match="has no account service"):
        with_driver(lambda driver: driver.set_password(emulator.node(), "another one"))


def test_of_two_systems_one_has_to_be_named(emulator: Emulator) -> None:
    node = emulator.node(redfish_system_id=None)
    with pytest.raises(errors.DriverError, match="redfish_system_id") as caught:
        with_driver(lambda driver: driver.get_power_state(node))
    assert ONE in str(caught.value)


def test_a_system_that_there_is_not_is_told(emulator: Emulator) -> None:
    node = emulator.node("nowhere")
    with pytest.raises(errors.DriverError, match="/redfish/v1/Systems/nowhere"):
        with_driver(lambda driver: driver.get_power_state(node))


@pytest.mark.parametrize(
    ("before", "target"),
    [
        (states.POWER_OFF, states.POWER_ON),
        (states.POWER_ON, states.POWER_OFF),
        (states.POWER_ON, states.SOFT_POWER_OFF),
        (states.POWER_ON, states.REBOOTING),
        (states.POWER_OFF, states.REBOOTING),
    ],
)
def test_the_emulator_is_switched(emulator: Emulator, before: str, target: str) -> None:
    node = emulator.node()

    async def switch(driver: RedfishDriver) -> None:
        await driver.set_power_state(node, before)
        await comes_to(driver, node, before)
        await driver.set_power_state(node, target)
        await comes_to(driver, node, states.REACHED[target])

    with_driver(switch)


def test_what_the_emulators_machine_boots_from_is_changed(emulator: Emulator) -> None:
    """It takes every choice for one that is meant for good."""
    node = emulator.node(TWO)

    async def choose(driver: RedfishDriver) -> None:
        for chosen in (
            base.BootDevice("pxe", True, "uefi"),
            base.BootDevice("disk", True, "bios"),
            base.BootDevice("cdrom", True, "uefi"),
        ):
            await driver.set_boot_device(node, chosen)
            assert (await driver.get_boot_device(node)).chosen == chosen
        with pytest.raises(errors.Unsupported, match="from bios, only from pxe, disk, cdrom, default"):
            await driver.set_boot_device(node, base.BootDevice("bios"))
        await driver.set_boot_device(node, base.BootDevice("default"))
        assert (await driver.get_boot_device(node)).chosen.device == "default"

    with_driver(choose)


def test_the_emulators_led_is_lit_and_goes_out(emulator: Emulator) -> None:
    async def identify(driver: RedfishDriver) -> None:
        node = emulator.node()
        for seconds, lit in ((None, ("Blinking", "Lit")), (0, ("Off",))):
            await driver.identify(node, seconds)
            system = await driver._connections.of(node).resource()
            assert system.body["IndicatorLED"] in lit

    with_driver(identify)


def test_the_emulators_clock_is_set(emulator: Emulator) -> None:
    """It stands still at what it was set to."""

    async def set_clock(driver: RedfishDriver) -> None:
        node = emulator.node()
        await driver.get_clock(node)
        await driver.set_clock(node)
        clock = await driver.get_clock(node)
        assert abs((clock - datetime.now(UTC)).total_seconds()) < PATIENCE

    with_driver(set_clock)


def test_an_interrupt_that_the_emulator_announces_and_cannot_do_is_refused(emulator: Emulator) -> None:
    with pytest.raises(errors.DriverError, match="asked for inject nmi"):
        with_driver(lambda driver: driver.inject_nmi(emulator.node()))


def run_tasks(node: base.Node) -> FakeManager:
    conductor = FakeManager([node])

    async def run(driver: RedfishDriver) -> None:
        await driver.get_power_state(node)
        for task in TASKS:
            await conductor.run_task(driver, task, on_demand=True)

    with_driver(run)
    assert conductor.failures == []
    return conductor


def test_the_emulators_health_inventory_and_sensors_are_told(emulator: Emulator) -> None:
    node = emulator.node()
    conductor = run_tasks(node)
    assert conductor.healths[node.name] == base.Health("OK")
    properties = conductor.properties[node.name]
    assert properties["manufacturer"] == "Sushy Emulator"
    assert properties["mac_addresses"] == ["00:5c:52:31:3a:9c"]
    assert properties["bmc_firmware_version"] == "1.00"
    (cpu,) = (sensor for sensor in conductor.sensors[node.name] if sensor.name == "CPU Temp")
    assert (cpu.kind, cpu.value) == ("temperature", 41.0)
    assert cpu.thresholds == base.Thresholds(upper_caution=42.0, upper_critical=45.0, upper_fatal=48.0)


def contoso_node(contoso: Service) -> base.Node:
    return make_node("redfish", {"redfish_address": f"http://{own_address()}:{contoso.port}"}, name="contoso")


def test_the_only_system_of_a_service_is_found_and_read(contoso: Service) -> None:
    node = contoso_node(contoso)
    assert with_driver(lambda driver: driver.get_power_state(node)) == states.POWER_ON


def test_a_contoso_machine_is_told_as_its_documents_have_it(contoso: Service) -> None:
    node = contoso_node(contoso)
    conductor = run_tasks(node)
    properties = conductor.properties[node.name]
    assert {name: properties[name] for name in ("manufacturer", "model", "serial_number")} == {
        "manufacturer": "Contoso",
        "model": "3500",
        "serial_number": "437XR1138R2",
    }
    assert (properties["memory_mb"], properties["processors"]) == (96 * 1024, 2)
    assert conductor.healths[node.name].status == "OK"


def test_what_a_contoso_machine_boots_from_and_what_its_clock_shows_is_read(contoso: Service) -> None:
    async def read(driver: RedfishDriver) -> tuple[base.Boot, datetime]:
        node = contoso_node(contoso)
        return await driver.get_boot_device(node), await driver.get_clock(node)

    boot, clock = with_driver(read)
    assert boot.chosen == base.BootDevice("pxe", False, "uefi")
    assert {"pxe", "disk", "cdrom", "bios", "default"} == {*boot.supported}
    assert clock == datetime(2015, 3, 13, 4, 14, 33, tzinfo=timezone(timedelta(hours=6)))


def test_an_emulator_that_ended_is_unreachable(tmp_path: Path) -> None:
    peers.require_in("sushy", "sushy-emulator")
    running = Emulator(tmp_path)
    try:
        node = running.node()

        async def read_twice(driver: RedfishDriver) -> None:
            await driver.get_power_state(node)
            running.kill()
            with pytest.raises(errors.BMCUnreachable, match=str(running.port)):
                await driver.get_power_state(node)

        with_driver(read_twice)
    finally:
        running.kill()
