"""Whether nodes can be chosen by what somebody types, and what that depends on besides the nodes."""

from podium.client.calls.call import Call, Nodes, Record, Where


class Selection(Record, frozen=True, kw_only=True):
    """What clients need that choose among nodes which they know already, as the page does.

    :param fault: why the condition or the names are refused, where they are; the lines after the first show
        the place
    :param members: the names of all workers that have not ended: a node that another one holds is failing
    :param enforced_by_default: whether the power of nodes without a policy of their own is restored
    """

    fault: str | None
    members: list[str]
    enforced_by_default: bool


class CheckSelection(Call[Selection], frozen=True):
    """Check a condition and names, without looking for the nodes.

    :param nodes: names, UUIDs, ranges and patterns
    :param where: conditions as a text
    """

    method = "GET"
    path = "/podium/v1/selection"
    role = "reader"

    nodes: Nodes | None = None
    where: Where | None = None
