"""The messages that open a session: Open Session Request and Response, and RAKP messages 1 to 4.

Records that are encoded and decoded on either side of the wire, without any I/O. Section and table numbers
are those of the IPMI v2.0 specification, revision 1.1; the messages are in sections 13.17 to 13.23.
"""

import functools
import struct
from dataclasses import dataclass
from typing import Final

from podium.drivers.ipmi.lan import packet
from podium.drivers.ipmi.lan.packet import Malformed

STATUS_OK: Final = 0x00
STATUS_INSUFFICIENT_RESOURCES: Final = 0x01
#: RMCP+ and RAKP message status codes, table 13-15.
STATUS_MEANINGS: Final = {
    0x00: "no errors",
    0x01: "insufficient resources to create a session",
    0x02: "invalid session ID",
    0x03: "invalid payload type",
    0x04: "invalid authentication algorithm",
    0x05: "invalid integrity algorithm",
    0x06: "no matching authentication payload",
    0x07: "no matching integrity payload",
    0x08: "inactive session ID",
    0x09: "invalid role",
    0x0A: "unauthorized role or privilege level requested",
    0x0B: "insufficient resources to create a session at the requested role",
    0x0C: "invalid name length",
    0x0D: "unauthorized name",
    0x0E: "unauthorized GUID",
    0x0F: "invalid integrity check value",
    0x10: "invalid confidentiality algorithm",
    0x11: "no cipher suite match with proposed security algorithms",
    0x12: "illegal or unrecognized parameter",
}

_OPEN_REQUEST: Final = struct.Struct("<BB2xI4s4s4s4s4s4s")
_OPEN_RESPONSE: Final = struct.Struct("<BBBxII4s4s4s4s4s4s")
_REFUSAL: Final = struct.Struct("<BB2xI")
_RAKP_1: Final = struct.Struct("<B3xI16sB2xB")
_RAKP_2: Final = struct.Struct("<BB2xI16s16s")


@dataclass(frozen=True, slots=True)
class Algorithms:
    """The numbers of a cipher suite's algorithms, tables 13-17 to 13-19."""

    authentication: int
    integrity: int
    confidentiality: int


@functools.lru_cache(maxsize=64)  # a fleet has few
def _encode_algorithms(algorithms: Algorithms) -> tuple[bytes, ...]:
    """Six pieces of 4 bytes: for each algorithm a payload header and the number, table 13-9."""
    pieces: list[bytes] = []
    numbers = (algorithms.authentication, algorithms.integrity, algorithms.confidentiality)
    for kind, number in enumerate(numbers):
        pieces += bytes((kind, 0, 0, 8)), bytes((number, 0, 0, 0))
    return tuple(pieces)


@functools.lru_cache(maxsize=64)
def _decode_algorithms(*pieces: bytes) -> Algorithms:
    """:raises Malformed: for payloads in another order, or of another length"""
    for kind, header in enumerate(pieces[::2]):
        if header[0] != kind or header[3] != 8:
            raise Malformed("not an algorithm payload")
    return _numbers(*pieces)


@functools.lru_cache(maxsize=64)
def _numbers(*pieces: bytes) -> Algorithms:
    return Algorithms(*(piece[0] & 0x3F for piece in pieces[1::2]))


@dataclass(frozen=True, slots=True)
class OpenSessionRequest:
    """Table 13-9. ``privilege`` 0 asks for the highest level that the algorithms allow."""

    tag: int
    privilege: int
    console_id: int
    algorithms: Algorithms

    def encode(self) -> bytes:
        return _OPEN_REQUEST.pack(
            self.tag, self.privilege, self.console_id, *_encode_algorithms(self.algorithms)
        )

    @classmethod
    def decode(cls, payload: bytes) -> "OpenSessionRequest":
        """:raises Malformed: for a wrong length or wrong algorithm payloads"""
        if len(payload) != _OPEN_REQUEST.size:
            raise Malformed("wrong length of an Open Session Request")
        tag, privilege, console_id, *pieces = _OPEN_REQUEST.unpack(payload)
        return cls(tag, privilege & 0x0F, console_id, _decode_algorithms(*pieces))


@dataclass(frozen=True, slots=True)
class OpenSessionResponse:
    """Table 13-10; the answer to a request that was accepted."""

    tag: int
    privilege: int
    console_id: int
    bmc_id: int
    algorithms: Algorithms

    def encode(self) -> bytes:
        pieces = _encode_algorithms(self.algorithms)
        return _OPEN_RESPONSE.pack(self.tag, STATUS_OK, self.privilege, self.console_id, self.bmc_id, *pieces)


