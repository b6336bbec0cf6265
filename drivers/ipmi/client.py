"""Commands to many BMCs, each over a session that is opened when needed and held for the next time.

One event loop, no threads but those that resolve names. A BMC's session is opened at its first command,
opened again when the BMC forgot it, and closed when its target is released or the client closes.
"""

import asyncio
import contextlib
import itertools
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

from oslo_log import log

from podium import errors
from podium.drivers.ipmi import crypto, transport
from podium.drivers.ipmi.commands import CommandFailed
from podium.drivers.ipmi.session import Session, SuiteRefused, Target, open_session
from podium.drivers.ipmi.transport import NoAnswer

LOG = log.getLogger(__name__)

_HELD_TRANSMISSIONS: Final = 3  # into a held session; real BMCs meet a session that they forgot with silence
_IDLE_TRANSMISSIONS: Final = 2  # into one that has been idle so long that it may be forgotten
_IDLE: Final = 55.0  # seconds; a BMC forgets a session after 60 without a packet, give or take 3 (6.12.15)
_LOGIN_FAILURES: Final = 3  # BMCs lock an account after a few
_CLOSING_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How patient a client is, in seconds.

    :param command: how long one command may take with all its retransmissions and a new session
    :param retransmit: the first gap between two transmissions; each further one is twice as long
    :param authentication_retry: how long a BMC that refused three logins in a row is left alone
    :param close: how long closing the client may take
    """

    command: float = 10
    retransmit: float = 0.5
    authentication_retry: float = 600
    close: float = 5


class Connection:
    """What is kept for one target: its address, its session, and how its last logins went."""

    __slots__ = (
        "_clock", "_endpoint", "_left_alone_until", "_login_failures", "_network", "_session", "_suite",
        "_timing", "_used", "target", "users",
    )  # fmt: skip

    def __init__(
        self, target: Target, network: transport.Network, timing: Timing, clock: Callable[[], float]
    ) -> None:
        self.target = target
        self.users = 0
        self._network = network
        self._timing = timing
        self._clock = clock
        self._endpoint: transport.Endpoint | None = None
        self._session: Session | None = None
        self._suite = crypto.SUITES[target.suite or crypto.SUITE_17.number]
        self._used = 0.0  # when a command was last answered
        self._login_failures = 0
        self._left_alone_until = 0.0

    @property
    def has_session(self) -> bool:
        """Whether a session is held."""
        return self._session is not None

    async def command(
        self,
        command: tuple[int, int],
        data: bytes = b"",
        *,
        repeatable: bool = True,
        patience: float | None = None,
    ) -> bytes:
        """Carry out one command, and return the data that the BMC answers.

        :param command: netFn and command
        :param repeatable: whether it may be sent again in a new session when the held one meets silence:
            there the BMC cannot know that it is the same command
        :param patience: seconds for everything; by default the client's
        :raises podium.errors.BMCUnreachable: no answer within that time
        :raises podium.errors.AuthenticationRefused: the BMC refuses the login, or is left alone for that
        :raises podium.drivers.ipmi.commands.CommandFailed: a completion code other than 00h
        :raises podium.errors.DriverError: no session to be had
        """
        allowed = patience or self._timing.command
        begun = asyncio.get_running_loop().time()
        try:
            endpoint = self._endpoint or await self._resolve(allowed)
            await self._lock(endpoint, allowed)
            try:
                code, answer = await self._run(endpoint, command, data, begun + allowed, repeatable)
            finally:
                endpoint.lock.release()
                if self.users == 0:  # released meanwhile
                    self.abandon()
        except (NoAnswer, TimeoutError):
            self._endpoint = None  # a name may lead elsewhere by now
            waited = asyncio.get_running_loop().time() - begun
            silence = f"BMC {self.target} does not answer (waited {waited:.1f} s)"
            raise errors.BMCUnreachable(silence) from None
        except OSError as failure:
            reason = failure.strerror or failure
            raise errors.BMCUnreachable(f"no way to BMC {self.target}: {reason}") from None
        self._used = self._clock()
        if code:
            raise CommandFailed(str(self.target), command, code)
        return answer

    async def close(self) -> None:
        """Close the session, if one is held, once the command under way is done."""
        session = self._session
        if session is None:
            return
        async with session.endpoint.lock:
            self._session = None
            deadline = asyncio.get_running_loop().time() + self._timing.close
            with contextlib.suppress(NoAnswer, OSError):
                await session.close(itertools.islice(self._waits(deadline), _HELD_TRANSMISSIONS))

    def abandon(self) -> None:
        """Close the session, if one is held, without waiting for the BMC."""
        session, self._session = self._session, None
        if session is not None:
            session.abandon()

    @staticmethod
    async def _lock(endpoint: transport.Endpoint, allowed: float) -> None:
        # Each holder is done within its own timeout, so only one who has to queue needs the cost of another.
        if endpoint.lock.locked():
            async with asyncio.timeout(allowed):
                await endpoint.lock.acquire()
        else:
            await endpoint.lock.acquire()

    async def _run(
        self,
        endpoint: transport.Endpoint,
        command: tuple[int, int],
        data: bytes,
        deadline: float,
        repeatable: bool,
    ) -> tuple[int, bytes]:
        session = self._session
        if session is not None and session.endpoint is not endpoint:
            self.abandon()
        elif session is not None:
            waits = self._waits(deadline)
            if repeatable:
                stale = self._clock() - self._used > _IDLE
                waits = itertools.islice(waits, _IDLE_TRANSMISSIONS if stale else _HELD_TRANSMISSIONS)
            try:
                return await session.command(command, data, waits)
            except NoAnswer:
                self.abandon()
                if not repeatable:
                    raise
        session = await self._login(endpoint, deadline)
        try:
            return await session.command(command, data, self._waits(deadline))
        except NoAnswer:
            self.abandon()
            raise

    def _waits(self, deadline: float, at_least: float = 0) -> Iterator[float]:
        first = max(self._timing.retransmit, at_least)
        return transport.gaps(first, deadline, asyncio.get_running_loop().time)

    async def _login(self, endpoint: transport.Endpoint, deadline: float) -> Session:
        """Open a session and count what the BMC says to the login; the caller holds the endpoint's lock."""
        left_alone = self._left_alone_until - self._clock()
        if left_alone > 0:
            raise errors.AuthenticationRefused(
                f"BMC {self.target} refused {_LOGIN_FAILURES} logins in a row and is left alone for another "
                f"{left_alone:.0f} s, or until driver_info changes"
            )
        try:
            self._session = await self._open(endpoint, deadline)
        except errors.AuthenticationRefused:
            self._login_failures += 1
            if self._login_failures >= _LOGIN_FAILURES:
                self._left_alone_until = self._clock() + self._timing.authentication_retry
                LOG.warning(
                    "BMC %s refused %d logins in a row: left alone for %g s, because BMCs lock accounts",
                    self.target,
                    self._login_failures,
                    self._timing.authentication_retry,
                )
            raise
        self._login_failures = 0
        return self._session

    async def _open(self, endpoint: transport.Endpoint, deadline: float) -> Session:
        waits = partial(self._waits, deadline)
        try:
            return await open_session(endpoint, self.target, self._suite, waits)
        except SuiteRefused:
            if self.target.suite is not None or self._suite is crypto.SUITE_3:
                raise
            self._suite = crypto.SUITE_3
        except NoAnswer:  # with time left: the BMC forgot the set-up halfway
            pass
        return await open_session(endpoint, self.target, self._suite, waits)

    async def _resolve(self, allowed: float) -> transport.Endpoint:
        target = self.target
        try:
            found = _literal(target)
        except OSError:
            async with asyncio.timeout(allowed):
                found = await asyncio.get_running_loop().getaddrinfo(
                    target.address, target.port, type=socket.SOCK_DGRAM
                )
        family, _, _, _, address = found[0]
        self._endpoint = endpoint = self._network.endpoint(family, address)
        return endpoint


