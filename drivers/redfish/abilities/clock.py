"""The clock of a system's BMC: ``DateTime`` and ``DateTimeLocalOffset`` of Manager (DMTF DSP2046)."""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from podium import errors
from podium.drivers.redfish.abilities.change import change, is_of_value
from podium.drivers.redfish.abilities.moments import moment, zone
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.http.client import Refused, Response
from podium.drivers.redfish.machine.walk import Walk
from podium.drivers.redfish.system import System

_WALK: Final = (16, 8.0)  # maximum requests to find the managers, and seconds
_MANAGERS: Final = 4
_TIME: Final = "DateTime"
_OFFSET: Final = "DateTimeLocalOffset"


class _Clock(NamedTuple):
    """The time that a manager reports."""

    path: str
    manager: Response
    now: datetime


async def read(system: System) -> datetime:
    """Read the clock of a system's BMC.

    :raises podium.errors.Unsupported: the BMC does not report a time
    :raises podium.errors.DriverError: it does not answer, or refuses
    """
    return (await _find(system)).now


async def adjust(system: System) -> None:
    """Set the clock of a system's BMC to the time of this host.

    :raises podium.errors.Unsupported: the BMC does not report a time
    :raises podium.errors.DriverError: it does not answer, or refuses
    """
    path, manager, before = await _find(system)
    now = datetime.now(UTC) + timedelta(seconds=0.5)  # it is cut to seconds
    local = now.astimezone(before.tzinfo).replace(microsecond=0)
    utc = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    forms = [{_TIME: local.isoformat()}, {_TIME: utc}]
    if str(manager.body.get(_TIME)).endswith("Z"):
        forms.reverse()
    if _OFFSET in manager.body:
        forms.append({_TIME: local.isoformat(), _OFFSET: local.isoformat()[-6:]})
    forms.append({_TIME: local.replace(tzinfo=None).isoformat()})
    refusal: Refused | None = None
    for properties in forms:
        try:
            await change(system.bmc, path, manager, properties)
            return
        except Refused as refused:
            if not is_of_value(refused):
                raise
            refusal = refusal or refused
    raise errors.DriverError(f"{refusal}; it takes no time from others if it follows a server (NTP)")


async def _find(system: System) -> _Clock:
    """Return the clock of the BMC among a system's managers, or else of the first that has one."""
    body = (await system.resource()).body
    found: list[_Clock] = []
    for path in await Walk(system.bmc, *_WALK, places=system.places).related(
        body, "ManagedBy", "Managers", _MANAGERS
    ):
        try:
            manager = await system.bmc.get(path)
        except ENDS:
            raise
        except errors.DriverError:
            continue
        now = moment(manager.body, _TIME, zone(manager.body))
        if now is not None:
            found.append(_Clock(path, manager, now))
    if not found:
        raise errors.Unsupported(f"BMC {system.bmc.target} does not say what time its clock shows")
    return next((one for one in found if one.manager.body.get("ManagerType") == "BMC"), found[0])
