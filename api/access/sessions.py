"""Sessions of the page, looked up in the database and remembered for a few seconds.

A browser can send neither a password nor a token with a stream of events, but it sends cookies. So the page
trades either for a cookie, whose value is the secret of a session.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from oslo_log import log
from starlette.requests import HTTPConnection

from podium import errors
from podium.api.access.slowing import Slowing
from podium.api.faults import Fault
from podium.api.sql import Sql
from podium.db import sessions
from podium.db.sessions import Limits, Session
from podium.db.tokens import digest

LOG = log.getLogger(__name__)

#: With which the page says how many seconds ago its user last did something.
IDLE: Final = "Podium-Idle"
_COOKIE: Final = "podium_session"
#: Seconds for which an answer of the database counts: as long may a session that was ended still be taken.
_FRESH: Final = 5.0
#: The most seconds by which what is written down of a session's use may be behind.
_NOTED: Final = 30.0
_LONGEST: Final = 100
_MOST_KNOWN: Final = 1000


def cookie_name(request: HTTPConnection) -> str:
    """Return the name of the cookie; under TLS one that nobody can set without."""
    return f"__Host-{_COOKIE}" if is_secure(request) else _COOKIE


def is_secure(request: HTTPConnection) -> bool:
    """Return whether a request came by TLS, if only to a proxy that is believed."""
    return bool(request.scope.get("scheme") == "https")


class Sessions:
    """The sessions that one process has seen; used in its event loop.

    :param options: those of [api]
    """

    def __init__(self, options: Any, sql: Sql, clock: Callable[[], float]) -> None:
        self._options = options
        self._sql = sql
        self._clock = clock
        self._slowing = Slowing(clock)  # its own: the cookie of a session that is over delays no login
        self._known: OrderedDict[str, tuple[float, Session | None]] = OrderedDict()
        self._under_way: dict[tuple[str, str], asyncio.Task[Session | None]] = {}
        self._notes: dict[int, asyncio.Task[None]] = {}

    @property
    def _limits(self) -> Limits:
        return Limits(self._options.session_idle_timeout, self._options.session_max_lifetime)

    async def begin(self, name: str, *, login: str | None = None, token: int | None = None) -> str:
        """Begin a session; return its secret.

        :param login: a digest of the user's line in the file of users
        :param token: the number of the token
        :raises podium.errors.DatabaseUnavailable: it cannot be written down
        """
        secret = secrets.token_urlsafe(32)
        await self._sql.write(sessions.begin, name, secret, self._limits, login=login, token=token)
        return secret

    async def end(self, secret: str) -> None:
        """End a session, in this process at once and in others within five seconds."""
        await self._sql.write(sessions.end, secret)
        self._keep(digest(secret), None)

    async def find(self, secret: str, address: str, idle: float | None) -> Session | None:
        """Return the session that has a secret.

        :param idle: seconds since its user last did something; None if the request does not say
        :raises podium.api.faults.Fault: too many have been wrong
        :raises podium.errors.DatabaseUnavailable: it cannot be looked up
        """
        if len(secret) > _LONGEST:
            return None
        key = digest(secret)
        until, session = self._known.get(key, (0.0, None))
        if until <= self._clock():
            session = await self._look_up(key, secret, address)
        if session is not None and idle is not None:
            self._renew(session, key, idle)
        return session

    async def _look_up(self, key: str, secret: str, address: str) -> Session | None:
        shared = self._under_way.get((key, address))
        if shared is None:
            shared = self._under_way[key, address] = asyncio.ensure_future(self._ask(key, secret, address))
            shared.add_done_callback(lambda _: self._under_way.pop((key, address), None))
        return await asyncio.shield(shared)

    async def _ask(self, key: str, secret: str, address: str) -> Session | None:
        await self._slowing.turn(address, key.encode())
        try:
            session = await self._sql.read(sessions.valid, secret, self._limits)
        except (errors.DatabaseError, Fault):
            self._slowing.take_back(address, key.encode())
            raise
        if session is not None:
            self._slowing.succeed(address, key.encode())
        self._keep(key, session)
        return session

    def _keep(self, key: str, session: Session | None) -> None:
        self._known[key] = (self._clock() + _FRESH, session)
        self._known.move_to_end(key)
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _renew(self, session: Session, key: str, idle: float) -> None:
        """Have it written down that a session's user did something, unless that is known well enough."""
        until, _ = self._known.get(key, (0.0, None))
        passed = self._clock() - (until - _FRESH)  # since it was looked up
        if session.idle + passed - idle < min(_NOTED, self._limits.idle / 10) or session.id in self._notes:
            return
        if until:
            self._known[key] = until, session._replace(idle=idle - passed)
        self._notes[session.id] = note = asyncio.create_task(
            self._note(session, idle), name="use of a session"
        )
        note.add_done_callback(lambda _: self._notes.pop(session.id, None))

    async def _note(self, session: Session, idle: float) -> None:
        try:
            await self._sql.write(sessions.note_use, session.id, idle, self._limits)
        except (errors.DatabaseError, Fault) as error:
            LOG.warning("The use of a session was not written down: %s", errors.one_line(error))
