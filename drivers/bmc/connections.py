"""One connection for each node in use, shared between nodes that name the same target."""

import asyncio
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Protocol, TypeVar

from podium.drivers.base import Node
from podium.drivers.bmc.closing import paced

_DISUSE: Final = 1800.0  # seconds; a node that is not used for one to two times as long is forgotten

_Connection = TypeVar("_Connection")


class _Counted(Protocol):
    users: int


_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value", bound=_Counted)


class Shared(dict[_Key, _Value]):
    """Values that several users share under one key, until the last of them gives the value back."""

    def take(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """Return the value under the key, and count one more user.

        :param make: creates the value for the first user
        """
        value = self.get(key)
        if value is None:
            value = self[key] = make()
        value.users += 1
        return value

    def give_back(self, key: _Key) -> bool:
        """Count one user less; return whether it was the last one, so that the value can be closed."""
        value = self[key]
        value.users -= 1
        if value.users:
            return False
        del self[key]
        return True


@dataclass(slots=True)
class _Known(Generic[_Connection]):
    """A node that was used recently."""

    driver_info: Mapping[str, Any] = field(repr=False)
    connection: _Connection
    used: bool = True  # since the last search for unused nodes


class Connections(Generic[_Connection]):
    """One connection for each node; created inside the event loop that it runs in.

    :param connect: creates a node's connection from its ``driver_info``, without any I/O
    :param release: takes a connection back
    :param corrected: receives a connection that replaces another because ``driver_info`` has changed
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
        """Return the node's connection, a new one if its driver_info has changed.

        :raises podium.errors.InvalidDriverInfo: whatever ``connect`` raises
        """
        known = self._known.get(node.uuid)
        if known is None or known.driver_info is not node.driver_info:
            known = self._know(node, known)
        known.used = True
        return known.connection

    def find(self, node: Node) -> _Connection | None:
        """Return the connection that the node already has; this does not count as use."""
        known = self._known.get(node.uuid)
        return None if known is None else known.connection

    def take(self, node: Node) -> _Connection | None:
        """Forget a node. Its connection, if there is one, is returned for the caller to give back."""
        known = self._known.pop(node.uuid, None)
        return None if known is None else known.connection

    def close(self) -> None:
        """Forget all nodes; the owner of what the connections use closes them."""
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
        """Forget unused nodes; slowly, because each may have a session to close."""
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
