"""The sensors of a simulated chassis in the older resources Thermal and Power."""

from typing import Any, Final

from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.chassis import (
    FANS,
    SENSORS,
    SUPPLIES,
    SUPPLY_WATTS,
    TEMPERATURES,
    reading,
    sensor_status,
    supply_status,
)
from podium.simulator.redfish.documents import Document, Routes, head
from podium.simulator.redfish.health import status

ROUTES: Final = Routes()


def _members(path: str, name: str, entries: list[dict[str, Any]]) -> list[Document]:
    """Return the entries of an array with references by index (DSP0266, "Reference to members")."""
    return [
        {"@odata.id": f"{path}#/{name}/{place}", "MemberId": str(place), **entry}
        for place, entry in enumerate(entries)
    ]


@ROUTES.at("/Chassis/{system}/Thermal")
def _thermal(bmc: BMC, system: str) -> Document:
    path = f"/redfish/v1/Chassis/{system}/Thermal"
    temperatures = [
        {
            "Name": SENSORS[id].name,
            "ReadingCelsius": reading(bmc, system, id),
            "UpperThresholdNonCritical": SENSORS[id].thresholds["UpperCaution"],
            "UpperThresholdCritical": SENSORS[id].thresholds["UpperCritical"],
            "PhysicalContext": SENSORS[id].context,
            "Status": sensor_status(bmc, system, id),
        }
        for id in TEMPERATURES
    ]
    fans = [
        {
            "Name": SENSORS[id].name,
            "Reading": round(reading(bmc, system, id)),
            "ReadingUnits": "RPM",
            "LowerThresholdCritical": 500,
            "Status": sensor_status(bmc, system, id),
        }
        for id in FANS
    ]
    return {
        **head("Thermal", "1_7_3", "Thermal", "Thermal"),
        "Temperatures": _members(path, "Temperatures", temperatures),
        "Fans": _members(path, "Fans", fans),
    }


@ROUTES.at("/Chassis/{system}/Power")
def _power(bmc: BMC, system: str) -> Document:
    path = f"/redfish/v1/Chassis/{system}/Power"
    control = {
        "Name": "Power Consumption",
        "PowerConsumedWatts": reading(bmc, system, "PowerConsumption"),
        "PowerCapacityWatts": SUPPLY_WATTS * len(SUPPLIES),
        "Status": status(),
    }
    volts = {
        "Name": "12V",
        "ReadingVolts": reading(bmc, system, "12V"),
        "LowerThresholdCritical": 11.0,
        "UpperThresholdCritical": 13.0,
        "Status": status(),
    }
    supplies = [
        {"Name": id, "PowerCapacityWatts": SUPPLY_WATTS, "Status": supply_status(bmc.faults, id)}
        for id in SUPPLIES
    ]
    return {
        **head("Power", "1_7_3", "Power", "Power"),
        "PowerControl": _members(path, "PowerControl", [control]),
        "Voltages": _members(path, "Voltages", [volts]),
        "PowerSupplies": _members(path, "PowerSupplies", supplies),
    }
