"""Converts nodes of Ironic to nodes of Podium, and reports why some cannot be converted."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from podium import errors
from podium.client.enrolling.catalog import Catalog
from podium.client.records import node_records
from podium.client.records.node_records import RECORDS
from podium.db.ironic import IronicNode

#: Hardware types that only name a protocol.
_PLAIN: Final[Mapping[str, str]] = {"ipmi": "ipmitool", "redfish": "redfish", "fake-hardware": "fake"}
#: The driver for a power interface of Ironic.
_DRIVERS: Final[Mapping[str, str]] = {
    "ipmitool": "ipmi",
    "redfish": "redfish",
    "idrac-redfish": "redfish",
    "fake": "fake-hardware",
}
#: Any other state is a step of Ironic that is under way, or has failed.
_STATES: Final = ("enroll", "manageable", "available", "active")


class Translated(NamedTuple):
    """A node of Ironic, converted.

    :param row: the values to enrol it with, see podium.client.enrolling.enrolment
    :param columns: the other columns
    :param faults: why it cannot be accepted, whatever its values are
    :param unused: settings of its driver_info that do not concern power, and are left out
    """

    row: dict[str, Any]
    columns: dict[str, Any]
    faults: list[str]
    unused: list[str]


def translate(node: IronicNode, catalog: Catalog, *, vendors: bool) -> Translated:
    """Return what Podium enrols a node of Ironic with.

    :param vendors: convert nodes with a vendor's hardware type by the protocol of their power interface
    """
    driver, faults = _driver(node, vendors)
    settings = {key: value for key, value in node.driver_info.items() if value is not None}
    faults += _obstacles(node, settings)
    if faults:
        return Translated({}, {}, faults, [])
    try:
        properties = catalog.driver(driver).properties
    except errors.DriverLoadError as fault:
        return Translated({}, {}, [errors.one_line(fault)], [])
    used = {key: value for key, value in settings.items() if key in properties}
    in_maintenance = bool(node.maintenance) and node.fault != "power failure"  # Podium detects this itself
    row = {
        "name": node.name or node.uuid,
        "uuid": node.uuid,
        "driver": driver,
        "driver_info": _redfish(used) if driver == "redfish" else used,
        "properties": node.properties,
        "extra": node.extra,
        "conductor_group": node.conductor_group or "",
        "maintenance": in_maintenance,
    }
    try:
        columns = _noted(node) | {
            "maintenance_reason": node.maintenance_reason if in_maintenance else None,
            "provision_state": _state(node),
            "provision_updated_at": node.provision_updated_at,
        }
    except errors.InvalidNode as fault:
        return Translated({}, {}, list(fault.faults), [])
    return Translated(row, columns, [], sorted(settings.keys() - used.keys()))


def _noted(node: IronicNode) -> dict[str, Any]:
    """Return the columns of the node's records.

    :raises podium.errors.InvalidNode: naming values that are not valid
    """
    values = node._asdict() | {
        "traits": list(node.traits),
        "chassis_uuid": node.chassis.uuid if node.chassis else None,
    }
    return node_records.columns(
        {name: values[name] if values[name] != one.default else None for name, one in RECORDS.items()}
    )


def ports(node: IronicNode) -> list[dict[str, Any]]:
    """Return the columns of a node's ports."""
    own = ("uuid", "address", "name")
    return [
        {
            "uuid": port.uuid,
            "address": port.address.lower(),
            "name": port.name,
            "record": {
                name: value for name, value in port._asdict().items() if name not in own and value is not None
            },
        }
        for port in node.ports
    ]


def _state(node: IronicNode) -> str:
    return node.provision_state or "available"  # an old Ironic writes nothing for this state


def _driver(node: IronicNode, vendors: bool) -> tuple[str, list[str]]:
    """Return the driver that replaces the node's power interface, or why there is none."""
    interface = node.power_interface or _PLAIN.get(node.driver)
    driver = _DRIVERS.get(interface or "", "")
    if not driver or (driver == "fake-hardware" and node.driver != driver):
        spoken = f" with the power interface {interface}" if interface else ""
        return "", [f"Podium has no driver for the hardware type {node.driver}{spoken}"]
    if node.driver not in _PLAIN and not vendors:
        return driver, [
            f"its hardware type is {node.driver}; --vendor-types takes it with the driver {driver},"
            f" as its power interface is {interface}"
        ]
    return driver, []


def _obstacles(node: IronicNode, settings: Mapping[str, Any]) -> list[str]:
    """Return what prevents Podium from switching a node, whatever its driver."""
    found = []
    if _state(node) not in _STATES:
        found.append(
            f"its provision state is {node.provision_state}; Podium takes nodes that are {', '.join(_STATES)}"
        )
    if node.reservation:
        found.append(f"the conductor {node.reservation} of Ironic has it locked; wait until it has ended")
    bridging = str(settings.get("ipmi_bridging", "no"))
    if bridging != "no":
        found.append(f"its ipmi_bridging is {bridging}: without that Podium would reach another machine")
    if str(settings.get("ipmi_protocol_version", "2.0")) != "2.0":
        found.append("its ipmi_protocol_version is not 2.0, the only one that Podium speaks")
    return found


def _redfish(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without the service root if it is at the standard place."""
    found = dict(settings)
    address, system = found.get("redfish_address"), found.get("redfish_system_id")
    if isinstance(address, str):
        found["redfish_address"] = re.sub("(?<=[^/])/redfish/v1/?$", "", address)
    if isinstance(system, str) and system.startswith("redfish/"):
        found["redfish_system_id"] = f"/{system}"
    return found
