"""The entries of a log from newest to oldest, whatever order and pages the BMC has.

With ``$skip`` (DSP0266, section "Query parameters") a log is read from the place where it is needed. The BMC
supports it if its service root offers it, or if its own links to further pages use it. Without it, a log that
begins with the oldest entry is read whole.
"""

import datetime
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from podium import errors
from podium.drivers.redfish import resources
from podium.drivers.redfish.abilities.entries import Member, created, entry_id
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.http.client import BMC
from podium.drivers.redfish.machine.log_place import LogPlace
from podium.drivers.redfish.machine.walk import Walk

_AT_FIRST: Final = 50  # entries that show the order
_CHUNK: Final = 200  # entries of one request: with more, some BMCs are silent for too long
_KEPT: Final = 20_000  # newest entries that are kept of a log that is read whole
_REQUESTS: Final = 300
_WALK: Final = (1, 8.0)
_SKIP: Final = re.compile(r"([?&](?:\$|%24)skip=)\d+", re.IGNORECASE)
_TOP_SKIP: Final = "TopSkipQuery"
_DIGITS: Final = 20
_DOUBTFUL: Final = (0.25, 0.75)  # of the steps between times go back


class OutOfTime(errors.DriverError):
    """There are more entries than can be read at once."""


class _Page(NamedTuple):
    members: list[Member]
    following: str | None
    size: int | None


