"""What the conductor passes to a driver: the manager when it starts, and its nodes as they come and go.

The conductor and podium.testing share this code, so that tests of a driver see the same calls in the same
order.
"""

import inspect
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

from podium.drivers import additions, base

#: The methods that follow a driver's nodes. A driver defines the ones it needs.
ADDED, CHANGED, REMOVED = "node_added", "node_changed", "node_removed"
_CALLBACKS: Final = (ADDED, CHANGED, REMOVED)

# Maximum number of tasks that a driver may have spawned: this many, and some for each node of the conductor.
_SPAWNED, _SPAWNED_PER_NODE = 1000, 4


def most_spawned(nodes: int) -> int:
    """Return how many tasks a driver may have spawned at a time, if the conductor has that many nodes."""
    return _SPAWNED + _SPAWNED_PER_NODE * nodes


def start_arguments(driver: base.Driver, manager: base.Manager | None) -> tuple[base.Manager | None, ...]:
    """Return the arguments of the driver's ``start``: the manager, if it has a parameter for it.

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
    """Yield a line if ``start`` does not accept the conductor's arguments."""
    try:
        inspect.signature(driver.start).bind(*start_arguments(driver, None))
    except (TypeError, ValueError):
        yield "start cannot be called: it is start(self) or start(self, manager)"


def defined(driver: base.Driver) -> dict[str, Callable[..., Any]]:
    """Return, by name, the methods that the driver defines to follow its nodes."""
    kind = type(driver)
    own = (name for name in _CALLBACKS if getattr(kind, name) is not getattr(base.Driver, name))
    return {name: getattr(driver, name) for name in own if additions.uses(kind, name)}


class News:
    """The calls about nodes that a driver is still to receive. Thread-safe.

    A node has one call at a time, and its calls are in order. A removed node is released before it may be
    added again. A driver without ``node_changed`` receives ``node_removed`` and ``node_added`` for a change
    of ``driver_info``. However many changes happen meanwhile, only the present node is kept, and whether it
    was gone.

    :param names: the methods that the driver defines
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._told: dict[str, base.Node] = {}  # what the driver knows, by UUID
        # What it does not know yet: the node, None for a removed one, and whether it was gone meanwhile.
        self._wanted: dict[str, tuple[base.Node | None, bool]] = {}
        self._busy: set[str] = set()
        self._leaving: dict[str, int] = {}  # how many times a node must be released before it may be added
        self._queue: deque[str] = deque()
        self._lock = threading.Lock()

    def note(self, node: base.Node, is_here: bool) -> None:
        """Record that a node is the driver's, has changed, or is gone.

        A node that is gone must be released: :meth:`note_released` follows.
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
        """Return the next call, if there is one: the method's name and the node; :meth:`done` follows."""
        with self._lock:
            while self._queue:
                uuid = self._queue.popleft()
                call = None if uuid in self._busy else self._step(uuid)
                if call is not None:
                    self._busy.add(uuid)
                    return call
            return None

    def done(self, node: base.Node) -> None:
        """Record that the call for a node has returned."""
        with self._lock:
            self._busy.discard(node.uuid)
            if node.uuid in self._wanted:
                self._queue.append(node.uuid)

    def note_released(self, uuid: str) -> None:
        """Record that a node that is gone has been released."""
        with self._lock:
            left = self._leaving.pop(uuid, 0) - 1
            if left > 0:
                self._leaving[uuid] = left
            elif uuid in self._wanted:
                self._queue.append(uuid)

    def is_known(self, uuid: str) -> bool:
        """Whether the driver was given a node and it is not removed, or a call for it is under way."""
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
    """Return the fields whose changes are passed to a driver."""
    return node.driver_info, node.name, node.maintenance
