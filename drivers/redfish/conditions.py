"""Requests that a BMC carries out only with the ETag of the resource they change (RFC 9110, If-Match)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from podium.drivers.redfish import power, resources
from podium.drivers.redfish.http import answers
from podium.drivers.redfish.http.client import Refused, Response

_ANY: Final = "*"  # any state of the resource, provided that it exists (RFC 9110, 13.1.1)


def etags(response: Response) -> tuple[str, ...]:
    """Return the ETags that a change of the resource just read may have to name, the best first.

    A weak ETag, as many BMCs have, matches no condition (RFC 9110, 8.8.3.2), so it is also tried without its
    mark.
    """
    etag = response.etag or resources.member(response.body, "@odata.etag", str)
    if not etag or not answers.is_etag(etag):
        return (_ANY,)
    return tuple(dict.fromkeys((etag, etag.removeprefix("W/"), _ANY)))


async def send(
    request: Callable[[str | None], Awaitable[object]], etags: Sequence[str | None]
) -> Refused | None:
    """Send a request with the first of these ETags, and with the next while the BMC demands another one.

    A request refused for want of the right ETag was not carried out, so it may be sent again.

    :returns: the last refusal before the request was accepted, if there was one
    :raises podium.errors.DriverError: it is refused for another reason, or with each ETag, or not answered
    """
    refusal: Refused | None = None
    for etag in etags:
        try:
            await request(etag)
            return refusal
        except Refused as refused:
            if not power.is_conditional(refused.status, refused.messages):
                raise
            refusal = refused
    assert refusal is not None
    raise refusal
