"""The periodic tasks of the driver, on simulated machines: health, inventory and sensors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import virtual_time
from inquiries import DirectInquiry
from podium import errors
from podium.drivers import base
from podium.drivers.bmc.inventory import collected
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.inquiry import Inquiry
from podium.drivers.ipmi.machine import identity
from podium.drivers.ipmi.machine.sensor_watch import SensorWatch
from podium.pacing import Allowance
from podium.simulator.bmc import BMC, Settings
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator
from podium.testing.manager import FakeManager
from rounds import ROUNDS, only_long

FIRST = "127.20.4.1"
OPTIONS = SimpleNamespace(
    command_retry_timeout=10,
    retransmit_interval=5,
    authentication_retry_interval=600,
    session_close_timeout=5,
    inventory_interval=86400,
)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


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


class Modest(IPMIDriver):
    """Reads one record or one sensor in each inquiry."""

    reads_per_second = 0.0


class Hasty(IPMIDriver):
    """Has no time for a BMC."""

    inquiry_seconds = 0.0


class Busy(IPMIDriver):
    """Has no time for inventories that nobody asked for."""

    inventories_per_second = 0.0


@asynccontextmanager
async def machine(
    *faults: str, kind: type[IPMIDriver] = IPMIDriver, on: bool = True, nodes: int = 1, **changes: Any
) -> AsyncIterator[tuple[IPMIDriver, FakeManager, Simulator]]:
    """A simulated machine whose power was read, with its driver and a conductor that has nodes of it."""
    placed = [f"{fault}:1" for fault in faults]
    rack = Simulator(address_range(FIRST, 1), settings=Settings(**changes), placed=placed)
    async with rack as simulator:
        simulator.set_power(on, "1")
        driver = kind("ipmi", OPTIONS)
        await driver.start()
        try:
            conductor = FakeManager(node(simulator, f"n{place}") for place in range(1, nodes + 1))
            for one in conductor.nodes(driver):
                conductor.report_power_state(one, await driver.get_power_state(one))
            yield driver, conductor, simulator
        finally:
            await driver.close()


def node(simulator: Simulator, name: str, **changes: Any) -> base.Node:
    info = {"ipmi_address": FIRST, "ipmi_username": "admin", "ipmi_password": "podium-sim"}
    info |= {"ipmi_port": simulator.port} | changes
    return base.Node(name, name, "ipmi", driver_info=info)


# -- check_status


@pytest.mark.parametrize(
    ("fault", "status", "reasons"),
    [
        (
            "power-fault",
            "Critical",
            (
                "main power fault",
                "PSU1 Status: presence detected, failure detected",
                "PSU Redundancy: redundancy lost",
            ),
        ),
        (
            "cooling-fault",
            "Critical",
            (
                "cooling or fan fault",
                "CPU1 Temp 97 degrees C, above its upper critical threshold 95",
                "CPU2 Temp 88 degrees C, above its upper non-critical threshold 85",
                "FAN1 0 RPM, below its lower critical threshold 600",
            ),
        ),
        ("drive-fault", "Critical", ("drive fault", "Drive 2: presence detected, drive fault")),
        ("intrusion", "Warning", ("chassis intrusion", "Intrusion: chassis intrusion")),
    ],
)
def test_what_sensors_say_is_part_of_the_health(fault: str, status: str, reasons: tuple[str, ...]) -> None:
    async def main() -> None:
        async with machine(fault) as (driver, conductor, simulator):
            await conductor.run_task(driver, "check_status")
            assert conductor.healths["n1"] == base.Health(status, reasons)
            simulator.clear_fault(fault, "1")
            await conductor.run_task(driver, "check_status")
            assert conductor.healths["n1"] == base.Health("OK")

    run(main)


def test_a_machine_that_is_off_is_healthy() -> None:
    async def main() -> None:
        async with machine(on=False) as (driver, conductor, _):
            await conductor.run_task(driver, "check_status")
            assert conductor.healths["n1"] == base.Health("OK")

    run(main)


def test_a_fault_is_found_in_turns_that_are_too_short_for_all_sensors() -> None:
    async def main() -> None:
        async with machine("drive-fault", kind=Modest) as (driver, conductor, _):
            reasons = set()
            for _ in range(25 + 23):  # records and sensors
                await conductor.run_task(driver, "check_status")
                reasons.add(conductor.healths["n1"].reasons)
            assert reasons == {("drive fault",), ("drive fault", "Drive 2: presence detected, drive fault")}

    run(main)


def test_a_bmc_that_is_slow_tells_of_its_chassis_alone() -> None:
    async def main() -> None:
        async with machine("drive-fault", kind=Hasty) as (driver, conductor, _):
            await conductor.run_task(driver, "check_status")
            assert conductor.healths["n1"] == base.Health("Warning", ("drive fault",))
            assert not conductor.clocks

    run(main)


def test_how_far_the_clock_is_off_is_reported_now_and_then() -> None:
    async def main() -> None:
        async with machine("clock-off=7200") as (driver, conductor, _):
            begun = datetime.now(UTC)
            await conductor.run_task(driver, "check_status")
            ahead = conductor.clocks.pop("n1") - timedelta(hours=2)
            assert begun - timedelta(seconds=1) <= ahead <= datetime.now(UTC)  # it shows whole seconds
            await conductor.run_task(driver, "check_status")
            assert not conductor.clocks

    run(main)


def test_the_clock_is_read_once_an_hour() -> None:
    watch = SensorWatch()
    found = [now for now in range(100_000, 110_000, 60) if watch.clock_is_due(float(now))]
    assert found == [100_000, 103_600, 107_200]


@pytest.mark.parametrize("answer", [(0xC1, b""), (0, b"\xff\xff\xff\xff"), (0, b"")])
def test_a_clock_that_cannot_be_read_leaves_the_health_as_it_is(
    answer: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = BMC.execute

    def without_clock(bmc: BMC, netfn: int, command: int, data: bytes, privilege: int) -> Any:
        asked = (netfn, command) == packet.GET_SEL_TIME
        return answer if asked else execute(bmc, netfn, command, data, privilege)

    async def main() -> None:
        monkeypatch.setattr(BMC, "execute", without_clock)
        async with machine() as (driver, conductor, _):
            await conductor.run_task(driver, "check_status")
            assert conductor.healths["n1"] == base.Health("OK")
            assert not conductor.clocks and not conductor.failures

    run(main)


def test_an_inquiry_is_over_when_its_time_is_or_nothing_is_left_for_it() -> None:
    now = 100.0
    unused: Any = None

    def inquiry(rate: float) -> Inquiry:
        return Inquiry(unused, seconds=3, patience=10, allowance=Allowance(rate), clock=lambda: now)

    short, modest = inquiry(1000), inquiry(1)
    assert (short.more(), modest.more(), modest.more()) == (True, True, False)
    now += 3
    assert (short.more(), modest.more()) == (False, False)


def test_a_bmc_that_cannot_return_whole_records_is_watched_all_the_same() -> None:
    async def main() -> None:
        async with machine("intrusion", answer_limit=20) as (driver, conductor, _):
            await conductor.run_task(driver, "check_status")
            assert "Intrusion: chassis intrusion" in conductor.healths["n1"].reasons

    run(main)


def test_records_are_read_once_while_they_do_not_change() -> None:
    async def main() -> None:
        async with machine() as (driver, conductor, simulator):
            asked = []
            for _ in range(3):
                before = simulator.bmc(FIRST).commands
                await conductor.run_task(driver, "check_status")
                asked.append(simulator.bmc(FIRST).commands - before)
            assert asked[0] == asked[1] + 25 + 1 and asked[1] == asked[2]  # records, and the clock

    run(main)


def test_records_are_read_again_when_the_bmc_says_that_they_changed() -> None:
    async def main() -> None:
        bmc = BMC(Settings())
        inquiry: Any = DirectInquiry(lambda command, data: bmc.execute(*command, data, packet.PRIVILEGE_USER))
        watch = SensorWatch()
        for version, walks in ((b"first", 1), (b"first", 1), (b"second", 2)):
            await watch.faults(inquiry, version, powered=True)
            assert [command for command, _ in inquiry.asked].count(packet.GET_SDR) == 25 * walks

    run(main)


def test_nodes_that_share_a_bmc_all_have_its_health() -> None:
    async def main() -> None:
        async with machine("intrusion", nodes=3) as (driver, conductor, _):
            await conductor.run_task(driver, "check_status")
            expected = base.Health("Warning", ("chassis intrusion", "Intrusion: chassis intrusion"))
            assert conductor.healths == dict.fromkeys(("n1", "n2", "n3"), expected)

    run(main)


def test_sensors_that_cannot_be_read_leave_the_chassis_to_tell(
    fake_bmc: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # This one answers every command that it does not know with nothing at all.
    async def main() -> None:
        async with fake_bmc() as odd, started() as driver:
            odd.status = b"\x09\0\0"
            info = {"ipmi_address": odd.host, "ipmi_port": odd.port, "ipmi_username": "podium"}
            conductor = FakeManager(
                [base.Node("n1", "n1", "ipmi", driver_info=info | {"ipmi_password": "secret"})]
            )
            await driver.get_power_state(conductor.nodes(driver)[0])
            await conductor.run_task(driver, "check_status")
            await conductor.run_task(driver, "check_status")
            assert conductor.healths["n1"] == base.Health("Critical", ("main power fault",))

    run(main)
    assert caplog.text.count("Sensors are not watched") == 1


def test_reasons_are_as_many_as_a_person_reads() -> None:
    found = [("Warning", f"PSU{place}: predictive failure") for place in range(30)]
    found.append(("Critical", "PSU30: failure detected"))
    health = commands.health(b"\1\0\0", b"\x55\0", found)
    assert (health.status, len(health.reasons)) == ("Critical", 16)
    assert (health.reasons[0], health.reasons[-1]) == ("PSU30: failure detected", "and 16 more")


def test_a_reason_is_no_longer_than_a_line() -> None:
    health = commands.health(b"\1\0\0", b"\x55\0", [("Warning", "x" * 500)])
    assert health.reasons == ("x" * 200,)


# -- collect_inventory


def test_the_inventory_is_saved_as_properties() -> None:
    async def main() -> None:
        async with machine() as (driver, conductor, _):
            await conductor.run_task(driver, "collect_inventory")
            assert conductor.properties["n1"] == {
                "manufacturer": "Podium",
                "model": "Simulated Server",
                "serial_number": "SM7F140401",
                "bmc_firmware_version": "1.00",
                "bios_version": "SIM 2.4.1",
                "bmc_mac_address": "02:00:7f:14:04:01",
            }

    run(main)


def test_the_inventory_is_not_collected_again_before_its_time() -> None:
    async def main() -> None:
        async with machine() as (driver, conductor, _):
            await conductor.run_task(driver, "collect_inventory")
            await conductor.run_task(driver, "check_status")
            conductor.properties.clear()
            await conductor.run_task(driver, "collect_inventory")
            assert not conductor.properties
            await conductor.run_task(driver, "collect_inventory", on_demand=True)
            assert conductor.properties["n1"]["model"] == "Simulated Server"

    run(main)


def test_an_inventory_that_there_is_no_time_for_is_left_to_a_later_run_unless_a_person_asks() -> None:
    async def main() -> None:
        async with machine(kind=Busy) as (driver, conductor, _):
            await conductor.run_task(driver, "collect_inventory")
            assert not conductor.properties
            await conductor.run_task(driver, "collect_inventory", on_demand=True)
            assert conductor.properties["n1"]["model"] == "Simulated Server"

    run(main)


def test_the_inventory_of_a_machine_that_changed_is_collected_at_once() -> None:
    async def main() -> None:
        async with machine() as (driver, conductor, _):
            one = conductor.nodes(driver)[0]
            conductor.save_driver_internal_info(one, collected("another", datetime.now(UTC)))
            await conductor.run_task(driver, "collect_inventory")
            assert not conductor.properties  # nobody has looked yet
            await conductor.run_task(driver, "check_status")
            await conductor.run_task(driver, "collect_inventory")
            assert conductor.properties["n1"]["model"] == "Simulated Server"

    run(main)


@settings(max_examples=200 * ROUNDS)
@given(st.lists(st.tuples(st.sampled_from([0, 0, 0, 0xC1, 0xCA, 0xD4]), st.binary(max_size=48)), min_size=1))
def test_whatever_a_bmc_answers_there_is_an_inventory_of_plain_text(script: list[tuple[int, bytes]]) -> None:
    answered = 0

    def answers(command: tuple[int, int], data: bytes) -> tuple[int, bytes]:
        nonlocal answered
        answered += 1
        return script[answered % len(script)]

    inquiry: Any = DirectInquiry(answers)
    found = asyncio.run(identity.inventory(inquiry, bytes(range(11))))
    assert answered < 1000
    for word in found.properties().values():
        assert isinstance(word, str) and word and word.isprintable()


def test_the_fingerprint_is_of_firmware_and_records() -> None:
    device = bytes(range(15))
    told = identity.fingerprint(device, b"records")
    assert told == identity.fingerprint(device, b"records")
    assert told not in (identity.fingerprint(device, None), identity.fingerprint(device[:14], b"records"))


def test_a_user_who_may_only_read_gets_what_there_is_to_read() -> None:
    async def main() -> None:
        async with machine() as (driver, _, simulator):
            conductor = FakeManager([node(simulator, "reader", ipmi_priv_level="USER")])
            await driver.get_power_state(conductor.nodes(driver)[0])
            await conductor.run_task(driver, "collect_inventory")
            assert not conductor.failures
            assert conductor.properties["reader"]["serial_number"] == "SM7F140401"
            assert "bmc_mac_address" not in conductor.properties["reader"]

    run(main)


def test_a_bmc_with_nothing_but_its_firmware_tells_that(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bare, started() as driver:
            device = bytes((0x20, 1, 0x89, 0x08, 2, 0x80, 0, 0, 0, 0, 0))
            bare._execute = lambda _, command, data: (
                device if command == packet.GET_DEVICE_ID else b"\1\0\0\0"
            )
            for command in (
                packet.GET_FRU_INVENTORY_AREA_INFO,
                packet.GET_SDR_REPOSITORY_INFO,
                packet.GET_SYSTEM_INFO_PARAMETERS,
                packet.GET_LAN_CONFIGURATION_PARAMETERS,
            ):
                bare.codes[command] = 0xC1
            info = {"ipmi_address": bare.host, "ipmi_port": bare.port, "ipmi_username": "podium"}
            conductor = FakeManager(
                [base.Node("n1", "n1", "ipmi", driver_info=info | {"ipmi_password": "secret"})]
            )
            await driver.get_power_state(conductor.nodes(driver)[0])
            await conductor.run_task(driver, "collect_inventory")
            assert conductor.properties["n1"] == {"bmc_firmware_version": "9.08"}

    run(main)


# -- collect_sensors


def test_sensors_are_reported_with_values_and_statuses() -> None:
    async def main() -> None:
        async with machine("cooling-fault") as (driver, conductor, _):
            await conductor.run_task(driver, "collect_sensors")
            told = {sensor.name: sensor for sensor in conductor.sensors["n1"]}
            assert len(told) == 14
            for expected in (
                base.Sensor("CPU1 Temp", "temperature", 97.0, "Critical"),
                base.Sensor("CPU2 Temp", "temperature", 88.0, "Warning"),
                base.Sensor("FAN1", "fan", 0.0, "Critical"),
                base.Sensor("FAN2", "fan", 5400.0, "OK"),
                base.Sensor("12V", "voltage", 12.0, "OK"),
                base.Sensor("5VCC", "voltage", 5.03, "OK"),
                base.Sensor("System Power", "power", 360.0, "OK"),
                base.Sensor("PSU1 Current", "current", 0.8, "OK"),
            ):
                assert told[expected.name] == expected

    run(main)


def test_sensors_of_a_machine_that_is_off_have_no_values() -> None:
    async def main() -> None:
        async with machine(on=False) as (driver, conductor, _):
            await conductor.run_task(driver, "collect_sensors")
            told = {sensor.name: sensor.value for sensor in conductor.sensors["n1"]}
            assert (told["FAN1"], told["Inlet Temp"]) == (None, 21.0)

    run(main)


def test_sensors_are_reported_when_all_of_them_were_read() -> None:
    async def main() -> None:
        async with machine(kind=Modest) as (driver, conductor, _):
            runs = 0
            while "n1" not in conductor.sensors:
                await conductor.run_task(driver, "collect_sensors")
                runs += 1
            assert runs == 25 + 13  # records, and sensors of which the first comes with the last record
            assert [sensor.value for sensor in conductor.sensors["n1"]].count(None) == 0

    run(main)


@pytest.mark.parametrize("kind", [IPMIDriver, Modest, Hasty])
def test_a_person_has_all_sensors_read_however_many_inquiries_that_takes(kind: type[IPMIDriver]) -> None:
    async def main() -> None:
        async with Simulator(address_range(FIRST, 1)) as simulator:
            simulator.set_power(True, "1")
            driver = kind("ipmi", OPTIONS)
            await driver.start()
            try:
                found = await driver.get_sensors(node(simulator, "n1"))
            finally:
                await driver.close()
            assert len(found) == 14
            limits = base.Thresholds(lower_critical=600.0, lower_caution=900.0)
            assert base.Sensor("FAN2", "fan", 5400.0, "OK", limits) in found
            assert all(sensor.thresholds for sensor in found if sensor.kind == "temperature")

    run(main)


def test_a_person_has_sensors_read_anew_and_the_task_goes_on_where_it_was() -> None:
    async def main() -> None:
        async with machine(kind=Modest) as (driver, conductor, simulator):
            for _ in range(30):  # records, and some sensors
                await conductor.run_task(driver, "collect_sensors")
            simulator.set_fault("cooling-fault", "1")
            found = await driver.get_sensors(conductor.nodes(driver)[0])
            assert {one.name: one.status for one in found}["FAN1"] == "Critical"
            for _ in range(8):
                await conductor.run_task(driver, "collect_sensors")
            assert len(conductor.sensors["n1"]) == 14

    run(main)


@only_long
def test_a_person_learns_that_a_bmc_is_silent() -> None:
    async def main() -> None:
        async with machine() as (driver, conductor, simulator):
            simulator.set_fault("dead", "1")
            with pytest.raises(errors.BMCUnreachable):
                await driver.get_sensors(conductor.nodes(driver)[0])

    run(main)


@pytest.mark.parametrize("task", ["check_status", "collect_inventory", "collect_sensors"])
def test_no_task_opens_a_session_by_itself(task: str) -> None:
    async def main() -> None:
        rack = Simulator(address_range(FIRST, 1))
        async with rack as simulator, started() as driver:
            conductor = FakeManager([node(simulator, "n1")])
            await conductor.run_task(driver, task)
            assert not conductor.failures
            assert simulator.channel(FIRST).sessions_opened == 0

    run(main)
