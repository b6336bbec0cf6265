"""Changing properties of a resource with a PATCH (DSP0266, section "PATCH (update)")."""

from typing import Any, Final

from podium.drivers.redfish import conditions, power
from podium.drivers.redfish.http.client import BMC, Refused, Response

#: Statuses for a request that the BMC understands, but whose properties or values it does not accept.
_OF_VALUE: Final = frozenset({400, 405, 409, 422, 501})


async def change(bmc: BMC, path: str, known: Response, properties: dict[str, Any]) -> None:
    """Change properties of a resource. Doing it twice does no harm.

    :param known: the resource as just read
    :raises podium.errors.DriverError: the BMC does not answer, or refuses
    """

    async def patch(etag: str | None) -> None:
        await bmc.patch(path, properties, etag=etag)

    await conditions.send(patch, (None, *conditions.etags(known)))


def is_of_value(refused: Refused) -> bool:
    """Whether the refused values may be accepted in another form."""
    return refused.status in _OF_VALUE and not power.is_passing(refused.messages)
