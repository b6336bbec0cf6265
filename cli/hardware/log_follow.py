"""Reads the log of a node's hardware again and again for new entries, even if it is cleared meanwhile."""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from podium.cli.hardware.log_pages import Found, which
from podium.client.calls.hardware import LogLine

#: The most entries that are read at one look.
_MOST: Final = 10_000
#: Entries that are remembered, so that none is reported twice.
_REMEMBERED: Final = 2000


class News(NamedTuple):
    """The new entries of a log.

    :ivar found: the entries
    :ivar was_cleared: whether the log was cleared since the last look
    """

    found: Found
    was_cleared: bool = False


class Follower:
    """Follows the log of a node.

    In a log that was cleared, ids begin anew and may reach the last id that was seen. Each look therefore
    reads the last entry once more, and compares it.

    :param begin: reads what the first look shows
    :param read: :func:`podium.cli.hardware.log_pages.newest` for the node
    """

    def __init__(self, begin: Callable[[], Found], read: Callable[..., Found]) -> None:
        self._begin = begin
        self._newer = read
        self._has_begun = False
        self._newest: list[LogLine] = []
        self._shown: deque[tuple[Any, ...]] = deque(maxlen=_REMEMBERED)

    def look(self) -> News:
        """Return the new entries.

        :raises podium.errors.PodiumError: if the log could not be read
        """
        if self._has_begun:
            return self._look()
        found = self._begin()
        self._has_begun, self._newest = True, found.newest
        self._shown.extend(map(which, [*found.entries, *found.newest]))
        return News(found)

    def _look(self) -> News:
        last = self._newest[-1] if self._newest else None
        if last is not None and len(self._newest) > 1:
            found = self._read(after=self._newest[0].id)
            if (new := _after(found, partial(_same, last))) is not None:
                return self._news(found, new)
        found = self._read(until=self._is_known)
        new = None if last is None else _after(found, partial(_same, last))
        if new is None:
            self._newest = []
            new = _after(found, self._is_known)
        if new is not None:
            return self._news(found, new)
        self._shown.clear()
        return self._news(found, found.entries, was_cleared=not (last is None or found.more))

    def _read(self, **bounds: Any) -> Found:
        found = self._newer(most=_MOST, **bounds)
        if found.fault is not None:
            raise found.fault
        return found

    def _is_known(self, entry: LogLine) -> bool:
        return which(entry) in self._shown

    def _news(self, found: Found, new: list[LogLine], was_cleared: bool = False) -> News:
        if new or not self._newest:
            self._newest = found.newest
        self._shown.extend(map(which, new))
        return News(found._replace(entries=new), was_cleared)


def _after(found: Found, is_known: Callable[[LogLine], bool]) -> list[LogLine] | None:
    """Return the entries after the last known entry; None if no entry is known."""
    places = [place for place, entry in enumerate(found.entries) if is_known(entry)]
    return found.entries[places[-1] + 1 :] if places else None


def _same(one: LogLine, other: LogLine) -> bool:
    """Return whether two entries are the same; its message may change once the sensors' names are known."""
    alike = one.message == other.message or (one.raw is not None and one.raw == other.raw)
    return one.id == other.id and one.clock_at == other.clock_at and alike
