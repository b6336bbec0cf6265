"""The paths of the page: the root for browsers, where programs get the versions, and those below /page."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from podium.api.faults import Fault
from podium.api.ironic.root import show_root
from podium.api.page.files import HEADERS, INDEX, site
from podium.api.routing import Operation

_VARY: Final = "Accept, Accept-Encoding"


async def show(request: Request) -> Response:
    """Return the page to browsers, and the available APIs to programs."""
    if prefers_html(request.headers.get("Accept", "")):
        return site()[INDEX].answer(request.headers, _VARY)
    answer = await show_root(request)
    answer.headers.update({"Vary": _VARY, "Cache-Control": "no-cache"})
    return answer


async def show_file(request: Request) -> Response:
    """Return a file of the page.

    :raises podium.api.faults.Fault: 404
    """
    path = request.path_params["path"]
    file = site().get(path)
    if file is None or path == INDEX:  # the index is served at the root, where its references are right
        raise Fault(404, f"the page has no {path[:200]}", HEADERS)
    return file.answer(request.headers)


def prefers_html(accepted: str) -> bool:
    """Return whether an Accept header names HTML, and JSON with no higher weight; ``*/*`` names neither."""
    weights = {"text/html": 0.0, "application/json": 0.0}
    for one in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in one.split(";"))
        if name in weights:
            weights[name] = _weight(parameters)
    return weights["text/html"] > 0 and weights["text/html"] >= weights["application/json"]


def _weight(parameters: list[str]) -> float:
    for one in parameters:
        if one.startswith("q="):
            try:
                weight = float(one[2:])
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/",
        handler=show,
        role=None,
        summary="Show the page to a browser, and the APIs to programs",
        answer={"type": "object"},
        others=("text/html",),
    ),
    Operation(
        method="GET",
        path="/page/{path:path}",
        handler=show_file,
        role=None,
        summary="Return a file of the page",
        answer={"type": "string"},
        others=("text/css", "text/javascript", "image/svg+xml"),
    ),
)
