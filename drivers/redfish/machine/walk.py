"""Visits the resources of a BMC, within limits of requests and time."""

import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from oslo_log import log

from podium import errors
from podium.drivers.redfish import resources
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.paging import pages

LOG = log.getLogger(__name__)

_WITHOUT: Final = 3600.0  # seconds for which $expand is not used after a failure


class Response(Protocol):
    """See podium.drivers.redfish.http.client.Response."""

    @property
    def body(self) -> dict[str, Any]: ...


class BMC(Protocol):
    """See podium.drivers.redfish.http.client.BMC."""

    async def root(self, needed: str = "", /) -> dict[str, Any]: ...
    async def get(self, path: str, /) -> Response: ...


class Place(NamedTuple):
    """Where some of a system's sensors are.

    :param chassis: the number of the chassis, from 0
    :param kind: the number of the kind of place, from 0
    """

    chassis: int
    kind: int
    path: str


@dataclass(slots=True)
class Places:
    """What walks have learned about the BMC of one system.

    :param found: where its sensors are; empty before the first walk
    :param walks_left: how many walks use these places before one searches again
    :param expand_from: when ``$expand`` may be used again, by the walks' clock
    """

    found: tuple[Place, ...] = ()
    walks_left: int = 0
    expand_from: float = -math.inf


class Walk:
    """One walk over the resources of a BMC; what it does not reach is left out.

    :param requests: the maximum number
    :param seconds: after which it begins no request, because reads and changes of the power wait meanwhile
    :param places: what earlier walks learned
    """

    def __init__(
        self,
        bmc: BMC,
        requests: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        places: Places | None = None,
    ) -> None:
        self._bmc = bmc
        self._requests = requests
        self._clock = clock
        self._end = clock() + seconds
        self._expand: str | None = None
        self._places = places or Places()
        self.was_cut = False  #: whether something was left out for want of requests or time

    async def read(self, path: str) -> dict[str, Any]:
        """Return a resource that must exist.

        :raises podium.errors.DriverError: it cannot be read
        """
        self._requests -= 1
        return (await self._bmc.get(path)).body

    async def look(self, path: str) -> dict[str, Any]:
        """Return a resource that may be missing or broken: then, or if it is too late, an empty object.

        :raises podium.errors.DriverError: the BMC does not answer, refuses the login or is busy
        """
        if self._requests <= 0 or self._clock() >= self._end:
            self.was_cut = True
            return {}
        try:
            return await self.read(path)
        except ENDS:
            raise
        except errors.DriverError as failure:
            LOG.debug("left out: %s", failure)
            return {}

    async def follow(self, body: Any, *keys: str) -> dict[str, Any]:
        """Return the resource that a link leads to, as :meth:`look`; empty if there is no such link."""
        path = linked(body, *keys)
        return await self.look(path) if path else {}

    async def members(self, path: str, limit: int, *, one_by_one: bool = True) -> list[dict[str, Any]]:
        """Return the resources in a collection: in one answer if the BMC can do that, or else one by one.

        :param limit: the maximum number
        :param one_by_one: whether to read members that are given as links
        """
        found: list[dict[str, Any]] = []
        async for entry in self._entries(path, await self._first_page(path)):
            if not _is_reference(entry):
                found.append(entry)
            elif one_by_one and (resource := await self.follow(entry)):
                found.append(resource)
            if len(found) >= limit:
                break
        return found

    async def _entries(self, path: str, first: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield the entries of a collection; pages that cannot be read are left out."""
        try:
            async for page in pages(self.look, path, first):
                for entry in resources.objects(page, "Members"):
                    yield entry
        except ENDS:
            raise
        except errors.DriverError as failure:
            LOG.debug("left out: %s", failure)

    async def _first_page(self, path: str) -> dict[str, Any]:
        """Return the first page of a collection, including its members if the BMC can do that."""
        expand = await self.expand()
        if not expand:
            return await self.look(path)
        try:
            page = await self.look(path + expand)
        except errors.BMCUnreachable:
            page = {}  # some take too long; if the collection is gone, the next request fails too
        if "Members" in page:
            return page
        page = await self.look(path)
        if "Members" in page:
            self._expand, self._places.expand_from = "", self._clock() + _WITHOUT
        return page

    async def expand(self) -> str:
        """Return the query that includes the members of a collection; empty if the BMC has none.

        Source: DSP0266, section on the query parameter ``$expand``; without ``$levels`` it is one level.
        """
        if self._expand is None:
            offered = resources.part(await self._bmc.root(), "ProtocolFeaturesSupported", "ExpandQuery")
            levels = "($levels=1)" if offered.get("Levels") is True else ""
            what = "." if offered.get("NoLinks") is True else "*" if offered.get("ExpandAll") is True else ""
            usable = what and self._clock() >= self._places.expand_from
            self._expand = f"?$expand={what}{levels}" if usable else ""
        return self._expand

    async def related(self, system: dict[str, Any], name: str, collection: str, limit: int) -> list[str]:
        """Return the paths that a system links to; without links, that of the only one that the BMC lists.

        :param name: of the links, as ``Chassis`` or ``ManagedBy``
        :param collection: of the service root that has all of its kind, as ``Chassis`` or ``Managers``
        """
        entries = resources.objects(resources.part(system, "Links"), name)
        if not entries:
            path = linked(await self._bmc.root(collection), collection)
            entries = await self._only_entry(path) if path else []
        return [path for entry in entries[:limit] if (path := linked(entry))]

    async def _only_entry(self, path: str) -> list[dict[str, Any]]:
        """Return the only entry of a collection; none if there may be others."""
        found: list[dict[str, Any]] = []
        told = 0.0
        try:
            async for page in pages(self.read, path, await self.look(path)):
                found += resources.objects(page, "Members")
                told = max(told, len(found), resources.number(page, "Members@odata.count") or 0.0)
                if told > 1:
                    return []
        except ENDS:
            raise
        except errors.DriverError as failure:
            LOG.debug("left out: %s", failure)
            return []
        return found


def _is_reference(entry: dict[str, Any]) -> bool:
    return all(key.startswith("@") for key in entry)


def linked(body: Any, *keys: str) -> str:
    """Return the path that a link leads to; empty if there is none, or if it leads off the BMC."""
    try:
        return resources.link(body, *keys) or ""
    except errors.DriverError as failure:
        LOG.debug("left out: %s", failure)
        return ""
