"""The log and the clock of simulated BMCs, as the driver reads, clears and sets them."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import pytest

import virtual_time
from podium import errors
from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.log import reading
from podium.simulator.bmc import BMC, Settings
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator

FIRST: Final = "127.20.12.1"
OPTIONS: Final = SimpleNamespace(
    command_retry_timeout=10,
    retransmit_interval=5,
    authentication_retry_interval=600,
    session_close_timeout=5,
    inventory_interval=86400,
)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.UDP)


@asynccontextmanager
async def machine(*faults: str, **changes: Any) -> AsyncIterator[tuple[IPMIDriver, base.Node, Simulator]]:
    """A simulated machine that is on, with its driver and its node."""
    placed = [f"{fault}:1" for fault in faults]
    async with Simulator(address_range(FIRST, 1), settings=Settings(**changes), placed=placed) as simulator:
        simulator.set_power(True, "1")
        driver = IPMIDriver("ipmi", OPTIONS)
        await driver.start()
        info = {"ipmi_address": FIRST, "ipmi_port": simulator.port}
        info |= {"ipmi_username": "admin", "ipmi_password": "podium-sim"}
        try:
            yield driver, base.Node("n1", "n1", "ipmi", driver_info=info), simulator
        finally:
            await driver.close()


def bmc_of(simulator: Simulator) -> BMC:
    return simulator.bmc(FIRST)


def log_events(simulator: Simulator, count: int = 1, sensor: str = "CPU1 Temp", offset: int = 9) -> None:
    simulator.add_event({"sensor": sensor, "offset": offset}, count, "1")


def ids(log: base.Log) -> list[int]:
    return [int(entry.id) for entry in log.entries]


def test_a_log_is_read_oldest_first_in_words_with_the_names_of_sensors() -> None:
    async def main() -> None:
        async with machine() as (driver, node, simulator):
            begun = datetime.now(UTC).replace(microsecond=0)
            log_events(simulator)
            log_events(simulator, sensor="PSU1 Status", offset=3)
            log = await driver.get_log(node, None, None, 2)
            crossed, lost = log.entries
            assert (crossed.sensor, crossed.severity) == ("CPU1 Temp", "Critical")
            assert crossed.message.endswith("above its upper critical threshold 95")
            assert (lost.sensor, lost.severity, lost.message) == ("PSU1 Status", "Critical", "input lost")
            assert int(lost.id) == int(crossed.id) + 1
            assert lost.at is not None and begun <= lost.at <= datetime.now(UTC)
            assert log.clock_offset is not None and abs(log.clock_offset) < 60

    run(main)


def test_a_long_log_is_read_in_pages_without_a_gap() -> None:
    async def main() -> None:
        async with machine(log_entries=3000) as (driver, node, simulator):
            log_events(simulator, 2500)
            found: list[int] = []
            before, more = None, True
            while more:
                log = await driver.get_log(node, before, None, 1000)
                found[:0] = ids(log)
                before, more = log.entries[0].id, log.more
            assert found == [*range(1, found[-1] + 1)] and len(found) >= 2500
            log_events(simulator, 3)
            assert ids(await driver.get_log(node, None, str(found[-1]), 1000)) == [
                *range(found[-1] + 1, found[-1] + 4)
            ]

    run(main)


def test_ids_that_no_entry_can_have_are_of_entries_that_are_gone() -> None:
    async def main() -> None:
        async with machine() as (driver, node, simulator):
            log_events(simulator, 3)
            everything = ids(await driver.get_log(node, None, None, 1000))
            for gone in ("0", "65535", "-1", "x", "", "²", "99999999999999999999"):
                assert ids(await driver.get_log(node, gone, gone, 1000)) == everything

    run(main)


@pytest.mark.parametrize("fault", ["clock-off=7200", "clock-off=-86400", "clock-unset"])
def test_how_far_a_clock_is_off_comes_with_the_log(fault: str) -> None:
    async def main() -> None:
        async with machine(fault) as (driver, node, simulator):
            log_events(simulator)
            log = await driver.get_log(node, None, None, 1)
            shown = await driver.get_clock(node)
            off = (shown - datetime.now(UTC)).total_seconds()
            assert log.clock_offset == pytest.approx(off, abs=60)
            if fault == "clock-unset":
                assert shown.year == 1970 and log.entries[0].at is None
            else:
                assert log.entries[0].at == pytest.approx(shown, abs=timedelta(seconds=60))
                assert off == pytest.approx(float(fault.partition("=")[2]), abs=60)

    run(main)


def test_a_clock_is_set_to_this_hosts_time() -> None:
    async def main() -> None:
        async with machine("clock-unset") as (driver, node, _):
            assert (await driver.get_clock(node)).year == 1970
            await driver.set_clock(node)
            assert abs(base.clock_offset(await driver.get_clock(node))) < 60

    run(main)


def test_a_clock_that_cannot_be_set_or_read_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with machine("clock-refuses", "clock-off=90") as (driver, node, simulator):
            with pytest.raises(errors.Unsupported, match="takes the time from NTP"):
                await driver.set_clock(node)
            with monkeypatch.context() as without:
                without.setattr(BMC, "execute", answering({packet.GET_SEL_TIME: (0xC1, b"")}))
                with pytest.raises(errors.Unsupported, match="Get SEL Time.*it has no clock"):
                    await driver.set_clock(node)
            log_events(simulator)
            none, short, lacking = (0, b"\xff\xff\xff\xff"), (0, b"\1"), (0xC1, b"")
            for answer, kind in (
                (none, errors.DriverError),
                (short, errors.DriverError),
                (lacking, errors.Unsupported),
            ):
                monkeypatch.setattr(BMC, "execute", answering({packet.GET_SEL_TIME: answer}))
                with pytest.raises(kind, match="does not know the time|has no clock"):
                    await driver.get_clock(node)
                assert (await driver.get_log(node, None, None, 1)).clock_offset is None

    run(main)


def test_a_clock_that_cannot_be_set_may_be_right() -> None:
    async def main() -> None:
        async with machine("clock-refuses") as (driver, node, _):
            await driver.set_clock(node)

    run(main)


def test_two_who_read_one_log_at_once_do_not_confuse_its_order() -> None:
    async def main() -> None:
        async with machine("odd-entry-ids", log_entries=300) as (driver, node, simulator):
            log_events(simulator, 250)
            both = await asyncio.gather(*(driver.get_log(node, None, None, limit) for limit in (10, 11)))
            whole = ids(await driver.get_log(node, None, None, 1000))
            assert len(whole) >= 250 and whole == sorted({*whole})
            assert [ids(one) for one in both] == [whole[-10:], whole[-11:]]

    run(main)


EXECUTE: Final = BMC.execute


def answering(answers: dict[tuple[int, int], tuple[int, bytes]]) -> Any:
    """A simulated BMC that answers some commands so, and others as ever."""

    def execute(bmc: BMC, netfn: int, command: int, data: bytes, privilege: int) -> Any:
        found = answers.get((netfn, command))
        return EXECUTE(bmc, netfn, command, data, privilege) if found is None else found

    return execute


@pytest.mark.parametrize(
    "faults", [(), ("no-reservations",), ("reserved-entries",), ("slow-erase=0.3",), ("no-last-entry",)]
)
def test_a_log_is_cleared_of_what_somebody_has_a_copy_of(
    faults: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(reading, "_GAP", 0.05)
        async with machine(*faults) as (driver, node, simulator):
            log_events(simulator, 3)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            with pytest.raises(errors.LogChanged, match=f"its log is {newest.id}, not 1; read the log again"):
                await driver.clear_log(node, "1")
            assert len(bmc_of(simulator).events) >= 3
            await driver.clear_log(node, newest.id)
            assert not len(bmc_of(simulator).events)
            assert await driver.get_log(node, None, None, 1) == base.Log([], False, pytest.approx(0, abs=60))
            await driver.clear_log(node, newest.id)  # which is empty already

    run(main)


def test_a_log_that_was_cleared_although_the_answer_was_lost_is_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with machine("clear-logged") as (driver, node, simulator):
            log_events(simulator, 3)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries

            def execute_twice(bmc: BMC, netfn: int, command: int, data: bytes, privilege: int) -> Any:
                if (netfn, command) == packet.CLEAR_SEL:
                    EXECUTE(bmc, netfn, command, data, privilege)
                return EXECUTE(bmc, netfn, command, data, privilege)

            monkeypatch.setattr(BMC, "execute", execute_twice)
            await driver.clear_log(node, newest.id)
            assert len(bmc_of(simulator).events) == 1

    run(main)


def test_a_log_that_is_still_there_was_not_cleared() -> None:
    async def main() -> None:
        async with machine("clear-lies") as (driver, node, simulator):
            log_events(simulator, 3)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            with pytest.raises(
                errors.DriverError, match="accepted that its log is cleared, but still has its"
            ):
                await driver.clear_log(node, newest.id)

    run(main)


def test_a_full_log_that_goes_on_was_not_cleared() -> None:
    async def main() -> None:
        async with machine("clear-lies", "clear-logged", "log-wraps", log_entries=4) as (driver, node, sim):
            log_events(sim, 6)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            with pytest.raises(errors.DriverError, match="still has its 4 entries"):
                await driver.clear_log(node, newest.id)
            assert newest in (await driver.get_log(node, None, None, 4)).entries

    run(main)


def test_a_log_that_grew_past_what_it_had_was_cleared_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with machine() as (driver, node, simulator):
            log_events(simulator)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            described = EXECUTE(bmc_of(simulator), *packet.GET_SEL_INFO, b"", packet.PRIVILEGE_OPERATOR)[1]

            def execute(bmc: BMC, netfn: int, command: int, data: bytes, privilege: int) -> Any:
                found = EXECUTE(bmc, netfn, command, data, privilege)
                if (netfn, command) == packet.CLEAR_SEL and data[5] == 0xAA:
                    log_events(simulator, 3, "PSU1 Status", 3)
                if (netfn, command) == packet.GET_SEL_INFO:  # which does not say when it was cleared
                    return found[0], found[1][:9] + described[9:]
                return found

            monkeypatch.setattr(BMC, "execute", execute)
            await driver.clear_log(node, newest.id)
            assert ids(await driver.get_log(node, None, None, 9)) == [1, 2, 3]

    run(main)


@pytest.mark.parametrize("seconds", [0.1, 20.0])
def test_a_log_that_cannot_be_read_while_it_is_erased_is_looked_at_later(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(reading, "_GAP", 0.02)
        monkeypatch.setattr(reading, "_ERASING", seconds)
        async with machine() as (driver, node, simulator):
            log_events(simulator)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            looks = iter(range(5 if seconds > 1 else 10**6))

            def execute(bmc: BMC, netfn: int, command: int, data: bytes, privilege: int) -> Any:
                erasing = not len(bmc_of(simulator).events) and (netfn, command) == packet.GET_SEL_INFO
                if erasing and next(looks, None) is not None:
                    return 0x81, b""
                return EXECUTE(bmc, netfn, command, data, privilege)

            monkeypatch.setattr(BMC, "execute", execute)
            if seconds > 1:
                await driver.clear_log(node, newest.id)
            else:
                with pytest.raises(
                    errors.BMCUnreachable, match="whether it was cannot be read.*being erased"
                ):
                    await driver.clear_log(node, newest.id)

    run(main)


def test_a_log_that_others_read_all_the_time_is_not_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with machine("reserved-entries") as (driver, node, simulator):
            log_events(simulator)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            turns = itertools.cycle([True, False])

            def execute(bmc: BMC, netfn: int, command: int, data: bytes, privilege: int) -> Any:
                if (netfn, command) == packet.GET_SEL_ENTRY and next(turns):
                    EXECUTE(bmc, *packet.RESERVE_SEL, b"", privilege)
                return EXECUTE(bmc, netfn, command, data, privilege)

            monkeypatch.setattr(BMC, "execute", execute)
            with pytest.raises(errors.DriverError, match="changes all the time, or others read it"):
                await driver.clear_log(node, newest.id)
            assert len(bmc_of(simulator).events)

    run(main)


def test_a_log_of_which_only_a_part_can_be_read_is_not_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with machine("no-last-entry") as (driver, node, simulator):
            log_events(simulator, 3)

            def execute(bmc: BMC, netfn: int, command: int, data: bytes, privilege: int) -> Any:
                code, answer = EXECUTE(bmc, netfn, command, data, privilege)
                if (netfn, command) == packet.GET_SEL_ENTRY and answer[2:3] == b"\2":
                    answer = b"\xff\xff" + answer[2:]
                return code, answer

            monkeypatch.setattr(BMC, "execute", execute)
            log = await driver.get_log(node, None, None, 1000)
            assert (ids(log), log.more) == ([1, 2], True)
            with pytest.raises(errors.Unsupported, match="entries that its log has, only 2 can be read"):
                await driver.clear_log(node, "2")
            assert len(bmc_of(simulator).events) >= 3

    run(main)


def test_a_log_with_one_entry_that_says_that_it_was_cleared_was_cleared() -> None:
    async def main() -> None:
        async with machine("clear-logged") as (driver, node, simulator):
            log_events(simulator)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            await driver.clear_log(node, newest.id)
            (found,) = (await driver.get_log(node, None, None, 1000)).entries
            assert found.message == "log cleared"

    run(main)


def test_an_entry_that_comes_in_before_a_log_is_cleared_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with machine() as (driver, node, simulator):
            log_events(simulator, 3)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            kept = len(bmc_of(simulator).events) + 1

            def execute(bmc: BMC, netfn: int, command: int, data: bytes, privilege: int) -> Any:
                if (netfn, command) == packet.CLEAR_SEL:
                    monkeypatch.setattr(BMC, "execute", EXECUTE)
                    log_events(simulator)
                return EXECUTE(bmc, netfn, command, data, privilege)

            monkeypatch.setattr(BMC, "execute", execute)
            with pytest.raises(errors.LogChanged):
                await driver.clear_log(node, newest.id)
            assert len(bmc_of(simulator).events) == kept

    run(main)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ((0xC1, b""), errors.Unsupported, "does not let others clear its log"),
        ((0xC5, b""), errors.DriverError, "reservation canceled"),
        ((0xFF, b""), errors.DriverError, "refused Clear SEL"),
        ((0, b"\x00"), errors.DriverError, "has been erasing its log for 0.1 s"),
    ],
)
def test_a_log_that_is_not_cleared_says_why(
    answer: tuple[int, bytes], kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        monkeypatch.setattr(reading, "_GAP", 0.05)
        monkeypatch.setattr(reading, "_ERASING", 0.1)
        async with machine() as (driver, node, simulator):
            log_events(simulator)
            (newest,) = (await driver.get_log(node, None, None, 1)).entries
            monkeypatch.setattr(BMC, "execute", answering({packet.CLEAR_SEL: answer}))
            with pytest.raises(kind, match=words):
                await driver.clear_log(node, newest.id)

    run(main)


@pytest.mark.parametrize("answer", [(0xC1, b""), (0, b"\x51"), (0xC3, b"")])
def test_without_sensor_records_a_sensor_has_its_type_and_number(
    answer: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with machine() as (driver, node, simulator):
            log_events(simulator)
            monkeypatch.setattr(BMC, "execute", answering({packet.GET_SDR_REPOSITORY_INFO: answer}))
            (found,) = (await driver.get_log(node, None, None, 1)).entries
            assert found.sensor == "temperature 01h" and found.raw

    run(main)


def test_a_login_that_is_refused_is_not_tried_again_for_the_same_log(fake_bmc: Any) -> None:
    async def main() -> None:
        opened = []
        for read in ("get_power_state", "get_log"):
            async with fake_bmc() as bmc:
                bmc.password = b"another"
                info = {"ipmi_address": bmc.host, "ipmi_port": bmc.port}
                info |= {"ipmi_username": "podium", "ipmi_password": "secret"}
                node = base.Node("n1", "n1", "ipmi", driver_info=info)
                driver = IPMIDriver("ipmi", OPTIONS)
                await driver.start()
                try:
                    wanted = (None, None, 1) if read == "get_log" else ()
                    with pytest.raises(errors.AuthenticationRefused):
                        await getattr(driver, read)(node, *wanted)
                finally:
                    await driver.close()
                opened.append(bmc.opened)
        assert opened[0] == opened[1] > 0

    run(main)
