"""What a driver is told without asking: the manager when it starts, and its nodes as they come and go.

The conductor and podium.testing both use this, so that a driver's tests see the same calls in the same order.
"""

import inspect
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from podium.drivers import additions, base

#: The methods that follow a driver's nodes. A driver defines those that it needs.
ADDED, CHANGED, REMOVED = "node_added", "node_changed", "node_removed"
_CALLBACKS: Final = (ADDED, CHANGED, REMOVED)

# Tasks that a driver may have spawned at a time: so many, and some for each node of the conductor.
_SPAWNED, _SPAWNED_PER_NODE = 1000, 4


def most_spawned(nodes: int) -> int:
    """The number of tasks that a driver may have spawned at a time, where the conductor has so many nodes."""
    return _SPAWNED + _SPAWNED_PER_NODE * nodes


def start_arguments(driver: base.Driver, manager: base.Manager | None) -> tuple[base.Manager | None, ...]:
    """What the driver's ``start`` is called with: the manager, where it has a parameter for it.

    A parameter with a default is the driver's own, unless it is called ``manager`` and is None by default.
    """
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [one for one in inspect.signature(driver.start).parameters.values() if one.kind in places]
    if not parameters:
        return ()
    name, default = parameters[0].name, parameters[0].default
    is_wanted = default is inspect.Parameter.empty or (name == "manager" and default is None)
    return (manager,) if is_wanted else ()


def misfits(driver: base.Driver) -> Iterator[str]:
    """A line if ``start`` cannot be called as the conductor calls it."""
    try:
        inspect.signature(driver.start).bind(*start_arguments(driver, None))
    except (TypeError, ValueError):
        yield "start cannot be called: it is start(self) or start(self, manager)"


def defined(driver: base.Driver) -> dict[str, Callable[..., Any]]:
    """The methods by name that the driver defines to follow its nodes."""
    kind = type(driver)
    own = (name for name in _CALLBACKS if getattr(kind, name) is not getattr(base.Driver, name))
    return {name: getattr(driver, name) for name in own if additions.uses(kind, name)}


class News:
    """What a driver is still to be told of its nodes. For any thread.

    A node has one call at a time, and its calls are in order. One that was removed is released before it may
    be added again. A driver without ``node_changed`` is told of another ``driver_info`` by ``node_removed``
    and ``node_added``. Whatever happens meanwhile, no more is kept than what a node is now, and whether it
    was gone.

    :param names: the methods that the driver defines
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._told: dict[str, base.Node] = {}  # what the driver knows, by UUID
        # What it does not know yet: the node, None for one that is gone, and whether it was gone meanwhile.
        self._wanted: dict[str, tuple[base.Node | None, bool]] = {}
        self._busy: set[str] = set()
        self._leaving: dict[str, int] = {}  # how often a node is to be released before it may be added
        self._queue: deque[str] = deque()
        self._lock = threading.Lock()

    def note(self, node: base.Node, is_here: bool) -> None:
        """Take in that a node is the driver's, or is as it is now, or is gone.

        One that is gone is to be released: :meth:`note_released` follows.
        """
        uuid = node.uuid
        with self._lock:
            before = self._wanted.get(uuid)
            if before is None:
                self._queue.append(uuid)
            was_gone = not is_here or (before is not None and before[1])
            self._wanted[uuid] = (node if is_here else None, was_gone)
            if not is_here:
                self._leaving[uuid] = self._leaving.get(uuid, 0) + 1

    def next(self) -> tuple[str, base.Node] | None:
        """The next call, if there is one: the method's name and the node, which :meth:`done` follows."""
        with self._lock:
            while self._queue:
                uuid = self._queue.popleft()
                call = None if uuid in self._busy else self._step(uuid)
                if call is not None:
                    self._busy.add(uuid)
                    return call
            return None

    def done(self, node: base.Node) -> None:
        """Note that the call for a node has returned."""
        with self._lock:
            self._busy.discard(node.uuid)
            if node.uuid in self._wanted:
                self._queue.append(node.uuid)

    def note_released(self, uuid: str) -> None:
        """Note that a node that is gone has been released."""
        with self._lock:
            left = self._leaving.pop(uuid, 0) - 1
            if left > 0:
                self._leaving[uuid] = left
            elif uuid in self._wanted:
                self._queue.append(uuid)

    def is_known(self, uuid: str) -> bool:
        """Whether the driver was told of a node and not that it is gone, or a call for it is under way."""
        with self._lock:
            return uuid in self._told or uuid in self._busy

    def _step(self, uuid: str) -> tuple[str, base.Node] | None:
        while uuid in self._wanted:
            node, was_gone = self._wanted.pop(uuid)
            told = self._told.pop(uuid, None)
            if told is not None and (node is None or was_gone or self._is_another(told, node)):
                if node is not None:
                    self._wanted[uuid] = node, False
                if REMOVED in self._names:
                    return REMOVED, told
            elif node is not None and told is None and uuid in self._leaving:
                self._wanted[uuid] = node, False
                return None
            elif node is not None:
                self._told[uuid] = node
                name = ADDED if told is None else CHANGED
                if name in self._names and (told is None or _shown(told) != _shown(node)):
                    return name, node
        return None

    def _is_another(self, told: base.Node, node: base.Node) -> bool:
        return CHANGED not in self._names and told.driver_info != node.driver_info


def _shown(node: base.Node) -> tuple[Any, ...]:
    """What a driver is told of when it changes."""
    return node.driver_info, node.name, node.maintenance
