"""Trees of resources built from bytes, and every walk over such a tree, for fuzzers."""

import contextlib
import json
from typing import Any

from bmc_tree import CHASSIS, MANAGER, ROOT, SYSTEM, TreeBMC, TreeSystem, walk
from podium import errors
from podium.drivers import base
from podium.drivers.redfish.abilities import boot_device, clock, indicator, log
from podium.drivers.redfish.machine import health, inventory, sensors
from podium.drivers.redfish.machine.sensors import Places

WORDS = [
    "OK", "Warning", "Critical", "Enabled", "Absent", "UnavailableOffline", "On", "CPU", "Temperature",
    "Percent", "Rotational", "%", "Fan", "RPM", "BMC", "HardwareIntrusion", "AA:BB:CC:DD:EE:01", "192.0.2.1",
    "LinkUp", "SEL", "Pxe", "Once", "UEFI", "2024-05-01T12:00:00", "1970-01-01T00:00:00Z", "+02:00",
]  # fmt: skip
ODD = [
    "", " \x00\n", "\ud800", "x" * 3000, "//evil", "http://192.0.2.66/", None, True, False, 0, 1, -5, 72,
    10**400, 1e308, 12.5, float("nan"), float("-inf"), [], {}, [[[]]],
]  # fmt: skip

# The values of properties: one of these words, a resource, an array of resources, or the meaning of a name.
LINKS = {
    "Chassis": CHASSIS, "Managers": MANAGER, "ContainedBy": "/enclosure", "Sensors": "/sensors",
    "Thermal": "/thermal", "Power": "/power", "ThermalSubsystem": "/cooling", "PowerSubsystem": "/supply",
    "EnvironmentMetrics": "/environment", "ThermalMetrics": "/metrics", "Fans": "/fans",
    "PowerSupplies": "/fans", "Processors": "/cpus", "Memory": "/cpus", "Storage": "/fans",
    "LogServices": "/logs", "Entries": "/entries", "SettingsObject": SYSTEM,
    "EthernetInterfaces": "/nics", "OriginOfCondition": "/fan", "@odata.id": "/fan",
}  # fmt: skip
OBJECTS = {
    "Status": ["Health", "HealthRollup", "State", "Conditions[]"],
    "Links": ["Chassis[]", "ManagedBy[]", "ContainedBy", "ComputerSystems[]"],
    "ProtocolFeaturesSupported": ["ExpandQuery"],
    "ExpandQuery": ["NoLinks", "Levels", "ExpandAll"],
    "ProcessorSummary": ["Count", "LogicalProcessorCount", "Model", "Status"],
    "MemorySummary": ["TotalSystemMemoryGiB", "Status"],
    "PhysicalSecurity": ["IntrusionSensor"],
    "Thresholds": ["UpperCritical", "LowerCaution"],
    "Boot": [
        "BootSourceOverrideTarget",
        "BootSourceOverrideEnabled",
        "BootSourceOverrideMode",
        "BootSourceOverrideTarget@Redfish.AllowableValues",
    ],
    "@Redfish.Settings": ["SettingsObject"],
    **dict.fromkeys(("UpperCritical", "LowerCaution"), ["Reading"]),
    **dict.fromkeys(("PowerWatts", "TemperatureCelsius", "SpeedPercent"), ["Reading", "SpeedRPM", "Status"]),
}
READING = ["Name", "Name", "MemberId", "Id", "Status", "Status", "Thresholds", "UpperThresholdCritical"]
ENTRIES = {
    "Conditions[]": ["Message", "MessageId", "MessageArgs[]", "Severity", "OriginOfCondition"],
    "Temperatures[]": [*READING, "ReadingCelsius"],
    "Fans[]": [*READING, "Reading", "ReadingUnits", "ReadingRPM", "FanName"],
    "PowerControl[]": [*READING, "PowerConsumedWatts"],
    "PowerSupplies[]": [*READING, "LastPowerOutputWatts", "LineInputVoltage"],
    "Voltages[]": [*READING, "ReadingVolts"],
    "FanSpeedsPercent[]": ["DeviceName", "Reading", "SpeedRPM"],
    "TemperatureReadingsCelsius[]": ["DeviceName", "Reading"],
    "IPv4Addresses[]": ["Address"],
    "Parts[]": [*READING, "Parts[]"],
}
COLLECTION = ["Members[]", "Members[]", "Members[]", "Members@odata.nextLink"]
RESOURCES = {
    ROOT: ["Chassis", "Managers", "ProtocolFeaturesSupported"],
    SYSTEM: [
        "Status", "Links", "PowerState", "SerialNumber", "Model", "ProcessorSummary", "MemorySummary",
        "Memory", "Processors", "EthernetInterfaces", "Storage", "Parts[]", "Boot", "@Redfish.Settings",
        "LocationIndicatorActive", "IndicatorLED", "LogServices",
    ],
    CHASSIS: [
        "Status", "Links", "PhysicalSecurity", "Thermal", "Power", "Sensors", "EnvironmentMetrics",
        "ThermalSubsystem", "PowerSubsystem", "Name", "Members[]",
    ],
    "/enclosure": ["Links", "Sensors", "Thermal", "Power"],
    MANAGER: [
        "Status", "ManagerType", "FirmwareVersion", "EthernetInterfaces", "Members[]", "DateTime",
        "DateTimeLocalOffset", "LogServices",
    ],
    "/thermal": ["Temperatures[]", "Fans[]", "Status"],
    "/power": ["PowerControl[]", "PowerSupplies[]", "Voltages[]"],
    "/cooling": ["ThermalMetrics", "Fans", "Status"],
    "/supply": ["PowerSupplies", "Status"],
    "/environment": ["PowerWatts", "TemperatureCelsius", "FanSpeedsPercent[]"],
    "/metrics": ["TemperatureReadingsCelsius[]"],
    **dict.fromkeys(("/sensors", "/fans", "/cpus", "/nics", "/logs"), COLLECTION),
    "/entries": [*COLLECTION, "Members@odata.count"],
    "/log": ["@odata.id", "Id", "Name", "Entries", "Entries", "DateTime", "LogEntryType", "ServiceEnabled"],
    "/entry": ["@odata.id", "Id", "Created", "Severity", "Message", "MessageId", "MessageArgs[]", "Links"],
    "/sensor": [*READING, "ReadingType", "ReadingUnits", "Reading", "PhysicalContext"],
    "/fan": [*READING, "SpeedPercent"],
    "/cpu": ["ProcessorType", "TotalThreads", "Model", "Status"],
    "/nic": ["MACAddress", "PermanentMACAddress", "IPv4Addresses[]", "InterfaceEnabled", "LinkStatus"],
}  # fmt: skip
MEMBERS = {
    "/sensors": "/sensor",
    "/fans": "/fan",
    "/cpus": "/cpu",
    "/nics": "/nic",
    "/logs": "/log",
    "/entries": "/entry",
}
PATHS = list(RESOURCES)


