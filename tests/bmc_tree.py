"""A BMC of JSON documents that replaces podium.drivers.redfish.http.client.BMC."""

import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from podium.drivers import base
from podium.drivers.redfish.http.answers import Refused, Response
from podium.drivers.redfish.machine.log_place import LogPlace
from podium.drivers.redfish.machine.sensors import Places
from podium.drivers.redfish.machine.walk import Walk

ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/1"
CHASSIS = f"{ROOT}/Chassis/1"
MANAGER = f"{ROOT}/Managers/1"
EXPANDS = {"ProtocolFeaturesSupported": {"ExpandQuery": {"NoLinks": True, "Levels": True}}}
_QUERY = "?$expand=.($levels=1)"


class TreeBMC:
    """Answers GETs from documents by path. Exceptions among them are raised; a missing document is a 404.

    ``asked`` has the path of every GET.

    :param refuses_queries: whether it refuses queries, although its service root announces them
    """

    def __init__(self, documents: Mapping[str, Any], *, refuses_queries: bool = False) -> None:
        self.documents = dict(documents)
        self._refuses_queries = refuses_queries
        self.asked: list[str] = []
        self.target = SimpleNamespace(host="192.0.2.1")

    async def root(self, needed: str = "") -> dict[str, Any]:
        return dict(self.documents.get(ROOT, {}))

    async def get(self, path: str, *, etag: str | None = None, links: bool = True) -> Response:
        self.asked.append(path)
        if self._refuses_queries and "?" in path:
            raise Refused("BMC 192.0.2.1 does not do queries", 501)
        document = self.documents.get(path) or self.documents.get(path.removesuffix(_QUERY))
        if isinstance(document, Exception):
            raise document
        if document is None:
            raise Refused(f"BMC 192.0.2.1 has no {path}", 404)
        if path.endswith(_QUERY) and isinstance(document.get("Members"), list):
            document = {**document, "Members": [self._expanded(entry) for entry in document["Members"]]}
        return Response(200, [], document)

    async def patch(self, path: str, properties: Any, *, etag: str | None) -> Response:
        return Response(204, [], {})

    def _expanded(self, entry: Any) -> Any:
        path = entry.get("@odata.id") if isinstance(entry, dict) else None
        return self.documents.get(path, entry) if isinstance(path, str) else entry


class TreeSystem:
    """The interface of podium.drivers.redfish.system.System that the driver's tasks use."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self.bmc = TreeBMC(documents)
        self.path = SYSTEM
        self.was_read = True
        self.fingerprint = ""
        self.places = Places()
        self.clock_due = -math.inf
        self.log = LogPlace()

    async def resource(self) -> Any:
        return await self.bmc.get(self.path)

    async def read_power(self, node: base.Node) -> str:
        return str((await self.bmc.get(self.path)).body["PowerState"])


def walk(bmc: TreeBMC, requests: int = 64) -> Walk:
    return Walk(bmc, requests, 60.0)


def link(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def collection(*paths: str) -> dict[str, Any]:
    return {"Members": [link(path) for path in paths]}