def _literal(target: Target) -> list[Any]:
    """What getaddrinfo says of an address that is no name, and so needs no waiting.

    :raises OSError: when it is a name
    """
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return socket.getaddrinfo(target.address, target.port, type=socket.SOCK_DGRAM, flags=numeric)


class Client:
    """All connections and the sockets under them; made inside of the event loop that it runs in.

    :param clock: seconds, for how long BMCs are left alone
    """

    def __init__(self, timing: Timing, clock: Callable[[], float] = time.monotonic) -> None:
        self.network = transport.Network()
        self._timing = timing
        self._clock = clock
        self._connections: dict[Target, Connection] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def connect(self, target: Target) -> Connection:
        """The connection to a target, shared by all who ask for it; each gives it back to :meth:`release`."""
        connection = self._connections.get(target)
        if connection is None:
            connection = Connection(target, self.network, self._timing, self._clock)
            self._connections[target] = connection
        connection.users += 1
        return connection

    def release(self, connection: Connection) -> None:
        """Give back a connection; with its last user the session ends and nothing of the target is kept."""
        connection.users -= 1
        if connection.users == 0:
            del self._connections[connection.target]
            connection.abandon()

    async def close(self) -> None:
        """Close all sessions, many at once, and then the sockets; takes no longer than ``timing.close``."""
        held = [connection for connection in self._connections.values() if connection.has_session]
        queue = iter(held)

        async def work() -> None:
            for connection in queue:
                await connection.close()

        try:
            async with asyncio.timeout(self._timing.close):
                await asyncio.gather(*(work() for _ in held[:_CLOSING_AT_ONCE]))
        except TimeoutError:
            left = sum(connection.has_session for connection in held)
            LOG.warning("%d BMC sessions were not closed within %g s and time out", left, self._timing.close)
        finally:
            self._connections.clear()
            self.network.close()
            LOG.debug("%d IPMI datagrams were of no use", self.network.dropped)
