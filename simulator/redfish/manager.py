"""The BMC itself as a Manager, and its clock."""

import datetime
import re
from typing import Any, Final

from podium.simulator.redfish.answers import Message
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import Document, Routes, collection, head, link, mac_address
from podium.simulator.redfish.health import status

ROUTES: Final = Routes()
PATH: Final = "/Managers/BMC"
_OFFSET: Final = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")


def written(bmc: BMC, seconds: float) -> str:
    """Return a time as the BMC writes it.

    :param seconds: since 1970
    """
    local = datetime.datetime.fromtimestamp(int(seconds), _zone(bmc))
    return (local.replace(tzinfo=None) if bmc.faults.local_times else local).isoformat()


def logs(bmc: BMC, path: str) -> Document:
    """Return the link from a system or the manager to its logs.

    :param path: below the root
    """
    if "log" in bmc.faults.lacks or (path == PATH) != bmc.faults.log_of_manager:
        return {}
    return {"LogServices": link(f"{path}/LogServices")}


def clock(bmc: BMC) -> Document:
    """Return the time and the offset, in the form that several resources share."""
    return {"DateTime": written(bmc, bmc.time.now(bmc.faults)), "DateTimeLocalOffset": bmc.offset}


def change(bmc: BMC, properties: dict[str, Any]) -> Message | None:
    """Carry out a PATCH. Returns the reason if it is refused."""
    if bmc.faults.clock_refuses or "clock" in bmc.faults.lacks:
        text = "The property DateTime cannot be assigned a value: the clock follows a server."
        return Message(400, "PropertyNotWritable", text, ("DateTime",))
    unknown = properties.keys() - {"DateTime", "DateTimeLocalOffset"}
    if unknown or not properties:
        return Message(
            400, "PropertyNotWritable", "Of this resource DateTime and DateTimeLocalOffset can be changed."
        )
    offset = properties.get("DateTimeLocalOffset", bmc.offset)
    if not isinstance(offset, str) or not _OFFSET.fullmatch(offset):
        return _wrong("DateTimeLocalOffset", offset)
    given = properties.get("DateTime", written(bmc, bmc.time.now(bmc.faults)))
    try:
        time = datetime.datetime.fromisoformat(given)
    except (TypeError, ValueError):
        return _wrong("DateTime", given)
    if (time.tzinfo is None) != bmc.faults.local_times:
        return _wrong("DateTime", given)
    bmc.offset = offset
    if "DateTime" in properties and not bmc.faults.clock_lies:
        bmc.time.set((time if time.tzinfo else time.replace(tzinfo=_zone(bmc))).timestamp())
    return None


def _zone(bmc: BMC) -> datetime.tzinfo | None:
    return datetime.datetime.strptime(bmc.offset, "%z").tzinfo


def _wrong(name: str, value: object) -> Message:
    text = f"The value '{value}' for the property {name} is of a different format than it can accept."
    return Message(400, "PropertyValueFormatError", text, (str(value), name))


@ROUTES.at("/Managers")
def _managers(bmc: BMC) -> Document:
    return collection("Manager", "/Managers", ["BMC"])


@ROUTES.at(PATH)
def _manager(bmc: BMC) -> Document:
    return {
        **head("Manager", "1_19_2", "BMC", "BMC"),
        "ManagerType": "BMC",
        "Manufacturer": "Podium",
        "Model": "podium-sim",
        "FirmwareVersion": "1.0.0",
        "PowerState": "On",
        **({} if "clock" in bmc.faults.lacks else clock(bmc)),
        **logs(bmc, PATH),
        "Status": status(),
        "EthernetInterfaces": link(f"{PATH}/EthernetInterfaces"),
        "Links": {
            "ManagerForServers": [link(f"/Systems/{system}") for system in bmc.machines],
            "ManagerForChassis": [link(f"/Chassis/{system}") for system in bmc.machines],
        },
    }


@ROUTES.at(f"{PATH}/EthernetInterfaces")
def _interfaces(bmc: BMC) -> Document:
    return collection("EthernetInterface", f"{PATH}/EthernetInterfaces", ["eth0"])


@ROUTES.at(f"{PATH}/EthernetInterfaces/eth0")
def _interface(bmc: BMC) -> Document:
    return {
        **head("EthernetInterface", "1_12_2", "eth0", "BMC network interface"),
        "InterfaceEnabled": True,
        "MACAddress": mac_address(bmc, 0),
        "IPv4Addresses": [{"Address": str(bmc.address), "AddressOrigin": "Static"}],
        "Status": status(),
    }
