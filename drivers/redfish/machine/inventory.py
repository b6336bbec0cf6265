"""The parts of a machine, as its BMC reports them.

Source of the properties: DSP0268, schemas ``ComputerSystem``, ``Processor``, ``EthernetInterface`` and
``Manager``.
"""

import hashlib
import json
import re
from typing import Any, Final

from podium.drivers.bmc.inventory import Inventory
from podium.drivers.redfish import power, resources
from podium.drivers.redfish.machine.walk import Walk, linked

_MAX_MEMBERS: Final = 64
_MAX_MANAGERS: Final = 4
_MIB_PER_GIB: Final = 1024
_IDENTITY: Final = ("Manufacturer", "Model", "SerialNumber", "BiosVersion")
_MAC: Final = re.compile(r"([0-9a-f]{2})[:-]?" * 5 + r"([0-9a-f]{2})\Z")
_ADDRESSES: Final = ("IPv4Addresses", "IPv6Addresses")
_NO_MACS: Final = frozenset({"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"})


def fingerprint(system: dict[str, Any]) -> str:
    """Return a hash of the system resource that changes with the machine; empty while it is not on.

    BMCs leave out or forget some of the data while the machine is off.
    """
    if power.known(system.get("PowerState")) != power.ON:
        return ""
    processors, memory = resources.part(system, "ProcessorSummary"), resources.part(system, "MemorySummary")
    parts: list[Any] = [resources.text(system, key) for key in _IDENTITY]
    parts += [resources.count(processors, "Count"), resources.text(processors, "Model")]
    parts.append(resources.number(memory, "TotalSystemMemoryGiB"))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


async def inventory(walk: Walk, system: dict[str, Any], host: str) -> Inventory:
    """Read the inventory from a system's resource and those around it; missing data is left out.

    :param system: the system's resource
    :param host: the address at which the BMC was reached, which identifies its own network interface
    :raises podium.errors.DriverError: the BMC does not answer, refuses the login or is busy
    """
    chassis: dict[str, Any] = {}
    if resources.text(system, "SerialNumber") is None:
        chassis = await _chassis(walk, system)
    manager = await _manager(walk, system)
    processors, model, cpus = await _processors(walk, system)
    memory = resources.number(resources.part(system, "MemorySummary"), "TotalSystemMemoryGiB")
    return Inventory(
        manufacturer=resources.text(system, "Manufacturer"),
        model=resources.text(system, "Model"),
        serial_number=resources.text(system, "SerialNumber") or resources.text(chassis, "SerialNumber"),
        bmc_firmware_version=resources.text(manager, "FirmwareVersion"),
        bios_version=resources.text(system, "BiosVersion"),
        processors=processors,
        processor_model=model,
        cpus=cpus,
        memory_mb=round(memory * _MIB_PER_GIB) if memory and memory > 0 else None,
        mac_addresses=await _mac_addresses(walk, system),
        bmc_mac_address=await _own_mac_address(walk, manager, host),
    )


async def _chassis(walk: Walk, system: dict[str, Any]) -> dict[str, Any]:
    for path in await walk.related(system, "Chassis", "Chassis", 1):
        return await walk.look(path)
    return {}


async def _manager(walk: Walk, system: dict[str, Any]) -> dict[str, Any]:
    """Return the BMC among a system's managers, or else the first of them."""
    paths = await walk.related(system, "ManagedBy", "Managers", _MAX_MANAGERS)
    managers = [await walk.look(path) for path in paths]
    bmcs = [manager for manager in managers if manager.get("ManagerType") == "BMC"]
    return next(iter(bmcs or managers), {})


async def _processors(walk: Walk, system: dict[str, Any]) -> tuple[int | None, str | None, int | None]:
    """Return the number of processors, their model, and the number of logical ones; read singly if needed."""
    summary = resources.part(system, "ProcessorSummary")
    fitted, cpus = resources.count(summary, "Count"), resources.count(summary, "LogicalProcessorCount")
    model = resources.text(summary, "Model")
    path = linked(system, "Processors")
    if (fitted and cpus and model) or not path:
        return fitted, model, cpus
    found = [entry for entry in await walk.members(path, _MAX_MEMBERS) if _is_processor(entry)]
    threads = sum(resources.count(entry, "TotalThreads") or 0 for entry in found)
    models = (resources.text(entry, "Model") for entry in found)
    return fitted or len(found) or None, model or next(filter(None, models), None), cpus or threads or None


def _is_processor(entry: dict[str, Any]) -> bool:
    state = resources.part(entry, "Status").get("State")
    return entry.get("ProcessorType") in (None, "CPU") and state != "Absent"


async def _mac_addresses(walk: Walk, system: dict[str, Any]) -> tuple[str, ...]:
    path = linked(system, "EthernetInterfaces")
    interfaces = await walk.members(path, _MAX_MEMBERS) if path else []
    return tuple(filter(None, map(_mac_address, interfaces)))


async def _own_mac_address(walk: Walk, manager: dict[str, Any], host: str) -> str | None:
    """Return the address of the interface at which the BMC was reached, or else of the first that is up."""
    path = linked(manager, "EthernetInterfaces")
    interfaces = await walk.members(path, _MAX_MEMBERS) if path else []

    def rank(interface: dict[str, Any]) -> tuple[bool, bool, bool]:
        addresses = [entry for key in _ADDRESSES for entry in resources.objects(interface, key)]
        return (
            all(entry.get("Address") != host for entry in addresses),
            interface.get("InterfaceEnabled") is False,
            interface.get("LinkStatus") not in (None, "LinkUp"),
        )

    return next(filter(None, map(_mac_address, sorted(interfaces, key=rank))), None)


def _mac_address(interface: dict[str, Any]) -> str | None:
    for key in ("MACAddress", "PermanentMACAddress"):
        match = _MAC.match((resources.text(interface, key) or "").lower())
        address = ":".join(match.groups()) if match else ""
        if address and address not in _NO_MACS:
            return address
    return None