class Bytes:
    """Choices determined by bytes. Once the bytes are used up, it is always the first choice."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, limit: int) -> int:
        return next(self._data, 0) % limit

    def of(self, choices: list[Any]) -> Any:
        return choices[self.below(len(choices))]


def tree(data: bytes) -> dict[str, Any]:
    """Return resources by path. They have the right properties, mostly with valid values."""
    choices = Bytes(data)
    return {path: _object(choices, path, keys) for path, keys in RESOURCES.items()}


def _object(choices: Bytes, place: str, keys: list[str]) -> dict[str, Any]:
    """:param place: the path of the resource, or the name of the property"""
    wanted = [key for key in keys if choices.below(4)]
    return {key.removesuffix("[]"): _value(choices, place, key) for key in wanted}


def _value(choices: Bytes, place: str, key: str) -> Any:
    if not choices.below(16):
        return choices.of(ODD)
    if key in OBJECTS:
        return _object(choices, key, OBJECTS[key])
    if key in ENTRIES:
        return [_object(choices, key, ENTRIES[key]) for _ in range(choices.below(5))]
    if key.endswith("[]"):
        return [_link(choices, place, key.removesuffix("[]")) for _ in range(choices.below(5))]
    if key in LINKS:
        return _link(choices, place, key)
    if key == "Members@odata.nextLink":
        return choices.of(PATHS)
    if place == "ExpandQuery":
        return True
    return choices.of(WORDS) if choices.below(2) else choices.below(256)


def _link(choices: Bytes, place: str, key: str) -> Any:
    sort = choices.below(16)
    if sort == 0:
        return {"@odata.id": choices.of(ODD)}
    if sort == 1:
        return {"@odata.id": choices.of(PATHS)}
    path = MEMBERS.get(place, CHASSIS) if key == "Members" else LINKS.get(key, MANAGER)
    if sort == 2:
        return _object(choices, path, RESOURCES[path])
    return {"@odata.id": path}


async def explore(documents: dict[str, Any]) -> None:
    """Take every walk, and check its results against the guarantees to its users.

    :raises AssertionError: if a walk breaks a guarantee
    """
    bmc = TreeBMC(documents)
    system, places = documents[SYSTEM], Places()
    with contextlib.suppress(errors.DriverError):
        _judge_health(await health.health(walk(bmc), system, SYSTEM))
    properties = (await inventory.inventory(walk(bmc), system, "192.0.2.1")).properties()
    assert len(json.dumps([properties, inventory.fingerprint(system)], allow_nan=False).encode()) < 8192
    for _ in range(3):
        _judge_sensors(await sensors.sensors(walk(bmc), SYSTEM, places))
    assert len(bmc.asked) <= 5 * 64
    assert len(places.found) <= 4 * 8
    await _ask_for_the_rest(documents)


async def _ask_for_the_rest(documents: dict[str, Any]) -> None:
    system: Any = TreeSystem(documents)
    for asked in (
        boot_device.read(system),
        boot_device.choose(system, base.BootDevice("pxe", mode="bios")),
        indicator.show(system, lit=True),
        clock.read(system),
        clock.adjust(system),
        log.read(system, None, None, 100),
        log.read(system, "OK", "7", 3),
    ):
        with contextlib.suppress(errors.DriverError):
            found = await asked
            if isinstance(found, base.Log):
                assert len({entry.id for entry in found.entries}) == len(found.entries) <= 100
    assert len(system.bmc.asked) <= 7 * 400


def _judge_health(found: base.Health | None) -> None:
    if found is None:
        return
    assert found.status in ("OK", "Warning", "Critical")
    assert found.reasons or found.status == "OK"
    assert len(found.reasons) <= 16
    assert all(reason and len(reason) <= 200 and reason.isprintable() for reason in found.reasons)


def _judge_sensors(found: list[base.Sensor]) -> None:
    assert len({sensor.name for sensor in found}) == len(found) <= 256
    assert {sensor.kind for sensor in found} <= base.SENSOR_KINDS.keys()
    assert {sensor.status for sensor in found} <= {"OK", "Warning", "Critical"}
    assert all(sensor.name.isprintable() and len(sensor.name) <= 128 for sensor in found)
    assert all(sensor.value is None or abs(sensor.value) < 1e16 for sensor in found)
