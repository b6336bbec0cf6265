"""Requests to one BMC, one after another, with the logins, redirects, pauses and tasks that it needs."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from podium import errors
from podium.drivers.bmc.fair_lock import FairLock
from podium.drivers.redfish.http import answers, doubts, monitor, origin, requests, sessions
from podium.drivers.redfish.http.answers import Response
from podium.drivers.redfish.http.connection import Answer
from podium.drivers.redfish.http.exchange import Exchange
from podium.drivers.redfish.http.stream import Stream
from podium.drivers.redfish.http.wire import Network, Target, Unanswered

ROOT: Final = "/redfish/v1/"
_RESOURCE: Final = b'{"@odata.'
_ROOT_AGE: Final = 3600.0  # seconds after which the service root is read again: new firmware may offer more
_ROOT_LACKING: Final = 5.0  # the same for a root that lacks something: a starting BMC fills it gradually


class BMC:
    """One target. One request is under way at a time; others wait for their turn.

    :param once: as in :class:`podium.drivers.redfish.http.sessions.Account`
    """

    __slots__ = (
        "_account", "_clock", "_doubts", "_ended", "_exchange", "_good_path", "_lock", "_network", "_root",
        "_root_at", "target", "users",
    )  # fmt: skip

    def __init__(
        self, target: Target, network: Network, clock: Callable[[], float], *, once: bool = False
    ) -> None:
        self.target = target
        self.users = 0
        self._network = network
        self._clock = clock
        self._ended = False
        self._lock = FairLock()
        self._exchange = Exchange(target, network, clock)
        withheld, refusals = (None, None) if once else (network.withheld, network.refusals)
        self._account = sessions.Account(
            target, network.counts, network.timing, clock, withheld, refusals, once=once
        )
        self._doubts = doubts.Doubts(self._account, self._exchange, clock)
        self._root: dict[str, Any] | None = None
        self._root_at = 0.0  # when it was read
        self._good_path = ROOT  # the path that was checked last

    @property
    def has_session(self) -> bool:
        """Whether a session is held."""
        return self._account.has_session

    @property
    def account(self) -> sessions.Account:
        """The login."""
        return self._account

    async def root(self, needed: str = "") -> dict[str, Any]:
        """Return the service root, read again once an hour and after the BMC was unreachable.

        :param needed: a property; a root without it is read again, unless that was done just now
        :raises podium.errors.DriverError: as :meth:`get`
        """
        root = self._known_root(lambda root: not needed or bool(root.get(needed)))
        if root is not None:
            return root
        before = self._root
        await self.enter()
        if self._root is None or self._root is before:
            return self._keep_root((await self.get(ROOT)).body)
        return self._root

    async def enter(self) -> None:
        """Log in if that is needed before any request; this also reads the service root.

        :raises podium.errors.DriverError: as :meth:`get`
        """
        deadline = self._network.deadline(0.0)
        await self._take_turn(deadline)
        try:
            if self._clock() >= self._account.valid_until:
                await self._log_in(deadline)
        except errors.BMCUnreachable:
            self._root = None
            raise
        finally:
            self._lock.release()

    async def get(
        self, path: str, *, etag: str | None = None, links: bool = True, patience: float = 0.0
    ) -> Response:
        """Read a resource.

        :param path: from the BMC's root, may have a query; a fragment is removed
        :param etag: of the resource as already known: status 304 means that it has not changed
        :param links: whether its links are followed later: they are then made paths of the BMC's own
        :param patience: seconds for everything; by default the client's value
        :raises podium.errors.BMCUnreachable: no answer, a broken one, or a certificate that is not trusted
        :raises podium.errors.AuthenticationRefused: the BMC refuses the login, or no login is tried because
            it did
        :raises Refused: any status other than success
        :raises BMCBusy: the BMC asked for a pause longer than the patience
        :raises podium.errors.DriverError: the path is not valid, or the answer is not a JSON object
        """
        deadline = self._network.deadline(patience)
        rest = "\r\n"
        if etag is not None and deadline < self._exchange.wire.unconditional_until:
            etag = None
        if etag is not None:
            rest = f"If-None-Match: {self._checked_etag(etag)}\r\n\r\n"
        answer, place = await self._ask("GET", self._checked(path), rest, deadline)
        if answer.status == 304:
            if etag is not None:
                self._network.counts.not_modified += 1
                return Response(304, answer.headers, {})
            # Some treat any request as a conditional one, now and then.
            answer, place = await self._ask("GET", self._checked(path), rest, deadline)
        response = self._read(path, place, answer)
        if links:
            origin.settle(response.body, place, self._exchange.own_path)
        return response

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        repeatable: bool,
        etag: str | None = None,
        patience: float = 0.0,
    ) -> Response:
        """Post an action; a task that it starts is polled to its end.

        :param repeatable: whether it does no harm if the BMC does it twice
        :param etag: of the resource that is changed: the BMC acts only if it still has this ETag (If-Match)
        :param patience: seconds for everything, including the task; by default the client's value
        :raises podium.errors.DriverError: as :meth:`get`, and :class:`Refused` of a task that failed
        """
        deadline, path = self._network.deadline(patience), self._checked(path)
        content = self._content(body, etag)
        answer, place = await self._ask("POST", path, content, deadline, repeatable=repeatable)
        return await self._done("POST", path, place, answer, deadline)

    async def patch(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        etag: str | None,
        secret: str = "",
        sending: Callable[[], None] | None = None,
    ) -> Response:
        """Change a resource.

        :param etag: as in :meth:`post`
        :param secret: in the body; masked wherever the BMC repeats it
        :param sending: called right before the request is sent, after a login if one is needed; it is then
            sent once, and repeated neither after silence nor after "you are nobody"
        :raises podium.errors.DriverError: as :meth:`post`
        """
        deadline, path = self._network.deadline(0.0), self._checked(path)
        content = self._content(body, etag)
        answer, place = await self._ask(
            "PATCH", path, content, deadline, repeatable=sending is None, sending=sending
        )
        return await self._done("PATCH", path, place, answers.without(answer, secret), deadline, secret)

    async def _done(
        self, method: str, path: str, place: str, answer: Answer, deadline: float, secret: str = ""
    ) -> Response:
        """Return the result of a request that has something done, once that is over.

        :param place: the path that answered
        """
        if answer.status in origin.REDIRECTING:
            raise self._astray(method, path, place, answer)

        async def poll(path: str, deadline: float) -> Answer:
            found, _ = await self._ask("GET", path, "\r\n", deadline)
            return answers.without(found, secret)

        if answer.status == monitor.ACCEPTED or "TaskState" in (answers.resource(answer) or {}):
            own, who = self._exchange.own_path, f"BMC {self.target}"
            answer = await monitor.follow(who, method, place, answer, poll, own, deadline)
        found = answers.resource(answer) or {}
        if answer.status >= 300 or answers.is_failure(found):
            raise answers.refusal(f"BMC {self.target} refuses {method} {path}", answer)
        return Response(answer.status, answer.headers, found)

    def _content(self, body: Mapping[str, Any], etag: str | None) -> str:
        content = requests.content(body)
        return content if etag is None else f"If-Match: {self._checked_etag(etag)}\r\n{content}"

    @contextlib.asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Receive Server-Sent Events over a separate connection, in the pieces that the BMC sends.

        :raises podium.errors.DriverError: as :meth:`get`; of the iterator, BMCUnreachable when it breaks
        """
        stream = await self._open_stream(self._checked(path))
        try:
            yield stream
        finally:
            stream.abort()

    async def end(self, deadline: float) -> bool:
        """Close the session and the connection, after earlier requests; return whether no session is left.

        :param deadline: in the loop's clock
        """
        try:
            await self._take_turn(deadline)
            try:
                self._ended = True
                session, head = self._account.log_out()
                if session:
                    await self._exchange.ask("DELETE", session, head, "\r\n", deadline)
            finally:
                self._lock.release()
        except errors.DriverError:
            return False
        finally:
            self._ended = True
            self._exchange.wire.close()
        return True

    def _read(self, path: str, place: str, answer: Answer) -> Response:
        if answer.status >= 300:
            if answer.status in origin.REDIRECTING:
                raise self._astray("GET", path, place, answer)
            raise answers.refusal(f"BMC {self.target} refuses GET {path}", answer)
        body = answers.resource(answer)
        if body is None:
            empty = "" if answer.body else f": the body is empty (HTTP {answer.status})"
            raise errors.DriverError(f"BMC {self.target} answers GET {path} with no JSON object{empty}")
        if "error" in body and answers.is_error(body):
            raise answers.refusal(f"BMC {self.target} refuses GET {path}", answer)
        return Response(answer.status, answer.headers, body)

    def _astray(self, method: str, path: str, place: str, answer: Answer) -> errors.DriverError:
        """Return the error for a redirect that was not followed.

        :param place: where the BMC redirected last
        """
        who = f"BMC {self.target}"
        if origin.redirected(method, place, answer, self._exchange.own_path) is not None:
            return errors.DriverError(f"{who} redirects {method} {path} again and again, last from {place}")
        return origin.astray(who, method, path, answer)

    def _known_root(self, is_enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """Return the service root as last read, while it may be considered current."""
        root = self._root
        if root is None:
            return None
        age = _ROOT_AGE if is_enough(root) else _ROOT_LACKING
        return root if self._clock() < self._root_at + age else None

    def _keep_root(self, root: dict[str, Any]) -> dict[str, Any]:
        self._root, self._root_at = root, self._clock()
        return root

    def _checked_etag(self, etag: str) -> str:
        if not answers.is_etag(etag):
            raise errors.DriverError(f"BMC {self.target}: what is given for an ETag is none")
        return etag

    def _checked(self, path: str) -> str:
        if path is self._good_path:  # most reads repeat the last one
            return path
        path = path.partition("#")[0]
        if not requests.is_path(path):
            raise errors.DriverError(f"BMC {self.target}: {answers.clean(path)!r} is no path of its own")
        self._good_path = path
        return path

    async def _take_turn(self, deadline: float) -> None:
        lock = self._lock
        if lock.busy:
            seconds = deadline - self._network.loop.time()
            try:
                await lock.turn(seconds)
            except TimeoutError:
                text = f"BMC {self.target} is still busy with other requests after {max(seconds, 0.0):.2g} s"
                raise errors.BMCUnreachable(text) from None
        lock.busy = True
        if self._ended:
            lock.release()
            raise errors.BMCUnreachable(f"BMC {self.target} is not in use any more")

    async def _ask(
        self,
        method: str,
        path: str,
        rest: str,
        deadline: float,
        *,
        repeatable: bool = True,
        sending: Callable[[], None] | None = None,
    ) -> tuple[Answer, str]:
        """Send one request in its turn, with a login if it needs one.

        :param rest: lines of the head, and the body
        :param sending: called right before the request is sent; then the answer is final, and does not cause
            a login
        :return: the answer, and the path that was requested last
        """
        account = self._account
        if self._lock.busy or self._ended:
            await self._take_turn(deadline)
        self._lock.busy = True
        try:
            for last in (False, True):
                fresh = last
                if self._clock() >= account.valid_until:
                    await self._log_in(deadline)
                    fresh = True
                head = account.head
                if sending is not None:
                    sending()
                    account.forget_basic()
                try:
                    answer, place = await self._exchange.ask(
                        method, path, head, rest, deadline, repeatable=repeatable
                    )
                except Unanswered as lost:
                    ask = self._doubts.ask_for_login_after_close
                    if lost.silent or method != "GET" or not await ask(head, deadline, fresh=fresh):
                        raise
                    continue
                if sending is not None:
                    return answer, place
                if answer.status == 304 or (answer.status == 200 and answer.body.startswith(_RESOURCE)):
                    break  # as nearly always
                reads = method == "GET"
                if doubts.is_plain(answer, reads=reads) or not await self._doubts.ask_for_login(
                    answer, head, deadline, reads=reads, repeatable=repeatable, fresh=fresh, last=last
                ):
                    break
            account.accept()
            return answer, place
        except errors.BMCUnreachable:
            self._root = None  # the BMC may come back with other firmware
            raise
        finally:
            self._lock.release()

    async def _log_in(self, deadline: float) -> None:
        async def ask(method: str, path: str, head: str, rest: str) -> tuple[Answer, str]:
            return await self._exchange.ask(method, path, head, rest, deadline)

        account = self._account
        root = self._known_root(lambda root: sessions.place(root) is not None)
        if account.needs_sessions and not account.left_alone and root is None:
            answer, place = await ask("GET", ROOT, account.head, "\r\n")
            found = answers.resource(answer) if answer.status == 200 else None
            if found is not None:
                origin.settle(found, place, self._exchange.own_path)
                self._keep_root(found)
        await account.log_in(ask, sessions.place(self._root), self._exchange.own_path)

    async def _open_stream(self, path: str) -> Stream:
        deadline = self._network.deadline(0.0)
        account, exchange = self._account, self._exchange
        for last in (False, True):
            exchange.check_pause()
            await self.enter()
            head = account.head
            found = await Stream.open(self._network, self.target, path, head, deadline, exchange.own_path)
            if isinstance(found, Stream):
                return found
            answer = found
            if answer.status in doubts.NOBODY:
                if last or not account.expired(head):
                    account.refuse(answer)
            elif account.session and doubts.may_be(answer, reads=True):
                await self._ask("GET", account.session, "\r\n", deadline)  # which logs in if it is gone
                if last or account.head == head:
                    break
            else:
                break
        if exchange.is_busy(answer):
            raise exchange.busy()
        if answer.status < 300:
            raise errors.DriverError(f"BMC {self.target} answers GET {path} with JSON rather than a stream")
        raise answers.refusal(f"BMC {self.target} refuses GET {path}", answer)
