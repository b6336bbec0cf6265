"""One session with one BMC: how it is opened, what is said in it, how it ends.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import asyncio
import contextlib
import functools
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from podium import errors
from podium.drivers.ipmi.lan import crypto, handshake, packet, transport

_AUTHENTICATION_STATUSES: Final = frozenset({0x09, 0x0A, 0x0C, 0x0D, 0x0E, 0x0F})
_RESOURCE_STATUSES: Final = frozenset({0x01, 0x0B})
_SUITE_STATUSES: Final = frozenset({0x04, 0x05, 0x06, 0x07, 0x10, 0x11, 0x12})
_LOST_STATUSES: Final = frozenset({0x02, 0x08})
_INVALID_INTEGRITY: Final = 0x0F


@dataclass(frozen=True, slots=True)
class Target:
    """Where a BMC is and how to log in.

    :param address: IPv4 or IPv6 address, or a name
    :param user: at most 16 bytes
    :param password: at most 20 bytes
    :param bmc_key: Kg, 20 bytes, or none
    :param privilege: one of packet.PRIVILEGE_*
    :param suite: number of the cipher suite; None for the best that the BMC has
    """

    address: str
    port: int = 623
    user: bytes = b""
    password: bytes = field(default=b"", repr=False)
    bmc_key: bytes = field(default=b"", repr=False)
    privilege: int = packet.PRIVILEGE_ADMINISTRATOR
    suite: int | None = None

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class SuiteRefused(errors.DriverError):
    """The BMC does not have the cipher suite."""


class Session:
    """An open session; the endpoint's turns keep its commands apart.

    Sessions start at USER level, whatever they may be raised to (section 22.18).
    """

    __slots__ = (
        "_bmc_id", "_header", "_keys", "_request", "_rq", "_sequence", "_window", "endpoint", "privilege"
    )  # fmt: skip

    def __init__(
        self, endpoint: transport.Endpoint, keys: crypto.SessionKeys, console_id: int, bmc_id: int
    ) -> None:
        self.endpoint = endpoint
        self.privilege = packet.PRIVILEGE_USER
        self._keys = keys
        self._header = crypto.usual_header(console_id)
        self._bmc_id = bmc_id
        self._sequence = 0
        self._rq = 0
        self._window = crypto.SequenceWindow()
        self._request = _NO_REQUEST

    def prepare(self, command: tuple[int, int], data: bytes) -> None:
        """Begin a command; this session is then the step that the endpoint asks.

        The answer is a completion code and data.

        Retransmissions carry the same rqSeq, by which a BMC knows that it did this already (section 6.12.12),
        and each a session sequence number of its own.
        """
        self._rq = rq = (self._rq + 1) & 0x3F
        # What carries data is said to one sensor or record of many: it would crowd out what is said often.
        self._request = _encode(command, rq, data) if data else _encode_usual(command, rq)

    async def raise_privilege(self, level: int, gap: float, deadline: float, transmissions: int) -> int:
        """Set Session Privilege Level, section 22.18; returns the completion code.

        :param level: one of packet.PRIVILEGE_*
        :raises podium.drivers.ipmi.lan.transport.NoAnswer: after the deadline or the last transmission
        """
        self.prepare(packet.SET_SESSION_PRIVILEGE_LEVEL, bytes((level,)))
        code, _ = await self.endpoint.ask(self, gap, deadline, transmissions)
        if code == 0:
            self.privilege = level
        return int(code)

    def encode(self) -> bytes:
        """The datagram of the next transmission of the command under way."""
        # Section 6.12.9: numbers start at 1, and 0 stays reserved when they wrap.
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        return self._keys.seal_padded(self._bmc_id, self._sequence, self._request[0])

    def accept(self, datagram: bytes) -> tuple[int, bytes] | None:
        """Completion code and data when this answers the command under way.

        :raises podium.drivers.ipmi.lan.packet.Malformed: when it cannot be decoded, or is not authentic
        """
        opened = self._keys.open_usual(datagram, self._header, self._request[1])
        if opened is not None and self._window.accept(opened[0]):
            return opened[1]
        return self._accept_any(datagram)

    def _accept_any(self, datagram: bytes) -> tuple[int, bytes] | None:
        if datagram[6:10] != self._header[6:]:
            return None
        sequence, message = self._keys.open(datagram)
        if not self._window.accept(sequence):
            return None
        netfn, rq, command, code, data = packet.decode_response(message)
        return (code, data) if (netfn, rq, command) == self._request[2] else None

    def prepare_close(self) -> None:
        """As :meth:`prepare`, for Close Session, section 22.19."""
        self._rq = rq = (self._rq + 1) & 0x3F
        self._request = _encode(packet.CLOSE_SESSION, rq, self._bmc_id.to_bytes(4, "little"))

    def abandon(self) -> None:
        """Close Session without waiting: if the BMC has not forgotten it, its slot becomes free.

        A command under way may still be answered.
        """
        under_way = self._request
        self.prepare_close()
        with contextlib.suppress(OSError):
            self.endpoint.send(self.encode())
        self._request = under_way


def _encode(
    command: tuple[int, int], rq: int, data: bytes = b""
) -> tuple[bytes, bytes, tuple[int, int, int]]:
    """A request, padded; how its answer usually begins; and what it carries in any case."""
    netfn, number = command
    begin = packet.encode_response(netfn, rq, number, 0)[:6]
    return crypto.padded(packet.encode_request(command, rq, data)), begin, (netfn | 1, rq, number)


_encode_usual: Final = functools.lru_cache(maxsize=1024)(_encode)  # all BMCs are asked the same few things
_NO_REQUEST: Final = (b"", bytes(6), (0, 0, 0))


class _SetUpStep:
    """One message of the set-up and its answer.

    Each transmission up to RAKP message 1 has a tag of its own and only the answer to the last one counts: a
    BMC that makes a new session id or random number for each would be held to one that it replaced.
    """

    def __init__(self, console_id: int, request: int, build: Callable[[int], bytes]) -> None:
        self._console_id = console_id
        self._request = request
        self._build = build
        self._tag = console_id & 0xFF  # random

    def encode(self) -> bytes:
        if self._request != packet.RAKP_3:
            self._tag = (self._tag + 1) & 0xFF
        return packet.wrap_plain(self._request, self._build(self._tag))

    def accept(self, datagram: bytes) -> handshake.Answer | None:
        payload_type, payload = packet.unwrap_plain(datagram)
        if payload_type != self._request + 1:
            return None
        answer = handshake.decode_answer(payload_type, payload)
        known = (self._console_id, 0) if payload_type == packet.OPEN_SESSION_RESPONSE else (self._console_id,)
        return answer if answer.tag == self._tag and answer.console_id in known else None


async def open_session(
    endpoint: transport.Endpoint,
    target: Target,
    suite: crypto.CipherSuite,
    gap: float,
    deadline: float,
) -> Session:
    """Open Session and RAKP messages 1 to 4 (section 13.15).

    :param gap: seconds from the first transmission of each message to the next
    :param deadline: by the loop's clock
    :raises podium.errors.AuthenticationRefused: wrong user, password, key or privilege level
    :raises SuiteRefused: the BMC does not have the cipher suite
    :raises podium.errors.DriverError: the BMC has no free session, or refuses for another reason
    :raises podium.drivers.ipmi.lan.transport.NoAnswer: after the deadline, or when the BMC forgot the set-up
    """
    return await _SetUp(endpoint, target, suite, gap, deadline).run()


class _SetUp:
    """What is known while a session is opened."""

    def __init__(
        self,
        endpoint: transport.Endpoint,
        target: Target,
        suite: crypto.CipherSuite,
        gap: float,
        deadline: float,
    ) -> None:
        self._endpoint = endpoint
        self._target = target
        self._suite = suite
        self._gap = gap
        self._deadline = deadline
        self._console_id = int.from_bytes(os.urandom(4), "little") or 1

    async def run(self) -> Session:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        bmc_id = await self._open()
        # A BMC that is slower than the wait would be asked again before it answers, over and over.
        exchange = await self._exchange_randoms(bmc_id, loop.time() - begun)
        code = exchange.rakp_3_code()
        answer = await self._ask(
            packet.RAKP_3, lambda tag: handshake.Rakp3(tag, handshake.STATUS_OK, bmc_id, code).encode()
        )
        session_key = exchange.session_key()
        if not hmac.compare_digest(answer.code, exchange.rakp_4_code(session_key)):
            raise errors.AuthenticationRefused(
                f"BMC {self._target} has another key Kg; check ipmi_hex_kg_key"
            )
        keys = crypto.SessionKeys(self._suite, session_key)
        return Session(self._endpoint, keys, self._console_id, bmc_id)

    async def _open(self) -> int:
        """Open Session Request; returns the BMC's session id."""
        privilege, wanted = self._target.privilege, self._suite.algorithms
        answer = await self._ask(
            packet.OPEN_SESSION_REQUEST,
            lambda tag: handshake.OpenSessionRequest(tag, privilege, self._console_id, wanted).encode(),
        )
        if answer.algorithms != wanted:
            number = self._suite.number
            raise SuiteRefused(f"BMC {self._target} answers with another cipher suite than {number}")
        return int(answer.bmc_id)

    async def _exchange_randoms(self, bmc_id: int, at_least: float) -> crypto.Exchange:
        """RAKP messages 1 and 2."""
        target = self._target
        console_random = os.urandom(16)
        role = packet.NAME_ONLY_LOOKUP | target.privilege
        answer = await self._ask(
            packet.RAKP_1,
            lambda tag: handshake.Rakp1(tag, bmc_id, console_random, role, target.user).encode(),
            at_least,
        )
        exchange = crypto.Exchange(
            suite=self._suite,
            console_id=self._console_id,
            bmc_id=bmc_id,
            console_random=console_random,
            bmc_random=answer.bmc_random,
            guid=answer.guid,
            role=role,
            user=target.user,
            user_key=target.password,
            bmc_key=target.bmc_key,
        )
        if not hmac.compare_digest(answer.code, exchange.rakp_2_code()):
            # The BMC need not keep the slot until it gives up waiting.
            refusal = handshake.Rakp3(0, _INVALID_INTEGRITY, bmc_id, b"").encode()
            self._endpoint.send(packet.wrap_plain(packet.RAKP_3, refusal))
            raise errors.AuthenticationRefused(f"BMC {target} has another password; check ipmi_password")
        return exchange

    async def _ask(self, request: int, build: Callable[[int], bytes], at_least: float = 0) -> Any:
        step = _SetUpStep(self._console_id, request, build)
        answer = await self._endpoint.ask(step, max(self._gap, at_least), self._deadline)
        if isinstance(answer, handshake.Refusal):
            raise self._refused(answer.status)
        return answer

    def _refused(self, status: int) -> Exception:
        meaning = handshake.STATUS_MEANINGS.get(status, "a reserved status")
        reason = f"{meaning} (status {status:02X}h)"
        if status in _LOST_STATUSES:
            return transport.NoAnswer()
        if status in _AUTHENTICATION_STATUSES:
            return errors.AuthenticationRefused(
                f"BMC {self._target} refused the login: {reason}; "
                "check ipmi_username, ipmi_password and ipmi_priv_level"
            )
        if status in _RESOURCE_STATUSES:
            return errors.DriverError(
                f"BMC {self._target} has no free session: {reason}; close other sessions with it or wait"
            )
        if status in _SUITE_STATUSES:
            number = self._suite.number
            return SuiteRefused(f"BMC {self._target} does not have cipher suite {number}: {reason}")
        return errors.DriverError(f"BMC {self._target} does not open a session: {reason}")
