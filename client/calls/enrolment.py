"""Enrolling nodes with what belongs to them, and exporting them again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from podium.client.calls.call import ABSENT, Call, Limit, Nodes, Page, Place, Record, Where


class Null(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a file has a word such as ``~`` that says that there is no value, sent as null.

    It may be that the word itself was meant, which only the driver can tell.

    :param node: the place of the node in the list, from 1 on
    :param key: of an entry, if the field is ``driver_info``
    """

    node: Annotated[int, msgspec.Meta(ge=1)]
    field: str
    word: str
    key: str | None = None


class Enrolled(Record, frozen=True, kw_only=True):
    """What became of a list of nodes.

    :param enrolled: how many were enrolled
    :param unchanged: how many were there before
    """

    enrolled: int
    unchanged: int = 0


class EnrolNodes(Call[Enrolled], frozen=True):
    """Enrol nodes, with their ports and chassis: all of them, or none if any is wrong.

    A fault names the places in the list of the nodes that have it, from 1 on.

    :param nodes: each has at least name and driver; also uuid, driver_info, properties, extra,
        conductor_group, maintenance, maintenance_reason, provision_state, ports, and what is noted of nodes
    :param chassis: those that are not there yet
    :param keep: leave nodes alone that are enrolled already and the same in every way
    :param force: even if a node is by its address the same machine as another one
    :param nulls: for what reads files
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
    """Export nodes, in natural order of name or as they are named, and then the chassis in which they are.

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
