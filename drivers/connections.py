"""The connections that a driver holds for its nodes, each until its node is forgotten or changed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from podium.drivers.base import Node

_DISUSE: Final = 1800.0  # seconds, twice; a node that nobody asked about meanwhile is forgotten
_FORGOTTEN_AT_ONCE: Final = 200
_PAUSE: Final = 0.01  # seconds after so many

_Connection = TypeVar("_Connection")


@dataclass(slots=True)
class _Known(Generic[_Connection]):
    """A node that was asked about lately."""

    driver_info: Mapping[str, Any]
    connection: _Connection
    used: bool = True  # since disuse was looked for last


class Connections(Generic[_Connection]):
    """One connection for each node; made inside of the event loop that it runs in.

    :param connect: makes a node's connection of its ``driver_info``, without any I/O
    :param release: takes one back
    """

    def __init__(
        self, connect: Callable[[Node], _Connection], release: Callable[[_Connection], None]
    ) -> None:
        self._connect = connect
        self._release = release
        self._known: dict[str, _Known[_Connection]] = {}
        self._forget([])

    def of(self, node: Node) -> _Connection:
        """The node's connection, a new one when its driver_info changed.

        :raises podium.errors.InvalidDriverInfo: whatever ``connect`` raises
        """
        known = self._known.get(node.uuid)
        if known is None or known.driver_info is not node.driver_info:
            known = self._know(node, known)
        known.used = True
        return known.connection

    def find(self, node: Node) -> _Connection | None:
        """The connection that the node has already; asking for it does not count as use."""
        known = self._known.get(node.uuid)
        return None if known is None else known.connection

    def close(self) -> None:
        """Forget all; the connections are left to whoever owns what is under them."""
        self._forgetting.cancel()
        self._known.clear()

    def _know(self, node: Node, known: _Known[_Connection] | None) -> _Known[_Connection]:
        if known is not None and known.driver_info == node.driver_info:
            known.driver_info = node.driver_info
            return known
        connection = self._connect(node)
        if known is not None:
            self._release(known.connection)
        known = self._known[node.uuid] = _Known(node.driver_info, connection)
        return known

    def _look_for_unused(self) -> None:
        unused = [uuid for uuid, known in self._known.items() if not known.used]
        for known in self._known.values():
            known.used = False
        self._forget(unused)

    def _forget(self, unused: list[str]) -> None:
        """Forget nodes that were not used, some at a time, because each may have a session to close."""
        for uuid in unused[-_FORGOTTEN_AT_ONCE:]:
            known = self._known.get(uuid)
            if known is not None and not known.used:
                del self._known[uuid]
                self._release(known.connection)
        del unused[-_FORGOTTEN_AT_ONCE:]
        loop = asyncio.get_running_loop()
        if unused:
            self._forgetting = loop.call_later(_PAUSE, self._forget, unused)
        else:
            self._forgetting = loop.call_later(_DISUSE, self._look_for_unused)
