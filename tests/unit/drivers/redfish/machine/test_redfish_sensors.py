"""What the sensors around a system say, in either of Redfish's two models."""

import asyncio
from typing import Any

import pytest

from bmc_tree import CHASSIS, EXPANDS, ROOT, SYSTEM, TreeBMC, collection, link, walk
from podium import errors
from podium.drivers.base import Sensor, Thresholds
from podium.drivers.redfish.machine import readings, sensors
from podium.drivers.redfish.machine.sensors import Places

TREE: dict[str, Any] = {SYSTEM: {"Links": {"Chassis": [link(CHASSIS)]}}}
ENABLED = {"State": "Enabled", "Health": "OK"}
NEWER: dict[str, Any] = {
    CHASSIS: {"Sensors": link("/sensors")},
    "/sensors": collection("/inlet", "/fan1", "/pwm1", "/watts", "/load"),
    "/inlet": {"Name": "Inlet", "ReadingType": "Temperature", "Reading": 24.5, "Status": ENABLED},
    "/fan1": {"Name": "Fan 1", "ReadingType": "Rotational", "Reading": 9000, "Status": ENABLED},
    "/pwm1": {"Name": "PWM 1", "PhysicalContext": "Fan", "ReadingUnits": "%", "Reading": 40},
    "/watts": {"Name": "Total", "ReadingType": "Power", "Reading": 350, "Status": {"Health": "Warning"}},
    "/load": {"Name": "CPU load", "ReadingType": "Percent", "Reading": 70, "Status": ENABLED},
}
OLDER: dict[str, Any] = {
    CHASSIS: {"Thermal": link("/thermal"), "Power": link("/power")},
    "/thermal": {
        "Temperatures": [
            {"Name": "CPU", "MemberId": "0", "ReadingCelsius": 60, "Status": ENABLED},
            {"Name": "DIMM", "MemberId": "1", "ReadingCelsius": 0, "Status": {"State": "Absent"}},
        ],
        "Fans": [
            {"Name": "Fan", "MemberId": "0", "Reading": 23, "ReadingUnits": "Percent", "Status": ENABLED},
            {"FanName": "Fan B", "ReadingRPM": 7000, "Status": ENABLED},
        ],
    },
    "/power": {
        "PowerControl": [{"MemberId": "0", "PowerConsumedWatts": 565}],
        "PowerSupplies": [
            {"Name": "PSU", "MemberId": "0", "LastPowerOutputWatts": 222, "LineInputVoltage": 209},
            {"Name": "PSU", "MemberId": "1", "Status": {"Health": "Critical", "State": "Enabled"}},
        ],
        "Voltages": [{"Name": "12V", "ReadingVolts": 12.1, "Status": ENABLED}],
    },
}


def read(tree: dict[str, Any], places: Places | None = None) -> tuple[dict[str, Sensor], list[str]]:
    bmc = TreeBMC({**TREE, **tree})
    found = asyncio.run(sensors.sensors(walk(bmc), SYSTEM, Places() if places is None else places))
    named = {sensor.name: sensor for sensor in found}
    assert len(named) == len(found)
    return named, bmc.asked


@pytest.mark.parametrize("root", [EXPANDS, {}], ids=["expanded", "one by one"])
def test_the_newer_model_has_a_resource_for_every_sensor(root: dict[str, Any]) -> None:
    found, _ = read({**NEWER, ROOT: root})
    assert list(found.values()) == [
        Sensor("Inlet", "temperature", 24.5),
        Sensor("Fan 1", "fan", 9000.0),
        Sensor("PWM 1", "fan_share", 40.0),
        Sensor("Total", "power", 350.0, "Warning"),
    ]


def test_the_older_model_has_them_all_in_two_resources() -> None:
    found, asked = read(OLDER)
    assert list(found.values()) == [
        Sensor("CPU", "temperature", 60.0),
        Sensor("Fan", "fan_share", 23.0),
        Sensor("Fan B", "fan", 7000.0),
        Sensor("Power consumption", "power", 565.0),
        Sensor("PSU", "power", 222.0),
        Sensor("PSU input", "voltage", 209.0),
        Sensor("PSU 1", "power", None, "Critical"),
        Sensor("12V", "voltage", 12.1),
    ]
    assert asked == [SYSTEM, CHASSIS, "/thermal", "/power"]


