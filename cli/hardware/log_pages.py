"""The log of a node's hardware, read page by page: between two pages others have their turn with the node."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from podium.client.calls.hardware import LogEntries, LogLine
from podium.client.podium import Podium

#: Entries of a page at the most.
_PAGE: Final = 1000


class Found(NamedTuple):
    """Entries of a log.

    :ivar entries: the oldest first
    :ivar more: whether there are older ones that were asked for
    :ivar newest: the id of the newest entry of the log; None if it is empty
    :ivar read_at: when that was read
    :ivar clock_offset: see LogEntries
    """

    entries: list[LogLine]
    more: bool
    newest: str | None
    read_at: datetime
    clock_offset: float | None


def newest(
    podium: Podium,
    node: str,
    *,
    most: int,
    since: float | None = None,
    after: str | None = None,
    wait: float,
) -> Found:
    """Read the newest entries of a log.

    :param most: how many at the most
    :param since: only those of so many last seconds; entries without a time go with the next that has one
    :param after: only those after that with this id
    :param wait: seconds to wait for each page
    :raises podium.errors.PodiumError: a page could not be read
    """
    pages = _pages(podium, node, most, after, wait)
    last = page = next(pages)
    found: dict[str, LogLine] = {}
    is_wanted = True
    while True:
        before = len(found)
        for entry in reversed(page.entries):
            at = entry.at or entry.clock_at
            if since is not None and at is not None:
                is_wanted = (last.read_at - at).total_seconds() <= since
            if is_wanted:
                found.setdefault(entry.id, entry)  # a log that is cleared meanwhile begins anew
        if not is_wanted or len(found) == before or len(found) > most:
            break
        if (following := next(pages, None)) is None:
            break
        page = following
    entries = [*found.values()][:most]
    return Found(
        entries=entries[::-1],
        more=len(entries) < len(found) or (is_wanted and page.more),
        newest=last.entries[-1].id if last.entries else None,
        read_at=last.read_at,
        clock_offset=last.clock_offset,
    )


def _pages(podium: Podium, node: str, most: int, after: str | None, wait: float) -> Iterator[LogEntries]:
    """Yield pages, the newest first; one entry more than the most says whether there are more."""
    limit = min(most + 1, _PAGE)
    before: str | None = None
    while True:
        page = podium.log(node, before=before, after=after, limit=limit, wait=wait)
        yield page
        if not (page.more and page.entries):
            return
        before = page.entries[0].id
