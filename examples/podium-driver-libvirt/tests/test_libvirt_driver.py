"""Tests of the driver's guarantees to its users, with hypervisors of libvirt's test driver."""

import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import hypervisors
import pytest
from podium import errors, states
from podium.drivers import base
from podium.testing import DriverContract, make_driver, make_node

from podium_driver_libvirt.boot import boot_of, booting_from
from podium_driver_libvirt.driver import LibvirtDriver

UUID = "4b5d3f1e-0c1a-4d5e-8f00-00000000000a"
USERS = "<auth><user password='opensesame'>operator</user></auth>"
PXE = base.BootDevice("pxe", persistent=True)
with_daemon = pytest.mark.skipif(
    hypervisors.LIBVIRTD is None, reason="libvirtd is not installed (package libvirt-daemon)"
)


#: Seconds that are waited for what is silent: less than what answers may take on a busy machine.
SILENCE = 6
waits_for_silence = pytest.mark.parametrize("driver", [SILENCE], indirect=True, ids=[""])


@pytest.fixture
def driver(request: pytest.FixtureRequest) -> Iterator[LibvirtDriver]:
    made = make_driver(LibvirtDriver, "libvirt", timeout=getattr(request, "param", 30))
    made.start()
    yield made
    made.close()


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A hypervisor with three running domains."""
    domains = [
        hypervisors.domain("web1", UUID),
        hypervisors.domain("web2"),
        hypervisors.domain("db1", os="", devices=hypervisors.ORDERED),
    ]
    return hypervisors.hypervisor(tmp_path / "node.xml", domains)


@pytest.fixture
def daemon(uri: str) -> Iterator[hypervisors.Daemon]:
    """The same hypervisor behind a daemon."""
    with tempfile.TemporaryDirectory() as name:  # the path is short enough for a socket
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "node.xml").write_text(Path(uri.removeprefix("test://")).read_text())
        made = hypervisors.Daemon(folder, f"test://{folder / 'node.xml'}")
        yield made
        made.stop()


@pytest.fixture
def silent() -> Iterator[str]:
    """A hypervisor that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"qemu+tcp://127.0.0.1:{server.getsockname()[1]}/system"


def node(uri: str, domain: str = "web1", **more: Any) -> base.Node:
    return make_node("libvirt", {"libvirt_uri": uri, "libvirt_domain": domain, **more}, name=domain)