class LogReader:
    """One reading of a log.

    :param path: the path of the collection of its entries
    :param place: what is known of the log; it is extended by what is learned
    :param end: the time of the clock after which it begins no request
    :param zone: of times without an offset
    """

    def __init__(
        self,
        bmc: BMC,
        path: str,
        place: LogPlace,
        end: float,
        zone: datetime.tzinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bmc = bmc
        self._path = path
        self._place = place
        self._clock = clock
        self._end = end
        self._zone = zone
        self._requests = _REQUESTS
        self._expand = ""
        self._size: int | None = None
        self._missing = 0
        self._skipping: Callable[[int, int], str] | None = None

    async def backwards(self, start: int | None = None) -> AsyncGenerator[tuple[int, Member], None]:
        """Yield each entry, which may be a reference, with the number of older entries.

        :param start: the number of entries older than the first wanted one; None for the newest
        :raises OutOfTime: there are more entries; those that were read are the newest of all, or none was
            read
        :raises podium.errors.DriverError: the BMC does not answer, or refuses
        """
        first = await self._first()
        place, size = self._place, first.size
        self._size, self._missing = size, size or 0
        if first.following is None:
            self._missing -= len(first.members)
            for older, member in _numbered(first.members, newest_first=bool(place.newest_first)):
                yield older, member
            return
        if size is not None and self._skipping is not None and place.skips:
            if start is None or not 0 <= start < size:
                start = size - 1
            self._missing = start + 1
            try:
                async for one in self._from(first, start, size):
                    self._missing -= 1
                    yield one
                return
            except _CannotSkip:
                place.skips, self._missing = False, size
        if place.newest_first:
            number = (size or 0) - 1
            async for page in self._pages(first):
                self._missing -= len(page)
                for member in page:
                    yield max(number, 0), member
                    number -= 1
        else:
            kept: deque[Member] = deque(maxlen=_KEPT)
            try:
                async for page in self._pages(first):
                    self._missing -= len(page)
                    kept.extend(page)
            except OutOfTime:
                raise OutOfTime(
                    f"BMC {self._bmc.target} sends the oldest entries of {self._path} first, and the newest "
                    f"do not come in time: {len(kept)} came; if it stays so, clear the log at the BMC itself"
                ) from None
            read = (size or 0) - self._missing
            for older, member in _numbered([*kept], newest_first=False):
                yield older, member
            if read > len(kept):
                raise OutOfTime(
                    f"BMC {self._bmc.target}: only the newest {len(kept)} entries of {self._path} can be read"
                )

    async def lack(self) -> errors.DriverError | None:
        """Return the error if the log, read to its end, has fewer entries than the BMC reports.

        :raises podium.errors.DriverError: as :meth:`backwards`
        """
        missing, size = self._missing, self._size
        if size is None or missing <= 0 or (await self._first()).size != size:  # it changed meanwhile
            return None
        return errors.DriverError(
            f"BMC {self._bmc.target}: of the {size} entries that {self._path} has, only {size - missing} can "
            "be read"
        )

    async def whole(self, member: Member) -> Member:
        """Return the entry that a reference stands for; a deleted one is as empty as the reference."""
        if not _is_reference(member):
            return member
        self._spend()
        try:
            return member | (await self._bmc.get(resources.path(member.get("@odata.id")))).body
        except ENDS:
            raise
        except errors.DriverError:
            return member

    async def _first(self) -> _Page:
        """Return the first page, which shows how to request the others."""
        features = resources.part(await self._bmc.root(), "ProtocolFeaturesSupported")
        page: _Page | None = None
        if features.get(_TOP_SKIP) is True and self._place.skips:
            try:
                page = await self._page(self._query(0, _AT_FIRST))
                self._skipping = self._query
            except ENDS:
                raise
            except errors.DriverError:
                self._place.skips = False
        if page is None:
            page = await self._page(self._path)
        if page.members and all(map(_is_reference, page.members)):
            page = await self._expanded(page)
        if page.size is not None and page.size < len(page.members) + (page.following is not None):
            page = page._replace(size=None)  # it does not count the existing entries
        if page.following is None and page.size is not None and page.size > len(page.members):
            page = page._replace(following=self._skipping and self._skipping(len(page.members), _CHUNK))
        elif page.following is not None and self._skipping is None and _SKIP.search(page.following):
            template = page.following
            self._skipping = lambda skip, top: _SKIP.sub(rf"\g<1>{skip}", template)
        self._learn_order(page.members)
        if page.following is not None and self._place.newest_first is None:
            self._place.newest_first = False
        return page

    def _learn_order(self, members: list[Member]) -> None:
        """Learn which entries come first.

        Numbers that only rise or only fall are trusted. Without them, times are used: a clock may have been
        set back, which makes a few of many times wrong, and any of a few.
        """
        place, ids = self._place, [entry_id(member) for member in members]
        if all(one.isascii() and one.isdecimal() and len(one) < _DIGITS for one in ids):
            steps = {(a > b) - (a < b) for a, b in pairwise(map(int, ids))}
            if steps in ({1}, {-1}):
                place.newest_first, place.is_numbered, place.is_doubtful = steps == {1}, True, False
                return
        times = [at for member in members if (at := created(member, self._zone)) is not None]
        falling = [a > b for a, b in pairwise(times) if a != b]
        if place.is_numbered:
            return
        share = sum(falling) / len(falling) if falling else 0.0
        place.is_doubtful = _DOUBTFUL[0] < share < _DOUBTFUL[1]
        if falling and (place.newest_first is None or not place.is_doubtful):
            place.newest_first = share > 0.5

    async def _expanded(self, page: _Page) -> _Page:
        """Return the first page with whole entries, if the BMC can do that."""
        self._expand = (await Walk(self._bmc, *_WALK).expand()).removeprefix("?")
        if not self._expand:
            return page
        try:
            return await self._page(
                self._query(0, _AT_FIRST) if self._skipping else f"{self._path}?{self._expand}"
            )
        except ENDS:
            raise
        except errors.DriverError:
            self._expand = ""
            return page

    def _query(self, skip: int, top: int) -> str:
        expand = f"&{self._expand}" if self._expand else ""
        return f"{self._path}?$skip={skip}&$top={top}{expand}"

    async def _from(self, first: _Page, start: int, size: int) -> AsyncGenerator[tuple[int, Member], None]:
        """Yield entries from one on, in chunks that are requested by position.

        :raises _CannotSkip: before any of them
        """
        newest_first, chunk = self._place.newest_first, first.members
        if newest_first and start == size - 1:
            for place, member in enumerate(chunk):
                yield start - place, member
            start -= len(chunk)
        begun = False
        while start >= 0:
            wanted = min(_CHUNK, start + 1)
            skip = size - 1 - start if newest_first else start + 1 - wanted
            chunk = await self._chunk(skip, wanted)
            is_same = bool(chunk) and entry_id(chunk[0]) == entry_id(first.members[0])
            if not begun and (not chunk or (skip > 0 and is_same)):
                raise _CannotSkip
            begun = True
            if newest_first:
                for place, member in enumerate(chunk):
                    yield start - place, member
                start -= len(chunk) or wanted
            else:
                for place, member in reversed([*enumerate(chunk, skip)]):
                    yield place, member
                start = skip - 1

    async def _chunk(self, skip: int, wanted: int) -> list[Member]:
        assert self._skipping is not None
        found: list[Member] = []
        while len(found) < wanted:
            try:
                page = await self._page(self._skipping(skip + len(found), wanted - len(found)))
            except (*ENDS, OutOfTime):
                raise
            except errors.DriverError:
                raise _CannotSkip from None
            if not page.members:
                break
            found += page.members
        return found[:wanted]

    async def _pages(self, first: _Page) -> AsyncIterator[list[Member]]:
        page, seen = first, {self._path}
        yield page.members
        while page.following is not None and page.following not in seen:
            seen.add(page.following)
            page = await self._page(page.following)
            yield page.members

    async def _page(self, path: str) -> _Page:
        self._spend()
        body = (await self._bmc.get(path)).body
        members = resources.member(body, "Members", list) or []
        following = body.get("Members@odata.nextLink") or body.get("@odata.nextLink")
        if isinstance(following, dict):  # like all other links
            following = following.get("@odata.id")
        return _Page(
            [one for one in members if isinstance(one, dict)],
            None if following is None else resources.path(following, self._bmc.target),
            resources.count(body, "Members@odata.count"),
        )

    def _spend(self) -> None:
        self._requests -= 1
        if self._requests < 0 or self._clock() >= self._end:
            raise OutOfTime(f"BMC {self._bmc.target} takes too long to send {self._path}")


class _CannotSkip(Exception):
    """The answer is not what was requested by its position."""


def _numbered(members: list[Member], *, newest_first: bool) -> Iterator[tuple[int, Member]]:
    ordered = members if newest_first else members[::-1]
    return zip(range(len(ordered) - 1, -1, -1), ordered, strict=True)


def _is_reference(member: Member) -> bool:
    return all(key.startswith("@") for key in member)
