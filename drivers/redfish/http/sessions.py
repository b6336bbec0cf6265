"""How Podium logs in to a BMC: with a session, or user name and password in each request (DSP0266,
"Authentication").

BMCs have few sessions, so one is kept and reused. For BMCs that refuse logins see
:mod:`podium.drivers.bmc.logins`.
"""

import base64
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from oslo_log import log

from podium import errors
from podium.drivers.bmc.logins import Refusals
from podium.drivers.bmc.withheld import Withheld
from podium.drivers.redfish.http import answers, origin, requests
from podium.drivers.redfish.http.connection import Answer
from podium.drivers.redfish.http.wire import Counts, Target, Timing

LOG = log.getLogger(__name__)

_DEFAULT: Final = "/redfish/v1/SessionService/Sessions"
_LONGEST_TOKEN: Final = 8192  # characters
_NONE_OFFERED: Final = (401, 404, 405, 501)
_WITHOUT: Final = 3600.0  # seconds after which a BMC that offered no sessions is asked for one again
_PROVEN: Final = 60.0  # seconds after which user name and password must have been accepted
#: MessageIds of a full session table, in the Base registry and in Dell's.
_LIMITS: Final = ("SessionLimitExceeded", "RAC0218")
#: Messages that mean a wrong user name or password, whatever the status: iLO 4 uses 400.
_WRONG: Final = frozenset({"ResourceAtUriUnauthorized", "UnauthorizedLoginAttempt"})

#: Sends a request (method, path, head and rest); returns the answer, and the path that was requested last.
Ask = Callable[[str, str, str, str], Awaitable[tuple[Answer, str]]]


def place(root: Mapping[str, Any] | None) -> str | None:
    """Return the path at which sessions are opened, from the service root."""
    links = (root or {}).get("Links")
    collection = links.get("Sessions") if isinstance(links, dict) else None
    path = collection.get("@odata.id") if isinstance(collection, dict) else None
    return path if isinstance(path, str) and requests.is_path(path) else None


