"""An SNMP client for PDUs (v2c of RFC 1901, v3 of RFC 3411 to 3418). No other module uses pysnmp.

Every failure is an error of podium.errors. Its message contains neither a community nor a key.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NoReturn

from podium import errors
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch import asyncio as hlapi
from pysnmp.proto import errind, rfc1902, rfc1905

from podium_driver_snmp_pdu.pdus import Oid, Value

AUTH_PROTOCOLS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "md5": hlapi.USM_AUTH_HMAC96_MD5,
        "sha": hlapi.USM_AUTH_HMAC96_SHA,
        "sha224": hlapi.USM_AUTH_HMAC128_SHA224,
        "sha256": hlapi.USM_AUTH_HMAC192_SHA256,
        "sha384": hlapi.USM_AUTH_HMAC256_SHA384,
        "sha512": hlapi.USM_AUTH_HMAC384_SHA512,
    }
)
PRIV_PROTOCOLS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "des": hlapi.USM_PRIV_CBC56_DES,
        "aes": hlapi.USM_PRIV_CFB128_AES,
        "aes192": hlapi.USM_PRIV_CFB192_AES,
        "aes256": hlapi.USM_PRIV_CFB256_AES,
    }
)

#: The most requests of one walk: enough for thousands of outlets, and a limit for an agent that never ends.
_LONGEST_WALK: Final = 200

#: Agents' reports on a refused login (RFC 3414, 3.2).
_REFUSALS: Final = (
    errind.AuthenticationFailure,
    errind.DecryptionError,
    errind.UnknownSecurityName,
    errind.UnknownUserName,
    errind.UnsupportedSecurityLevel,
    errind.WrongDigest,
    errind.NoAccessEntry,
    errind.NoGroupName,
    errind.NotInView,
)
#: Values of error-status (RFC 3416, 3 and 4.2.5).
_NOT_ALLOWED: Final = frozenset({4, 6, 16})  # readOnly, noAccess, authorizationError
_NO_SUCH_ROW: Final = frozenset({2, 11, 17, 18})  # noSuchName, noCreation, notWritable, inconsistentName
_TOO_BIG: Final = 1
_UNDO_FAILED: Final = 15
_NUMBERS: Final = (rfc1902.Integer, rfc1902.Integer32, rfc1902.Counter32, rfc1902.Gauge32, rfc1902.Unsigned32)
_NO_VALUE: Final = (rfc1905.NoSuchObject, rfc1905.NoSuchInstance, rfc1905.EndOfMibView)


@dataclass(frozen=True, slots=True)
class Community:
    """The credentials of SNMP v2c: plain text, and nothing is encrypted."""

    read: str = field(repr=False)
    write: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """The credentials of SNMP v3 (RFC 3414). Without a key, requests are unauthenticated or unencrypted."""

    name: str
    auth_protocol: str
    auth_key: str | None = field(repr=False)
    priv_protocol: str
    priv_key: str | None = field(repr=False)
    context: str = ""


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent of a PDU, and how to log in there."""

    host: str
    port: int
    login: Community | User

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Client:
    """Sends requests to agents, for many tasks at a time.

    :param timeout: seconds to wait for one answer
    :param retries: how often a read is repeated; writes never are, because they might be carried out twice
    :param rows: rows that one request asks for
    """

    def __init__(self, timeout: float, retries: int, rows: int) -> None:
        self._timeout = timeout
        self._retries = retries
        self._rows = rows
        #: An engine has one key per user name, so every user has an engine. All communities share one.
        self._engines: dict[User | None, Any] = {}
        self._making = asyncio.Lock()
        #: The number of requests, without repetitions.
        self.requests = 0

    async def read(self, agent: Agent, oids: Sequence[Oid]) -> list[Value]:
        """Read some values."""
        values: list[Value] = []
        for first in range(0, len(oids), self._rows):
            wanted = [_question(oid) for oid in oids[first : first + self._rows]]
            values += [_value(value) for _, value in await self._send(agent, hlapi.get_cmd, *wanted)]
        return values

    async def walk(
        self, agent: Agent, column: Oid, first: Oid = (), last: Oid | None = None
    ) -> dict[Oid, Value]:
        """Read a column of a table by GETBULK (RFC 3416, 4.2.3): {index: value}.

        :param first: the first index
        :param last: the last index that matters
        """
        rows: dict[Oid, Value] = {}
        at = (*column, *first[:-1], first[-1] - 1) if first and first[-1] else column
        for _ in range(_LONGEST_WALK):
            answer = await self._send(agent, hlapi.bulk_cmd, 0, self._rows, _question(at))
            for name, value in answer:
                oid = tuple(name)
                index = oid[len(column) :]
                if isinstance(value, _NO_VALUE) or oid[: len(column)] != column or (last and index > last):
                    return rows
                if oid <= at:
                    raise errors.DriverError(f"{agent}: the walk goes round in circles at {_text(oid)}")
                rows[index] = _value(value)
                at = oid
            if not answer or index == last:
                return rows
        raise errors.DriverError(f"{agent}: {_text(column)} has more rows than any PDU")

    async def write(self, agent: Agent, oid: Oid, value: int) -> None:
        """Write a number, once."""
        await self._send(agent, hlapi.set_cmd, (hlapi.ObjectIdentity(oid), rfc1902.Integer32(value)))

    async def keep(self, agents: set[Agent]) -> None:
        """Forget the logins of all other agents."""
        for user in self._engines.keys() - {_user(agent) for agent in agents}:
            await _close(self._engines.pop(user))

    async def close(self) -> None:
        """Close all sockets."""
        await self.keep(set())

    async def _send(self, agent: Agent, command: Callable[..., Awaitable[Any]], *arguments: Any) -> list[Any]:
        """Send a request, and return the rows of its answer."""
        writes = command is hlapi.set_cmd
        retries = 0 if writes else self._retries
        self.requests += 1
        is_sent = False
        try:
            engine = await self._engine(_user(agent))
            # pysnmp uses a clock that may be set back.
            async with asyncio.timeout((self._timeout + 1) * (retries + 1)):
                target = await self._target(agent, retries)
                login, context = _credentials(agent.login, writes)
                is_sent = True
                indication, status, _, rows = await command(
                    engine, login, target, context, *arguments, lookupMib=False
                )
        except (PySnmpError, OSError) as error:  # a TimeoutError is one
            # A write that was not sent was not carried out.
            kind = errors.DriverError if writes and not is_sent else errors.BMCUnreachable
            raise kind(f"{agent} cannot be reached: {errors.one_line(error)}") from error
        if indication:
            _fail(agent, indication, writes)
        if status:
            _refused(agent, int(status), status.prettyPrint())
        return list(rows)

    async def _target(self, agent: Agent, retries: int) -> Any:
        found = await asyncio.get_running_loop().getaddrinfo(agent.host, agent.port, type=socket.SOCK_DGRAM)
        address = str(found[0][4][0])
        six = ipaddress.ip_address(address.partition("%")[0]).version == 6
        kind = hlapi.Udp6TransportTarget if six else hlapi.UdpTransportTarget
        return await kind.create((address, agent.port), timeout=self._timeout, retries=retries)

    async def _engine(self, user: User | None) -> Any:
        async with self._making:
            if user not in self._engines:
                self._engines[user] = await asyncio.to_thread(hlapi.SnmpEngine)  # this reads files
            return self._engines[user]


