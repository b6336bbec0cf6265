"""The file format of nodes, ports and chassis, from which an import recreates them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from podium.client import texts
from podium.client.records import node_records
from podium.client.records.node_fields import FIELDS
from podium.client.records.node_records import RECORDS
from podium.client.records.port_records import PORT_RECORDS
from podium.db.provision_states import AVAILABLE, ENROLL, VERIFYING

#: The columns of a node that are exported.
COLUMNS: Final = (
    *FIELDS,
    *(name for name, one in RECORDS.items() if one.is_column),
    "record",
    "fault",
)
#: Values that are left out, because they are the defaults of an import.
_EMPTY: Final[tuple[Any, ...]] = ({}, "", False, None)


def of_node(row: Mapping[str, Any], ports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what an import needs to recreate a node.

    :param row: its columns, at least :data:`COLUMNS`; None for what an import leaves to its default
    :param ports: their columns
    """
    kept = {key: row[key] for key in FIELDS if row[key] not in _EMPTY}
    kept |= {key: value for key, value in node_records.of_node(row).items() if value != RECORDS[key].default}
    if row["provision_state"] == AVAILABLE:
        del kept["provision_state"]
    elif row["provision_state"] == VERIFYING:  # it must be requested again after the import
        kept["provision_state"] = ENROLL
    if row["fault"] is not None:  # the conductor ends its own maintenance, and not a person's
        kept.pop("maintenance", None)
    reason = texts.as_reason(kept.pop("maintenance_reason", ""))  # a reason from Ironic may be several lines
    if reason is not None and "maintenance" in kept:
        kept["maintenance_reason"] = reason
    if its := [of_port(port) for port in ports]:
        kept["ports"] = its
    return kept


def of_port(port: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an import needs to recreate a port.

    :param port: its columns
    """
    values = {**port["record"], **port}
    found = {name: values.get(name) for name in ("address", *PORT_RECORDS)}
    return {name: one for name, one in found.items() if one not in (None, PORT_RECORDS[name].default)}


def of_chassis(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an import needs to recreate a chassis."""
    return {name: row[name] for name in ("uuid", "description", "extra") if row[name] not in _EMPTY}
