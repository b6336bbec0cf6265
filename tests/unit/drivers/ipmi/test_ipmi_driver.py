"""The driver: what it takes for driver_info, what it reads, switches and reports."""

import asyncio
import datetime
import ipaddress
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

import virtual_time
from podium import errors, states
from podium.drivers import base
from podium.drivers.bmc import connections
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.ipmi.lan import client as ipmi_client
from podium.drivers.ipmi.lan import commands, packet
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator

OPTIONS = SimpleNamespace(
    command_retry_timeout=30,
    retransmit_interval=10,
    authentication_retry_interval=600,
    session_close_timeout=5,
    inventory_interval=86400,
)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.UDP)


@asynccontextmanager
async def started(**changes: Any) -> AsyncIterator[IPMIDriver]:
    driver = IPMIDriver("ipmi", SimpleNamespace(**vars(OPTIONS) | changes))
    await driver.start()
    try:
        yield driver
    finally:
        await driver.close()


def node_of(bmc: Any = None, name: str = "n1", **changes: Any) -> base.Node:
    info = {"ipmi_address": "192.0.2.1", "ipmi_username": "podium", "ipmi_password": "secret"}
    if bmc is not None:
        info |= {"ipmi_address": bmc.host, "ipmi_port": bmc.port}
    return base.Node(name, name, "ipmi", driver_info=info | changes)


class Manager:
    """A conductor that notes what is reported."""

    def __init__(self) -> None:
        self.reported: dict[str, base.Health] = {}
        self.clocks: dict[str, datetime.datetime] = {}

    def report_health(self, node: base.Node, health: base.Health) -> None:
        self.reported[node.name] = health

    def report_clock(self, node: base.Node, clock: datetime.datetime) -> None:
        self.clocks[node.name] = clock


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ipmi_address": None}, "lacks ipmi_address"),
        ({"ipmi_address": "10.0.0.1:623"}, "ipmi_address is wrong"),
        ({"ipmi_address": "two words"}, "ipmi_address is wrong"),
        ({"ipmi_port": 70000}, "ipmi_port is wrong"),
        ({"ipmi_username": "x" * 17}, "ipmi_username is wrong.*at most 16 bytes"),
        ({"ipmi_priv_level": "CALLBACK"}, "ipmi_priv_level is wrong.*OPERATOR"),
        ({"ipmi_cipher_suite": 0}, "ipmi_cipher_suite is wrong"),
        ({"ipmi_pasword": "secret"}, "did you mean ipmi_password"),
    ],
)
def test_wrong_driver_info_names_the_property(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match=words):
        IPMIDriver("ipmi", OPTIONS).validate(node_of(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"ipmi_password": "a very long secret indeed"},
        {"ipmi_password": ["secret"]},
        {"ipmi_hex_kg_key": "secret"},
        {"ipmi_hex_kg_key": "ab" * 19},
        {"ipmi_password": "a block of YAML\n"},
    ],
)
def test_a_wrong_secret_is_refused_without_being_shown(changes: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match="has a wrong value") as caught:
        IPMIDriver("ipmi", OPTIONS).validate(node_of(**changes))
    assert "secret" not in str(caught.value) and "abab" not in str(caught.value)


@pytest.mark.parametrize("address", ["10.0.0.1:623", "bmc1:623", "[::1]", "[::1]:623"])
def test_an_address_with_a_port_is_told_where_the_port_goes(address: str) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match="ipmi_address .* a port goes into ipmi_port"):
        IPMIDriver("ipmi", OPTIONS).validate(node_of(ipmi_address=address))


@pytest.mark.parametrize(
    "changes",
    [
        {"ipmi_address": "::1"},
        {"ipmi_address": "bmc-1.example.org"},
        {"ipmi_port": "6230"},
        {"ipmi_username": "", "ipmi_password": ""},
        {"ipmi_password": "ü" * 10},
        {"ipmi_priv_level": "operator"},
        {"ipmi_cipher_suite": "17"},
        {"ipmi_hex_kg_key": "00" * 20},
    ],
)
def test_good_driver_info_is_accepted(changes: dict[str, Any]) -> None:
    IPMIDriver("ipmi", OPTIONS).validate(node_of(**changes))


