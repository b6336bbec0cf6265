"""Identifies callers by password, token or session, or by the kernel's credentials of the Unix socket."""

import base64
import binascii
import contextlib
import functools
import math
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, TypeAlias
from urllib.parse import unquote

from starlette.requests import Request

from podium import conf, errors
from podium.api.access import htpasswd
from podium.api.access.audit import TRIED
from podium.api.access.guard import READS
from podium.api.access.htpasswd import UserFile
from podium.api.access.identity import Credentials, Login
from podium.api.access.passwords import LONGEST, Passwords
from podium.api.access.roles import Roles, require
from podium.api.access.sessions import IDLE, Sessions, cookie_name, is_secure
from podium.api.access.slowing import Slowing
from podium.api.access.tokens import Tokens
from podium.api.callers import LASTS_KEY, SCOPE_KEY, Caller, Role
from podium.api.faults import Fault
from podium.api.serving.peers import PEER, Peer
from podium.api.sql import Sql
from podium.db.sessions import Session
from podium.db.tokens import Token

_Again: TypeAlias = Callable[[], Awaitable[Caller]]

#: The same as Ironic's.
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Baremetal API"'}
#: For the page, which asks for a login itself; with Ironic's challenge, browsers would show their own dialog.
_QUIET: Final = {"WWW-Authenticate": 'Bearer realm="Podium"'}
#: The header in which the page names its user, percent-encoded.
_USER: Final = "Podium-User"


class _Door:
    """Identifies callers and checks their roles."""

    def __init__(self, config: conf.Config) -> None:
        self._config = config
        self._host = socket.gethostname()
        self._roles = Roles(config.api)

    async def admit(self, request: Request, role: Role) -> Caller:
        """Return the caller of a request.

        :raises podium.api.faults.Fault: 401 if the caller is unknown, 403 without the role
        :raises podium.errors.OtherUser: the page believes that it belongs to another user
        """
        caller = await self.identify(request)
        _check_user(request, caller)
        require(caller, role, self._roles.groups(role) if PEER in request.scope else ())
        return caller

    async def identify(self, request: Request) -> Caller:
        """Return the caller of a request, without a check of the role.

        :raises podium.api.faults.Fault: 401 if the caller is unknown
        """
        try:
            request.scope[SCOPE_KEY] = caller = await self._identify(request)
        except Fault as fault:
            if fault.status == 401:
                fault.headers |= _QUIET if _is_of_page(request) else _CHALLENGE
            raise
        return caller

    def reload(self) -> None:
        """Read the roles from the current options."""
        self._roles = Roles(self._config.api)

    async def _identify(self, request: Request) -> Caller:
        raise NotImplementedError

    def _address(self, request: Request) -> str:
        return request.client.host if request.client else self._host

    def _peer(self, request: Request) -> Caller | None:
        """Return the user of this host who sent a request over the Unix socket."""
        peer: Peer | None = request.scope.get(PEER)
        if peer is None:
            return None
        name, _, groups = peer
        return Caller(name, self._host, self._roles.of(name, groups))


class NoAuth(_Door):
    """``auth_strategy = noauth``: over TCP everybody may do everything."""

    has_login = False

    async def log_in(self, request: Request, given: Credentials) -> tuple[Caller, str]:
        """Refuse the login.

        :raises podium.api.faults.Fault: 409
        """
        raise Fault(409, "nobody logs in here: [DEFAULT] auth_strategy is noauth")

    async def log_out(self, request: Request) -> Caller | None:
        """Return None: there are no sessions."""
        return None

    async def _identify(self, request: Request) -> Caller:
        return self._peer(request) or Caller("anonymous", self._address(request), Role.ADMIN)


