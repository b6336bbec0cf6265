"""Who has sent a request, and whether they may: the Unix socket's word, a password, a token."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from oslo_log import log
from starlette.requests import Request

from podium import conf, errors
from podium.api.access.htpasswd import Users
from podium.api.access.identity import Access
from podium.api.access.noauth import NoAuth
from podium.api.access.roles import refusal, role_of
from podium.api.access.slowing import Slowing
from podium.api.access.tokens import Tokens
from podium.api.callers import Caller, Role
from podium.api.faults import Fault
from podium.api.serving.peers import PEER
from podium.api.sql import Sql

LOG = log.getLogger(__name__)

#: Seconds for which a password that was right need not be checked again, and how many such there are.
_FRESH, _MOST_FRESH = 300.0, 1000
#: Checks of passwords at the same time; each keeps a core busy.
_CHECKS: Final = 2
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Baremetal API"'}
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """The access of one process; used in its event loop, closed by who made it.

    :param clock: seconds, monotonic
    :raises podium.errors.ConfigError: the file of users cannot be read
    """

    def __init__(self, config: conf.Config, sql: Sql, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._noauth = NoAuth() if config.auth_strategy == "noauth" else None
        self._users = None if self._noauth else Users(config.http_basic_auth_user_file)
        self._tokens = Tokens(sql, clock)
        self._slowing = Slowing(clock)
        self._threads = ThreadPoolExecutor(_CHECKS, thread_name_prefix="passwords")
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, tuple[float, str, bytes]] = OrderedDict()
        self._looked_at = clock()
        self._hosts = _hosts(config)
        self._here = socket.gethostname()

    def reload(self) -> None:
        """Read the users again; roles are read from the options at each request."""
        self._looked_at = -1.0

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def admit(self, request: Request, role: Role) -> Caller:
        """Return who has sent a request.

        :raises podium.api.faults.Fault: 400 for a name of the server that is not its own, 401, 403
        """
        peer = request.scope.get(PEER)
        if peer is None:
            self._check_host(request)
        _check_origin(request)
        if peer is not None:
            name, _, groups = peer
            caller = Caller(name, self._here, role_of(self._config, name, groups))
        elif self._noauth is not None:
            caller = await self._noauth.admit(request, role)
        else:
            caller = await self._known(request)
        if caller.role is None or caller.role < role:
            raise Fault(403, refusal(caller.name, role))
        return caller

    def _check_host(self, request: Request) -> None:
        """Refuse names that a web page may have made for this server (DNS rebinding)."""
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        name = name.strip("[]").lower().rstrip(".")
        if name in self._hosts or _is_address(name):
            return
        raise Fault(
            400,
            f"podium-api is not called {name[:255]}; [api] allowed_hosts may say that it is",
        )

    async def _known(self, request: Request) -> Caller:
        address = request.client.host if request.client else self._here
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            token = await self._tokens.find(value.strip(), address)
            if token is None:
                LOG.warning("A token from %s was refused", address)
                raise Fault(401, "the token is not known, has expired or was revoked", _CHALLENGE)
            name = f"token:{token.name}"
            roles = (Role[token.role.upper()], role_of(self._config, name))
            return Caller(name, address, max(role for role in roles if role is not None))
        if scheme.lower() != "basic":
            raise Fault(401, "this needs a user and a password, or a token", _CHALLENGE)
        name, password = _decoded(value)
        if not await self._is_right(name, password, address):
            raise Fault(401, "user or password is wrong", _CHALLENGE)
        return Caller(name, address, role_of(self._config, name))

    async def _is_right(self, name: str, password: bytes, address: str) -> bool:
        users = self._users
        if users is None:
            return False
        await self._refresh(users)
        mark = hmac.digest(
            self._key, name.encode("utf-8", "surrogateescape") + b"\0" + password, hashlib.sha256
        )
        found = self._right.get(mark)
        if found is not None and found[0] > self._clock() and users.hash_of(found[1]) == found[2]:
            return True
        loop = asyncio.get_running_loop()
        is_right = await self._slowing.attempt(
            address, lambda: loop.run_in_executor(self._threads, users.check, name, password)
        )
        known = users.hash_of(name)
        if is_right and known is not None:
            self._right[mark] = (self._clock() + _FRESH, name, known)
            while len(self._right) > _MOST_FRESH:
                self._right.popitem(last=False)
        else:
            # Not the name: what was typed there may be a password.
            LOG.warning("A login from %s was refused%s", address, f" (user {name})" if known else "")
        return is_right

    async def _refresh(self, users: Users) -> None:
        now = self._clock()
        if now - self._looked_at < 1.0:
            return
        self._looked_at = now
        try:
            await asyncio.get_running_loop().run_in_executor(None, users.refresh)
        except OSError as fault:
            LOG.error("The former users stay in force: %s", errors.one_line(fault))


def make_access(config: conf.Config, sql: Sql) -> Gate:
    """Return the access that the options ask for.

    :raises podium.errors.ConfigError: the file of users cannot be read
    """
    return Gate(config, sql)


def _decoded(value: str) -> tuple[str, bytes]:
    """Return user and password of a header (RFC 7617)."""
    try:
        name, colon, password = base64.b64decode(value.strip(), validate=True).partition(b":")
    except ValueError:
        colon = b""
    if not colon or not name:
        raise Fault(401, "the header Authorization is not of the form that Basic has", _CHALLENGE)
    return name.decode("utf-8", "surrogateescape"), password


def _check_origin(request: Request) -> None:
    """Refuse what a page of another origin has a browser write: browsers add the logins that they know."""
    origin = request.headers.get("origin")
    if request.method in _READS or origin is None:
        return
    if origin.partition("://")[2].lower() != request.headers.get("host", "").lower():
        raise Fault(403, "a page of another origin may not change anything here")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _hosts(config: conf.Config) -> frozenset[str]:
    """Return the names that podium-api has."""
    here = socket.gethostname()
    names = {"localhost", here, here.partition(".")[0], config.api.host_ip, *config.api.allowed_hosts}
    if config.api.public_endpoint:
        names.add(config.api.public_endpoint.partition("://")[2].partition("/")[0].rpartition("@")[2])
    return frozenset({name.lower() for name in names} | {name.lower().partition(":")[0] for name in names})


_: type[Access] = Gate
