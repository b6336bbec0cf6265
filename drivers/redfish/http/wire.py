"""The connection to a BMC, opened for the first request and kept open for the next ones."""

import asyncio
import contextlib
import errno
import os
import resource
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeVar

from podium import errors
from podium.clocks import boottime
from podium.drivers.bmc import timing
from podium.drivers.bmc.logins import Refusals
from podium.drivers.bmc.withheld import Withheld
from podium.drivers.redfish.http import answers
from podium.drivers.redfish.http.connection import Answer, Connection, NoAnswer
from podium.drivers.redfish.http.link import Resumable
from podium.drivers.redfish.http.tls import Trust
from podium.drivers.redfish.http.watchdog import Watchdog

#: Seconds of silence after which an open connection may have been lost without notice.
_STALE: Final = 30.0
_UNCONDITIONAL: Final = 3600.0  # seconds

PORTS: Final = MappingProxyType({"https": 443, "http": 80})

_Connection = TypeVar("_Connection", bound=Connection)


@dataclass(frozen=True, slots=True)
class Target:
    """A BMC and the login to it.

    :param scheme: ``https`` or ``http``
    :param host: a name or an address, of IPv6 without brackets
    :param verify: True, False, or the path of a file or folder of certificate authorities
    :param auth: ``auto``, ``session``, ``basic`` or ``none``
    """

    scheme: str
    host: str
    port: int
    username: str
    password: str = field(repr=False)
    verify: bool | str = True
    auth: str = "auto"

    @property
    def account(self) -> tuple[str, int, str, str]:
        """The credentials of a login, however it is done."""
        return self.host.lower(), self.port, self.username, self.password

    @property
    def who(self) -> tuple[str, int, str]:
        """The account whose refused logins the BMC counts, whatever the password is."""
        return self.host.lower(), self.port, self.username

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, 7.2)."""
        usual = self.port == PORTS[self.scheme]
        return self._bracketed if usual else f"{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self._bracketed}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing(timing.Timing):
    """How long a client waits, in seconds.

    :param command: including a new connection, a new session and a pause that the BMC asks for
    :param connect: for TCP and TLS
    :param read: for the next bytes of an answer
    """

    command: float = 20
    connect: float = 5
    read: float = 10


@dataclass(slots=True)
class Counts:
    """Counters of a client."""

    logins: int = 0  #: that succeeded
    sessions: int = 0  #: that are held
    requests: int = 0
    reconnects: int = 0
    not_modified: int = 0
    busy: int = 0  #: answers that ask to be left alone


class Unanswered(errors.BMCUnreachable):
    """The BMC was connected and did not answer.

    :param silent: whether the connection stayed open
    """

    def __init__(self, text: str, *, silent: bool) -> None:
        super().__init__(text)
        self.silent = silent


class Network:
    """What all connections of a client share.

    :param clock: seconds, including the machine's sleep
    """

    def __init__(self, timing: Timing, clock: Callable[[], float] = boottime) -> None:
        self.clock = clock
        self.loop = asyncio.get_running_loop()
        self.timing = timing
        self.counts = Counts()
        self.withheld = Withheld()
        self.refusals = Refusals(clock, timing.authentication_retry)
        self.trust = Trust()
        self.watchdog = Watchdog(timing.read)
        self.connections: set[Connection] = set()
        self._closed = False
        _allow_many_files()

    def deadline(self, patience: float) -> float:
        """Return a time of the loop's clock.

        :param patience: seconds; by default those of a command
        """
        return self.loop.time() + (patience or self.timing.command)

    async def open(
        self, target: Target, kind: type[_Connection], deadline: float, resumes: Resumable | None = None
    ) -> _Connection:
        """Open a connection.

        :param deadline: in the loop's clock
        :param resumes: of the last connection to this target
        :raises podium.errors.BMCUnreachable: when it cannot be opened, or the certificate is not trusted
        :raises podium.errors.InvalidDriverInfo: when ``verify`` names no certificates
        """
        if self._closed:
            raise errors.BMCUnreachable(f"BMC {target} is not asked any more: its client is closed")
        seconds = min(self.timing.connect, deadline - self.loop.time())
        try:
            async with asyncio.timeout(seconds):
                return await self._open(target, kind, resumes)
        except TimeoutError:
            text = f"BMC {target} does not answer: no connection within {max(seconds, 0.0):.2g} s"
        except ssl.SSLCertVerificationError as error:
            self.trust.doubt(target.verify)
            text = (
                f"BMC {target} is not believed: {error.verify_message}; set redfish_verify_ca to the file of "
                f"the authority that signed its certificate, or to false"
            )
        except ssl.SSLError as error:
            text = f"BMC {target} does not agree on TLS: {error.reason or error}"
            if error.reason == "WRONG_VERSION_NUMBER":
                text += "; if it speaks plain HTTP, redfish_address begins with http://"
            elif target.verify is not False:
                text += "; if its firmware has no TLS of today, redfish_verify_ca: false accepts older TLS"
        except OSError as error:
            # asyncio's texts repeat the address, the system's do not.
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else error.strerror or str(error)
            text = f"no way to BMC {target}: {reason}"
            if error.errno == errno.EMFILE:
                text += "; this process may open too few files (LimitNOFILE, ulimit -n)"
        except ValueError as error:  # the host's name is not valid
            text = f"no way to BMC {target}: {error}"
        raise errors.BMCUnreachable(text)

    async def _open(self, target: Target, kind: type[_Connection], resumes: Resumable | None) -> _Connection:
        tls = await self.trust.context(target.verify) if target.scheme == "https" else None
        connection = kind(tls, target.host if tls else None, resumes, self.connections.discard)
        connection.body_patience = self.timing.read / 5
        await self.loop.create_connection(lambda: connection, target.host, target.port)
        try:
            await connection.opening
        except BaseException:
            connection.abort()
            raise
        if self._closed or not connection.alive:
            connection.abort()
            raise ConnectionResetError("closed at once")
        self.connections.add(connection)
        return connection

    async def close(self) -> None:
        """Close all connections once everything is sent."""
        self._closed = True
        self.watchdog.close()
        for part in (Connection.close, Connection.abort):
            for connection in list(self.connections):
                part(connection)
            await asyncio.sleep(0)  # lets asyncio report that they ended


class Wire:
    """The connection to one BMC; the caller ensures that uses do not overlap."""

    __slots__ = ("_connection", "_network", "_target", "_used", "unconditional_until")

    def __init__(self, target: Target, network: Network) -> None:
        self._target = target
        self._network = network
        self._connection: Connection | None = None
        self._used = 0.0  # when it was last used, by the network's clock
        #: Until this time of the loop's clock, avoid requests that may be answered without a body: such an
        #: answer had a body, which cost the connection.
        self.unconditional_until = 0.0

    @property
    def peer(self) -> str:
        """The address at which the BMC was last connected; empty before that."""
        name = self._connection.transport.get_extra_info("peername") if self._connection else None
        return str(name[0]) if name else ""

    async def talk(self, request: bytes, deadline: float, *, repeatable: bool = True) -> Answer:
        """Send one request and return its answer, whatever that is.

        :param deadline: in the loop's clock
        :param repeatable: whether it may be sent twice, if a connection ends instead of answering; if not, it
            gets a new connection, because an open one may be lost
        :raises podium.errors.BMCUnreachable: no answer
        """
        network, connection = self._network, self._connection
        repeats = 1 if repeatable else 0
        while True:
            if connection is None or not connection.alive or not repeatable:
                connection = await self._reconnect(deadline)
            network.counts.requests += 1
            stale = network.clock() - self._used > _STALE
            try:
                answer = await network.watchdog.ask(connection, request, deadline)
            except NoAnswer as lost:
                if lost.came is not None and answers.is_enough(lost.came, reads=request.startswith(b"GET ")):
                    return lost.came
                if not repeats or (lost.silent and not stale):
                    raise self._unreachable(request, lost, repeatable) from None
                repeats -= 1
            else:
                self._used = network.clock()
                return answer

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _reconnect(self, deadline: float) -> Connection:
        network, before = self._network, self._connection
        if before is not None and before.alive:
            before.close()
        resumes = before.resumable if before is not None else None
        if before is not None and before.has_more:
            self.unconditional_until = network.loop.time() + _UNCONDITIONAL
        self._connection = await network.open(self._target, Connection, deadline, resumes)
        self._used = network.clock()
        network.counts.reconnects += before is not None
        return self._connection

    def _unreachable(self, request: bytes, lost: NoAnswer, repeatable: bool) -> Unanswered:
        text = f"BMC {self._target} does not answer: {lost}"
        if not repeatable:
            what = b" ".join(request.split(b" ", 2)[:2]).decode()
            text += f"; whether it carried out {what} is unknown"
        return Unanswered(text, silent=lost.silent)


def _allow_many_files() -> None:
    """Each BMC needs a file; the usual limit of 1,024 exists for select(2), which is not used here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