class HttpBasic(_Door):
    """``auth_strategy = http_basic``: passwords, tokens, and sessions that began with one of them."""

    has_login = True

    def __init__(self, config: conf.Config, passwords: Passwords, tokens: Tokens, sessions: Sessions) -> None:
        super().__init__(config)
        self._passwords = passwords
        self._tokens = tokens
        self._sessions = sessions

    async def log_in(self, request: Request, given: Credentials) -> tuple[Caller, str]:
        """Begin a session and end the request's present one; return the new session's caller and secret.

        :raises podium.api.faults.Fault: 401 for wrong credentials, 403 for a page of another origin
        """
        _check_origin(request)
        address = self._address(request)
        login, number = None, None
        try:
            if given.token is not None:
                token = await self._token(given.token.strip(), address)
                caller, number = self._of_token(token, address), token.id
            else:
                name, password = given.name or "", (given.password or "").encode("utf-8", "surrogatepass")
                login = await self._line(name)  # before the check, so that later changes are noticed
                caller = await self._by_password(name, password, address)
        except Fault as fault:
            if fault.status == 401:  # an unknown name may be a password in the wrong field
                who = "a token" if given.token is not None else given.name if login else "an unknown user"
                request.scope[TRIED] = who
            raise
        secret = await self._sessions.begin(caller.name, login=login, token=number)
        if (former := await self._session(request)) is not None:
            await self._sessions.end(former)
        request.scope[SCOPE_KEY] = caller
        return caller, secret

    async def log_out(self, request: Request) -> Caller | None:
        """End the session of a request; return its caller, or None without a session."""
        _check_origin(request)
        session = await self._session(request)
        if session is None:
            return None
        request.scope[SCOPE_KEY] = caller = self._caller(session, request)
        await self._sessions.end(session)
        return caller

    async def _identify(self, request: Request) -> Caller:
        given = request.headers.get("Authorization")
        address = self._address(request)
        scheme, _, value = (given or "").partition(" ")
        again: _Again
        if given is None and cookie_name(request) in request.cookies:
            if request.method not in READS:
                _check_origin(request)
            caller = await self._by_cookie(request, _idle(request))
            again = functools.partial(self._by_cookie, request)
        elif given is None and (peer := self._peer(request)) is not None:
            return peer
        elif scheme.lower() == "basic":
            name, password = _parsed(value)
            line = await self._line(name)
            caller = await self._by_password(name, password, address)
            again = functools.partial(self._by_line, name, line, address)
        elif scheme.lower() == "bearer":
            again = functools.partial(self._by_token, value.strip(), address)
            caller = await again()
        else:
            raise _unknown("this needs a user and a password, or a token")
        request.scope[LASTS_KEY] = functools.partial(_lasts, again)
        return caller

    async def _by_cookie(self, request: Request, idle: float | None = None) -> Caller:
        session = await self._session(request, idle)
        if session is None or not await self._counts(session):
            raise _unknown("the session is over; log in again")
        return self._caller(session, request)

    async def _session(self, request: Request, idle: float | None = None) -> Session | None:
        secret = request.cookies.get(cookie_name(request))
        return None if secret is None else await self._sessions.find(secret, idle)

    def _caller(self, session: Session, request: Request) -> Caller:
        own = None if session.role is None else Role[session.role.upper()]
        return Caller(session.name, self._address(request), self._roles.of(session.name, own=own))

    async def _counts(self, session: Session) -> bool:
        """Return whether the login that began a session is still valid."""
        if session.login is None:
            return session.role is not None  # the role of the token, which is valid
        return session.login == await self._line(session.name)

    async def _by_token(self, secret: str, address: str) -> Caller:
        return self._of_token(await self._token(secret, address), address)

    async def _token(self, secret: str, address: str) -> Token:
        token = await self._tokens.find(secret, address)
        if token is None:
            raise _unknown("the token is not known, has expired or was revoked")
        return token

    def _of_token(self, token: Token, address: str) -> Caller:
        name = f"token:{token.name}"
        return Caller(name, address, self._roles.of(name, own=Role[token.role.upper()]))

    async def _by_password(self, name: str, password: bytes, address: str) -> Caller:
        with _users_read():
            is_right = await self._passwords.are_right(name, password, address)
        if not is_right and len(password) > LONGEST:
            raise _unknown(f"the password is longer than {LONGEST} bytes, which bcrypt does not take")
        if not is_right:
            raise _unknown("the user or the password is wrong")
        return Caller(name, address, self._roles.of(name))

    async def _by_line(self, name: str, line: str | None, address: str) -> Caller:
        """Return the user of a line in the file if it has not changed since the password was checked."""
        if line is None or line != await self._line(name):
            raise _unknown("the user or the password is no longer right")
        return Caller(name, address, self._roles.of(name))

    async def _line(self, name: str) -> str | None:
        """Return a digest of a user's line in the file, and so of the password; None without a line."""
        with _users_read():
            return await self._passwords.line(name)


