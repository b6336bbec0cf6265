"""One session with one BMC: its messages and its end.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import contextlib
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from podium import errors
from podium.drivers.ipmi.lan import crypto, packet, transport

_EMPTY_ID: Final = bytes(4)


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a BMC and the login.

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

    @property
    def account(self) -> tuple[str, int, bytes, bytes]:
        """The credentials of a login, whatever level and cipher suite it requests."""
        return self.address, self.port, self.user, self.password

    @property
    def who(self) -> tuple[str, int, bytes]:
        """The account whose refused logins the BMC counts, whatever the password is."""
        return self.address, self.port, self.user

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class SuiteRefused(errors.DriverError):
    """The BMC does not have the requested cipher suites, or they do not work.

    :param reasons: by the numbers of the suites
    """

    def __init__(self, target: Target, reasons: Mapping[int, str]) -> None:
        suites = f"suite{'s' if len(reasons) > 1 else ''} {' and '.join(map(str, reasons))}"
        said = ", ".join(dict.fromkeys(reasons.values()))
        remedy = "enable 3 or 17 at the BMC, as ipmi_cipher_suite can be no other"
        if target.suite is not None:
            other = next(number for number in crypto.SUITES if number != target.suite)
            remedy = f"set ipmi_cipher_suite to {other}"
        super().__init__(f"BMC {target} does not have cipher {suites} in working order: {said}; {remedy}")
        self.reasons = reasons


class Session:
    """An open session; the endpoint's turns keep its commands apart.

    Sessions start at USER level, whatever they may be raised to (section 22.18).

    :param limit: the level that it was opened for, one of packet.PRIVILEGE_*
    """

    __slots__ = (
        "_bmc_id", "_header", "_keys", "_request", "_rq", "_sequence", "_window", "endpoint", "limit",
        "privilege",
    )  # fmt: skip

    def __init__(
        self,
        endpoint: transport.Endpoint,
        keys: crypto.SessionKeys,
        console_id: int,
        bmc_id: int,
        limit: int = packet.PRIVILEGE_ADMINISTRATOR,
    ) -> None:
        self.endpoint = endpoint
        self.limit = limit
        self.privilege = packet.PRIVILEGE_USER
        self._keys = keys
        self._header = crypto.usual_header(console_id)
        self._bmc_id = bmc_id
        self._sequence = 0
        self._rq = 0
        self._window = crypto.SequenceWindow()
        self._request = _NO_REQUEST

    @property
    def sent(self) -> int:
        """The number of datagrams sent in it."""
        return self._sequence

    def prepare(self, command: tuple[int, int], data: bytes) -> None:
        """Begin a command; the endpoint then asks this session as its step.

        The answer is a completion code and data.

        Retransmissions carry the same rqSeq, by which a BMC recognises a command that it has already carried
        out (section 6.12.12), and each has a session sequence number of its own.
        """
        self._rq = rq = (self._rq + 1) & 0x3F
        # Commands with data go to one sensor or record of many, and would displace frequent commands in the
        # cache.
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
        """Return the datagram of the next transmission of the command under way."""
        # Section 6.12.9: numbers start at 1, and 0 stays reserved when they wrap.
        self._sequence = self._sequence % 0xFFFFFFFF + 1
        return self._keys.seal_padded(self._bmc_id, self._sequence, self._request[0])

    def accept(self, datagram: bytes) -> tuple[int, bytes] | None:
        """Return completion code and data if this answers the command under way.

        :raises podium.drivers.ipmi.lan.packet.Malformed: when it cannot be decoded, or is not authentic
        """
        opened = self._keys.open_usual(datagram, self._header, self._request[1])
        if opened is not None and self._window.accept(opened[0]):
            return opened[1]
        return self._accept_any(datagram)

    def _accept_any(self, datagram: bytes) -> tuple[int, bytes] | None:
        # Some BMCs leave the session id empty (FreeIPMI's workaround idzero): the keys are this session's.
        if datagram[6:10] not in (self._header[6:], _EMPTY_ID):
            return None
        sequence, message = self._keys.open(datagram)
        if not self._window.accept(sequence):
            return None
        netfn, rq, command, code, data = packet.decode_authentic_response(message)
        return (code, data) if (netfn, rq, command) == self._request[2] else None

    def prepare_close(self) -> None:
        """As :meth:`prepare`, for Close Session, section 22.19."""
        self._rq = rq = (self._rq + 1) & 0x3F
        self._request = _encode(packet.CLOSE_SESSION, rq, self._bmc_id.to_bytes(4, "little"))

    def abandon(self) -> None:
        """Send Close Session without waiting: unless the BMC has forgotten it, its slot becomes free.

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
    """Return a request, padded; the usual beginning of its answer; and what the answer always contains."""
    netfn, number = command
    begin = packet.encode_response(netfn, rq, number, 0)[:6]
    return crypto.padded(packet.encode_request(command, rq, data)), begin, (netfn | 1, rq, number)


_encode_usual: Final = functools.lru_cache(maxsize=1024)(_encode)  # all BMCs receive the same few commands
_NO_REQUEST: Final = (b"", bytes(6), (0, 0, 0))
