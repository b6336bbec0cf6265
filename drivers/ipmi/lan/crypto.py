"""Authentication, confidentiality and replay protection of sessions: RAKP with HMAC, and AES-CBC-128.

One pair of contexts per session handles all its packets: creating AES and HMAC contexts for each packet would
cost more than everything else in a read.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import functools
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from podium.drivers.ipmi.lan import handshake, packet
from podium.drivers.ipmi.lan.packet import Malformed

if TYPE_CHECKING:
    from hashlib import _Hash

#: The constants from which K1 and K2 derive are 20 bytes long with SHA256 as well: section 13.32 leaves that
#: open, and BMCs, ipmitool and FreeIPMI agree on it.
_CONSTANT_SIZE: Final = 20
_SEALED: Final = packet.ENCRYPTED | packet.AUTHENTICATED | packet.PAYLOAD_IPMI
_RMCP: Final = b"\x06\x00\xff\x07"
_KIND: Final = bytes((packet.AUTH_RMCP_PLUS, _SEALED))
#: The RMCP+ session header (section 13.6), with which the authenticated part begins.
_COVERED_HEADER: Final = struct.Struct("<2sIIH")
#: A whole datagram with two encrypted blocks, by the size of its authentication code.
_USUAL: Final = {size: struct.Struct(f"<10sIH32s4s{size}s") for size in (12, 16)}
_CONFIDENTIALITY_PADS: Final = tuple(bytes(range(1, pad + 1)) + bytes((pad,)) for pad in range(16))
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))
_ZEROS: Final = bytes(16)
_CBC: Final = modes.CBC(_ZEROS)
#: Pad to a multiple of 4 bytes, pad length and next header. With whole AES blocks it is always the same.
_TRAILER: Final = b"\xff\xff\x02\x07"
_TRAILER_END: Final = packet.SESSION_HEADER_SIZE + len(_TRAILER)  # and the length of the payload


def padded(message: bytes) -> bytes:
    """Return a message ready for encryption: after a block of zeros, with the pad of table 13-20.

    CBC continues from packet to packet: the block of zeros becomes the encryption of the block before it (of
    zeros at first), which nobody can predict without the key and which does not repeat. It takes the place of
    the IV (NIST SP 800-38A, appendix C).
    """
    return _ZEROS + message + _CONFIDENTIALITY_PADS[-(len(message) + 1) & 15]


def usual_header(session_id: int) -> bytes:
    """Return the first bytes, as most senders write them, of each sealed datagram to a session.

    :param session_id: that of the receiver
    """
    return _RMCP + _KIND + session_id.to_bytes(4, "little")


def _keyed(hash: Callable[..., "_Hash"], key: bytes) -> "tuple[_Hash, _Hash]":
    """Return the inner and the outer hash of HMAC (RFC 2104), fed with the key, at most 64 bytes."""
    block = key.ljust(64, b"\0")
    return hash(block.translate(_INNER_PAD)), hash(block.translate(_OUTER_PAD))


_keyed_usual: Final = functools.lru_cache(maxsize=1024)(_keyed)


def _mac(inner: "_Hash", outer: "_Hash", message: bytes) -> bytes:
    # Copies of hashes that have the key already: half the cost of hmac.digest.
    inner = inner.copy()
    inner.update(message)
    outer = outer.copy()
    outer.update(inner.digest())
    return outer.digest()


@dataclass(frozen=True, slots=True)
class CipherSuite:
    """One cipher suite of table 22-20.

    :param number: its id
    :param algorithms: its algorithms
    :param hash: the hash of its HMACs
    :param code_size: bytes of an integrity check value, to which the HMAC is truncated
    """

    number: int
    algorithms: handshake.Algorithms
    hash: Callable[..., "_Hash"]
    code_size: int

    def mac(self, key: bytes, message: bytes) -> bytes:
        """Return the whole HMAC with a key that is used again, as the passwords of a fleet are."""
        return _mac(*_keyed_usual(self.hash, key), message)


SUITE_3: Final = CipherSuite(3, handshake.Algorithms(1, 1, 1), hashlib.sha1, 12)
SUITE_17: Final = CipherSuite(17, handshake.Algorithms(3, 4, 1), hashlib.sha256, 16)
SUITES: Final = {suite.number: suite for suite in (SUITE_3, SUITE_17)}


@dataclass(frozen=True, slots=True)
class Exchange:
    """What both sides know after RAKP message 2, and the codes derived from it, section 13.31.

    :param role: byte 25 of RAKP message 1, the lookup bit included
    :param user_key: the password, at most 20 bytes; trailing zeros change nothing
    :param bmc_key: Kg, 20 bytes; empty when the BMC has none, and the user key takes its place
    """

    suite: CipherSuite
    console_id: int
    bmc_id: int
    console_random: bytes
    bmc_random: bytes
    guid: bytes
    role: int
    user: bytes
    user_key: bytes = field(repr=False)
    bmc_key: bytes = field(default=b"", repr=False)

    def _role_and_name(self) -> bytes:
        return bytes((self.role, len(self.user))) + self.user

    def rakp_2_code(self) -> bytes:
        """Return the key exchange authentication code of the BMC."""
        ids = self.console_id.to_bytes(4, "little") + self.bmc_id.to_bytes(4, "little")
        randoms = self.console_random + self.bmc_random + self.guid
        return self.suite.mac(self.user_key, ids + randoms + self._role_and_name())

    def rakp_3_code(self) -> bytes:
        """Return the key exchange authentication code of the console."""
        console_id = self.console_id.to_bytes(4, "little")
        return self.suite.mac(self.user_key, self.bmc_random + console_id + self._role_and_name())

    def session_key(self) -> bytes:
        """Return the session integrity key (SIK)."""
        randoms = self.console_random + self.bmc_random
        return self.suite.mac(self.bmc_key or self.user_key, randoms + self._role_and_name())

    def rakp_4_code(self, session_key: bytes) -> bytes:
        """Return the integrity check value of the BMC."""
        message = self.console_random + self.bmc_id.to_bytes(4, "little") + self.guid
        return _mac(*_keyed(self.suite.hash, session_key), message)[: self.suite.code_size]


class SessionKeys:
    """Seals and opens the packets of one session, for either side; not for use by two threads at once.

    :param session_key: the SIK of the exchange
    """

    __slots__ = ("_code_size", "_decryptor", "_encryptor", "_inner", "_outer", "_usual")

    def __init__(self, suite: CipherSuite, session_key: bytes) -> None:
        session = _keyed(suite.hash, session_key)
        integrity_key = _mac(*session, b"\x01" * _CONSTANT_SIZE)
        cipher_key = _mac(*session, b"\x02" * _CONSTANT_SIZE)[:16]
        self._inner, self._outer = _keyed(suite.hash, integrity_key)
        self._code_size = suite.code_size
        self._usual = _USUAL[suite.code_size]
        cipher = Cipher(algorithms.AES(cipher_key), _CBC)
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()

    def seal(self, session_id: int, sequence: int, message: bytes) -> bytes:
        """Return a datagram of an IPMI message, encrypted (table 13-20) and authenticated (section 13.28.4).

        :param session_id: that of the receiver
        """
        return self.seal_padded(session_id, sequence, padded(message))

    def seal_padded(self, session_id: int, sequence: int, message: bytes) -> bytes:
        """As :meth:`seal`, for a message that :func:`padded` has prepared."""
        body = self._encryptor.update(message)
        covered = _COVERED_HEADER.pack(_KIND, session_id, sequence, len(body)) + body + _TRAILER
        inner = self._inner.copy()  # as _mac does
        inner.update(covered)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return _RMCP + covered + outer.digest()[: self._code_size]

    def open_usual(
        self, datagram: bytes, header: bytes, begin: bytes
    ) -> tuple[int, tuple[int, bytes]] | None:
        """Return sequence number, and completion code and data, of a datagram in the usual form.

        For any other datagram it returns None, and :meth:`open` opens or refuses it. That method makes the
        same checks, for all forms that a datagram and a response may have.

        :param header: as :func:`usual_header` returns it
        :param begin: the first six bytes of the response
        """
        if len(datagram) != 52 + self._code_size:
            return None
        start, sequence, length, body, trailer, code = self._usual.unpack(datagram)
        if start != header or length != 32 or trailer != _TRAILER:
            return None
        inner = self._inner.copy()  # as _mac does
        inner.update(datagram[4:52])
        outer = self._outer.copy()
        outer.update(inner.digest())
        if not compare_digest(outer.digest()[: self._code_size], code):
            return None
        plain = self._decryptor.update(body)
        end = 31 - plain[31]
        if end < 24 or not plain.startswith(begin, 16) or sum(plain[19:end]) & 0xFF:
            return None
        return sequence, (plain[22], plain[23 : end - 1])

    def open(self, datagram: bytes) -> tuple[int, bytes]:
        """Return session sequence number and IPMI message of a datagram of this session.

        :raises Malformed: when it is not encrypted and authenticated with the keys of this session
        """
        payload_type, _, sequence, length = packet.unpack_header(datagram)
        if payload_type != _SEALED or length < 32 or length & 15:
            raise Malformed("not an encrypted and authenticated IPMI message")
        # The code covers the trailer, whatever it contains. With an unusual one, bytes follow the code.
        ends = len(datagram) - self._code_size, _TRAILER_END + length
        if not any(end >= 16 + length and self._is_authentic(datagram, end) for end in ends):
            raise Malformed("wrong authentication code")
        # The first block decrypts to noise, because the IV is for the next one: no new context is needed
        # here.
        plain = self._decryptor.update(datagram[16 : 16 + length])
        pad = plain[-1]
        if pad > 15:
            raise Malformed("wrong confidentiality pad")
        return sequence, plain[16 : -pad - 1]

    def _is_authentic(self, datagram: bytes, end: int) -> bool:
        """Whether the authentication code at ``end`` is right for all that precedes it."""
        code = _mac(self._inner, self._outer, datagram[4:end])[: self._code_size]
        return compare_digest(code, datagram[end : end + self._code_size])


class SequenceWindow:
    """Which of the other side's session sequence numbers are new, section 6.12.13.

    Older ones are accepted while they are less than 32 behind the highest. Only authenticated packets come
    here, so a number far ahead means loss, not an attack, and is accepted.
    """

    __slots__ = ("_highest", "_seen")

    def __init__(self) -> None:
        self._highest = 0
        self._seen = 0

    def accept(self, sequence: int) -> bool:
        """Whether this number arrives for the first time; 0 is not used inside a session."""
        if sequence == self._highest + 1:
            self._seen = (self._seen << 1 | 1) & 0xFFFFFFFF
            self._highest = sequence
            return True
        ahead = (sequence - self._highest) & 0xFFFFFFFF
        if sequence == 0:
            return False
        if 0 < ahead < 0x80000000 or self._highest == 0:
            # Bit n is set if the number n below the highest was seen.
            self._seen = ((self._seen << ahead) | 1) & 0xFFFFFFFF if ahead < 32 else 1
            self._highest = sequence
            return True
        behind = -ahead & 0xFFFFFFFF
        if behind > 31 or self._seen >> behind & 1:
            return False
        self._seen |= 1 << behind
        return True
