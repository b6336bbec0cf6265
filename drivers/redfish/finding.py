"""Finds the system of a node on its BMC, if the node does not name one, and how to read it."""

from typing import Any, Final

from podium import errors
from podium.drivers.redfish import resources
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.http.client import BMC, Refused
from podium.drivers.redfish.paging import pages

_SYSTEMS: Final = "/redfish/v1/Systems"  # its standard place (DSP0266, section on resource URIs)
_NAMED: Final = 8  # systems named in the error when the choice is not clear


async def only_system(bmc: BMC) -> str:
    """Return the path of a BMC's system.

    :raises podium.errors.InvalidDriverInfo: the BMC has several systems
    :raises podium.errors.DriverError: it has none, or does not list all of them
    """
    path, first = await _collection(bmc)
    found: dict[str, str] = {}  # by path without the slash that some firmware adds now and then
    told, unnamed = 0.0, 0

    async def read(path: str) -> dict[str, Any]:
        return (await bmc.get(path)).body

    async for page in pages(read, path, first, bmc.target):
        members = resources.links(page, "Members", bmc=bmc.target)
        found |= {system.rstrip("/"): system for system in members}
        unnamed += len(resources.member(page, "Members", list) or []) - len(members)
        told = max(told, _count(page))
        if len(found) > _NAMED:
            break
    systems = list(found.values())
    if len(systems) > 1:
        many = f"more than {_NAMED}" if len(systems) > _NAMED else len(systems)
        raise errors.InvalidDriverInfo(
            f"driver_info lacks redfish_system_id: BMC {bmc.target} has {many} systems, "
            f"{', '.join(systems[:_NAMED])}"
        )
    if (told := max(told, len(systems) + unnamed)) > len(systems):
        raise errors.DriverError(
            f"BMC {bmc.target} lists {len(systems)} of the {told:.0f} systems that it says it has; "
            "set redfish_system_id"
        )
    if not systems:
        raise errors.DriverError(f"BMC {bmc.target} has no system")
    return systems[0]


def _count(page: dict[str, Any]) -> float:
    given = page.get("Members@odata.count")
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        return float(given)
    return resources.number(page, "Members@odata.count") or 0.0


async def located(bmc: BMC, known: str) -> str:
    """As :func:`only_system`, for a BMC that may show its systems one by one while it starts.

    :param known: the path found before, which stays valid if the BMC cannot answer; may be empty
    """
    try:
        return await only_system(bmc)
    except (*ENDS, errors.InvalidDriverInfo):
        raise
    except errors.DriverError:
        if not known:
            raise
        return known


async def renamed(bmc: BMC, path: str, refused: Refused, *, is_configured: bool) -> str:
    """Return the new path of a system that has moved: new firmware may have given it another name.

    :param refused: raised if there is no new path
    """
    if is_configured:
        raise errors.DriverError(
            f"BMC {bmc.target} has no {path}; set redfish_system_id to one of its systems"
        ) from refused
    found = await only_system(bmc)
    if found == path:
        raise refused
    return found


async def selects(bmc: BMC) -> bool:
    """Whether a BMC offers ``$select``; one whose service root cannot be read offers nothing."""
    features = resources.part(await _root(bmc), "ProtocolFeaturesSupported")
    return resources.member(features, "SelectQuery", bool) is True


async def _root(bmc: BMC, needed: str = "") -> dict[str, Any]:
    try:
        return await bmc.root(needed)
    except ENDS:
        raise
    except errors.DriverError:
        return {}


async def _collection(bmc: BMC) -> tuple[str, dict[str, Any]]:
    """Return the path of the collection of systems, and its first page."""
    root = await _root(bmc, "Systems")
    linked = resources.link(root, "Systems", bmc=bmc.target) or resources.link(
        root, "Links", "Systems", bmc=bmc.target
    )
    if linked is not None:
        return linked, (await bmc.get(linked)).body
    try:
        return _SYSTEMS, (await bmc.get(_SYSTEMS)).body
    except Refused:
        raise errors.DriverError(f"BMC {bmc.target} has no systems in its service root") from None
