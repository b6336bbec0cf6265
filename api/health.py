"""``/healthcheck``: whether this process and its database answer, for load balancers."""

from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from podium.api.routing import Operation
from podium.api.services import services


async def healthcheck(request: Request) -> Response:
    """Answer OK, or 503 while the database is unavailable."""
    await services(request).sql.ask()
    return PlainTextResponse("OK")


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/healthcheck",
        handler=healthcheck,
        role=None,
        summary="Whether podium-api and its database answer",
        answer={"type": "string"},
    ),
)
