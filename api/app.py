"""The application: turns the table of operations into routes of Starlette, and errors into answers."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from oslo_log import log
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from podium import errors
from podium.api.access.identity import Access
from podium.api.callers import LASTS_KEY, SCOPE_KEY
from podium.api.faults import Fault, of_error
from podium.api.ironic import absent, versions
from podium.api.refusals import refusal
from podium.api.routing import MINOR_KEY, Operation
from podium.api.services import Services
from podium.client import texts

LOG = log.getLogger(__name__)

_LATE: Final = "the answer took longer than {:g} s; what was asked for may still be done"
_UNEXPECTED: Final = "podium-api failed to answer; its log says why"


def create(
    services: Services, access: Access, operations: Iterable[Operation], *, seconds: float = 60.0
) -> Starlette:
    """Return the application of one process.

    :param seconds: the time limit for the answer to a request
    """
    by_path: dict[str, dict[str, Operation]] = defaultdict(dict)
    table = tuple(operations)
    for operation in table:
        by_path[operation.path][operation.method] = operation
    app = _Application(routes=[_Route(path, its, access, seconds) for path, its in by_path.items()])
    app.router.redirect_slashes = False
    app.state.services = services
    app.state.access = access
    app.state.operations = table
    return app


class _Application(Starlette):
    """Starlette without its error middleware: the routes answer errors."""

    def build_middleware_stack(self) -> ASGIApp:
        return self._route

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.router(scope, receive, send)
        except HTTPException as error:
            request = Request(scope)
            await _answer_http(request, error)(scope, receive, send)


class _Route(Route):
    """A path with its operations, with or without a trailing slash."""

    def __init__(
        self, path: str, operations: Mapping[str, Operation], access: Access, seconds: float
    ) -> None:
        methods = [*operations, *(["HEAD"] if "GET" in operations else [])]
        super().__init__(path, _Endpoint(access, operations, seconds), methods=methods)
        if path != "/":
            self.path_regex = re.compile(f"{self.path_regex.pattern.removesuffix('$')}/?$")


class _Endpoint:
    """Answers the requests of a path."""

    def __init__(self, access: Access, operations: Mapping[str, Operation], seconds: float) -> None:
        self._access = access
        self._operations = operations
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            response = await self._act(request)
        except Fault as fault:
            response = refusal(request, fault)
        except Exception as error:
            LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
            response = refusal(request, Fault(500, _UNEXPECTED))
        await response(scope, receive, send)

    async def _act(self, request: Request) -> Response:
        operation = self._operations["GET" if request.method == "HEAD" else request.method]
        request.scope[MINOR_KEY] = minor = versions.negotiate(request)
        seconds = self._seconds + (operation.call.patience if operation.call else 0)
        try:
            async with asyncio.timeout(seconds):
                if operation.role is not None:
                    request.scope[SCOPE_KEY] = await self._access.admit(request, operation.role)
                if operation.since > minor:
                    raise Fault(404, f"{operation.path} needs version 1.{operation.since} of the API")
                _check_texts(request.scope)
                response = await operation.handler(request)
        except TimeoutError:
            LOG.error("%s %s took longer than %g s", request.method, operation.path, seconds)
            raise Fault(503, _LATE.format(seconds), {"Retry-After": "5"}) from None
        except errors.PodiumError as error:
            fault = of_error(error)
            if fault.status >= 500:
                LOG.error("%s %s failed: %s", request.method, operation.path, errors.one_line(error))
            raise fault from None
        versions.mark(response, minor)
        if LASTS_KEY in request.scope:  # proxies assume this for Authorization, not for cookies
            response.headers.setdefault("Cache-Control", "private, no-cache")
        return response


def _check_texts(scope: Scope) -> None:
    """Make sure that a path and its parameters have no null character; bodies are checked when they are read.

    :raises podium.api.faults.Fault: 400
    """
    if "\0" in scope["path"] or b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
        raise Fault(400, texts.NULL)


def _answer_http(request: Request, error: HTTPException) -> Response:
    path = request.url.path
    texts = {404: absent.text(path) or f"there is no {path}", 405: f"{request.method} is not possible here"}
    fault = Fault(error.status_code, texts.get(error.status_code, error.detail), error.headers)
    return refusal(request, fault)
