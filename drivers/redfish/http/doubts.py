"""Whether an answer means that the BMC no longer knows the user.

DSP0266 ("Authentication") requires 401 then. Some firmware uses 403, 404 or 500, redirects to a login page
for people, or reports success with an error in the body. If the answer may be meant literally, the session
resource is requested: that costs one request, and none of the few sessions of a BMC.
"""

import contextlib
from collections.abc import Callable
from typing import Final

from podium import errors
from podium.drivers.redfish.http import answers, origin
from podium.drivers.redfish.http.connection import Answer
from podium.drivers.redfish.http.exchange import Exchange
from podium.drivers.redfish.http.sessions import Account

#: Statuses without another meaning. The last three are of other servers: login time-out, invalid token.
NOBODY: Final = frozenset({401, 419, 440, 498})
#: Statuses that concern the request: a condition, a conflict, too many.
_OF_THE_REQUEST: Final = frozenset({304, 409, 412, 428, 429})
_NOT_DONE: Final = range(400, 500)  # refusals of requests that were certainly not carried out
#: Names in the registry Base (DSP8011).
_MESSAGES: Final = frozenset(
    {"NoValidSession", "SessionTerminated", "AuthenticationTokenRequired", "ResourceAtUriUnauthorized"}
)
_ALIVE: Final = 5.0  # seconds for which a session that was requested counts as alive
_MOST: Final = 16  # maximum kinds of answers that are remembered

#: Every resource has at least one of these, even if ``$select`` left little of it. No refusal has any.
_RESOURCE: Final = ("Id", "Name", "Members", "PowerState", "TaskState")
_MARKS: Final = (b'"@odata.', *(f'"{name}"'.encode() for name in _RESOURCE))

_Kind = tuple[int, tuple[str, ...]]
_CLOSED: Final[_Kind] = (0, ())  # no answer
_ROOT: Final = "/redfish/v1/"  # open to everybody


class Doubts:
    """The answers of one BMC that may mean "you are nobody"; used in turn, like its exchange."""

    __slots__ = ("_account", "_clock", "_exchange", "_meant")

    def __init__(self, account: Account, exchange: Exchange, clock: Callable[[], float]) -> None:
        self._account = account
        self._exchange = exchange
        self._clock = clock
        self._meant: dict[_Kind, float] = {}  # until when a kind of answer is taken literally

    async def ask_for_login(
        self,
        answer: Answer,
        head: str,
        deadline: float,
        *,
        reads: bool,
        repeatable: bool,
        fresh: bool,
        last: bool,
    ) -> bool:
        """Return whether to log in and ask once more; then the old session is forgotten.

        :param answer: to a request with this head
        :param reads: whether that was a GET
        :param fresh: whether it came right after a login: then it is taken literally, for a while
        :param last: whether there was another answer before this login
        :raises podium.errors.AuthenticationRefused: for a login that the BMC refuses
        """
        account = self._account
        if answer.status in NOBODY:
            if last or not account.expired(head):
                account.refuse(answer)
            return True
        kind = _kind(answer)
        if fresh:
            self._means_it(kind, account.pause)
        if fresh or self._clock() < self._meant.get(kind, 0.0):
            return False
        if _says_so(kind):
            return account.expired(head)
        if not account.has_session or not may_be(answer, reads=reads):
            return False
        session = account.session
        if not session:
            return account.expired(head) and (repeatable or answer.status in _NOT_DONE)
        try:
            seen, place = await self._exchange.ask("GET", session, head, "\r\n", deadline)
        except errors.BMCUnreachable:  # some never show a session, which proves nothing about the answer
            self._means_it(kind, account.pause)
            return False
        if seen.status == 200 and _is_resource(seen):
            self._means_it(kind, _ALIVE)
            return False
        if seen.status >= 500 and not await self._is_well(deadline):
            return False
        if seen.status not in NOBODY:  # a session that cannot be seen would take the place of the next
            with contextlib.suppress(errors.DriverError):
                await self._exchange.ask("DELETE", session, head, "\r\n", deadline)
        is_same = _is_page(answer) and (seen.status, seen.body) == (answer.status, answer.body)
        is_same = is_same or self._leads_to(answer, seen, place)
        return account.expired(head) and (repeatable or answer.status in _NOT_DONE or is_same)

    async def ask_for_login_after_close(self, head: str, deadline: float, *, fresh: bool) -> bool:
        """Return whether to log in and ask once more, because the BMC closes instead of answering.

        That can only mean "you are nobody" if the BMC answers requests without a login.

        :param head: of the request; ``fresh``: as of :meth:`ask_for_login`
        """
        account, session = self._account, self._account.session
        if fresh:
            self._means_it(_CLOSED, account.pause)
        if fresh or not account.has_session or self._clock() < self._meant.get(_CLOSED, 0.0):
            return False
        try:
            is_well = await self._is_well(deadline)
        except errors.DriverError:
            return False
        if not is_well:
            return False
        if session:
            with contextlib.suppress(errors.DriverError):
                await self._exchange.ask("DELETE", session, head, "\r\n", deadline)
        return account.expired(head)

    async def _is_well(self, deadline: float) -> bool:
        """Whether the BMC shows its service root to everybody: if not, it has a general problem."""
        root, _ = await self._exchange.ask("GET", _ROOT, self._account.plain, "\r\n", deadline)
        return root.status < 500

    def _leads_to(self, answer: Answer, seen: Answer, place: str) -> bool:
        """Whether a redirect leads to the same place as that of another request: the login page."""
        location = answers.header(answer.headers, b"location")
        if answer.status not in origin.REDIRECTING or not location:
            return False
        return place == self._exchange.own_path(location, place) or location == answers.header(
            seen.headers, b"location"
        )

    def _means_it(self, kind: _Kind, seconds: float) -> None:
        if len(self._meant) >= _MOST:
            self._meant.clear()
        self._meant[kind] = self._clock() + seconds


def is_plain(answer: Answer, *, reads: bool) -> bool:
    """Whether an answer is not doubtful: a resource, an unchanged resource, or a confirmation."""
    status, body = answer.status, answer.body
    if status >= 300:
        return status == 304
    usual = any(mark in body for mark in _MARKS) if reads else not _is_page(answer)
    return usual and b'"error"' not in body[:64]


def may_be(answer: Answer, *, reads: bool) -> bool:
    """Whether an answer may mean "you are nobody"."""
    status = answer.status
    if status >= 300:
        return status not in _OF_THE_REQUEST
    return _is_page(answer) or (reads and not _is_resource(answer))


def _is_page(answer: Answer) -> bool:
    return answer.body.lstrip().startswith(b"<")


def _is_resource(answer: Answer) -> bool:
    found = answers.resource(answer) or {}
    if answers.is_error(found):
        return False
    return any(key in _RESOURCE or key.startswith("@odata.") for key in found)


def _kind(answer: Answer) -> _Kind:
    return answer.status, answers.message_ids(answers.resource(answer))


def _says_so(kind: _Kind) -> bool:
    return any(message.rpartition(".")[2] in _MESSAGES for message in kind[1])
