"""Nodes: listing, reading, enrolling, changing and deleting them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from podium.client.calls.call import ABSENT, Call, Nodes, Page, Place, Record, Where

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Age = Annotated[float, msgspec.Meta(ge=0, le=315_360_000)]

#: A key of a mapping: not every key has a form in the JSON paths that databases understand.
KEY: Final = r'^[^"\\\x00-\x1f]{1,255}$'
Key: TypeAlias = Annotated[str, msgspec.Meta(pattern=KEY)]
PowerState: TypeAlias = Literal["power on", "power off", "error", "none"]
HealthStatus: TypeAlias = Literal["ok", "warning", "critical", "none"]


class Health(Record, frozen=True, kw_only=True):
    """The health of a machine, as its driver reported it.

    :param status: ``OK``, ``Warning`` or ``Critical``
    """

    status: str
    reasons: list[str]


class Node(Record, frozen=True, kw_only=True):
    """A machine. Fields that were not requested are left out; secrets are ``******``.

    ``power_state_age`` is the number of seconds since ``power_checked_at``, by the database's clock; None if
    the node was never read. ``clock_offset`` is the number of seconds by which the clock of the controller
    was ahead at ``clock_checked_at``. ``conductor`` is the worker that has the node, or None.
    """

    uuid: str = ABSENT
    name: str = ABSENT
    driver: str = ABSENT
    driver_info: dict[str, Any] = ABSENT
    driver_internal_info: dict[str, Any] = ABSENT
    properties: dict[str, Any] = ABSENT
    extra: dict[str, Any] = ABSENT
    power_state: str | None = ABSENT
    wanted_power_state: str | None = ABSENT
    power_policy: str | None = ABSENT
    enforcement: str | None = ABSENT
    target_power_state: str | None = ABSENT
    power_request_id: int | None = ABSENT
    power_requested_by: str | None = ABSENT
    power_requested_at: datetime | None = ABSENT
    power_checked_at: datetime | None = ABSENT
    power_changed_at: datetime | None = ABSENT
    power_failures: int = ABSENT
    health: Health | None = ABSENT
    health_checked_at: datetime | None = ABSENT
    clock_offset: float | None = ABSENT
    clock_checked_at: datetime | None = ABSENT
    last_error: str | None = ABSENT
    maintenance: bool = ABSENT
    maintenance_reason: str | None = ABSENT
    fault: str | None = ABSENT
    reservation: str | None = ABSENT
    reserved_for: str | None = ABSENT
    reserved_at: datetime | None = ABSENT
    conductor_group: str = ABSENT
    slot: int = ABSENT
    provision_state: str = ABSENT
    provision_updated_at: datetime | None = ABSENT
    instance_uuid: str | None = ABSENT
    instance_name: str | None = ABSENT
    resource_class: str | None = ABSENT
    owner: str | None = ABSENT
    lessee: str | None = ABSENT
    shard: str | None = ABSENT
    parent_node: str | None = ABSENT
    chassis_uuid: str | None = ABSENT
    retired: bool | None = ABSENT
    description: str | None = ABSENT
    record: dict[str, Any] | None = ABSENT
    created_at: datetime = ABSENT
    updated_at: datetime = ABSENT
    conductor: str | None = ABSENT
    power_state_age: float | None = ABSENT


FIELDS: Final = Node.__struct_fields__
#: Mappings with entries that people or drivers chose, and that may be secrets.
MAPPINGS: Final = ("driver_info", "driver_internal_info", "properties", "extra", "record")


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Conditions that nodes meet, all of them.

    :param power_state: ``none`` for nodes that were never read
    :param failing: whose last read failed, or that no living conductor reads
    :param stale: whose power was last read longer ago than so many seconds, or never; not those in
        maintenance unless ``maintenance`` is true
    :param would_enforce: whose power the conductor should restore
    :param conductor: of the conductor on this host
    :param unserved: that no conductor serves
    :param health: ``none`` for nodes without a report, or with an outdated one
    :param extra: values in ``extra`` other than lists and objects, as ``extra.rack=r7`` in the query
    :param where: conditions as a text, such as ``health!=ok and age>5m``
    """

    driver: _Name | None = None
    power_state: PowerState | None = None
    maintenance: bool | None = None
    health: HealthStatus | None = None
    failing: bool = False
    stale: _Age | None = None
    would_enforce: bool = False
    conductor: _Name | None = None
    conductor_group: Annotated[str, msgspec.Meta(max_length=255)] | None = None
    unserved: bool = False
    provision_state: _Name | None = None
    resource_class: _Name | None = None
    owner: _Name | None = None
    instance_uuid: _Name | None = None
    extra: Annotated[dict[Key, str], msgspec.Meta(max_length=20)] = {}
    where: Where | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no condition, so that every node matches."""
        nothing = Filter()
        return all(getattr(self, name) == getattr(nothing, name) for name in Filter.__struct_fields__)


class ListNodes(Filter, Call[Page[Node]], frozen=True):
    """List nodes, in natural order of name or, if nodes are named, in the order named.

    :param nodes: the only nodes to look at
    :param fields: what to show of each, such as ``name``, or a single entry of a mapping, such as
        ``extra.rack``; by default all
    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/nodes"
    role = "reader"

    nodes: Nodes | None = None
    fields: Sequence[str] = ()
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    marker: Place | None = None


class GetNode(Call[Node], frozen=True):
    """Show everything that Podium knows about a node.

    :param node: its name or UUID
    """

    method = "GET"
    path = "/podium/v1/nodes/{node}"
    role = "reader"

    node: _Name
