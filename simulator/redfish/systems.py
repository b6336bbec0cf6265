"""The machines behind a simulated BMC, and their parts, as ComputerSystem resources."""

from typing import Final

from podium.simulator.redfish import indicator, manager
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.boot import Boot
from podium.simulator.redfish.documents import ROOT, Document, Routes, collection, head, link, mac_address
from podium.simulator.redfish.health import rollup, status
from podium.simulator.redfish.machine import ODD_RESETS, RESETS

ROUTES: Final = Routes()
INTERFACES: Final = 2
_PROCESSORS: Final = {"CPU1": 32, "CPU2": 32}  # cores
_MODEL: Final = "Simulated 32-Core Processor"
_MODULES: Final = tuple(f"DIMM{number}" for number in range(1, 9))
_MODULE_GIB: Final = 32


@ROUTES.at("/Systems")
def _systems(bmc: BMC) -> Document:
    return collection("ComputerSystem", "/Systems", list(bmc.machines))


@ROUTES.at("/Systems/{system}")
def _system(bmc: BMC, system: str) -> Document:
    path = f"/Systems/{system}"
    return {
        **head("ComputerSystem", "1_22_2", system, f"System {system}"),
        "SystemType": "Physical",
        "Manufacturer": "Podium",
        "Model": "Simulated Server",
        "SerialNumber": serial_number(bmc, system),
        "UUID": f"706f6469-756d-4000-8{int(system):03x}-0000{int(bmc.address):08x}",
        "BiosVersion": "1.0.0",
        "PowerState": None if bmc.faults.null_power else bmc.machines[system].shown,
        "Status": rollup(bmc.faults, f"{ROOT}/Chassis/{system}"),
        "ProcessorSummary": {
            "Count": len(_PROCESSORS),
            "CoreCount": sum(_PROCESSORS.values()),
            "LogicalProcessorCount": 2 * sum(_PROCESSORS.values()),
            "Model": _MODEL,
            "Status": status(),
        },
        "MemorySummary": {"TotalSystemMemoryGiB": len(_MODULES) * _MODULE_GIB, "Status": status()},
        **({} if "boot" in bmc.faults.lacks else _boot(bmc, system)),
        **manager.logs(bmc, path),
        **indicator.document(bmc, system, chassis=False),
        "Processors": link(f"{path}/Processors"),
        "Memory": link(f"{path}/Memory"),
        "EthernetInterfaces": link(f"{path}/EthernetInterfaces"),
        "Links": {"Chassis": [link(f"/Chassis/{system}")], "ManagedBy": [link("/Managers/BMC")]},
        "Actions": {"#ComputerSystem.Reset": _reset(bmc, path)},
    }


def serial_number(bmc: BMC, system: str) -> str:
    """Return the serial number of a machine."""
    return f"SIM{int(bmc.address):08X}{int(system):02}"


def allowed_resets(bmc: BMC) -> tuple[str, ...]:
    """Return the ResetTypes that a machine allows."""
    return ODD_RESETS if bmc.faults.odd_resets else RESETS


def _reset(bmc: BMC, path: str) -> Document:
    action: Document = {"target": f"{ROOT}{path}/Actions/ComputerSystem.Reset"}
    if bmc.faults.odd_resets:
        return {**action, "@Redfish.ActionInfo": f"{ROOT}{path}/ResetActionInfo"}
    return {**action, "ResetType@Redfish.AllowableValues": list(RESETS)}


def _boot(bmc: BMC, system: str) -> Document:
    if not bmc.faults.boot_settings:
        return {"Boot": bmc.machines[system].boot.document(bmc.faults)}
    settings = {
        "@odata.type": "#Settings.v1_3_5.Settings",
        "SettingsObject": link(f"/Systems/{system}/Settings"),
        "SupportedApplyTimes": ["OnReset"],
    }
    return {"Boot": Boot().document(bmc.faults), "@Redfish.Settings": settings}


@ROUTES.at("/Systems/{system}/Settings")
def _settings(bmc: BMC, system: str) -> Document | None:
    if not bmc.faults.boot_settings or "boot" in bmc.faults.lacks:
        return None
    return {
        **head("ComputerSystem", "1_22_2", "Settings", f"Settings of system {system}"),
        "Boot": bmc.machines[system].boot.document(bmc.faults),
    }


@ROUTES.at("/Systems/{system}/ResetActionInfo")
def _reset_action_info(bmc: BMC, system: str) -> Document:
    parameter = {
        "Name": "ResetType",
        "Required": True,
        "DataType": "String",
        "AllowableValues": list(allowed_resets(bmc)),
    }
    return {**head("ActionInfo", "1_4_2", "ResetActionInfo", "Reset Action Info"), "Parameters": [parameter]}


@ROUTES.at("/Systems/{system}/Processors")
def _processors(bmc: BMC, system: str) -> Document:
    return collection("Processor", f"/Systems/{system}/Processors", list(_PROCESSORS))


@ROUTES.at("/Systems/{system}/Processors/{id}")
def _processor(bmc: BMC, system: str, id: str) -> Document | None:
    if id not in _PROCESSORS:
        return None
    return {
        **head("Processor", "1_20_1", id, id),
        "Socket": id,
        "ProcessorType": "CPU",
        "Manufacturer": "Podium",
        "Model": _MODEL,
        "TotalCores": _PROCESSORS[id],
        "TotalThreads": 2 * _PROCESSORS[id],
        "Status": status(),
    }


@ROUTES.at("/Systems/{system}/Memory")
def _memory(bmc: BMC, system: str) -> Document:
    return collection("Memory", f"/Systems/{system}/Memory", list(_MODULES))


@ROUTES.at("/Systems/{system}/Memory/{id}")
def _memory_module(bmc: BMC, system: str, id: str) -> Document | None:
    if id not in _MODULES:
        return None
    return {
        **head("Memory", "1_20_0", id, id),
        "MemoryDeviceType": "DDR5",
        "CapacityMiB": _MODULE_GIB << 10,
        "Status": status(),
    }


@ROUTES.at("/Systems/{system}/EthernetInterfaces")
def _interfaces(bmc: BMC, system: str) -> Document:
    ids = [str(number) for number in range(1, INTERFACES + 1)]
    return collection("EthernetInterface", f"/Systems/{system}/EthernetInterfaces", ids)


@ROUTES.at("/Systems/{system}/EthernetInterfaces/{id}")
def _interface(bmc: BMC, system: str, id: str) -> Document | None:
    if id not in [str(number) for number in range(1, INTERFACES + 1)]:
        return None
    address = mac_address(bmc, INTERFACES * (int(system) - 1) + int(id))
    return {
        **head("EthernetInterface", "1_12_2", id, f"Network interface {id}"),
        "InterfaceEnabled": True,
        "MACAddress": address,
        "PermanentMACAddress": address,
        "SpeedMbps": 25000,
        "LinkStatus": "LinkUp",
        "Status": status(),
    }
