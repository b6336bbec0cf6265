"""Log lines about power reads, gathered so that a rack that goes dark is one line."""

from collections import defaultdict
from typing import Final

from oslo_log import log

from podium.node_ranges import by_reason, fold_for_log

LOG = log.getLogger(__name__)

#: Reasons that get a line of their own.
_MOST_REASONS: Final = 5


class Notices:
    """Names of nodes with news, until they are logged."""

    def __init__(self) -> None:
        self._changed: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        self._failed: list[tuple[str, str]] = []
        self._recovered: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._changed or self._failed or self._recovered)

    def changed(self, name: str, before: str, after: str, *, is_late: bool = False) -> None:
        """Note that a node's power state has changed.

        :param is_late: whether that is the result of a request that had failed by then
        """
        why = "as a request asked that had failed by then" if is_late else "changed by someone else"
        self._changed[before, after, why].append(name)

    def failed(self, name: str, failure: str) -> None:
        """Note that a node can no longer be read."""
        self._failed.append((name, failure))

    def recovered(self, name: str) -> None:
        """Note that a node can be read again."""
        self._recovered.append(name)

    def log(self) -> None:
        """Log the news, and forget them."""
        for (before, after, why), names in self._changed.items():
            LOG.warning("%s: %s -> %s, %s", fold_for_log(names), before, after, why)
        by_count = by_reason(self._failed)
        for failure, names in by_count[:_MOST_REASONS]:
            LOG.warning("%s: power cannot be read: %s", fold_for_log(names), failure)
        rest = [name for _, names in by_count[_MOST_REASONS:] for name in names]
        if rest:
            more = len(by_count) - _MOST_REASONS
            LOG.warning("%s: power cannot be read, for %d more reasons", fold_for_log(rest), more)
        if self._recovered:
            LOG.info("%s: power can be read again", fold_for_log(self._recovered))
        self._changed.clear()
        self._failed.clear()
        self._recovered.clear()
