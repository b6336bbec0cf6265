"""Who holds which connection: one for each node that is in use, shared where nodes name the same target."""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

from podium.drivers.base import Node
from podium.drivers.bmc.closing import paced

_DISUSE: Final = 1800.0  # seconds; a node that nobody used for once to twice as long is forgotten

_Connection = TypeVar("_Connection")


class _Counted(Protocol):
    users: int


_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value", bound=_Counted)


class Shared(dict[_Key, _Value]):
    """What several users hold together under one key, until the last of them gives it back."""

    def take(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """What is held under the key, which counts another user.

        :param make: makes it for the first user
        """
        value = self.get(key)
        if value is None:
            value = self[key] = make()
        value.users += 1
        return value

    def give_back(self, key: _Key) -> bool:
        """Count one user less; returns whether that was the last one, so that it can be closed."""
        value = self[key]
        value.users -= 1
        if value.users:
            return False
        del self[key]
        return True


@dataclass(slots=True)
class _Known(Generic[_Connection]):
    """A node that was used lately."""

    driver_info: Mapping[str, Any] = field(repr=False)
    connection: _Connection
    used: bool = True  # since disuse was looked for last


class Connections(Generic[_Connection]):
    """One connection for each node; made inside the event loop that it runs in.

    :param connect: makes a node's connection of its ``driver_info``, without any I/O
    :param release: takes one back
    :param corrected: learns of one that takes the place of another, because ``driver_info`` has changed
    """

    def __init__(
        self,
        connect: Callable[[Node], _Connection],
        release: Callable[[_Connection], object],
        corrected: Callable[[_Connection], object] = lambda _: None,
    ) -> None:
        self._connect = connect
        self._release = release
        self._corrected = corrected
        self._known: dict[str, _Known[_Connection]] = {}
        self._forgetting = asyncio.get_running_loop().create_task(
            self._forget_unused(), name="unused connections"
        )

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

    def take(self, node: Node) -> _Connection | None:
        """Forget a node. Its connection, if it has one, is the caller's to give back."""
        known = self._known.pop(node.uuid, None)
        return None if known is None else known.connection

    def close(self) -> None:
        """Forget all nodes; the connections are left to whoever owns what is under them."""
        self._forgetting.cancel()
        self._known.clear()

    def _know(self, node: Node, known: _Known[_Connection] | None) -> _Known[_Connection]:
        if known is not None and known.driver_info == node.driver_info:
            known.driver_info = node.driver_info
            return known
        connection = self._connect(node)
        if known is not None:
            self._corrected(connection)
            self._release(known.connection)
        known = self._known[node.uuid] = _Known(node.driver_info, connection)
        return known

    async def _forget_unused(self) -> None:
        """Forget nodes that nobody uses; slowly, because each may have a session to close."""
        while True:
            await asyncio.sleep(_DISUSE)
            unused = [uuid for uuid, known in self._known.items() if not known.used]
            for known in self._known.values():
                known.used = False
            async for uuid in paced(unused):
                found = self._known.get(uuid)
                if found is not None and not found.used:
                    del self._known[uuid]
                    self._release(found.connection)
