"""The values that a request writes: a node's writable fields, and their conversion into columns."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from podium import errors, masking
from podium.api.faults import Fault
from podium.api.fields import Field
from podium.api.ironic.node_fields import NODE_FIELDS
from podium.api.ironic.patch import Step
from podium.client.enrolling import enrolment
from podium.client.enrolling.catalog import Catalog
from podium.client.records import node_records
from podium.client.records.node_records import RECORDS
from podium.db.api import NodeRecord

#: Fields by which a node is enrolled, and their defaults.
_ENROLMENT: Final[Mapping[str, Any]] = {
    "uuid": None,
    "name": None,
    "driver": None,
    "driver_info": {},
    "properties": {},
    "extra": {},
    "conductor_group": "",
    "maintenance": False,
}
#: The fields that change together, because drivers check them.
OF_DRIVER: Final = frozenset(_ENROLMENT) - {"uuid", "maintenance"}
#: The lowest version in which a node may be removed from its chassis.
_NO_CHASSIS: Final = 25
#: Names that other paths use.
_RESERVED: Final = frozenset({"detail"})

_WRITTEN: Final = {one.name: one.kind for one in NODE_FIELDS.values() if one.kind is not None}

#: The fields of a new node. The others can be set after its creation.
CREATE: Final = tuple(
    Field(name, kind, since=NODE_FIELDS[name].since, required=name == "driver")
    for name, kind in _WRITTEN.items()
    if name not in ("traits", "protected", "protected_reason")
)
#: The fields that a PATCH may change. Traits have their own paths.
PATCH: Final = {
    name: Field(name, kind, since=NODE_FIELDS[name].since, required=name == "driver")
    for name, kind in _WRITTEN.items()
    if name not in ("uuid", "traits")
}


def default(name: str) -> Any:
    """Return the default of a field."""
    return _ENROLMENT[name] if name in _ENROLMENT else RECORDS[name].default


def document(node: NodeRecord) -> dict[str, Any]:
    """Return the fields of a node that a PATCH may change, with their secrets."""
    columns = node._asdict()
    return {name: NODE_FIELDS[name].value(columns) for name in PATCH}


def touched(steps: Iterable[Step], minor: int) -> set[str]:
    """Return the fields that a PATCH changes.

    :raises podium.api.faults.Fault: 406 for a field that is too new for the version
    """
    steps = tuple(steps)
    names = {step.path[0] for step in steps}
    if late := [name for name in names if PATCH[name].since > minor]:
        needed = PATCH[late[0]].since
        raise Fault(406, f"{late[0]} needs version 1.{needed} of the API; this request is of 1.{minor}")
    if minor < _NO_CHASSIS and any(step.path[0] == "chassis_uuid" and step.value is None for step in steps):
        raise Fault(406, f"to take a node out of its chassis needs version 1.{_NO_CHASSIS} of the API")
    return names


def differ(value: Any, other: Any) -> bool:
    """Return whether two values differ in JSON, where true is not 1."""
    return json.dumps(value, sort_keys=True) != json.dumps(other, sort_keys=True)


def masked(name: str, value: Any, secrets: frozenset[str] = frozenset()) -> list[str]:
    """Return a line for each ``******`` in a field."""
    return [
        f"{name}: {place[:80]} is {masking.MASK}, which is shown instead of a secret; give the secret itself"
        for place in masking.masked_places(value, secrets)
    ]


def unmasked(
    values: Mapping[str, Any], before: Mapping[str, Any], names: Collection[str], catalog: Catalog
) -> dict[str, Any]:
    """Return values in which each ``******`` is replaced by the present secret.

    :param names: the fields that may have new values
    :raises podium.errors.InvalidNode: for each ``******`` without a present secret, and each secret that
        another driver would show
    """
    old, new = (catalog.secrets(fields["driver"]) for fields in (before, values))
    found, faults = dict(values), []
    for name in names:
        found[name] = masking.restored(values[name], before[name], old | new)
        faults += masked(name, found[name], old | new)
    faults += catalog.revelations(found, before["driver"], values["driver"])
    if faults:
        raise errors.InvalidNode(faults)
    return found


def columns(
    values: Mapping[str, Any],
    uuid: str,
    catalog: Catalog,
    *,
    complete: bool,
    kept: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the columns of a node.

    :param values: checked fields; None for fields without a value. Without a driver, only the columns of
        recorded fields are returned
    :param complete: whether its driver must accept its driver_info
    :param kept: the present column ``record`` of the node
    :raises podium.errors.InvalidNode: naming each fault
    """
    found: dict[str, Any] = {}
    if "driver" in values:
        row = {name: values.get(name) for name in _ENROLMENT}
        row = {name: _ENROLMENT[name] if value is None else value for name, value in row.items()}
        row |= {"uuid": uuid, "name": row["name"] or uuid}
        if row["name"] in _RESERVED:
            raise errors.InvalidNode([f"name {row['name']} is the word of a path; choose another"])
        found, faults = enrolment.settle(row, catalog, complete=complete)
        if faults:
            raise errors.InvalidNode(faults)
    noted = {name: value for name, value in values.items() if name in RECORDS}
    if faults := [fault for name, value in noted.items() for fault in masked(name, value)]:
        raise errors.InvalidNode(faults)
    return found | node_records.columns(noted, kept)


def accepted(node: NodeRecord, catalog: Catalog) -> dict[str, Any]:
    """Return the columns of a node, checked by its driver.

    :raises podium.errors.InvalidNode: naming each fault
    """
    values = document(node)
    its = {name: values[name] for name in (*OF_DRIVER, "maintenance")}
    return columns(its, node.uuid, catalog, complete=True)
