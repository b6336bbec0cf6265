"""Adds the fleet to every answer, and refuses requests for another fleet."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from podium import errors
from podium.api.faults import Fault
from podium.api.services import services
from podium.client.calls import wire

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


def of_fleet(handle: Handler) -> Handler:
    """Return a handler that answers only requests for this fleet."""

    async def answer(request: Request) -> Response:
        own = await services(request).fleet.id()
        meant = request.headers.get(wire.FLEET, own)
        if meant != own:
            text = wire.other_fleet(own, meant[:100])
            raise Fault(412, text, error=errors.OtherFleet(text))
        response = await handle(request)
        response.headers[wire.FLEET] = own
        return response

    return answer