async def _close(engine: Any) -> None:
    """Close the sockets of an engine, then the engine, which cannot handle later answers."""
    dispatcher = engine.transport_dispatcher
    for kind in (hlapi.UdpTransportTarget, hlapi.Udp6TransportTarget) if dispatcher else ():
        with contextlib.suppress(PySnmpError):  # the engine has none of that kind
            dispatcher.get_transport(kind.TRANSPORT_DOMAIN).close_transport()
    await asyncio.sleep(0)  # process what has been received
    engine.close_dispatcher()


def _user(agent: Agent) -> User | None:
    return agent.login if isinstance(agent.login, User) else None


def _credentials(login: Community | User, writes: bool) -> tuple[Any, Any]:
    """Return a login for pysnmp. pysnmp encodes text as Latin-1, and shows text that it cannot encode."""
    if isinstance(login, Community):
        name = login.write if writes else login.read
        return hlapi.CommunityData(name.encode(), mpModel=1), hlapi.ContextData()
    auth_key, priv_key = login.auth_key, login.priv_key
    user = hlapi.UsmUserData(
        login.name.encode(),
        authKey=auth_key and auth_key.encode(),
        authProtocol=AUTH_PROTOCOLS[login.auth_protocol] if auth_key else hlapi.USM_AUTH_NONE,
        privKey=priv_key and priv_key.encode(),
        privProtocol=PRIV_PROTOCOLS[login.priv_protocol] if priv_key else hlapi.USM_PRIV_NONE,
    )
    return user, hlapi.ContextData(contextName=login.context.encode())


def _fail(agent: Agent, indication: Any, writes: bool) -> NoReturn:
    """Raise the error for a request that failed.

    :param writes: whether it is a write, which may have been carried out unless it was refused
    """
    if isinstance(indication, errind.RequestTimedOut):
        secret = "snmp_priv_key" if isinstance(agent.login, User) else "community"
        raise errors.BMCUnreachable(
            f"{agent} does not answer; many agents do not answer a wrong {secret} either"
        )
    if isinstance(indication, _REFUSALS):
        raise errors.AuthenticationRefused(f"{agent} refuses the SNMP login: {indication}")
    kind = errors.BMCUnreachable if writes else errors.DriverError
    raise kind(f"{agent}: {indication}")


def _refused(agent: Agent, status: int, words: str) -> NoReturn:
    """Raise the error for an agent's error-status (RFC 3416, 3)."""
    if status in _NOT_ALLOWED:
        raise errors.AuthenticationRefused(f"{agent}: the SNMP login may not do that ({words})")
    if status in _NO_SUCH_ROW:
        raise NoSuchRow(f"{agent}: {words}")
    if status == _UNDO_FAILED:
        raise errors.BMCUnreachable(f"{agent} began the change, and could not undo it ({words})")
    if status == _TOO_BIG:
        raise errors.DriverError(f"{agent}: the answer does not fit into a datagram; lower [snmp] rows")
    raise errors.DriverError(f"{agent} refuses the request: {words}")


class NoSuchRow(errors.DriverError):
    """The agent has no writable value there."""


def _question(oid: Oid) -> Any:
    return hlapi.ObjectType(hlapi.ObjectIdentity(oid))


def _value(value: Any) -> Value:
    if isinstance(value, _NO_VALUE):
        return None
    return int(value) if isinstance(value, _NUMBERS) else str(value.prettyPrint())


def _text(oid: Oid) -> str:
    return ".".join(map(str, oid))
