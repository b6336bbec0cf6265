"""Reads the log of a node's hardware page by page, so that other calls to the node run between pages."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from podium import errors
from podium.client.calls.hardware import LogEntries, LogLine
from podium.client.podium import Podium

#: The most entries in a page.
_PAGE: Final = 1000


class Found(NamedTuple):
    """Entries of a log.

    :ivar entries: the oldest first
    :ivar more: whether there are older entries that were asked for
    :ivar newest: up to two of the newest entries of the log, the oldest first
    :ivar read_at: when the newest entries were read
    :ivar clock_offset: see LogEntries
    :ivar fault: why older entries are missing, if they could not be read
    """

    entries: list[LogLine]
    more: bool
    newest: list[LogLine]
    read_at: datetime
    clock_offset: float | None
    fault: errors.PodiumError | None = None


def which(entry: LogLine) -> tuple[Any, ...]:
    """Return what identifies an entry; ids repeat in a log that was cleared, or because of a fault."""
    return entry.id, entry.clock_at, entry.message, entry.raw


def newest(
    podium: Podium,
    node: str,
    *,
    most: int,
    since: float | None = None,
    after: str | None = None,
    wanted: Callable[[LogLine], bool] | None = None,
    until: Callable[[LogLine], bool] | None = None,
    wait: float,
) -> Found:
    """Read the newest entries of a log.

    :param most: the most entries to return
    :param since: only entries of so many last seconds; an entry without a time goes with the next that has
        one
    :param after: only entries after the one with this id
    :param wanted: only entries for which this is true
    :param until: read no page after the one with an entry for which this is true
    :param wait: seconds to wait for each page
    :raises podium.errors.PodiumError: if the first page could not be read
    """
    pages = _pages(podium, node, most if wanted is None else _PAGE, after, wait)
    last = page = next(pages)
    seen: set[tuple[Any, ...]] = set()
    entries: list[LogLine] = []
    is_recent, is_over = True, False
    fault: errors.PodiumError | None = None
    while True:
        before = len(seen)
        for entry in reversed(page.entries):
            if which(entry) in seen:  # pages overlap if the log changes
                continue
            seen.add(which(entry))
            at = entry.at or entry.clock_at
            if since is not None and at is not None:
                is_recent = (last.read_at - at).total_seconds() <= since
            if is_recent and (wanted is None or wanted(entry)):
                entries.append(entry)
            is_over = is_over or (until is not None and until(entry))
        if is_over or not is_recent or len(seen) == before or len(entries) > most:
            break
        try:
            following = next(pages, None)
        except errors.PodiumError as failure:
            fault = failure
            break
        if following is None:
            break
        page = following
    return Found(
        entries=entries[:most][::-1],
        more=len(entries) > most or (is_recent and page.more),
        newest=last.entries[-2:],
        read_at=last.read_at,
        clock_offset=last.clock_offset,
        fault=fault,
    )


def _pages(podium: Podium, node: str, most: int, after: str | None, wait: float) -> Iterator[LogEntries]:
    """Yield pages, the newest first; one entry beyond the most shows whether there are more."""
    limit = min(most + 1, _PAGE)
    before: str | None = None
    while True:
        page = podium.log(node, before=before, after=after, limit=limit, wait=wait)
        yield page
        if not (page.more and page.entries):
            return
        before = page.entries[0].id
