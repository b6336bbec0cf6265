"""The fields of a port in Ironic's API, and the checks of their values."""

from collections.abc import Mapping
from typing import Any, Final

from podium import masking
from podium.api.faults import Fault
from podium.api.ironic.links import pair
from podium.api.ironic.resources import ResourceField, shown
from podium.client.enrolling.values import MAPPING, TIME, UUID
from podium.client.records import port_records
from podium.client.records.port_records import PORT_RECORDS, VTEP
from podium.db.ports import Port

#: The lowest version in which a link may have network_type.
_NETWORK_TYPE: Final = 64
#: The versions in which a link may have values for OVN; other versions show such a link as empty.
_VTEP_VERSIONS: Final = range(90, 105)


def _field(name: str, since: int = 1, *, required: bool = False, fixed: bool = False) -> ResourceField:
    one = PORT_RECORDS[name]
    return ResourceField(name, since, one.kind, one.default, required, fixed)


PORT_FIELDS: Final = (
    _field("uuid", fixed=True),
    _field("address", required=True),
    ResourceField("node_uuid", kind=UUID, required=True),
    _field("name", 88),
    _field("extra"),
    ResourceField("internal_info", 18, default={}, shows=MAPPING.schema),
    _field("local_link_connection", 19),
    _field("pxe_enabled", 19),
    ResourceField("portgroup_uuid", 24, UUID),
    _field("physical_network", 34),
    _field("is_smartnic", 53),
    _field("description", 97),
    _field("vendor", 100),
    _field("category", 101),
    _field("available_for_dynamic_portgroup", 111),
    ResourceField("created_at", fixed=True, shows=TIME.schema),
    ResourceField("updated_at", shows=TIME.schema),
)
BRIEF: Final = ("uuid", "address")


def check(values: Mapping[str, Any], minor: int | None) -> None:
    """Check the combination of a port's fields.

    :param minor: the version in which the link was written; None for an earlier link
    :raises podium.api.faults.Fault: naming what is wrong with the fields in this API
    :raises podium.errors.InvalidNode: naming what is wrong with the fields in any API
    """
    link = values.get("local_link_connection") or {}
    if minor is not None and "network_type" in link and minor < _NETWORK_TYPE:
        raise Fault(406, f"network_type of local_link_connection needs version 1.{_NETWORK_TYPE} of the API")
    if minor is not None and VTEP & link.keys() and minor not in _VTEP_VERSIONS:
        raise Fault(
            406, f"local_link_connection has {' and '.join(sorted(VTEP))} only in the versions 1.90 to 1.104"
        )
    port_records.check(values)
    if values.get("portgroup_uuid") is not None:
        raise Fault(400, "portgroup_uuid is not possible: Podium has no port groups")


def columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a port with these values.

    :param values: of all writable fields; missing ones and None are not recorded
    """
    own = {name: one for name, one in values.items() if name != "node_uuid"}
    return {**port_records.columns(own), "node_uuid": values.get("node_uuid")}


def written(port: Port) -> dict[str, Any]:
    """Return the recorded values of a port's fields."""
    return {**port.record, "uuid": port.uuid, "address": port.address, "name": port.name} | {
        "node_uuid": port.node_uuid
    }


def show(port: Port, names: tuple[str, ...], server: str, minor: int) -> dict[str, Any]:
    """Return the named fields of a port, without secrets, and its links."""
    values = masking.mask(written(port)) | {"created_at": port.created_at, "updated_at": port.updated_at}
    if VTEP & (values.get("local_link_connection") or {}).keys() and minor not in _VTEP_VERSIONS:
        values["local_link_connection"] = {}
    return {**shown(PORT_FIELDS, values, names), "links": pair(server, f"ports/{port.uuid}")}
