"""Going from one resource of a BMC to the next, within limits of requests and time."""

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from oslo_log import log

from podium import errors
from podium.drivers.redfish import resources
from podium.drivers.redfish.http.answers import ENDS

LOG = log.getLogger(__name__)

_MAX_PAGES: Final = 8


class Response(Protocol):
    """See podium.drivers.redfish.http.client.Response."""

    @property
    def body(self) -> dict[str, Any]: ...


class BMC(Protocol):
    """See podium.drivers.redfish.http.client.BMC."""

    async def root(self) -> dict[str, Any]: ...
    async def get(self, path: str, /) -> Response: ...


class Walk:
    """One walk over the resources of a BMC; what it does not reach is left out.

    :param requests: how many it may take
    :param seconds: after which it begins no request; reads and changes of the power wait meanwhile
    """

    def __init__(
        self, bmc: BMC, requests: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bmc = bmc
        self._requests = requests
        self._clock = clock
        self._end = clock() + seconds
        self._expand: str | None = None
        self.was_cut = False  #: whether something was left out for want of requests or time

    async def read(self, path: str) -> dict[str, Any]:
        """A resource that must be there.

        :raises podium.errors.DriverError: it cannot be read
        """
        self._requests -= 1
        return (await self._bmc.get(path)).body

    async def look(self, path: str) -> dict[str, Any]:
        """A resource that may be missing or broken: an empty object then, or too late.

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
        """The resource that a link leads to, as :meth:`look`; an empty object when there is no such link."""
        path = linked(body, *keys)
        return await self.look(path) if path else {}

    async def members(self, path: str, limit: int) -> list[dict[str, Any]]:
        """The resources in a collection: all in one answer where the BMC can do that, else one by one.

        :param limit: how many are read at most
        """
        expand = await self.expand()
        page = await self.look(path + expand)
        if expand and "Members" not in page:
            page = await self.look(path)
        found: list[dict[str, Any]] = []
        for _ in range(_MAX_PAGES):
            for entry in resources.objects(page, "Members")[: limit - len(found)]:
                resource = await self.follow(entry) if _is_reference(entry) else entry
                if resource:
                    found.append(resource)
            more = page.get("Members@odata.nextLink")
            path = linked({"@odata.id": more})
            if not path or len(found) >= limit:
                break
            page = await self.look(path)
        return found

    async def expand(self) -> str:
        """The query that has a collection answered with its members; empty where the BMC has none.

        Source: DSP0266, section on the query parameter ``$expand``; without ``$levels`` it is one level.
        """
        if self._expand is None:
            offered = resources.part(await self._bmc.root(), "ProtocolFeaturesSupported", "ExpandQuery")
            levels = "($levels=1)" if offered.get("Levels") is True else ""
            what = "." if offered.get("NoLinks") is True else "*" if offered.get("ExpandAll") is True else ""
            self._expand = f"?$expand={what}{levels}" if what else ""
        return self._expand

    async def related(self, system: dict[str, Any], name: str, collection: str, limit: int) -> list[str]:
        """The paths of what a system links to; without links, of the only one that the BMC has.

        :param name: of the links, as ``Chassis`` or ``ManagedBy``
        :param collection: of the service root that has all of its kind, as ``Chassis`` or ``Managers``
        """
        entries = resources.objects(resources.part(system, "Links"), name)
        if not entries:
            entries = resources.objects(await self.follow(await self._bmc.root(), collection), "Members")
            entries = entries if len(entries) == 1 else []
        return [path for entry in entries[:limit] if (path := linked(entry))]


def _is_reference(entry: dict[str, Any]) -> bool:
    return all(key.startswith("@") for key in entry)


def linked(body: Any, *keys: str) -> str:
    """The path that a link leads to; empty when there is none, or one that leads off the BMC."""
    try:
        return resources.link(body, *keys) or ""
    except errors.DriverError as failure:
        LOG.debug("left out: %s", failure)
        return ""
