"""Who has sent a request: by password, by token, or by what the kernel says of the Unix socket."""

import base64
import binascii
import socket
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import Request

from podium import conf, errors
from podium.api.access import htpasswd
from podium.api.access.htpasswd import UserFile
from podium.api.access.identity import Access
from podium.api.access.passwords import LONGEST, Passwords
from podium.api.access.roles import Roles, require
from podium.api.access.slowing import Slowing
from podium.api.access.tokens import Tokens
from podium.api.callers import SCOPE_KEY, Caller, Role
from podium.api.faults import Fault
from podium.api.serving.peers import PEER, Peer
from podium.api.sql import Sql

#: As Ironic's.
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Baremetal API"'}


class _Door:
    """Finds out who asks, and what they may do."""

    def __init__(self, config: conf.Config) -> None:
        self._config = config
        self._host = socket.gethostname()
        self._roles = Roles(config.api)

    async def admit(self, request: Request, role: Role) -> Caller:
        """Return who has sent a request.

        :raises podium.api.faults.Fault: 401 if nobody knows who it is, 403 if they may not
        """
        request.scope[SCOPE_KEY] = caller = await self._identify(request)
        require(caller, role, self._roles.groups(role) if PEER in request.scope else ())
        return caller

    def reload(self) -> None:
        """Take the roles that the options give now."""
        self._roles = Roles(self._config.api)

    async def _identify(self, request: Request) -> Caller:
        raise NotImplementedError

    def _address(self, request: Request) -> str:
        return request.client.host if request.client else self._host

    def _peer(self, request: Request) -> Caller | None:
        """Return the user of this host who asks over the Unix socket."""
        peer: Peer | None = request.scope.get(PEER)
        if peer is None:
            return None
        name, _, groups = peer
        return Caller(name, self._host, self._roles.of(name, groups))


class NoAuth(_Door):
    """``auth_strategy = noauth``: over TCP everybody may do everything."""

    async def _identify(self, request: Request) -> Caller:
        return self._peer(request) or Caller("anonymous", self._address(request), Role.ADMIN)


class HttpBasic(_Door):
    """``auth_strategy = http_basic``: passwords and tokens."""

    def __init__(self, config: conf.Config, passwords: Passwords, tokens: Tokens) -> None:
        super().__init__(config)
        self._passwords = passwords
        self._tokens = tokens

    async def _identify(self, request: Request) -> Caller:
        given = request.headers.get("Authorization")
        if given is None and (caller := self._peer(request)) is not None:
            return caller
        address = self._address(request)
        scheme, _, value = (given or "").partition(" ")
        match scheme.lower():
            case "basic":
                return await self._by_password(value, address)
            case "bearer":
                return await self._by_token(value.strip(), address)
        raise _unknown("this needs a user and a password, or a token")

    async def _by_token(self, secret: str, address: str) -> Caller:
        token = await self._tokens.find(secret, address)
        if token is None:
            raise _unknown("the token is not known, has expired or was revoked")
        name = f"token:{token.name}"
        return Caller(name, address, self._roles.of(name, own=Role[token.role.upper()]))

    async def _by_password(self, value: str, address: str) -> Caller:
        try:
            pair = base64.b64decode(value.strip(), validate=True)
            typed, colon, password = pair.partition(b":")
            name = typed.decode()
        except (binascii.Error, ValueError):
            colon = b""
        if not colon:
            raise _unknown("the login is not in the form of HTTP Basic")
        try:
            is_right = await self._passwords.are_right(name, password, address)
        except errors.ConfigError:  # which the log has; it names a file
            text = "the users of podium-api cannot be read at present; try again later"
            raise Fault(503, text, {"Retry-After": "5"}) from None
        if not is_right and len(password) > LONGEST:
            raise _unknown(f"the password is longer than {LONGEST} bytes, which bcrypt does not take")
        if not is_right:
            raise _unknown("the user or the password is wrong")
        return Caller(name, address, self._roles.of(name))


def _unknown(text: str) -> Fault:
    return Fault(401, text, _CHALLENGE)


def check(config: conf.Config) -> None:
    """Make sure that users can log in; called before the start.

    :raises podium.errors.ConfigError: the file of users cannot be read
    """
    if config.auth_strategy == "http_basic":
        htpasswd.read(config.http_basic_auth_user_file)


def make_access(config: conf.Config, sql: Sql, clock: Callable[[], float] = time.monotonic) -> Access:
    """Return what knows the users of one process; used in its event loop alone.

    :param clock: seconds, monotonic
    """
    if config.auth_strategy == "noauth":
        return NoAuth(config)
    slowing = Slowing(clock)
    passwords = Passwords(UserFile(config.http_basic_auth_user_file, clock), slowing, clock=clock)
    return HttpBasic(config, passwords, Tokens(sql, slowing, clock))