class Account:
    """The login at one BMC.

    ``head`` holds the lines of every request's head; it is valid until ``valid_until`` by the client's clock.

    :param withheld: accounts that are not used for logins; None for a deliberate test login
    :param refusals: counts refused logins; None if the caller counts them
    :param once: whether it logs in only once, so that a wrong password is one attempt
    """

    __slots__ = (
        "_basic_at", "_clock", "_counts", "_once", "_plain", "_refusals", "_session", "_target", "_timing",
        "_token", "_who", "_withheld", "_without_sessions", "head", "valid_until",
    )  # fmt: skip

    def __init__(
        self,
        target: Target,
        counts: Counts,
        timing: Timing,
        clock: Callable[[], float],
        withheld: Withheld | None = None,
        refusals: Refusals | None = None,
        *,
        once: bool = False,
    ) -> None:
        self._target = target
        self._once = once
        self._counts = counts
        self._timing = timing
        self._withheld = withheld
        self._clock = clock
        self._refusals = refusals or Refusals(clock, timing.authentication_retry)
        self._who = target.who
        self._without_sessions = False  # as was logged
        self._basic_at = math.inf  # since when user name and password replace a session
        self._token: str | None = None
        self._session: str | None = None  # its path
        self._plain = (
            f"Host: {target.authority}\r\nUser-Agent: podium\r\nAccept: application/json\r\n"
            "Accept-Encoding: identity\r\nOData-Version: 4.0\r\nConnection: keep-alive\r\n"
        )
        self.head = self._plain
        self.valid_until = math.inf if target.auth == "none" else -math.inf

    @property
    def has_session(self) -> bool:
        """Whether a session is held."""
        return self._token is not None

    @property
    def session(self) -> str | None:
        """Its path, if the BMC named one."""
        return self._session

    @property
    def plain(self) -> str:
        """The head of a request without a login."""
        return self._plain

    @property
    def pause(self) -> float:
        """For how many seconds a request that a login did not help is not repeated."""
        return self._timing.authentication_retry

    @property
    def left_alone(self) -> bool:
        """Whether no login is tried for a while."""
        return self._refusals.is_left_alone(self._who)

    @property
    def needs_sessions(self) -> bool:
        """Whether a login begins with requesting a session."""
        return self._target.auth in ("auto", "session")

    async def log_in(self, ask: Ask, sessions: str | None, own: origin.Own) -> None:
        """Open a session, or prepare user name and password for each request.

        :param sessions: the path; None if the service root does not name it, or needs a login itself: then
            the usual path is tried, and a 401 may mean that there are only user name and password
        :raises podium.errors.AuthenticationRefused: when the BMC refuses, or no login is tried because it did
        :raises podium.drivers.redfish.http.answers.Refused: when it opens no session and one is required
        """
        if self._withheld is not None:
            self._withheld.check(self._target.account, self._target)
        self._refusals.check(self._who)
        # For a session request at a path that it may not have, a BMC may answer 401 whatever the password is.
        only_basic = self._once and sessions is None and self._target.auth == "auto"
        if not self.needs_sessions or only_basic:
            self._use_basic(math.inf)
            return
        who = {"UserName": self._target.username, "Password": self._target.password}
        answer, place = await ask("POST", sessions or _DEFAULT, self._plain, requests.content(who))
        may_be_basic = answer.status == 401 and sessions is None and self._target.auth == "auto"
        if _refuses_login(answer) and not may_be_basic and not is_session_limit(answer):
            self.refuse(answer)
        if self._hold(answer, place, own):
            return
        if origin.leads_away(answer):
            raise origin.astray(f"BMC {self._target}", "POST", place, answer)
        if self._target.auth == "session":
            raise answers.refusal(f"BMC {self._target} opens no session", answer)
        offered = answer.status not in _NONE_OFFERED
        self._basic_at = self._clock()
        self._use_basic(self._basic_at + (self._timing.authentication_retry if offered else _WITHOUT))
        if not self._without_sessions:
            self._without_sessions = True
            level = logging.WARNING if offered and not is_session_limit(answer) else logging.INFO
            why = answers.refusal(f"BMC {self._target} opens no session", answer)
            LOG.log(level, "%s; user name and password go with each request to it", why)

    def forget_basic(self) -> None:
        """Stop sending user name and password without another login; an open session stays."""
        if not self.has_session and self._target.auth != "none":
            self._forget()

    def accept(self) -> None:
        """Record that the BMC accepted the credentials; an answer to an earlier request changes nothing.

        The use of a session does not prove the password any more.
        """
        if self._token is None and not self.left_alone:
            self._refusals.clear(self._who)

    def refuse(self, answer: Answer) -> None:
        """Record that the BMC refused the login.

        :raises podium.errors.AuthenticationRefused: always
        """
        what, remedy = "refuses whoever does not log in", "give"
        if self._target.auth != "none":
            what, remedy = f"refuses the login of user {self._target.username!r}", "check"
        words = answers.refusal(f"BMC {self._target} {what}", answer)
        refused = errors.AuthenticationRefused(f"{words}; {remedy} redfish_username and redfish_password")
        if self._target.auth != "none":
            self._forget()
            self._refusals.count(self._who, self._target, refused)
        raise refused

    def expired(self, head: str) -> bool:
        """Record that the BMC does not know the login in this head; return whether another login may help.

        A session that was renewed meanwhile, for another request, is kept.
        """
        if head != self.head:
            return True
        # If credentials were accepted for a while for want of sessions, a session is requested again.
        may_help = self.has_session or self._clock() >= self._basic_at + _PROVEN
        may_help = may_help and not self._once
        if may_help:
            self._forget()
        return may_help

    def log_out(self) -> tuple[str, str]:
        """Return the session's path, empty if there is none, and the head with which to delete it.

        From now on the session counts as ended.
        """
        session, head = self._session or "", self.head
        if self.has_session:
            self._forget()
        return session, head

    def _forget(self) -> None:
        """Force a login before the next request."""
        self._counts.sessions -= self.has_session
        self._token = self._session = None
        self._basic_at = math.inf
        self.head = self._plain
        self.valid_until = -math.inf

    def _hold(self, answer: Answer, place: str, own: origin.Own) -> bool:
        """Store the session that the answer opened; return whether it opened one.

        :param place: the path that answered
        """
        token = answers.header(answer.headers, b"x-auth-token")
        if answer.status >= 400 or not token or len(token) > _LONGEST_TOKEN:
            return False
        if not token.isascii() or not token.isprintable():
            return False
        self._token, self._session = token, _session(answer, place, own)
        self.head = f"{self._plain}X-Auth-Token: {token}\r\n"
        self.valid_until = math.inf
        self._without_sessions = False
        self._basic_at = math.inf
        self._refusals.clear(self._who)
        self._counts.logins += 1
        self._counts.sessions += 1
        return True

    def _use_basic(self, until: float) -> None:
        who = f"{self._target.username}:{self._target.password}".encode()
        self.head = f"{self._plain}Authorization: Basic {base64.b64encode(who).decode()}\r\n"
        self.valid_until = until


def _refuses_login(answer: Answer) -> bool:
    """Whether user name or password are wrong; repeating them would count twice."""
    if answer.status in (401, 403):
        return True
    messages = answers.message_ids(answers.resource(answer))
    return any(message.rpartition(".")[2] in _WRONG for message in messages)


def is_session_limit(answer: Answer) -> bool:
    """Whether the BMC reports that its session limit is reached."""
    if answer.status < 400:
        return False
    messages = answers.message_ids(answers.resource(answer))
    return any(limit in message for message in messages for limit in _LIMITS)


def _session(answer: Answer, place: str, own: origin.Own) -> str | None:
    """Return the path of an opened session; the host in a Location is ignored."""
    body = answers.resource(answer) or {}
    within = f"{place.rstrip('/')}/{body['Id']}" if isinstance(body.get("Id"), str) else None
    for link in (answers.header(answer.headers, b"location"), body.get("@odata.id"), within):
        path = (own(link, place) or requests.own_path(link)) if isinstance(link, str) else None
        if path is not None:
            return path
    return None
