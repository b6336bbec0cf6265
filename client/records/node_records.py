"""The records that people and their programs keep about a node, by their names in Ironic's API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from podium import errors
from podium.client.enrolling.plain_values import plain
from podium.client.enrolling.values import MAPPING, TRUTH, UUID, Kind, text
from podium.client.records.traits import TRAITS

#: Interfaces of Ironic's drivers. Podium has none; they are kept for clients that write them.
INTERFACES: Final = tuple(
    f"{kind}_interface"
    for kind in (
        "bios",
        "boot",
        "console",
        "deploy",
        "firmware",
        "inspect",
        "management",
        "network",
        "power",
        "raid",
        "rescue",
        "storage",
        "vendor",
    )
)


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    :param is_column: whether it is a column of the table; the others are together in ``record``
    :param default: the value of a node without this record
    """

    name: str
    kind: Kind
    is_column: bool = False
    default: Any = None


RECORDS: Final[Mapping[str, Record]] = {
    one.name: one
    for one in (
        Record("instance_uuid", UUID, True),
        Record("instance_name", text(255, least=1), True),
        Record("resource_class", text(80), True),
        Record("owner", text(255), True),
        Record("lessee", text(255), True),
        Record("shard", text(255), True),
        Record("parent_node", text(36), True),
        Record("chassis_uuid", UUID, True),
        Record("retired", TRUTH, True, False),
        Record("disable_power_off", TRUTH, True, False),
        Record("description", text(4096), True),
        Record("retired_reason", text(4096)),
        Record("protected", TRUTH, default=False),
        Record("protected_reason", text(4096)),
        Record("instance_info", MAPPING, default={}),
        Record("network_data", MAPPING, default={}),
        Record("traits", TRAITS, default=[]),
        Record("automated_clean", TRUTH),
        *(Record(name, text(255)) for name in INTERFACES),
    )
}


def of_node(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return all records of a node, by name.

    :param node: its columns
    """
    kept = node["record"] or {}
    found = {}
    for name, one in RECORDS.items():
        value = node[name] if one.is_column else kept.get(name)
        found[name] = one.default if value is None else value
    return found


def columns(values: Mapping[str, Any], kept: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the columns of a node with these records.

    :param values: by name; None removes a value
    :param kept: the column ``record`` of the node as it is
    :raises podium.errors.InvalidNode: naming each value of a wrong type
    """
    found: dict[str, Any] = {}
    record = dict(kept or {})
    faults = []
    for name, value in values.items():
        one = RECORDS[name]
        try:
            checked = None if value is None else plain(one.kind.check(value))
        except ValueError as fault:
            faults.append(f"{name} {fault}")
            continue
        if one.is_column:
            found[name] = checked
        elif checked is None:
            record.pop(name, None)
        else:
            record[name] = checked
    if faults:
        raise errors.InvalidNode(faults)
    if any(not RECORDS[name].is_column for name in values):
        found["record"] = record or None
    return found
