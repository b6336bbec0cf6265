"""The chassis of a simulated machine: its sensors, fans, power supplies and drives.

The sensors are in Sensors, ThermalSubsystem and EnvironmentMetrics, and in the older resources, see
:mod:`podium.simulator.redfish.older`.
"""

from dataclasses import dataclass
from typing import Final

from podium.simulator.faults import Faults
from podium.simulator.redfish import indicator
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import Document, Routes, collection, head, link
from podium.simulator.redfish.health import part_status, rollup, status
from podium.simulator.redfish.machine import OFF
from podium.simulator.redfish.systems import serial_number

ROUTES: Final = Routes()
_NEWER: Final = ("ThermalSubsystem", "PowerSubsystem", "EnvironmentMetrics", "Sensors")
_OLDER: Final = ("Thermal", "Power")
SUPPLIES: Final = ("PSU1", "PSU2")
SUPPLY_WATTS: Final = 800
_FULL_SPEED: Final = 15000  # RPM


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor.

    :param on: its reading while the machine is on
    :param off: its reading while the machine is off
    :param hot: its reading while the machine is on with a cooling fault
    :param thresholds: by their names in the schema Sensor
    """

    name: str
    type: str
    units: str
    context: str
    on: float
    off: float
    hot: float
    thresholds: dict[str, float]

    @property
    def id(self) -> str:
        """The sensor's name in paths."""
        return self.name.replace(" ", "")


_HOT: Final = {"UpperCaution": 85.0, "UpperCritical": 95.0}
SENSORS: Final = {
    sensor.id: sensor
    for sensor in (
        Sensor("Inlet Temp", "Temperature", "Cel", "Intake", 24.0, 23.0, 24.0,
               {"UpperCaution": 40.0, "UpperCritical": 45.0}),
        Sensor("CPU1 Temp", "Temperature", "Cel", "CPU", 58.0, 25.0, 97.0, _HOT),
        Sensor("CPU2 Temp", "Temperature", "Cel", "CPU", 56.0, 25.0, 56.0, _HOT),
        Sensor("Fan1", "Rotational", "RPM", "SystemBoard", 7800.0, 0.0, 0.0, {"LowerCritical": 500.0}),
        Sensor("Fan2", "Rotational", "RPM", "SystemBoard", 7740.0, 0.0, 12900.0, {"LowerCritical": 500.0}),
        Sensor("12V", "Voltage", "V", "SystemBoard", 12.1, 12.2, 12.1,
               {"LowerCritical": 11.0, "UpperCritical": 13.0}),
        Sensor("Power Consumption", "Power", "W", "Chassis", 214.0, 12.0, 214.0, {}),
    )
}  # fmt: skip
FANS: Final = [id for id, sensor in SENSORS.items() if sensor.type == "Rotational"]
TEMPERATURES: Final = [id for id, sensor in SENSORS.items() if sensor.type == "Temperature"]


def reading(bmc: BMC, system: str, id: str) -> float:
    """Return the present reading of a sensor."""
    sensor = SENSORS[id]
    if bmc.machines[system].power == OFF:
        return sensor.off
    return sensor.hot if bmc.faults.cooling_fault else sensor.on


def sensor_status(bmc: BMC, system: str, id: str) -> Document:
    """Return the Status of a sensor. Fans that stand still while the machine is off are OK."""
    if bmc.machines[system].power == OFF and SENSORS[id].type == "Rotational":
        return status()
    value, thresholds = reading(bmc, system, id), SENSORS[id].thresholds
    if value >= thresholds.get("UpperCritical", float("inf")) or value <= thresholds.get(
        "LowerCritical", float("-inf")
    ):
        return status("Critical")
    return status("Warning" if value >= thresholds.get("UpperCaution", float("inf")) else "OK")


@ROUTES.at("/Chassis")
def _chassis_collection(bmc: BMC) -> Document:
    return collection("Chassis", "/Chassis", list(bmc.machines))


@ROUTES.at("/Chassis/{system}")
def _chassis(bmc: BMC, system: str) -> Document:
    path = f"/Chassis/{system}"
    return {
        **head("Chassis", "1_25_1", system, f"Chassis {system}"),
        "ChassisType": "RackMount",
        "Manufacturer": "Podium",
        "Model": "Simulated Server",
        "SerialNumber": serial_number(bmc, system),
        "PowerState": "Off" if bmc.machines[system].power == OFF else "On",
        "PhysicalSecurity": {
            "IntrusionSensor": "HardwareIntrusion" if bmc.faults.intrusion else "Normal",
            "IntrusionSensorReArm": "Manual",
        },
        "Status": rollup(bmc.faults, f"/redfish/v1{path}"),
        **{name: link(f"{path}/{name}") for name in _shown(bmc)},
        **indicator.document(bmc, system, chassis=True),
        "Drives": link(f"{path}/Drives"),
        "Links": {"ComputerSystems": [link(f"/Systems/{system}")], "ManagedBy": [link("/Managers/BMC")]},
    }


def _shown(bmc: BMC) -> tuple[str, ...]:
    """Return the links from a chassis to its sensors."""
    if "sensors" in bmc.faults.lacks:
        return ()
    return _OLDER if bmc.faults.old_sensors else (*_NEWER, *_OLDER)


