"""``/podium/v1/session``: the user of the page; login and logout.

It is meant for browsers, which keep the cookie, so it is not a call of podium.client.
"""

from typing import Any, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from podium import errors
from podium.api import bodies
from podium.api.access.identity import Credentials, Login
from podium.api.access.sessions import cookie_name, is_secure
from podium.api.callers import Caller
from podium.api.faults import Fault
from podium.api.routing import Operation
from podium.api.services import services
from podium.client.calls.call import Record
from podium.wording import which

_PATH: Final = "/podium/v1/session"
_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Cookie, Authorization"}
_ENCODER: Final = msgspec.json.Encoder()


class Session(Record, frozen=True, kw_only=True):
    """Who looks at the page.

    :param name: of the user or, as ``token:NAME``, of the token; None if nobody has logged in
    :param role: None for nothing
    :param login: whether one can log in and out
    :param ways: to log in
    :param idle_timeout: seconds without input after which a session is over
    :param confirm_above: the number of nodes above which an operation needs ``confirmed``
    """

    name: str | None
    role: Literal["reader", "operator", "admin"] | None
    login: bool
    ways: list[Literal["password", "token"]]
    idle_timeout: int
    confirm_above: int


class _Password(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    password: str

    __repr__ = which


class _Token(msgspec.Struct, forbid_unknown_fields=True):
    token: str

    __repr__ = which


async def show(request: Request) -> Response:
    """Return the user of the page."""
    try:
        caller = await _access(request).identify(request)
    except Fault as fault:
        if fault.status != 401:
            raise
        caller = None
    return _response(request, caller)


async def log_in(request: Request) -> Response:
    """Begin a session.

    :raises podium.api.faults.Fault: 401 if the password or token is wrong
    """
    given = await _credentials(request)
    caller, secret = await _access(request).log_in(request, given)
    response = _response(request, caller)
    _set_cookie(request, response, secret)
    return response


async def log_out(request: Request) -> Response:
    """End the session of the cookie."""
    await _access(request).log_out(request)
    response = _response(request, None)
    _set_cookie(request, response, None)
    return response


def _access(request: Request) -> Login:
    found: Login = request.app.state.access
    return found


async def _credentials(request: Request) -> Credentials:
    body = await bodies.read(request)
    kind = _Token if isinstance(body, dict) and "token" in body else _Password
    try:
        given = msgspec.convert(body, kind)
    except msgspec.ValidationError:  # its text may contain a part of a secret
        raise errors.BadRequest('the body must be {"name": ..., "password": ...} or {"token": ...}') from None
    return Credentials(**msgspec.structs.asdict(given))


def _response(request: Request, caller: Caller | None) -> Response:
    config, has_login = services(request).config, _access(request).has_login
    session = Session(
        name=caller.name if caller else None,
        role=caller.role.word if caller and caller.role else None,  # type: ignore[arg-type]
        login=has_login,
        ways=["password", "token"] if has_login else [],
        idle_timeout=config.api.session_idle_timeout,
        confirm_above=config.conductor.confirm_above,
    )
    return Response(_ENCODER.encode(session), 200, _HEADERS, "application/json")


def _set_cookie(request: Request, response: Response, secret: str | None) -> None:
    """Make the browser keep the secret of a session until the browser is closed, or delete the secret."""
    response.set_cookie(
        cookie_name(request),
        secret or "",
        max_age=0 if secret is None else None,
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )


def _schema(kind: Any) -> dict[str, Any]:
    (found,), components = msgspec.json.schema_components([kind])
    described: dict[str, Any] = components[found["$ref"].rpartition("/")[2]]
    return described


def _operation(method: str, handler: Any, summary: str, **others: Any) -> Operation:
    answer = _schema(Session)
    return Operation(
        method=method, path=_PATH, handler=handler, role=None, summary=summary, answer=answer, **others
    )


OPERATIONS: Final = (
    _operation("GET", show, "Show who asks, and how to log in at the page"),
    _operation(
        "POST",
        log_in,
        "Log in at the page, for a cookie",
        schema={"anyOf": [_schema(_Password), _schema(_Token)]},
    ),
    _operation("DELETE", log_out, "Log out of the page"),
)