def unreachable() -> str:
    """A hypervisor without a daemon."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"qemu+tcp://127.0.0.1:{port}/system"


class TestLibvirtKeepsTheContract(DriverContract):
    driver_class = LibvirtDriver
    driver_name = "libvirt"
    driver_options: ClassVar[Mapping[str, Any]] = {"timeout": 30}
    patience = 40.0

    @pytest.fixture(autouse=True)
    def _hypervisor(self, tmp_path: Path) -> None:
        domains = [hypervisors.domain(f"node{number}") for number in range(1, 21)]
        self.uri = hypervisors.hypervisor(tmp_path / "node.xml", domains, USERS)

    def make_node(self, name: str = "node1") -> base.Node:
        return node(self.uri, name, libvirt_username="operator", libvirt_password="opensesame")

    def make_silent_node(self) -> base.Node:
        return node(unreachable())

    def make_refusing_node(self) -> base.Node:
        return node(self.uri, "node1", libvirt_username="operator", libvirt_password="shibboleth")


def test_a_machine_is_switched_off_and_on(driver: LibvirtDriver, uri: str) -> None:
    web1 = node(uri)
    for target in (states.POWER_OFF, states.POWER_ON, states.REBOOTING):
        for _ in range(2):  # the second time changes nothing
            driver.set_power_state(web1, target)
        expected = states.POWER_ON if target == states.REBOOTING else target
        assert driver.get_power_state(web1) == expected
    driver.inject_nmi(web1)
    driver.set_power_state(web1, states.SOFT_POWER_OFF)
    assert driver.get_power_state(web1) == states.POWER_OFF
    driver.set_power_state(web1, states.REBOOTING)
    assert driver.get_power_state(web1) == states.POWER_ON


def test_domains_are_known_by_name_and_uuid_and_a_missing_one_is_named(
    driver: LibvirtDriver, uri: str
) -> None:
    by_name, by_uuid, gone = node(uri, "web2"), node(uri, UUID.upper()), node(uri, "web9")
    driver.set_power_state(by_name, states.POWER_OFF)
    found = driver.get_power_states([by_name, by_uuid, gone])
    assert (found[by_name.uuid], found[by_uuid.uuid]) == (states.POWER_OFF, states.POWER_ON)
    assert str(found[gone.uuid]) == f"{uri} has no domain web9"
    with pytest.raises(errors.DriverError, match="has no domain web9"):
        driver.get_power_state(gone)


def test_a_hypervisor_that_cannot_be_read_spoils_no_other_account(driver: LibvirtDriver, uri: str) -> None:
    good, lost = node(uri), node(unreachable(), "web2")
    found = driver.get_power_states([lost, good])
    assert found[good.uuid] == states.POWER_ON
    assert isinstance(found[lost.uuid], errors.BMCUnreachable)


def test_a_read_of_many_connects_once(driver: LibvirtDriver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = []

        def refuse() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                taken.append(connection.getpeername())
                connection.close()

        refusing = threading.Thread(target=refuse)
        refusing.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        nodes = [node(f"qemu+tcp://{address}/system", name) for name in ("web1", "web2")]
        found = driver.get_power_states(nodes)
        assert {type(one) for one in found.values()} == {errors.BMCUnreachable}
        assert len(taken) == 1
        with socket.create_connection(server.getsockname()):
            refusing.join()


def test_what_is_wrong_with_a_file_is_told_without_its_content(driver: LibvirtDriver, tmp_path: Path) -> None:
    file = tmp_path / "node.xml"
    file.write_text("root:shibboleth")
    with pytest.raises(errors.DriverError, match="node.xml") as raised:
        driver.get_power_state(node(f"test://{file}"))
    assert "shibboleth" not in str(raised.value)


def test_libvirt_prints_no_error_of_its_own(
    driver: LibvirtDriver, uri: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for wrong in (node(unreachable()), node(uri, "web9")):
        with pytest.raises(errors.DriverError):
            driver.get_power_state(wrong)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("username", "password"), [("operator", "shibboleth"), ("stranger", "opensesame"), ("operator", None)]
)
def test_a_wrong_login_is_refused_and_no_password_is_shown(
    driver: LibvirtDriver, tmp_path: Path, username: str, password: str | None
) -> None:
    uri = hypervisors.hypervisor(tmp_path / "node.xml", [hypervisors.domain("web1")], USERS)
    with pytest.raises(errors.AuthenticationRefused) as raised:
        driver.get_power_state(node(uri, libvirt_username=username, libvirt_password=password))
    assert str(password) not in str(raised.value)


def test_the_boot_device_is_chosen_for_every_boot_only(driver: LibvirtDriver, uri: str) -> None:
    web1 = node(uri)
    boot = driver.get_boot_device(web1)
    assert boot == base.Boot(base.BootDevice("disk", True, "bios"), ["pxe", "disk", "cdrom"])
    for refused, why in (
        (base.BootDevice("pxe"), "for every boot"),
        (base.BootDevice("safe", True), "only from pxe, disk, cdrom"),
        (base.BootDevice("pxe", True, "uefi"), "is bios"),
    ):
        with pytest.raises(errors.Unsupported, match=why):
            driver.set_boot_device(web1, refused)
    assert driver.get_boot_device(web1) == boot
    driver.set_boot_device(web1, PXE)
    assert driver.get_boot_device(web1).chosen == base.BootDevice("pxe", True, "bios")


def test_a_machine_that_is_restarted_boots_from_what_was_chosen(driver: LibvirtDriver, uri: str) -> None:
    web1 = node(uri)
    driver.set_boot_device(web1, PXE)
    driver.set_power_state(web1, states.REBOOTING)
    running = driver._ask(web1, lambda domain: domain.XMLDesc(0))
    assert boot_of(running).chosen == base.BootDevice("pxe", True, "bios")


def test_the_order_of_single_devices_stays_but_for_the_first(driver: LibvirtDriver, uri: str) -> None:
    db1 = node(uri, "db1")
    driver.set_boot_device(db1, PXE)
    assert _orders(driver, db1) == {"52:54:00:00:00:02": "1", "vda": "2"}
    driver.set_boot_device(db1, base.BootDevice("cdrom", persistent=True))
    assert _orders(driver, db1) == {"hdc": "1", "52:54:00:00:00:02": "2", "vda": "3"}
    assert driver.get_boot_device(db1).chosen.device == "cdrom"


def _orders(driver: LibvirtDriver, one: base.Node) -> dict[str, str]:
    """Return the boot order of the devices, by name."""
    root = ElementTree.fromstring(driver._ask(one, lambda domain: domain.XMLDesc(2)))
    found = {}
    for device in root.iterfind("devices/*"):
        boot, mac, target = device.find("boot"), device.find("mac"), device.find("target")
        if boot is not None:
            named = mac.get("address") if mac is not None else target is not None and target.get("dev")
            found[str(named)] = boot.get("order", "")
    return found


def test_firmware_and_kernels_of_the_hypervisor_are_understood() -> None:
    uefi = hypervisors.domain("x", os="<loader type='pflash'>/x</loader><boot dev='fd'/>")
    assert boot_of(uefi).chosen == base.BootDevice("floppy", True, "uefi")
    booting_from(uefi, base.BootDevice("disk", True, "uefi"))
    kernel = hypervisors.domain("x", os="<kernel>/vmlinuz</kernel><boot dev='hd'/>")
    assert boot_of(kernel).chosen.device == "kernel"
    with pytest.raises(errors.Unsupported, match="only from nothing else"):
        booting_from(kernel, PXE)


def test_namespaces_and_secrets_of_a_domain_survive_another_boot_device() -> None:
    own = "<metadata><a:b xmlns:a='https://a.example.com/1'>é</a:b></metadata>"
    given = hypervisors.domain("x", devices=hypervisors.DEVICES + "<graphics type='vnc' passwd='x'/>")
    changed = booting_from(given.replace("<memory>", f"{own}<memory>"), PXE)
    assert "https://a.example.com/1" in changed
    assert "é" in changed
    assert 'passwd="x"' in changed


@pytest.mark.parametrize(
    ("uri", "endpoint", "identity"),
    [
        ("qemu://HOST1/system", "host1", "libvirt:qemu://host1/system#web1"),
        ("qemu+tls://host1:16514/system", "host1", "libvirt:qemu://host1/system#web1"),
        ("qemu+ssh://root@host1/system?keyfile=/k", "host1", "libvirt:qemu://host1/system#web1"),
        ("qemu+tcp://[2001:DB8::1]:16510/session", "[2001:db8::1]:16510", None),
        ("qemu:///system", "qemu:///system", "libvirt:qemu:///system#web1"),
        ("qemu+unix:///system", "qemu:///system", "libvirt:qemu:///system#web1"),
    ],
)
def test_the_endpoint_is_the_hypervisor_however_its_uri_is_written(
    uri: str, endpoint: str, identity: str | None
) -> None:
    made = make_driver(LibvirtDriver, "libvirt")
    assert made.endpoint(node(uri)) == endpoint
    assert made.identity(node(uri)) == (identity or f"libvirt:qemu://{endpoint}/session#web1")


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("qemu+tls://root:opensesame@host1/system", "libvirt_password"),
        ("qemu+ext://host1/system?command=/bin/x", "looks like"),
        ("qemu+ssh://host1/system?command=/bin/x", "command"),
        ("qemu+ssh://host1/system?no_verify=1;c%6fmmand=/bin/x", "command"),
        ("qemu+ssh://host1/system?NetCat=x", "NetCat"),
        ("qemu+ssh://-oProxyCommand=x/system", "looks like"),
        ("qemu+ssh://-l@/system", "looks like"),
        ("host1", "looks like"),
        (7, "looks like"),
    ],
)
def test_a_uri_has_no_password_and_runs_no_program(uri: Any, why: str) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match=why) as raised:
        make_driver(LibvirtDriver, "libvirt").validate(node(uri))
    assert "opensesame" not in str(raised.value)


@waits_for_silence
def test_a_hypervisor_that_hangs_stops_nobody_else_and_keeps_one_thread(
    driver: LibvirtDriver, uri: str, silent: str
) -> None:
    asking = [threading.Thread(target=_is_unreachable, args=(driver, silent)) for _ in range(3)]
    for one in asking:
        one.start()
    assert driver.get_power_state(node(uri)) == states.POWER_ON
    assert all(one.is_alive() for one in asking)
    for one in asking:
        one.join()
    _is_unreachable(driver, silent)
    assert sum(one.name == "libvirt-opening" for one in threading.enumerate()) == 1


def _is_unreachable(driver: LibvirtDriver, uri: str) -> None:
    with pytest.raises(errors.BMCUnreachable, match=f"no answer within {SILENCE} s"):
        driver.get_power_state(node(uri))


@with_daemon
def test_a_connection_serves_all_nodes_and_is_closed_with_the_last(
    driver: LibvirtDriver, daemon: hypervisors.Daemon
) -> None:
    nodes = [node(daemon.uri, name) for name in ("web1", "web2", "db1")]
    for one in nodes:
        driver.node_added(one)
        driver.set_boot_device(one, PXE)
    assert set(driver.get_power_states(nodes).values()) == {states.POWER_ON}
    for one in nodes:
        assert driver.statistics() == {"connections": 1}
        driver.node_removed(one)
    assert driver.statistics() == {"connections": 0}


@with_daemon
def test_a_daemon_that_was_restarted_is_connected_to_anew(
    driver: LibvirtDriver, daemon: hypervisors.Daemon
) -> None:
    web1 = node(daemon.uri)
    assert driver.get_power_state(web1) == states.POWER_ON
    daemon.stop()
    with pytest.raises(errors.BMCUnreachable):
        driver.get_power_state(web1)
    daemon.start()
    assert driver.get_power_state(web1) == states.POWER_ON


@with_daemon
@waits_for_silence
def test_a_daemon_that_hangs_during_a_call_is_unreachable(
    driver: LibvirtDriver, daemon: hypervisors.Daemon
) -> None:
    web1 = node(daemon.uri)
    assert driver.get_power_state(web1) == states.POWER_ON
    daemon.hang()
    with pytest.raises(errors.BMCUnreachable):
        driver.get_power_state(web1)
    daemon.go_on()
    assert driver.get_power_state(web1) == states.POWER_ON


@with_daemon
def test_nothing_of_a_daemon_is_left_after_close(daemon: hypervisors.Daemon) -> None:
    class Contract(TestLibvirtKeepsTheContract):
        def make_node(self, name: str = "node1") -> base.Node:
            return node(daemon.uri, "web1")

        def make_refusing_node(self) -> None:  # type: ignore[override]
            return None

    Contract().test_nothing_is_left_after_close()
