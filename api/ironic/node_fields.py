"""The fields of a node in Ironic's API: the version that introduced each, and the source of its value."""

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from podium import states
from podium.client.enrolling.values import MAPPING, TIME, TRUTH, UUID, Kind, text
from podium.client.records.node_records import INTERFACES, RECORDS
from podium.db.provision_states import AVAILABLE, MANAGEABLE, VERIFYING

#: The source of a field's value: the columns of the node, and the host of its conductor as ``conductor``.
Columns: TypeAlias = Mapping[str, Any]
_TEXT: Final = {"type": "string"}
_TYPES: Final = {type(None): "null", bool: "boolean", dict: "object"}


@dataclass(frozen=True, slots=True)
class NodeField:
    """One field.

    :param since: the lowest minor version that has it
    :param value: computes it from the columns
    :param of: the columns that it is computed from; none for a constant
    :param kind: of the values that may be written; None for a read-only field
    :param shows: the JSON Schema of its values, for a read-only field
    :param nullable: whether it may be null in answers
    """

    name: str
    since: int
    value: Callable[[Columns], Any]
    of: tuple[str, ...]
    kind: Kind | None = None
    shows: Mapping[str, Any] = field(default_factory=lambda: _TEXT, kw_only=True)
    nullable: bool = field(default=True, kw_only=True)

    @property
    def schema(self) -> Mapping[str, Any]:
        """The schema of its values in answers, apart from null."""
        return self.shows if self.kind is None else self.kind.schema


def _column(
    name: str, since: int = 1, kind: Kind | None = None, *, shows: Mapping[str, Any] = _TEXT
) -> NodeField:
    """A column that always has a value."""
    return NodeField(name, since, operator.itemgetter(name), (name,), kind, shows=shows, nullable=False)


def _known(name: str, since: int = 1) -> NodeField:
    """A text column that is not known for all nodes."""
    return NodeField(name, since, operator.itemgetter(name), (name,))


def _nothing(name: str, since: int = 1, value: Any = None) -> NodeField:
    """A field for a feature that Podium does not have."""
    shows = {"type": _TYPES[type(value)], "const": value}
    return NodeField(name, since, lambda node: value, (), shows=shows, nullable=False)


def _time(name: str, *, nullable: bool = False) -> NodeField:
    def value(node: Columns) -> str | None:
        return None if node[name] is None else node[name].isoformat()

    return NodeField(name, 1, value, (name,), shows=TIME.schema, nullable=nullable)


def _record(name: str, since: int = 1) -> NodeField:
    one = RECORDS[name]

    def value(node: Columns) -> Any:
        found = node[name] if one.is_column else (node["record"] or {}).get(name)
        return one.default if found is None else found

    of = name if one.is_column else "record"
    return NodeField(name, since, value, (of,), one.kind, nullable=one.default is None)


def _name(node: Columns) -> str | None:
    return None if node["name"] == node["uuid"] else node["name"]


def power_state(node: Columns) -> str | None:
    """Return the power state; it is not on during a reboot, so that clients see the reboot end."""
    if node["target_power_state"] in _RESTARTS and node["power_state"] == states.POWER_ON:
        return states.REBOOTING
    found: str | None = node["power_state"]
    return found


def target_power_state(node: Columns) -> str | None:
    """Return the target power state of the running request."""
    asked = node["target_power_state"]
    return None if asked is None else states.REACHED.get(asked)


def _reservation(node: Columns) -> str | None:
    return None if node["reservation"] is None else node["reservation"].host


def _first_provision_state(node: Columns) -> str | None:
    """Return the provision state in the terms of the first version, which has none for ``available``."""
    return None if node["provision_state"] == AVAILABLE else node["provision_state"]


def _target_provision_state(node: Columns) -> str | None:
    return MANAGEABLE if node["provision_state"] == VERIFYING else None


_RESTARTS: Final = frozenset({states.REBOOTING, states.SOFT_REBOOTING, states.POWER_CYCLE})

#: The columns of a node's health and of how long it is valid.
_HEALTH: Final = ("health", "health_checked_at", "health_lasts")

#: The versions that introduced the later interfaces.
_INTERFACES: Final = {"network": 20, "storage": 33, "rescue": 38, "bios": 40, "firmware": 86}

NODE_FIELDS: Final[Mapping[str, NodeField]] = {
    one.name: one
    for one in (
        _column("uuid", kind=UUID),
        NodeField("name", 5, _name, ("name", "uuid"), text(255)),
        NodeField("power_state", 1, power_state, ("power_state", "target_power_state")),
        NodeField("target_power_state", 1, target_power_state, ("target_power_state",)),
        _known("provision_state"),
        NodeField("target_provision_state", 1, _target_provision_state, ("provision_state",)),
        _time("provision_updated_at", nullable=True),
        _column("maintenance", kind=TRUTH),
        _known("maintenance_reason"),
        _known("fault", 42),
        _known("last_error"),
        NodeField("health", 109, lambda node: (node["health"] or {}).get("status"), _HEALTH),
        _column("driver", kind=text(64)),
        _column("driver_info", kind=MAPPING),
        _column("driver_internal_info", 3, shows=MAPPING.schema),
        _column("properties", kind=MAPPING),
        _column("extra", kind=MAPPING),
        NodeField("reservation", 1, _reservation, ("reservation",)),
        _known("conductor", 49),
        _column("conductor_group", 46, text(255)),
        _record("instance_uuid"),
        _record("instance_name", 104),
        _record("instance_info"),
        _record("resource_class", 21),
        _record("traits", 37),
        _record("owner", 50),
        _record("lessee", 65),
        _record("description", 51),
        _record("protected", 48),
        _record("protected_reason", 48),
        _record("retired", 61),
        _record("retired_reason", 61),
        _record("network_data", 66),
        _record("shard", 82),
        _record("parent_node", 83),
        _record("chassis_uuid"),
        _record("automated_clean", 47),
        _record("disable_power_off", 95),
        *(_record(name, _INTERFACES.get(name.partition("_")[0], 31)) for name in INTERFACES),
        _nothing("allocation_uuid", 52),
        _nothing("boot_mode", 75),
        _nothing("secure_boot", 75),
        _nothing("clean_step", 7, {}),
        _nothing("deploy_step", 44, {}),
        _nothing("service_step", 87, {}),
        _nothing("raid_config", 12, {}),
        _nothing("target_raid_config", 12, {}),
        _nothing("inspection_started_at", 6),
        _nothing("inspection_finished_at", 6),
        _nothing("console_enabled", value=False),
        _time("created_at"),
        _time("updated_at"),
    )
}

#: The fields that differ in the first version.
_FIRST: Final = {
    "provision_state": NodeField("provision_state", 1, _first_provision_state, ("provision_state",)),
}
#: The lowest minor version that has each field.
SINCE: Final = {name: one.since for name, one in NODE_FIELDS.items()}
#: Further links that a whole node has, and the lowest version of each.
PARTS: Final = (("ports", 1), ("states", 14), ("portgroups", 24), ("volume", 32))
#: The fields in lists of nodes unless the request names others.
BRIEF: Final = ("uuid", "name", "instance_uuid", "power_state", "provision_state", "maintenance")


@functools.cache
def shown(minor: int) -> tuple[str, ...]:
    """Return the names of all fields that a version has."""
    return tuple(name for name, since in SINCE.items() if since <= minor)


def of_version(names: Iterable[str], minor: int) -> list[NodeField]:
    """Return fields as a version shows them."""
    return [(_FIRST.get(name) if minor == 1 else None) or NODE_FIELDS[name] for name in names]
