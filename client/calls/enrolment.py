"""Enrolling nodes with their ports and chassis, and exporting them again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from podium.client.calls.call import ABSENT, Call, Limit, Nodes, Page, Place, Record, Where


class Null(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place where a file has a word such as ``~`` that means no value; it is sent as null.

    The word itself may have been meant, which only the driver can tell.

    :param node: the position of the node in the list, from 1 on
    :param key: of an entry, if the field is ``driver_info``
    """

    node: Annotated[int, msgspec.Meta(ge=1)]
    field: str
    word: str
    key: str | None = None


class Enrolled(Record, frozen=True, kw_only=True):
    """The result of enrolling a list of nodes.

    :param enrolled: how many were enrolled
    :param unchanged: how many were enrolled before
    """

    enrolled: int
    unchanged: int = 0


class EnrolNodes(Call[Enrolled], frozen=True):
    """Enrol nodes, with their ports and chassis: all of them, or none if any is wrong.

    An error names the positions in the list of the nodes concerned, from 1 on.

    :param nodes: each has at least name and driver; also uuid, driver_info, properties, extra,
        conductor_group, maintenance, maintenance_reason, provision_state, ports, and what is noted of nodes
    :param chassis: those that do not exist yet
    :param keep: skip nodes that are already enrolled and the same in every way
    :param force: even if the address of a node shows that it is the same machine as another one
    :param nulls: for clients that read files
    """

    method = "POST"
    path = "/podium/v1/nodes"
    role = "admin"
    status = 201
    is_large = True

    nodes: Sequence[Any]
    chassis: Sequence[Any] = ()
    keep: bool = False
    force: bool = False
    nulls: Sequence[Null] = ()


class Exported(Record, frozen=True, kw_only=True):
    """A node with its ports, or a chassis, as they can be enrolled. Secrets are ``******``."""

    node: Mapping[str, Any] = ABSENT
    chassis: Mapping[str, Any] = ABSENT


class ExportNodes(Call[Page[Exported]], frozen=True):
    """Export nodes, in natural order of name or as they are named, and then their chassis.

    :param nodes: the only nodes to export; without them and ``where``, all nodes and chassis are exported
    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    :param where: conditions that the nodes meet
    """

    method = "GET"
    path = "/podium/v1/export"
    role = "reader"

    nodes: Nodes | None = None
    limit: Limit = None
    marker: Place | None = None
    where: Where | None = None
