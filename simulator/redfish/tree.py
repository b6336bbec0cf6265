"""All resources of a simulated BMC, by their paths."""

from typing import Final

from podium.simulator.redfish import accounts, chassis, log_service, manager, older, root, systems
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import ROOT, Document

_ROUTES: Final = (
    root.ROUTES,
    manager.ROUTES,
    log_service.ROUTES,
    accounts.ROUTES,
    systems.ROUTES,
    chassis.ROUTES,
    older.ROUTES,
)


def find(bmc: BMC, path: str) -> Document | None:
    """Return the resource at a path without a trailing slash, or None if there is none."""
    if path == "/redfish":
        return {"v1": f"{ROOT}/"}
    if not path.startswith(ROOT):
        return None
    for routes in _ROUTES:
        document = routes.find(bmc, path.removeprefix(ROOT))
        if document is not None:
            return {"@odata.id": path, **document}
    return None
