"""Requests to one BMC, one after another, with the logins, redirects, pauses and tasks that it asks for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from podium import errors
from podium.drivers.bmc.fair_lock import FairLock
from podium.drivers.redfish.http import answers, monitor, requests, sessions
from podium.drivers.redfish.http.answers import BMCBusy, Response
from podium.drivers.redfish.http.connection import Answer
from podium.drivers.redfish.http.stream import Stream
from podium.drivers.redfish.http.wire import Network, Target, Wire

ROOT: Final = "/redfish/v1/"
_REDIRECTS: Final = 3
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_BUSY: Final = frozenset({429, 503})
_ROOT_AGE: Final = 3600.0  # seconds after which the service root is read again: new firmware may offer more
_ROOT_LACKING: Final = 5.0  # the same for one that lacks something: a BMC that starts fills it by and by


class BMC:
    """One target. One request is under way at a time; others wait for their turn."""

    __slots__ = (
        "_account", "_clock", "_ended", "_left_alone_until", "_lock", "_network", "_root", "_root_at",
        "_wire", "target", "users",
    )  # fmt: skip

    def __init__(self, target: Target, network: Network, clock: Callable[[], float]) -> None:
        self.target = target
        self.users = 0
        self._network = network
        self._clock = clock
        self._ended = False
        self._lock = FairLock()
        self._wire = Wire(target, network)
        self._account = sessions.Account(target, network.counts, network.timing, clock)
        self._root: dict[str, Any] | None = None
        self._root_at = 0.0  # when it was read
        self._left_alone_until = 0.0  # at the BMC's own request

    @property
    def has_session(self) -> bool:
        """Whether a session is held."""
        return self._account.has_session

    async def root(self, needed: str = "") -> dict[str, Any]:
        """The service root, read again once an hour and after the BMC has been unreachable.

        :param needed: a property; a root without it is read again, unless that was done just now
        :raises podium.errors.DriverError: as :meth:`get`
        """
        root = self._known_root(lambda root: not needed or bool(root.get(needed)))
        if root is not None:
            return root
        before = self._root
        await self._enter()
        if self._root is None or self._root is before:
            return self._keep_root((await self.get(ROOT)).body)
        return self._root

    async def get(self, path: str, *, etag: str | None = None, patience: float = 0.0) -> Response:
        """Read a resource.

        :param path: from the BMC's root, may have a query; a fragment is left out
        :param etag: of the resource as it is known already: status 304 says that it has not changed
        :param patience: seconds for everything; by default the client's
        :raises podium.errors.BMCUnreachable: no answer, a broken one, or a certificate that is not trusted
        :raises podium.errors.AuthenticationRefused: the BMC refuses the login, or is left alone for that
        :raises Refused: any other status than one of success
        :raises BMCBusy: the BMC asked to be left alone for longer than there is patience
        :raises podium.errors.DriverError: a path that is none, or an answer that is no JSON object
        """
        deadline = self._network.deadline(patience)
        rest = "\r\n"
        if etag is not None:
            rest = f"If-None-Match: {self._checked_etag(etag)}\r\n\r\n"
        for _ in range(_REDIRECTS + 1):
            path = self._checked(path)
            answer = await self._ask("GET", path, rest, deadline)
            if answer.status == 304 and etag is not None:
                self._network.counts.not_modified += 1
                return Response(304, answer.headers, {})
            if answer.status not in _REDIRECTING:
                return self._read(path, answer)
            path = self._redirected(path, answer)
        raise errors.DriverError(f"BMC {self.target} redirects more than {_REDIRECTS} times, now to {path}")

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        repeatable: bool,
        etag: str | None = None,
        patience: float = 0.0,
    ) -> Response:
        """Have something done; a task that this starts is polled to its end.

        :param repeatable: whether it does no harm if the BMC does it twice
        :param etag: of the resource that is changed: the BMC does it only while that is so (If-Match)
        :param patience: seconds for everything, the task included; by default the client's
        :raises podium.errors.DriverError: as :meth:`get`, and :class:`Refused` of a task that failed
        """
        deadline = self._network.deadline(patience)
        path = self._checked(path)
        content = requests.content(body)
        if etag is not None:
            content = f"If-Match: {self._checked_etag(etag)}\r\n{content}"
        answer = await self._ask("POST", path, content, deadline, repeatable=repeatable)
        if answer.status in _REDIRECTING:
            raise errors.DriverError(
                f"BMC {self.target} redirects POST {path}; set redfish_address to where it leads"
            )
        if answer.status == monitor.ACCEPTED:
            answer = await monitor.follow(f"BMC {self.target}", path, answer, self._poll, deadline)
        found = answers.resource(answer) or {}
        if answer.status >= 300 or answers.is_failure(found):
            raise answers.refusal(f"BMC {self.target} refuses POST {path}", answer)
        return Response(answer.status, answer.headers, found)

    @contextlib.asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Server-Sent Events over a connection of their own, in the pieces that the BMC sends.

        :raises podium.errors.DriverError: as :meth:`get`; of the iterator, BMCUnreachable when it breaks
        """
        stream = await self._open_stream(self._checked(path))
        try:
            yield stream
        finally:
            stream.abort()

    async def end(self, deadline: float) -> bool:
        """Close the session and the connection, after earlier requests; returns whether no session is left.

        :param deadline: by the loop's clock
        """
        try:
            await self._take_turn(deadline)
            try:
                self._ended = True
                request = self._account.log_out()
                if request is not None:
                    await self._wire.talk(request, deadline)
            finally:
                self._lock.release()
        except errors.DriverError:
            return False
        finally:
            self._ended = True
            self._wire.close()
        return True

    def _read(self, path: str, answer: Answer) -> Response:
        if answer.status >= 300:
            raise answers.refusal(f"BMC {self.target} refuses GET {path}", answer)
        body = answers.resource(answer)
        if body is None:
            empty = "" if answer.body else f": the body is empty (HTTP {answer.status})"
            raise errors.DriverError(f"BMC {self.target} answers GET {path} with no JSON object{empty}")
        if "error" in body and answers.is_error(body):
            raise answers.refusal(f"BMC {self.target} refuses GET {path}", answer)
        return Response(answer.status, answer.headers, body)

    def _known_root(self, is_enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        """The service root as it was read, while that may be taken for what it is now."""
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
        path = path.partition("#")[0]
        if not requests.is_path(path):
            raise errors.DriverError(f"BMC {self.target}: {answers.clean(path)!r} is no path of its own")
        return path

    def _redirected(self, path: str, answer: Answer) -> str:
        location = answers.header(answer.headers, b"location") or ""
        own = self.target.path_of(location)
        if own is None:
            raise errors.DriverError(
                f"BMC {self.target} redirects GET {path} to {answers.clean(location)!r}; "
                "that is not its own, so set redfish_address to it if it is right"
            )
        return own

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
        self, method: str, path: str, rest: str, deadline: float, *, repeatable: bool = True
    ) -> Answer:
        """One request in its turn, with a login if it needs one.

        :param rest: lines of the head, and the body
        """
        account = self._account
        if self._lock.busy or self._ended:
            await self._take_turn(deadline)
        self._lock.busy = True
        try:
            for last in (False, True):
                if self._clock() >= account.valid_until:
                    await self._log_in(deadline)
                head = account.head
                request = requests.request(method, path, head, rest)
                answer = await self._talk(request, deadline, repeatable=repeatable)
                if answer.status != 401:
                    break
                if last or not account.expired(head):
                    account.refuse(answer)
            account.accept()
            return answer
        finally:
            self._lock.release()

    async def _enter(self) -> None:
        """Log in if that is needed before any request; this reads the service root, too."""
        deadline = self._network.deadline(0.0)
        await self._take_turn(deadline)
        try:
            if self._clock() >= self._account.valid_until:
                await self._log_in(deadline)
        finally:
            self._lock.release()

    async def _talk(self, request: bytes, deadline: float, *, repeatable: bool = True) -> Answer:
        """One request, sent once more if the BMC asks for a pause and there is time for it."""
        for _ in range(2):
            pause = self._left_alone_until - self._clock()
            if pause > 0:
                if self._network.loop.time() + pause > deadline:
                    break
                await asyncio.sleep(pause)
            try:
                answer = await self._wire.talk(request, deadline, repeatable=repeatable)
            except errors.BMCUnreachable:
                self._root = None  # the BMC may come back with other firmware
                raise
            if answer.status not in _BUSY or not self._leave_alone(answer):
                return answer
        raise self._busy()

    def _leave_alone(self, answer: Answer) -> bool:
        """Leave a busy BMC alone if it says for how long; returns whether it does."""
        asked = answers.retry_after(answer)
        if asked is None or sessions.is_session_limit(answer):
            return False
        self._network.counts.busy += 1
        self._left_alone_until = self._clock() + asked
        return True

    def _busy(self) -> BMCBusy:
        seconds = max(self._left_alone_until - self._clock(), 0.0)
        return BMCBusy(f"BMC {self.target} is busy and asks to be left alone for {seconds:.0f} s")

    async def _poll(self, path: str, deadline: float) -> Answer:
        return await self._ask("GET", path, "\r\n", deadline)

    async def _log_in(self, deadline: float) -> None:
        async def talk(request: bytes) -> Answer:
            return await self._talk(request, deadline)

        account = self._account
        root = self._known_root(lambda root: sessions.place(root) is not None)
        if account.needs_sessions and not account.left_alone and root is None:
            answer = await talk(requests.request("GET", ROOT, account.head))
            found = answers.resource(answer) if answer.status == 200 else None
            if found is not None:
                self._keep_root(found)
        await account.log_in(talk, sessions.place(self._root))

    async def _open_stream(self, path: str) -> Stream:
        deadline = self._network.deadline(0.0)
        account = self._account
        for last in (False, True):
            if self._clock() < self._left_alone_until:
                raise self._busy()
            await self._enter()
            head = account.head
            found = await Stream.open(self._network, self.target, path, head, deadline)
            if isinstance(found, Stream):
                return found
            answer = found
            if answer.status != 401:
                break
            if last or not account.expired(head):
                account.refuse(answer)
        if answer.status in _BUSY and self._leave_alone(answer):
            raise self._busy()
        if answer.status < 300:
            raise errors.DriverError(f"BMC {self.target} answers GET {path} with JSON rather than a stream")
        raise answers.refusal(f"BMC {self.target} refuses GET {path}", answer)