def test_excerpts_tell_where_there_is_nothing_else() -> None:
    tree = {
        CHASSIS: {"EnvironmentMetrics": link("/environment"), "ThermalSubsystem": link("/cooling")},
        "/environment": {
            "PowerWatts": {"Reading": 374, "DataSourceUri": "/x"},
            "TemperatureCelsius": {"Reading": 39},
            "FanSpeedsPercent": [{"DeviceName": "Fan #9", "Reading": 45, "SpeedRPM": 1900}],
        },
        "/cooling": {"ThermalMetrics": link("/metrics"), "Fans": link("/fans")},
        "/metrics": {"TemperatureReadingsCelsius": [{"DeviceName": "Intake", "Reading": 24.8}]},
        "/fans": collection("/fan"),
        "/fan": {"Name": "Bay 1", "SpeedPercent": {"Reading": 45}, "Status": ENABLED},
    }
    found, _ = read(tree)
    assert list(found.values()) == [
        Sensor("Intake", "temperature", 24.8),
        Sensor("Bay 1", "fan_share", 45.0),
        Sensor("Power consumption", "power", 374.0),
    ]


def test_later_walks_go_only_where_something_was_found() -> None:
    places = Places()
    first, _ = read(OLDER, places)
    second, asked = read(OLDER, places)
    assert second == first
    assert asked == ["/thermal", "/power"]


def test_a_place_that_has_nothing_any_more_has_all_be_searched_again() -> None:
    places = Places()
    read(OLDER, places)
    read({**NEWER, ROOT: EXPANDS}, places)
    found, _ = read({**NEWER, ROOT: EXPANDS}, places)
    assert "Inlet" in found


def test_a_bmc_that_takes_too_long_over_all_sensors_at_once_is_asked_for_the_older_resources() -> None:
    slow = {"/sensors?$expand=.($levels=1)": errors.BMCUnreachable("silence")}
    tree = {**OLDER, ROOT: EXPANDS, **slow, CHASSIS: {**OLDER[CHASSIS], "Sensors": link("/sensors")}}
    places = Places()
    assert "CPU" in read(tree, places)[0]
    assert read(tree, places)[1] == ["/thermal", "/power"]


def test_what_a_search_left_out_for_want_of_time_is_found_soon() -> None:
    many = {f"/f{n}": {"Name": f"F{n}", "SpeedPercent": {"Reading": n}} for n in range(100)}
    cooling = {"/cooling": {"Fans": link("/fans")}, "/fans": collection(*many), **many}
    bmc = TreeBMC({**TREE, CHASSIS: {"ThermalSubsystem": link("/cooling")}, **cooling})
    places = Places()
    assert len(asyncio.run(sensors.sensors(walk(bmc, requests=8), SYSTEM, places))) == 4
    for _ in range(11):
        found = asyncio.run(sensors.sensors(walk(bmc), SYSTEM, places))
    assert len(found) == 48
    assert CHASSIS in bmc.asked[-60:]


def test_a_chassis_around_it_counts_when_it_holds_no_other_system() -> None:
    rack = {"Thermal": link("/thermal"), "Links": {"ComputerSystems": [link(SYSTEM)]}}
    tree = {**OLDER, CHASSIS: {"Links": {"ContainedBy": link("/rack")}}, "/rack": rack}
    assert "CPU" in read(tree)[0]
    rack["Links"] = {"ComputerSystems": [link(SYSTEM), link(f"{SYSTEM}2")]}
    assert read(tree)[0] == {}


