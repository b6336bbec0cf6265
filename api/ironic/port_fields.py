"""The fields of a port in Ironic's API, and what their values must be."""

import re
from collections.abc import Mapping
from typing import Any, Final

from podium import masking
from podium.api.faults import Fault
from podium.api.ironic.links import pair
from podium.api.ironic.resources import ResourceField, shown
from podium.client.values import MAPPING, TRUTH, UUID, Kind, text
from podium.db.ports import Port

_ADDRESS: Final = re.compile(r"[0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5}")
#: An OpenFlow datapath, by which some switches are known.
_DATAPATH: Final = re.compile(r"(?:0x)?[0-9a-f]{16}")
#: What a link may say, and the sets of which it must have one, unless it says nothing.
_LINK_KEYS: Final = frozenset(
    {
        *("port_id", "switch_id", "hostname", "switch_info", "network_type"),
        *("vtep-logical-switch", "vtep-physical-switch"),
    }
)
_LINK_SETS: Final = (
    frozenset({"port_id", "switch_id"}),
    frozenset({"port_id", "hostname"}),
    frozenset({"port_id", "vtep-logical-switch", "vtep-physical-switch"}),
)
_SMART: Final = frozenset({"port_id", "hostname"})
#: The lowest version in which a link may say network_type.
_NETWORK_TYPE: Final = 64


def _address(value: Any) -> str:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value.lower()):
        raise ValueError("must be a MAC address, such as 52:54:00:12:34:56")
    digits = re.sub("[:-]", "", value.lower())
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def _link(value: Any) -> dict[str, Any]:
    found = dict(MAPPING.check(value))
    if unknown := found.keys() - _LINK_KEYS:
        raise ValueError(
            f"has no {', '.join(sorted(unknown))[:200]}; there are {', '.join(sorted(_LINK_KEYS))}"
        )
    for name, one in found.items():
        found[name] = _LINK_TEXT.check(one)
    kind = found.get("network_type")
    if kind not in (None, "managed", "unmanaged"):
        raise ValueError("has a network_type other than managed and unmanaged")
    if found and kind != "unmanaged" and not any(one <= found.keys() for one in _LINK_SETS):
        raise ValueError("needs port_id with switch_id, or with hostname")
    switch = found.get("switch_id")
    if switch is not None and not _DATAPATH.fullmatch(switch.lower()):
        try:
            found["switch_id"] = _address(switch)
        except ValueError:
            raise ValueError(
                "has a switch_id that is neither a MAC address nor an OpenFlow datapath"
            ) from None
    return found


_LINK_TEXT: Final = text(255)
ADDRESS: Final = Kind({"type": "string", "maxLength": 17}, _address)
_LINK: Final = Kind({"type": "object"}, _link)

PORT_FIELDS: Final = (
    ResourceField("uuid", kind=UUID, fixed=True),
    ResourceField("address", kind=ADDRESS, required=True),
    ResourceField("node_uuid", kind=UUID, required=True),
    ResourceField("name", 88, text(255, least=1)),
    ResourceField("extra", kind=MAPPING, default={}),
    ResourceField("internal_info", 18, default={}),
    ResourceField("local_link_connection", 19, _LINK, {}),
    ResourceField("pxe_enabled", 19, TRUTH, True),
    ResourceField("portgroup_uuid", 24, UUID),
    ResourceField("physical_network", 34, text(64, least=1)),
    ResourceField("is_smartnic", 53, TRUTH, False),
    ResourceField("description", 97, text(255)),
    ResourceField("vendor", 100, text(32)),
    ResourceField("category", 101, text(80)),
    ResourceField("available_for_dynamic_portgroup", 111, TRUTH, True),
    ResourceField("created_at"),
    ResourceField("updated_at"),
)
BRIEF: Final = ("uuid", "address")
#: Columns; everything else is in ``record``.
_COLUMNS: Final = ("uuid", "address", "name", "node_uuid")


def check(values: Mapping[str, Any], minor: int) -> None:
    """Check what the fields of a port must be together.

    :raises podium.api.faults.Fault: naming what is wrong
    """
    link = values.get("local_link_connection") or {}
    if "network_type" in link and minor < _NETWORK_TYPE:
        raise Fault(406, f"network_type of local_link_connection needs version 1.{_NETWORK_TYPE} of the API")
    if values.get("is_smartnic") and not link.keys() >= _SMART:
        raise Fault(400, "a port with is_smartnic needs port_id and hostname in local_link_connection")
    if values.get("portgroup_uuid") is not None:
        raise Fault(400, "portgroup_uuid is not possible: Podium has no port groups")


def columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a port that is to have these values.

    :param values: of all fields that may be written; what is missing or None is not noted
    """
    record = {name: one for name, one in values.items() if name not in _COLUMNS and one is not None}
    return {**{name: values.get(name) for name in _COLUMNS}, "record": record}


def written(port: Port) -> dict[str, Any]:
    """Return the values of the fields of a port that were written."""
    return {**port.record, "uuid": port.uuid, "address": port.address, "name": port.name} | {
        "node_uuid": port.node_uuid
    }


def show(port: Port, names: tuple[str, ...], server: str) -> dict[str, Any]:
    """Return the fields of a port with these names, without secrets, and its links."""
    values = masking.mask(written(port)) | {"created_at": port.created_at, "updated_at": port.updated_at}
    return {**shown(PORT_FIELDS, values, names), "links": pair(server, f"ports/{port.uuid}")}
