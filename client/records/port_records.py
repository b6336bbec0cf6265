"""The records that people and their programs keep about a port, by their names in Ironic's API."""

import re
from collections.abc import Mapping
from typing import Any, Final

from podium import errors
from podium.client.enrolling import file_values, scalars
from podium.client.enrolling.values import MAPPING, TRUTH, UUID, Kind, text
from podium.client.records.node_records import Record

_ADDRESS: Final = re.compile(r"[0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5}")
#: An OpenFlow datapath, by which some switches are known.
_DATAPATH: Final = re.compile(r"(?:0x)?[0-9a-f]{16}")
#: The keys of a link for OVN.
VTEP: Final = frozenset({"vtep-logical-switch", "vtep-physical-switch"})
#: The keys of a link, and the sets of which it must have one, unless it is empty.
_LINK_KEYS: Final = frozenset(
    {
        *("port_id", "switch_id", "hostname", "switch_info", "network_type"),
        *VTEP,
    }
)
_LINK_SETS: Final = (
    frozenset({"port_id", "switch_id"}),
    frozenset({"port_id", "hostname"}),
    frozenset({"port_id", *VTEP}),
)
_SMART: Final = frozenset({"port_id", "hostname"})


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
    if len(found.keys() & VTEP) == 1:
        raise ValueError(f"needs {' and '.join(sorted(VTEP))} together")
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

PORT_RECORDS: Final[Mapping[str, Record]] = {
    one.name: one
    for one in (
        Record("uuid", UUID, True),
        Record("address", ADDRESS, True),
        Record("name", text(255, least=1), True),
        Record("extra", MAPPING, default={}),
        Record("local_link_connection", _LINK, default={}),
        Record("pxe_enabled", TRUTH, default=True),
        Record("physical_network", text(64, least=1)),
        Record("is_smartnic", TRUTH, default=False),
        Record("description", text(255)),
        Record("vendor", text(32)),
        Record("category", text(80)),
        Record("available_for_dynamic_portgroup", TRUTH, default=True),
    )
}


def check(values: Mapping[str, Any]) -> None:
    """Check values of a port that depend on one another.

    :raises podium.errors.InvalidNode: naming what is wrong
    """
    link = values.get("local_link_connection") or {}
    if values.get("is_smartnic") and not link.keys() >= _SMART:
        raise errors.InvalidNode(
            ["a port with is_smartnic needs port_id and hostname in local_link_connection"]
        )


def columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a port with these values.

    :param values: by name; missing values and None are not recorded
    """
    own = {name: values.get(name) for name, one in PORT_RECORDS.items() if one.is_column}
    noted = {name: one for name, one in values.items() if name not in own and one is not None}
    return {**own, "record": noted}


def settle(given: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the columns of the ports of a node, and all faults of the values for them.

    :param given: what a file has for them, of any type
    """
    if scalars.is_null(given):
        return [], []
    if not isinstance(given, list):
        return [], ["ports is not a list of mappings with an address"]
    found, faults = [], list[str]()
    for place, one in enumerate(given, 1):
        values, wrong = file_values.settle(one, PORT_RECORDS, "address")
        if not wrong:
            try:
                check(values)
            except errors.InvalidNode as fault:
                wrong = list(fault.faults)
        faults += [f"port {values.get('address') or place}: {fault}" for fault in wrong]
        found.append(columns(values))
    return found, faults