@pytest.mark.parametrize(
    ("thresholds", "value", "status"),
    [
        ({"UpperThresholdCritical": 90, "UpperThresholdNonCritical": 80}, 85, "Warning"),
        ({"UpperThresholdCritical": 90, "UpperThresholdNonCritical": 80}, 91, "Critical"),
        ({"LowerThresholdFatal": 5}, 4, "Critical"),
        ({"UpperThresholdCritical": 0, "LowerThresholdCritical": 0}, 40, "OK"),
        ({"Thresholds": {"UpperCaution": {"Reading": 42}, "UpperFatal": {}}}, 43, "Warning"),
        ({"Thresholds": {"UpperCaution": {"Reading": 42}}, "Status": {"Health": "OK"}}, 43, "OK"),
        ({"UpperThresholdCritical": 90, "Status": {"State": "UnavailableOffline"}}, 95, "OK"),
    ],
)
def test_thresholds_count_where_the_bmc_says_nothing_of_health(
    thresholds: dict[str, Any], value: float, status: str
) -> None:
    (reading,) = readings.of_thermal({"Temperatures": [{"ReadingCelsius": value, **thresholds}]})
    assert reading.status == status


@pytest.mark.parametrize(
    ("given", "thresholds"),
    [
        (
            {"Thresholds": {
                "LowerFatal": {"Reading": -5}, "LowerCritical": {"Reading": 0},
                "LowerCaution": {"Reading": 5},
                "UpperCaution": {"Reading": 85}, "UpperCritical": {"Reading": 95},
                "UpperFatal": {"Reading": 99.5},
            }},
            Thresholds(-5, 0, 5, 85, 95, 99.5),
        ),
        (
            {"LowerThresholdNonCritical": 3, "UpperThresholdCritical": 90, "UpperThresholdFatal": 0},
            Thresholds(lower_caution=3, upper_critical=90),
        ),
        ({"Thresholds": {"UpperCaution": {"Reading": "85"}, "UpperFatal": None}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_a_sensor_has_the_thresholds_of_either_model(
    given: dict[str, Any], thresholds: Thresholds | None
) -> None:
    (reading,) = readings.of_thermal({"Temperatures": [{"ReadingCelsius": 40, **given}]})
    assert reading.thresholds == thresholds


def test_a_sensor_of_a_machine_that_is_off_has_no_value() -> None:
    (reading,) = readings.of_sensors(
        [{"ReadingType": "Voltage", "Reading": 0, "Status": {"State": "StandbyOffline"}}]
    )
    assert reading.value is None


def test_names_are_told_apart_and_do_not_change_when_another_part_goes() -> None:
    supplies = [{"Name": "PSU", "MemberId": str(n), "LastPowerOutputWatts": n} for n in range(3)]
    fans = [{"Name": "Fan", "ReadingRPM": n} for n in (1, 2, 3)]
    tree = {**OLDER, "/thermal": {"Fans": fans}, "/power": {"PowerSupplies": supplies}}
    names = list(read(tree)[0])
    assert names == ["Fan", "Fan 2", "Fan 3", "PSU", "PSU 1", "PSU 2"]
    supplies[0]["Status"] = {"State": "Absent"}  # type: ignore[assignment]
    assert list(read(tree)[0]) == names[:3] + names[4:]


def test_there_are_at_most_256_sensors() -> None:
    fans = [{"Name": "Fan", "ReadingRPM": n} for n in range(5000)]
    temperatures = [{"Name": "Fan", "ReadingCelsius": n} for n in range(5000)]
    found, _ = read({**OLDER, "/thermal": {"Fans": fans, "Temperatures": temperatures}})
    assert len(found) == 256


def test_a_walk_makes_no_more_requests_than_it_may() -> None:
    many = {f"/s{n}": {"Name": f"T{n}", "ReadingType": "Temperature", "Reading": n} for n in range(300)}
    tree = {CHASSIS: {"Sensors": link("/sensors")}, "/sensors": collection(*many), **many}
    found, asked = read(tree)
    assert len(found) == 48
    assert len(asked) == 51


def test_a_walk_begins_nothing_after_its_time() -> None:
    async def late() -> list[str]:
        bmc = TreeBMC({**TREE, **OLDER})
        clock = iter((0.0, 1.0, 21.0, 22.0, 23.0)).__next__
        await sensors.sensors(sensors.Walk(bmc, 64, 20.0, clock), SYSTEM, Places())
        return bmc.asked

    assert asyncio.run(late()) == [SYSTEM, CHASSIS]


def test_a_login_refused_meanwhile_ends_it() -> None:
    with pytest.raises(errors.AuthenticationRefused):
        read({**OLDER, "/power": errors.AuthenticationRefused("no longer")})
