"""The clock of a BMC that speaks Redfish: how it is read, set and reported."""

import datetime
from typing import Any

import pytest

from podium import errors
from podium.drivers import base
from podium.drivers.redfish.abilities.moments import moment, zone
from podium.testing import FakeManager

SYSTEM, MANAGER = "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
LINKS = {"Links": {"ManagedBy": [{"@odata.id": MANAGER}]}}


def ahead(clock: datetime.datetime) -> float:
    return (clock - datetime.datetime.now(datetime.UTC)).total_seconds()


@pytest.mark.parametrize(
    "faults", ["clock-off=7200", "clock-off=-90", "clock-unset", "clock-off=60 local-times",
               "clock-off=60 demands-etags", "clock-off=60 pages", "clock-off=60 renamed"],
)  # fmt: skip
def test_a_clock_is_read_and_set(simulated: Any, faults: str) -> None:
    async def use(stage: Any) -> None:
        before = await stage.driver.get_clock(stage.node)
        assert abs(ahead(before)) > 30
        await stage.driver.set_clock(stage.node)
        assert abs(ahead(await stage.driver.get_clock(stage.node))) < 30

    simulated(faults, use)


def test_a_clock_that_takes_no_time_is_told_with_what_may_be_the_reason(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        with pytest.raises(errors.DriverError, match=r"follows a server; .* \(NTP\)"):
            await stage.driver.set_clock(stage.node)

    simulated("clock-off=90 clock-refuses", use)


def test_a_clock_is_reported_once_an_hour(simulated: Any) -> None:
    async def use(stage: Any) -> None:
        manager = FakeManager([stage.node])
        for _ in range(2):
            await stage.driver.get_power_state(stage.node)
            await manager.run_task(stage.driver, "check_status")
        assert 60 < ahead(manager.clocks[stage.node.name]) < 91
        manager.clocks.clear()
        await manager.run_task(stage.driver, "check_status")
        assert manager.clocks == {}

    simulated("clock-off=90", use)


@pytest.mark.parametrize(
    "manager", [{}, {"DateTime": None}, {"DateTime": "now"}, {"DateTime": "0000-00-00T00:00:00Z"}]
)
def test_a_bmc_that_does_not_say_what_time_it_is_has_no_clock(
    documented: Any, manager: dict[str, Any]
) -> None:
    async def use(stage: Any) -> None:
        for asked in (stage.driver.get_clock, stage.driver.set_clock):
            with pytest.raises(errors.Unsupported, match="does not say what time"):
                await asked(stage.node)
        conductor = FakeManager([stage.node])
        await stage.driver.get_power_state(stage.node)
        await conductor.run_task(stage.driver, "check_status")
        assert (conductor.clocks, conductor.failures) == ({}, [])

    documented(use, {SYSTEM: LINKS, MANAGER: manager})


def test_of_several_managers_the_bmc_counts(documented: Any) -> None:
    async def use(stage: Any) -> None:
        assert (await stage.driver.get_clock(stage.node)).year == 2024

    others = [{"@odata.id": f"/redfish/v1/Managers/{name}"} for name in ("gone", "rack")]
    rack = {"ManagerType": "RackManager", "DateTime": "2011-01-01T00:00:00Z"}
    bmc = {"ManagerType": "BMC", "DateTime": "2024-01-01T00:00:00Z"}
    links = {"Links": {"ManagedBy": [*others, {"@odata.id": MANAGER}]}}
    documented(use, {SYSTEM: links, MANAGER: bmc, "/redfish/v1/Managers/rack": rack})


@pytest.mark.parametrize(
    ("text", "offset", "read"),
    [
        ("2024-05-01T12:00:00Z", None, "2024-05-01T12:00:00+00:00"),
        ("2024-05-01T12:00:00+02:00", "+05:00", "2024-05-01T12:00:00+02:00"),
        ("2024-05-01T12:00:00", "+02:00", "2024-05-01T12:00:00+02:00"),
        ("2024-05-01T12:00:00", "-0330", "2024-05-01T12:00:00-03:30"),
        ("2024-05-01T12:00:00", "Z07:00", "2024-05-01T12:00:00+00:00"),
        ("2024-05-01 12:00:00 +0200", None, "2024-05-01T12:00:00+02:00"),
        ("2024-05-01T12:00:00.123456789Z", None, "2024-05-01T12:00:00.123456+00:00"),
        ("1970-01-01T00:03:00+00:00", None, "1970-01-01T00:03:00+00:00"),
        ("2024-05-01T12:00:00", "+99:99", "2024-05-01T12:00:00+00:00"),
        ("0001-01-01T00:00:00+02:00", None, None),
        ("9999-12-31T23:59:59-02:00", None, None),
        ("2024-13-01T12:00:00Z", None, None),
        ("", None, None),
        (["2024-05-01T12:00:00Z"], None, None),
        (float("nan"), None, None),
    ],
)
def test_times_are_understood_with_and_without_an_offset(text: Any, offset: Any, read: str | None) -> None:
    body = {"DateTime": text, "DateTimeLocalOffset": offset}
    found = moment(body, "DateTime", zone(body))
    assert (found and found.isoformat()) == read


def test_a_time_is_sent_in_the_form_in_which_the_bmc_has_its_own(documented: Any) -> None:
    async def use(stage: Any) -> None:
        bmc = stage.bmc
        for present, end in (("2024-05-01T12:00:00Z", "Z"), ("2024-05-01T12:00:00+02:00", "+02:00")):
            bmc.resources[MANAGER]["DateTime"] = present
            bmc.answer = lambda request: bmc.reply(204) if request.method == "PATCH" else None
            await stage.driver.set_clock(stage.node)
            (*_, last) = bmc.asked(MANAGER, "PATCH")
            assert last.body["DateTime"].endswith(end)
            assert abs(ahead(datetime.datetime.fromisoformat(last.body["DateTime"]))) < 30

    documented(use, {SYSTEM: LINKS, MANAGER: {}})


def test_what_a_bmc_may_do_is_known_from_the_driver() -> None:
    from podium.drivers.redfish.driver import RedfishDriver

    able = {ability for ability in base.ABILITIES if base.can(RedfishDriver, ability)}
    assert able >= {"boot device", "identify", "clock", "set clock", "sensors"}
