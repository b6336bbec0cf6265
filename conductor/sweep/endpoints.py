"""The nodes of a driver that are behind one endpoint: a PDU, a chassis, a hypervisor."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from podium.conductor.fleet.entry import Entry
from podium.drivers import base


class Endpoints:
    """The endpoints of nodes that were looked up, by number. Only the room's loop may use it.

    :param endpoint: returns the endpoint of a node
    """

    def __init__(self, endpoint: Callable[[base.Node], str]) -> None:
        self._endpoint = endpoint
        self._known: dict[int, tuple[Mapping[str, Any], str]] = {}  # with the driver_info it comes from
        self._nodes: dict[str, set[int]] = {}

    def of(self, entry: Entry) -> str:
        """The endpoint of a node."""
        number, info = entry.number, entry.node.driver_info
        known = self._known.get(number)
        if known is not None and known[0] is info:
            return known[1]
        self._forget(number)
        endpoint = self._endpoint(entry.node)
        self._known[number] = info, endpoint
        self._nodes.setdefault(endpoint, set()).add(number)
        return endpoint

    def nodes(self, endpoint: str) -> Collection[int]:
        """The numbers of the nodes known to be behind an endpoint."""
        return self._nodes.get(endpoint, ())

    def keep(self, numbers: Collection[int]) -> None:
        """Forget all other nodes."""
        for number in self._known.keys() - set(numbers):
            self._forget(number)

    def _forget(self, number: int) -> None:
        known = self._known.pop(number, None)
        if known is not None:
            others = self._nodes[known[1]]
            others.discard(number)
            if not others:
                del self._nodes[known[1]]
