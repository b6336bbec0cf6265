"""The nodes for which a task fails: the log lines about them, and what `podium task list` shows."""

from collections.abc import Callable, Collection

from oslo_log import log

from podium import errors, masking
from podium.conductor.fleet.fleet import Fleet
from podium.drivers.base import Node
from podium.drivers.node import held
from podium.node_ranges import anonymous, by_reason, fold_for_log

LOG = log.getLogger(__name__)

#: The most reasons that get a log line of their own at the end of a run.
_MOST_REASONS = 5


class NodeFailures:
    """The failures of one task, by node. Only the room's loop may use it, except for :meth:`summary`.

    Calls of several runs may end in any order; a node's last call counts.

    :param name: the task's full name
    :param secret: names in driver_info whose values are never shown
    """

    def __init__(self, name: str, fleet: Fleet, secret: frozenset[str]) -> None:
        self._name = name
        self._fleet = fleet
        self._secret = secret
        self._failing: dict[str, str] = {}  # by UUID, the last error; replaced, never changed
        self._ended: dict[str, tuple[Node, str | None]] = {}  # calls that are not logged yet
        self._faults: dict[str, tuple[Exception, Node]] = {}  # of the driver, until they are logged
        self._changed = False

    def note(self, node: Node, error: Exception | None) -> str | None:
        """Note the outcome of a call; return its error in one line."""
        if error is None:
            if node.uuid in self._failing or node.uuid in self._ended:
                self._ended[node.uuid] = node, None
            return None
        text = errors.one_line(error, self._scrubber(node))
        if not isinstance(error, errors.PodiumError | TimeoutError):
            self._faults[anonymous(text)] = error, node
        self._ended[node.uuid] = node, text
        return text

    def log_changes(self, uuids: Collection[str] | None = None) -> None:
        """Log the nodes that have begun to fail and those that no longer fail.

        :param uuids: limits this to these nodes
        """
        its = self._ended.keys() if uuids is None else self._ended.keys() & uuids
        ended = {uuid: self._ended.pop(uuid) for uuid in list(its)}
        failed = {uuid: text for uuid, (_, text) in ended.items() if text is not None}
        fresh = [(ended[uuid][0].name, text) for uuid, text in failed.items() if uuid not in self._failing]
        for failure, names in by_reason(fresh)[:_MOST_REASONS]:
            fault, where = self._faults.get(anonymous(failure)), fold_for_log(names)
            trace = None if fault is None else masking.for_log(fault[0], self._scrubber(fault[1]))
            LOG.warning("Periodic task %s failed for %s: %s", self._name, where, failure, exc_info=trace)
        if not self._ended:
            self._faults.clear()
        recovered = [
            node.name for uuid, (node, text) in ended.items() if text is None and uuid in self._failing
        ]
        if recovered:
            LOG.info("Periodic task %s succeeds again for %s", self._name, fold_for_log(recovered))
        others = {uuid: text for uuid, text in self._failing.items() if uuid not in ended}
        self._failing = {uuid: text for uuid, text in others.items() if self._fleet.find(uuid)} | failed
        self._changed = self._changed or bool(ended)

    def summary(self) -> str | None:
        """The nodes whose last call failed, and one of the errors; None if none failed."""
        failing = self._failing
        entries = (self._fleet.find(uuid) for uuid in failing)
        names = [entry.node.name for entry in entries if entry is not None]
        return f"failed for {fold_for_log(names)}: {next(iter(failing.values()))}" if names else None

    def take_changed(self) -> bool:
        """Whether the summary may have changed since the last call. May be called from any thread."""
        changed, self._changed = self._changed, False
        return changed

    def _scrubber(self, node: Node) -> Callable[[str], str]:
        return lambda text: masking.scrub(text, held(node), self._secret)
