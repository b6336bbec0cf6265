"""Making enrolled nodes match a file: first as a plan, then all of it, or nothing."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from podium.client.calls.call import Call, Record
from podium.client.calls.enrolment import Null


class Listed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Nodes and chassis as they should be. A node is identified by its uuid, or else by its name.

    Fields that a node has and the list does not name stay as they are; a field that is null is removed. A
    mapping is replaced by that of the list. ``******`` in place of a secret keeps the secret.

    :param nodes: as they are enrolled
    :param chassis: those that nodes are in
    :param columns: for a table: its fields and entries, as ``extra.rack``. Entries of mappings without a
        column stay as well, and a column without a value removes the value of the node
    :param delete_missing: forget nodes that are not in the list
    :param force: even if the address of a node shows that it is the same machine as another one
    :param nulls: for clients that read files
    """

    nodes: Sequence[Any]
    chassis: Sequence[Any] = ()
    columns: Annotated[Sequence[str], msgspec.Meta(max_length=10_000)] = ()
    delete_missing: bool = False
    force: bool = False
    nulls: Sequence[Null] = ()


class Fields(Record, frozen=True, kw_only=True):
    """Nodes that differ in the same fields.

    :param fields: with the entries of mappings, as ``extra.rack``
    :param nodes: their names
    """

    fields: list[str]
    nodes: list[str]


class Plan(Record, frozen=True, kw_only=True):
    """The differences of a list, by the names of nodes and the UUIDs of chassis.

    :param left: what nodes have and the list does not name; it stays as it is
    :param gone: the nodes that are not in the list
    :param busy: why nodes cannot be changed now
    :param digest: of the planned changes
    """

    new: list[str]
    changed: list[Fields]
    left: list[Fields]
    gone: list[str]
    unchanged: int
    new_chassis: list[str]
    changed_chassis: list[Fields]
    busy: list[str]
    digest: str


class PlanUpdate(Listed, Call[Plan], frozen=True):
    """Show what would be done to make nodes match a list. It changes nothing."""

    method = "POST"
    path = "/podium/v1/nodes/plan"
    role = "admin"
    is_large = True


class Updated(Record, frozen=True, kw_only=True):
    """How many nodes of a list were new, changed or unchanged, and how many others were forgotten."""

    enrolled: int
    changed: int
    unchanged: int
    deleted: int


class UpdateNodes(Listed, Call[Updated], frozen=True):
    """Make nodes match a list: all of them, or none if any is wrong or busy.

    :param digest: of the accepted plan; the call is refused if something else would be done by now
    """

    method = "POST"
    path = "/podium/v1/nodes/update"
    role = "admin"
    is_large = True

    digest: Annotated[str, msgspec.Meta(max_length=100)] | None = None
