"""Sessions of the page, looked up in the database and remembered for a few seconds.

A browser can send neither a password nor a token with a stream of events, but it sends cookies. The page
therefore exchanges either for a cookie whose value is the secret of a session.
"""

import asyncio
import contextlib
import functools
import math
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final

from oslo_log import log
from starlette.requests import HTTPConnection

from podium import errors
from podium.api.faults import Fault
from podium.api.sql import Sql
from podium.db import sessions
from podium.db.sessions import Limits, Session
from podium.db.tokens import digest

LOG = log.getLogger(__name__)

#: The header with the seconds since the last input of the page's user.
IDLE: Final = "Podium-Idle"
_COOKIE: Final = "podium_session"
#: Seconds for which an answer of the database is used; an ended session may be accepted that long.
_FRESH: Final = 5.0
#: The most seconds by which the recorded use of a session may lag behind.
_NOTED: Final = 30.0
_LONGEST: Final = 100
_MOST_KNOWN: Final = 1000
#: New secrets: how many are looked up at a time, and how many wait.
_AT_A_TIME, _MOST_ASKED = 2, 1000
#: How many sessions a user may begin within how many seconds.
_MOST_BEGUN, _MINUTE = 60, 60


def cookie_name(request: HTTPConnection) -> str:
    """Return the name of the cookie; under TLS, a name that can be set only over TLS."""
    return f"__Host-{_COOKIE}" if is_secure(request) else _COOKIE


def is_secure(request: HTTPConnection) -> bool:
    """Return whether a request came over TLS, possibly only to a trusted proxy."""
    return bool(request.scope.get("scheme") == "https")


class Sessions:
    """The sessions that one process has seen; used in its event loop.

    :param options: those of [api]
    """

    def __init__(self, options: Any, sql: Sql, clock: Callable[[], float]) -> None:
        self._options = options
        self._sql = sql
        self._clock = clock
        #: By digest of the secret: when a session was looked up, and its state at that time.
        self._known: OrderedDict[str, tuple[float, Session]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Session | None]] = {}
        self._of_strangers = asyncio.Semaphore(_AT_A_TIME)
        self._notes: dict[int, asyncio.Task[None]] = {}
        #: When each user has recently begun sessions. Callers without a login are not in it.
        self._begun: dict[str, deque[float]] = {}

    @property
    def _limits(self) -> Limits:
        return Limits(self._options.session_idle_timeout, self._options.session_max_lifetime)

    async def begin(self, name: str, *, login: str | None = None, token: int | None = None) -> str:
        """Begin a session; return its secret.

        :param login: a digest of the user's line in the file of users
        :param token: the number of the token
        :raises podium.api.faults.Fault: the user has begun too many
        :raises podium.errors.DatabaseUnavailable: it cannot be recorded
        """
        begun, now = self._begun.setdefault(name, deque(maxlen=_MOST_BEGUN)), self._clock()
        if len(begun) == _MOST_BEGUN and now - begun[0] < _MINUTE:
            seconds = str(math.ceil(begun[0] + _MINUTE - now))
            text = f"{name} has logged in too often; try again in {seconds} s"
            raise Fault(429, text, {"Retry-After": seconds})
        begun.append(now)
        secret = secrets.token_urlsafe(32)
        session = await self._sql.write(sessions.begin, name, secret, self._limits, login=login, token=token)
        self._keep(digest(secret), session)
        return secret

    async def end(self, session: Session) -> None:
        """End a session: at once in this process, within five seconds in others."""
        await self._sql.write(sessions.end, session.id)
        self._known.pop(session.digest, None)
        self._under_way.pop(session.digest, None)  # a look-up that may have read it before

    async def find(self, secret: str, idle: float | None = None) -> Session | None:
        """Return the session that has a secret.

        Secrets cannot be guessed, so wrong ones do not slow down later logins. New secrets wait for each
        other; known sessions do not wait for them.

        :param idle: seconds since the user's last input; None if the request does not report it
        :raises podium.api.faults.Fault: too many look-ups wait
        :raises podium.errors.DatabaseUnavailable: it cannot be looked up
        """
        if len(secret) > _LONGEST:
            return None
        key = digest(secret)
        at, session = self._known.get(key, (-math.inf, None))
        if at + _FRESH <= self._clock():
            session = await self._look_up(key, secret)
        if session is not None and idle is not None:
            self._renew(session, idle)
        return session

    async def _look_up(self, key: str, secret: str) -> Session | None:
        task = self._under_way.get(key)
        if task is None:
            if key not in self._known and len(self._under_way) >= _MOST_ASKED:
                raise Fault(503, "too many sessions are looked up; try again later", {"Retry-After": "5"})
            task = self._under_way[key] = asyncio.ensure_future(self._ask(key, secret))
            task.add_done_callback(functools.partial(self._note_answer, key))
        return await asyncio.shield(task)

    async def _ask(self, key: str, secret: str) -> Session | None:
        async with contextlib.nullcontext() if key in self._known else self._of_strangers:
            return await self._sql.read(sessions.valid, secret, self._limits)

    def _note_answer(self, key: str, task: "asyncio.Task[Session | None]") -> None:
        if self._under_way.get(key) is not task:
            return  # the session was ended meanwhile
        del self._under_way[key]
        if not task.cancelled() and task.exception() is None:
            self._keep(key, task.result())

    def _keep(self, key: str, session: Session | None) -> None:
        self._known.pop(key, None)
        if session is not None:
            self._known[key] = self._clock(), session
        while len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _renew(self, session: Session, idle: float) -> None:
        """Record the latest input of a session's user, unless the record is recent enough."""
        at, known = self._known.get(session.digest, (0.0, None))
        passed = self._clock() - at  # since it was looked up
        is_news = session.idle + passed - idle >= min(_NOTED, self._limits.idle / 10)
        if known is None or not is_news or session.id in self._notes:
            return
        self._known[session.digest] = at, session._replace(idle=idle - passed)
        self._notes[session.id] = note = asyncio.create_task(
            self._note(session, idle), name="use of a session"
        )
        note.add_done_callback(lambda _: self._notes.pop(session.id, None))

    async def _note(self, session: Session, idle: float) -> None:
        try:
            await self._sql.write(sessions.note_use, session.id, idle, self._limits)
        except (errors.DatabaseError, Fault) as error:
            LOG.warning("The use of a session was not written down: %s", errors.one_line(error))