@dataclass(frozen=True, slots=True)
class Rakp1:
    """Table 13-11. ``role`` is the whole byte 25, the lookup bit included; ``user`` is at most 16 bytes."""

    tag: int
    bmc_id: int
    console_random: bytes
    role: int
    user: bytes

    def encode(self) -> bytes:
        fixed = _RAKP_1.pack(self.tag, self.bmc_id, self.console_random, self.role, len(self.user))
        return fixed + self.user

    @classmethod
    def decode(cls, payload: bytes) -> "Rakp1":
        """:raises Malformed: for a wrong length, of the name as well"""
        if len(payload) < _RAKP_1.size:
            raise Malformed("wrong length of RAKP message 1")
        tag, bmc_id, console_random, role, length = _RAKP_1.unpack_from(payload)
        user = payload[_RAKP_1.size :]
        # Some consoles always send a field of 16 bytes, padded with zeros.
        if length > 16 or length > len(user) or any(user[length:]):
            raise Malformed("wrong length of the user name in RAKP message 1")
        return cls(tag, bmc_id, console_random, role, user[:length])


@dataclass(frozen=True, slots=True)
class Rakp2:
    """Table 13-12; the answer to a message 1 that was accepted."""

    tag: int
    console_id: int
    bmc_random: bytes
    guid: bytes
    code: bytes

    def encode(self) -> bytes:
        fixed = _RAKP_2.pack(self.tag, STATUS_OK, self.console_id, self.bmc_random, self.guid)
        return fixed + self.code


@dataclass(frozen=True, slots=True)
class Rakp3:
    """Table 13-13. A ``status`` other than 0 calls the session off, and comes without a ``code``."""

    tag: int
    status: int
    bmc_id: int
    code: bytes

    def encode(self) -> bytes:
        return _REFUSAL.pack(self.tag, self.status, self.bmc_id) + self.code

    @classmethod
    def decode(cls, payload: bytes) -> "Rakp3":
        """:raises Malformed: for a wrong length"""
        if len(payload) < _REFUSAL.size:
            raise Malformed("wrong length of RAKP message 3")
        tag, status, bmc_id = _REFUSAL.unpack_from(payload)
        return cls(tag, status, bmc_id, payload[_REFUSAL.size :])


@dataclass(frozen=True, slots=True)
class Rakp4:
    """Table 13-14; the answer to a message 3 that was accepted."""

    tag: int
    console_id: int
    code: bytes

    def encode(self) -> bytes:
        return _REFUSAL.pack(self.tag, STATUS_OK, self.console_id) + self.code


@dataclass(frozen=True, slots=True)
class Refusal:
    """Any answer of the BMC with a status other than 0, which ends after the console's session id.

    OpenIPMI's simulator ends an Open Session Response after the status already: then ``console_id`` is 0.
    OpenBMC (phosphor-net-ipmid) sends RAKP messages 2 and 4 in full length, and in nearly all of its refusals
    everything but the status is 0.
    """

    tag: int
    status: int
    console_id: int

    def encode(self) -> bytes:
        return _REFUSAL.pack(self.tag, self.status, self.console_id)


Answer = OpenSessionResponse | Rakp2 | Rakp4 | Refusal


def decode_answer(payload_type: int, payload: bytes) -> Answer:
    """What a BMC answers to Open Session Request, RAKP message 1 or RAKP message 3.

    Bytes after the end are ignored, as are the headers of the algorithms in an Open Session Response. A RAKP
    message 2 or 4 that ends too early has no code, or too short a code, which is never taken for right.

    :raises Malformed: for other payload types, and for what is too short
    """
    if payload_type not in (packet.OPEN_SESSION_RESPONSE, packet.RAKP_2, packet.RAKP_4):
        raise Malformed("not an answer of a session set-up")
    if len(payload) < _REFUSAL.size:
        if len(payload) < 2 or payload[1] == STATUS_OK:
            raise Malformed("shorter than any answer of a session set-up")
        return Refusal(payload[0], payload[1], 0)
    tag, status, console_id = _REFUSAL.unpack_from(payload)
    if status:
        return Refusal(tag, status, console_id)
    if payload_type == packet.OPEN_SESSION_RESPONSE:
        if len(payload) < _OPEN_RESPONSE.size:
            raise Malformed("too short an Open Session Response")
        _, _, privilege, _, bmc_id, *pieces = _OPEN_RESPONSE.unpack_from(payload)
        return OpenSessionResponse(tag, privilege & 0x0F, console_id, bmc_id, _numbers(*pieces))
    if payload_type == packet.RAKP_2:
        bmc_random, guid = _RAKP_2.unpack_from(payload.ljust(_RAKP_2.size, b"\0"))[3:]
        return Rakp2(tag, console_id, bmc_random, guid, payload[_RAKP_2.size :])
    return Rakp4(tag, console_id, payload[_REFUSAL.size :])
