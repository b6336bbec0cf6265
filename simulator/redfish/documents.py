"""The common parts of resources, and their paths (DSP0266; schemas in DSP2046)."""

import re
from collections.abc import Callable
from typing import Any, Final

from podium.simulator.redfish.bmc import BMC

ROOT: Final = "/redfish/v1"
SESSIONS: Final = f"{ROOT}/SessionService/Sessions"
SSE: Final = f"{ROOT}/EventService/SSE"
TASK_MONITORS: Final = f"{ROOT}/TaskService/TaskMonitors"

Document = dict[str, Any]
Builder = Callable[..., Document | None]


class Routes:
    """The functions that build the resources of a module, by their paths below the root."""

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str], Builder]] = []

    def at(self, path: str) -> Callable[[Builder], Builder]:
        """Register the function that builds the resource at a path such as ``/Systems/{system}``.

        It is called with the BMC and the values of the words in braces. ``system`` is always one of the BMC's
        machines. It returns None if there is no such resource.
        """
        pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path))

        def register(builder: Builder) -> Builder:
            self._routes.append((pattern, builder))
            return builder

        return register

    def find(self, bmc: BMC, path: str) -> Document | None:
        """Return the resource at a path below the root."""
        for pattern, builder in self._routes:
            match = pattern.fullmatch(path)
            if match is not None and match.groupdict().get("system", "1") in bmc.machines:
                return builder(bmc, **match.groupdict())
        return None


def link(path: str) -> Document:
    """Return a reference to the resource at a path below the root."""
    return {"@odata.id": ROOT + path}


def head(kind: str, version: str, id: str, name: str) -> Document:
    """Return the first properties of every resource."""
    return {"@odata.type": f"#{kind}.v{version}.{kind}", "Id": id, "Name": name}


def collection(kind: str, path: str, ids: list[str]) -> Document:
    """Return the collection at ``path`` of the resources with these ids."""
    return {
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": f"{kind} Collection",
        "Members@odata.count": len(ids),
        "Members": [link(f"{path}/{id}") for id in ids],
    }


def mac_address(bmc: BMC, number: int) -> str:
    """Return the address of a network interface. 0 is the BMC's own."""
    return ":".join(f"{part:02X}" for part in (0x02, number, *bmc.address.packed))
