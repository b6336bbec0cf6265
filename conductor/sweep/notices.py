"""Log lines about power reads, gathered so that a rack that loses power is one line."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from oslo_log import log

from podium.node_ranges import by_reason, fold_for_log

LOG = log.getLogger(__name__)

#: The most reasons that get a line of their own.
_MOST_REASONS: Final = 5


class Notices:
    """Names of nodes with changes, until they are logged.

    :param is_safe: whether no other member can have taken over the nodes; changes are held back until then,
        because another member may have made them on request
    """

    def __init__(self, is_safe: Callable[[], bool] = lambda: True) -> None:
        self._is_safe = is_safe
        # Names as keys: held for long, this does not grow.
        self._changed: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
        self._failed: dict[str, str] = {}
        self._recovered: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._changed or self._failed or self._recovered)

    def changed(self, name: str, before: str, after: str, *, is_late: bool = False) -> None:
        """Note that a node's power state has changed.

        :param is_late: whether the change is the late result of a failed request
        """
        why = "as a request asked that had failed by then" if is_late else "changed by someone else"
        self._changed[before, after, why][name] = None

    def failed(self, name: str, failure: str) -> None:
        """Note that a node can no longer be read."""
        self._failed[name] = failure

    def recovered(self, name: str) -> None:
        """Note that a node can be read again."""
        self._recovered[name] = None

    def log(self) -> None:
        """Log and forget the changes, unless somebody else may have the nodes."""
        if not self._is_safe():
            return
        for (before, after, why), changed in self._changed.items():
            LOG.warning("%s: %s -> %s, %s", fold_for_log(list(changed)), before, after, why)
        by_count = by_reason(list(self._failed.items()))
        for failure, names in by_count[:_MOST_REASONS]:
            LOG.warning("%s: power cannot be read: %s", fold_for_log(names), failure)
        rest = [name for _, names in by_count[_MOST_REASONS:] for name in names]
        if rest:
            more = len(by_count) - _MOST_REASONS
            LOG.warning("%s: power cannot be read, for %d more reasons", fold_for_log(rest), more)
        if self._recovered:
            LOG.info("%s: power can be read again", fold_for_log(list(self._recovered)))
        self._changed.clear()
        self._failed.clear()
        self._recovered.clear()
