"""Finds the only system of a BMC whose node does not name one."""

from typing import Any, Final

from podium import errors
from podium.drivers.redfish import resources
from podium.drivers.redfish.http.client import BMC, Refused
from podium.drivers.redfish.paging import pages

_SYSTEMS: Final = "/redfish/v1/Systems"  # its standard place (DSP0266, section on resource URIs)
_NAMED: Final = 8  # systems named when the choice is not clear


async def only_system(bmc: BMC) -> str:
    """The path of a BMC's system.

    :raises podium.errors.InvalidDriverInfo: it has several
    :raises podium.errors.DriverError: it has none, or does not list all that it has
    """
    path, first = await _collection(bmc)
    found: dict[str, str] = {}  # by the path without the slash that some firmware adds now and then
    told, unnamed = 0.0, 0

    async def read(path: str) -> dict[str, Any]:
        return (await bmc.get(path)).body

    async for page in pages(read, path, first):
        members = resources.links(page, "Members")
        found |= {system.rstrip("/"): system for system in members}
        unnamed += len(resources.member(page, "Members", list) or []) - len(members)
        told = max(told, resources.number(page, "Members@odata.count") or 0.0)
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


async def _collection(bmc: BMC) -> tuple[str, dict[str, Any]]:
    """The collection of systems: its path, and its first page."""
    root = await bmc.root("Systems")
    linked = resources.link(root, "Systems") or resources.link(root, "Links", "Systems")
    if linked is not None:
        return linked, (await bmc.get(linked)).body
    try:
        return _SYSTEMS, (await bmc.get(_SYSTEMS)).body
    except Refused:
        raise errors.DriverError(f"BMC {bmc.target} has no systems in its service root") from None
