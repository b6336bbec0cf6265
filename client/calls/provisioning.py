"""Provision states: whether conductors look after nodes, and whether programs may choose them."""

from typing import Literal

from podium.client.calls.call import Call, Nodes, Record, Where


class ProvisionedNode(Record, frozen=True, kw_only=True):
    """A node in its new provision state, or on its way there.

    :param changed: whether it was in another state
    """

    name: str
    provision_state: str
    changed: bool


class Provisioned(Record, frozen=True, kw_only=True):
    """The resulting states of nodes, in order of name."""

    nodes: list[ProvisionedNode]


class Provision(Call[Provisioned], frozen=True):
    """Bring nodes into another provision state, or begin to.

    ``manage`` has the conductor of a node in ``enroll`` read its power. Meanwhile the node is ``verifying``;
    afterwards it is ``manageable``, or in ``enroll`` again with the reason in ``last_error``. ``manage`` also
    takes ``available`` and ``active`` nodes back. ``provide`` makes ``manageable`` nodes ``available``,
    ``adopt`` makes them ``active``. Nodes that are already in the state are left alone.

    :param nodes: names, UUIDs, and ranges or patterns of names; null for all that meet ``where``
    :param target: what to do
    :param where: conditions that the nodes meet, such as ``provision_state=enroll``
    """

    method = "POST"
    path = "/podium/v1/nodes/provision"
    role = "admin"

    nodes: Nodes | None
    target: Literal["manage", "provide", "adopt"]
    where: Where | None = None