def test_a_password_that_yaml_took_for_a_number_is_a_password(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.password = b"123456"
            node = node_of(bmc, ipmi_password=123456)
            assert await driver.get_power_state(node) == states.POWER_ON

    run(main)


@pytest.mark.parametrize(("status", "state"), [(0x01, states.POWER_ON), (0x60, states.POWER_OFF)])
def test_the_power_state_is_read(fake_bmc: Any, status: int, state: str) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.status = bytes((status, 0, 0))
            assert await driver.get_power_state(node_of(bmc)) == state

    run(main)


@pytest.mark.parametrize("answer", [b"", b"\x01\x00"])
def test_a_chassis_status_that_is_too_short_is_an_error(fake_bmc: Any, answer: bytes) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.status = answer
            with pytest.raises(errors.DriverError, match="too short"):
                await driver.get_power_state(node_of(bmc))

    run(main)


@pytest.mark.parametrize(
    ("target", "powered", "control"),
    [
        (states.POWER_ON, False, 0x01),
        (states.POWER_OFF, True, 0x00),
        (states.SOFT_POWER_OFF, True, 0x05),
        (states.REBOOTING, True, 0x03),
        (states.REBOOTING, False, 0x01),
    ],
)
def test_a_power_change_is_the_right_chassis_control(
    fake_bmc: Any, target: str, powered: bool, control: int
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.status = bytes((powered, 0, 0))
            await driver.set_power_state(node_of(bmc), target)
            assert bmc.executed[-1] == (packet.CHASSIS_CONTROL, bytes((control,)))

    run(main)


def test_an_nmi_is_a_diagnostic_interrupt(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            await driver.inject_nmi(node_of(bmc))
            assert bmc.executed[-1] == (packet.CHASSIS_CONTROL, b"\x04")
            bmc.codes[packet.CHASSIS_CONTROL] = 0xCC
            with pytest.raises(errors.UnsupportedPowerState, match="asked for inject nmi"):
                await driver.inject_nmi(node_of(bmc))

    run(main)


def test_a_bmc_that_is_busy_is_asked_again_for_a_moment(
    fake_bmc: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(ipmi_client, "_BUSY_PAUSES", (0.001, 0.002, 0.003))
        async with fake_bmc() as bmc, started() as driver:
            bmc.busy = 3
            await driver.set_power_state(node_of(bmc), states.POWER_ON)
            assert bmc.executed.count((packet.CHASSIS_CONTROL, b"\x01")) == 1
            bmc.busy = 4
            with pytest.raises(errors.DriverError, match="node busy"):
                await driver.set_power_state(node_of(bmc), states.POWER_ON)
            assert bmc.executed.count((packet.CHASSIS_CONTROL, b"\x01")) == 1

    run(main)


@pytest.mark.parametrize("code", [0xC1, 0xCC, 0xD5])
def test_a_control_that_the_bmc_lacks_is_an_unsupported_power_state(fake_bmc: Any, code: int) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.codes[packet.CHASSIS_CONTROL] = code
            with pytest.raises(errors.UnsupportedPowerState, match="soft power off"):
                await driver.set_power_state(node_of(bmc), states.SOFT_POWER_OFF)

    run(main)


def test_a_power_state_that_the_driver_lacks_sends_nothing(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            with pytest.raises(errors.UnsupportedPowerState, match="soft rebooting"):
                await driver.set_power_state(node_of(bmc), states.SOFT_REBOOTING)
            assert not bmc.datagrams

    run(main)


def test_another_password_in_driver_info_is_tried_on_a_bmc_that_was_left_alone(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            for _ in range(4):
                with pytest.raises(errors.AuthenticationRefused):
                    await driver.get_power_state(node_of(bmc, ipmi_password="wrong"))
            assert await driver.get_power_state(node_of(bmc)) == states.POWER_ON

    run(main)


def test_a_change_of_driver_info_ends_the_old_session(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as old, fake_bmc() as new, started() as driver:
            await driver.get_power_state(node_of(old))
            old.arrived.clear()
            await driver.get_power_state(node_of(new))
            await old.arrived.wait()
            assert not old.sessions

    run(main)


def test_a_node_that_nobody_asks_about_any_more_is_forgotten(
    fake_bmc: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(connections, "_DISUSE", 0.02)
        async with fake_bmc() as gone, started() as driver:
            await driver.get_power_state(node_of(gone))
            while gone.sessions:
                gone.arrived.clear()
                await gone.arrived.wait()
            assert driver.statistics()["sessions"] == 0

    run(main)


def test_a_node_that_is_released_has_no_session_any_more_until_it_is_read_again(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            node = node_of(bmc)
            await driver.release(node)  # nothing is held
            await driver.get_power_state(node)
            assert len(bmc.sessions) == 1
            await driver.release(node)
            assert (len(bmc.sessions), driver.statistics()["sessions"]) == (0, 0)
            await driver.get_power_state(node)
            assert len(bmc.sessions) == 1

    run(main)


def test_closing_the_driver_closes_its_sessions(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc:
            async with started() as driver:
                await driver.get_power_state(node_of(bmc))
            assert not bmc.sessions

    run(main)


async def check(driver: IPMIDriver, *nodes: base.Node) -> dict[str, base.Health]:
    """What check_status reports of nodes whose power was read, by name."""
    manager = Manager()
    for node in nodes:
        await driver.get_power_state(node)
    for node in nodes:
        await driver.check_status(node, manager, None)
    return manager.reported


def test_check_status_reports_the_health_of_each_node(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as good, fake_bmc() as bad, started() as driver:
            bad.status = bytes((0x03, 0, 0x08))
            assert await check(driver, node_of(good, "good"), node_of(bad, "bad")) == {
                "good": base.Health("OK"),
                "bad": base.Health("Critical", ("power overload", "cooling or fan fault")),
            }

    run(main)


def test_check_status_says_nothing_of_a_self_test_that_is_too_short(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as odd, started() as driver:
            odd.self_test = b"\x57"
            assert await check(driver, node_of(odd)) == {}

    run(main)


def test_check_status_says_nothing_of_a_bmc_that_does_not_answer(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as dead, started(command_retry_timeout=0.2) as driver:
            await driver.get_power_state(node_of(dead))
            dead.lose_requests = 1000
            manager = Manager()
            await driver.check_status(node_of(dead), manager, None)
            assert manager.reported == {}

    run(main)


def test_a_network_that_loses_datagrams_causes_no_failure() -> None:
    async def main() -> None:
        racks = Simulator(address_range("127.20.0.1", 40), placed=["lossy=0.05:100%"])
        async with racks as simulator, started(retransmit_interval=0.05) as driver:
            login = {"ipmi_username": "admin", "ipmi_password": "podium-sim", "ipmi_port": simulator.port}
            nodes = [
                node_of(name=f"n{place}", ipmi_address=str(ipaddress.IPv4Address(address)), **login)
                for place, address in enumerate(simulator.addresses)
            ]
            for _ in range(10):
                read = await asyncio.gather(*(driver.get_power_state(node) for node in nodes))
                assert read == [states.POWER_OFF] * len(nodes)
            assert driver.statistics()["retransmissions"] > 0

    run(main)


def test_check_status_opens_no_session(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            await driver.check_status(node_of(bmc), Manager(), None)
            assert not bmc.datagrams

    run(main)


def test_a_bmc_without_a_self_test_is_healthy(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.codes[packet.GET_SELF_TEST_RESULTS] = 0xC1
            assert await check(driver, node_of(bmc)) == {"n1": base.Health("OK")}

    run(main)


@pytest.mark.parametrize(
    ("status", "self_test", "health"),
    [
        ("210000", "5500", base.Health("OK")),
        ("610000", "5600", base.Health("OK")),
        ("011f02", "ffff", base.Health("OK")),  # why the power failed before, and a locked front panel
        ("080000", "5500", base.Health("Critical", ("main power fault",))),
        ("100000", "5500", base.Health("Critical", ("power control fault",))),
        ("040000", "5500", base.Health("Warning", ("power interlock active",))),
        ("010004", "5500", base.Health("Warning", ("drive fault",))),
        ("010001", "5500", base.Health("Warning", ("chassis intrusion",))),
        ("010000", "5788", base.Health(
            "Warning", ("BMC cannot access its event log", "BMC has no sensor records")
        )),
        ("010004", "5701", base.Health("Critical", ("drive fault", "BMC operational firmware is corrupted"))),
        ("010000", "5842", base.Health("Critical", ("BMC reports a fatal hardware error (42h)",))),
        ("010000", "5907", base.Health("Warning", ("BMC reports an internal failure (59h 07h)",))),
    ],
)  # fmt: skip
def test_faults_become_health_with_reasons(status: str, self_test: str, health: base.Health) -> None:
    assert commands.health(bytes.fromhex(status), bytes.fromhex(self_test)) == health