@ROUTES.at("/Chassis/{system}/Sensors")
def _sensors(bmc: BMC, system: str) -> Document:
    return collection("Sensor", f"/Chassis/{system}/Sensors", list(SENSORS))


@ROUTES.at("/Chassis/{system}/Sensors/{id}")
def _sensor(bmc: BMC, system: str, id: str) -> Document | None:
    sensor = SENSORS.get(id)
    if sensor is None:
        return None
    return {
        **head("Sensor", "1_9_1", id, sensor.name),
        "ReadingType": sensor.type,
        "ReadingUnits": sensor.units,
        "PhysicalContext": sensor.context,
        "Reading": reading(bmc, system, id),
        "Thresholds": {name: {"Reading": value} for name, value in sensor.thresholds.items()},
        "Status": sensor_status(bmc, system, id),
    }


def _excerpt(bmc: BMC, system: str, id: str) -> Document:
    """Return the excerpt of a sensor for other resources."""
    return {
        "DataSourceUri": f"/redfish/v1/Chassis/{system}/Sensors/{id}",
        "DeviceName": SENSORS[id].name,
        "Reading": reading(bmc, system, id),
    }


def _speed(bmc: BMC, system: str, id: str) -> Document:
    rpm = reading(bmc, system, id)
    return {**_excerpt(bmc, system, id), "Reading": round(100 * rpm / _FULL_SPEED), "SpeedRPM": rpm}


@ROUTES.at("/Chassis/{system}/EnvironmentMetrics")
def _environment_metrics(bmc: BMC, system: str) -> Document:
    return {
        **head("EnvironmentMetrics", "1_3_2", "EnvironmentMetrics", "Environment Metrics"),
        "PowerWatts": _excerpt(bmc, system, "PowerConsumption"),
        "TemperatureCelsius": _excerpt(bmc, system, "InletTemp"),
        "FanSpeedsPercent": [_speed(bmc, system, id) for id in FANS],
    }


@ROUTES.at("/Chassis/{system}/ThermalSubsystem")
def _thermal_subsystem(bmc: BMC, system: str) -> Document:
    path = f"/Chassis/{system}/ThermalSubsystem"
    return {
        **head("ThermalSubsystem", "1_3_2", "ThermalSubsystem", "Thermal Subsystem"),
        "Fans": link(f"{path}/Fans"),
        "ThermalMetrics": link(f"{path}/ThermalMetrics"),
        "Status": status(),
    }


@ROUTES.at("/Chassis/{system}/ThermalSubsystem/ThermalMetrics")
def _thermal_metrics(bmc: BMC, system: str) -> Document:
    return {
        **head("ThermalMetrics", "1_3_1", "ThermalMetrics", "Thermal Metrics"),
        "TemperatureReadingsCelsius": [_excerpt(bmc, system, id) for id in TEMPERATURES],
    }


@ROUTES.at("/Chassis/{system}/ThermalSubsystem/Fans")
def _fans(bmc: BMC, system: str) -> Document:
    return collection("Fan", f"/Chassis/{system}/ThermalSubsystem/Fans", FANS)


@ROUTES.at("/Chassis/{system}/ThermalSubsystem/Fans/{id}")
def _fan(bmc: BMC, system: str, id: str) -> Document | None:
    if id not in FANS:
        return None
    return {
        **head("Fan", "1_5_2", id, SENSORS[id].name),
        "SpeedPercent": _speed(bmc, system, id),
        "Status": part_status(bmc.faults, f"/ThermalSubsystem/Fans/{id}"),
    }


@ROUTES.at("/Chassis/{system}/PowerSubsystem")
def _power_subsystem(bmc: BMC, system: str) -> Document:
    return {
        **head("PowerSubsystem", "1_1_2", "PowerSubsystem", "Power Subsystem"),
        "PowerSupplies": link(f"/Chassis/{system}/PowerSubsystem/PowerSupplies"),
        "Status": status(),
    }


@ROUTES.at("/Chassis/{system}/PowerSubsystem/PowerSupplies")
def _supplies(bmc: BMC, system: str) -> Document:
    return collection("PowerSupply", f"/Chassis/{system}/PowerSubsystem/PowerSupplies", list(SUPPLIES))


def supply_status(faults: Faults, id: str) -> Document:
    """Return the Status of a power supply."""
    return part_status(faults, f"/PowerSubsystem/PowerSupplies/{id}")


@ROUTES.at("/Chassis/{system}/PowerSubsystem/PowerSupplies/{id}")
def _supply(bmc: BMC, system: str, id: str) -> Document | None:
    if id not in SUPPLIES:
        return None
    return {
        **head("PowerSupply", "1_6_1", id, id),
        "PowerCapacityWatts": SUPPLY_WATTS,
        "Status": supply_status(bmc.faults, id),
    }


@ROUTES.at("/Chassis/{system}/Drives")
def _drives(bmc: BMC, system: str) -> Document:
    return collection("Drive", f"/Chassis/{system}/Drives", ["1", "2"])


@ROUTES.at("/Chassis/{system}/Drives/{id}")
def _drive(bmc: BMC, system: str, id: str) -> Document | None:
    if id not in ("1", "2"):
        return None
    return {
        **head("Drive", "1_20_1", id, f"Drive {id}"),
        "MediaType": "SSD",
        "CapacityBytes": 960197124096,
        "Status": part_status(bmc.faults, f"/Drives/{id}"),
    }
