"""Finds the account of a user on a BMC and what its role allows (DSP2046: ManagerAccount, Role)."""

from dataclasses import dataclass
from typing import Any, Final

from podium import errors
from podium.drivers.redfish import resources
from podium.drivers.redfish.http.client import BMC, Refused, Response
from podium.drivers.redfish.paging import pages

_SERVICE: Final = "/redfish/v1/AccountService"  # its standard place
_MOST: Final = 64  # accounts that are read; BMCs have up to 16 or so, most of them empty
#: The privilege that a role needs to reset a system (DSP2046, ``ComputerSystem``; DSP8010, privilege
#: registry).
RESET: Final = "ConfigureComponents"
#: The privileges of the roles that every service has (DSP0266, "Roles").
_STANDARD: Final = {
    "Administrator": ("Login", "ConfigureManager", "ConfigureUsers", "ConfigureComponents", "ConfigureSelf"),
    "Operator": ("Login", "ConfigureComponents", "ConfigureSelf"),
    "ReadOnly": ("Login", "ConfigureSelf"),
}


@dataclass(frozen=True, slots=True)
class Role:
    """The permissions of an account.

    :param privileges: None if they are not known
    """

    name: str
    privileges: tuple[str, ...] | None = None


async def find(bmc: BMC, username: str) -> tuple[str, Response] | None:
    """Return the path of a user's account, and the account; None if the BMC shows none of that name.

    :raises podium.errors.DriverError: the accounts cannot be read
    """
    root = await bmc.root("AccountService")
    service = (await bmc.get(resources.link(root, "AccountService", bmc=bmc.target) or _SERVICE)).body
    path = resources.link(service, "Accounts", bmc=bmc.target) or f"{_SERVICE}/Accounts"

    async def read(path: str) -> dict[str, Any]:
        return (await bmc.get(path)).body

    looked = 0
    async for page in pages(read, path, await read(path), bmc.target):
        for account in resources.links(page, "Members", bmc=bmc.target):
            looked += 1
            if looked > _MOST:
                return None
            try:
                found = await bmc.get(account)
            except Refused:  # of a user that this one may not see
                continue
            if resources.member(found.body, "UserName", str) == username:
                return account, found
    return None


async def role(bmc: BMC, account: dict[str, Any]) -> Role | None:
    """Return the role of an account; None if it does not name one.

    :param account: as returned by :func:`find`
    """
    name = resources.text(account, "RoleId")
    if name is None:
        return None
    if name in _STANDARD:
        return Role(name, _STANDARD[name])
    try:
        link = resources.link(account, "Links", "Role", bmc=bmc.target)
        body = (await bmc.get(link)).body if link is not None else {}
    except errors.DriverError:
        return Role(name)
    assigned = resources.member(body, "AssignedPrivileges", list)
    return Role(name, tuple(map(str, assigned)) if assigned is not None else None)