async def _lasts(again: _Again) -> bool | None:
    """Return whether a login may still read; None if this cannot be found out.

    :param again: identifies the caller again
    """
    try:
        require(await again(), Role.READER)
    except errors.DatabaseError:
        return None
    except Fault as fault:
        return False if fault.status in (401, 403) else None
    return True


@contextlib.contextmanager
def _users_read() -> Iterator[None]:
    try:
        yield
    except errors.ConfigError:  # it names a file, and is in the log
        text = "the users of podium-api cannot be read at present; try again later"
        raise Fault(503, text, {"Retry-After": "5"}) from None


def _parsed(value: str) -> tuple[str, bytes]:
    """Return the name and the password of a login in the form of HTTP Basic."""
    try:
        pair = base64.b64decode(value.strip(), validate=True)
        typed, colon, password = pair.partition(b":")
        name = typed.decode()
    except (binascii.Error, ValueError):
        colon = b""
    if not colon:
        raise _unknown("the login is not in the form of HTTP Basic")
    return name, password


def _is_of_page(request: Request) -> bool:
    """Return whether a request is from the page, not from a program or a typed address."""
    headers = request.headers
    is_stream = "text/event-stream" in headers.get("Accept", "")
    return is_stream or IDLE in headers or cookie_name(request) in request.cookies


def _idle(request: Request) -> float | None:
    """Return the seconds since the last input of the page's user; None if the request has none."""
    try:
        seconds = float(request.headers[IDLE])
    except (KeyError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _check_user(request: Request, caller: Caller) -> None:
    """Make sure that a page does not act as another user who has since logged in with the same browser.

    :raises podium.errors.OtherUser: the caller is not the page's user
    """
    believed = request.headers.get(_USER)
    if believed is not None and unquote(believed) != caller.name:
        raise errors.OtherUser(
            f"{caller.name} is logged in at this browser now; look at what you asked for, and ask again"
        )


def _check_origin(request: Request) -> None:
    """Make sure that a request has an Origin; the guard has checked that it is our own.

    :raises podium.api.faults.Fault: 403
    """
    schemes = ("https://",) if is_secure(request) else ("https://", "http://")  # TLS may end before a proxy
    if not request.headers.get("Origin", "").lower().startswith(schemes):
        raise Fault(
            403, "with the page's cookie only the page itself may change anything; Origin must name it"
        )


def _unknown(text: str) -> Fault:
    return Fault(401, text)


def check(config: conf.Config) -> None:
    """Make sure that users can log in; called before the start.

    :raises podium.errors.ConfigError: the file of users cannot be read
    """
    if config.auth_strategy == "http_basic":
        htpasswd.read(config.http_basic_auth_user_file)


def make_access(config: conf.Config, sql: Sql, clock: Callable[[], float] = time.monotonic) -> Login:
    """Return the authentication of one process; used only in its event loop.

    :param clock: seconds, monotonic
    """
    if config.auth_strategy == "noauth":
        return NoAuth(config)
    slowing = Slowing(clock)
    passwords = Passwords(UserFile(config.http_basic_auth_user_file, clock), slowing, clock=clock)
    tokens = Tokens(sql, slowing, clock)
    return HttpBasic(config, passwords, tokens, Sessions(config.api, sql, clock))
