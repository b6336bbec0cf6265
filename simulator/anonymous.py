"""A simulated BMC's answers to requests that need no session.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from typing import Final

from podium.drivers.ipmi.lan import crypto, packet
from podium.simulator.ipmi import codes

_CHANNEL: Final = 1
_GET_SYSTEM_GUID: Final = (packet.NETFN_APP, 0x37)
_GET_CHANNEL_CIPHER_SUITES: Final = (packet.NETFN_APP, 0x54)
_RMCP_CLASS_ASF: Final = 0x06
_ASF_PING: Final = bytes((_RMCP_CLASS_ASF,)) + b"\x00\x00\x11\xbe\x80"
_ASF_PONG: Final = b"\x06\x00\xff\x06\x00\x00\x11\xbe\x40%c\x00\x10\x00\x00\x11\xbe\0\0\0\0\x81" + bytes(7)


def pong(datagram: bytes) -> bytes | None:
    """Return the answer to an RMCP presence ping (section 13.2.4), or None for any other datagram."""
    return _ASF_PONG % datagram[9] if datagram[3:9] == _ASF_PING and len(datagram) == 12 else None


def answer(netfn: int, command: int, data: bytes, *, guid: bytes, two_keys: bool) -> codes.Answer | None:
    """Return the answer to a command that needs no session, or None for any other command.

    :param guid: 16 bytes
    :param two_keys: whether the BMC has a key Kg
    """
    if netfn != packet.NETFN_APP:
        return None
    if (netfn, command) == packet.GET_CHANNEL_AUTHENTICATION_CAPABILITIES:
        return _capabilities(data, two_keys)
    if (netfn, command) == _GET_CHANNEL_CIPHER_SUITES:
        return _cipher_suites(data)
    if (netfn, command) == _GET_SYSTEM_GUID:
        return codes.OK, guid
    return None


def _capabilities(data: bytes, two_keys: bool) -> codes.Answer:
    """Section 22.13, table 22-15: IPMI v2.0 only, users with names; bit 5 shows that Kg is set."""
    if len(data) != 2:
        return codes.WRONG_LENGTH, b""
    if data[0] & 0x0F not in (_CHANNEL, 0x0E):
        return codes.INVALID_FIELD, b""
    extended = data[0] & 0x80
    status = 0x04 | two_keys << 5
    return codes.OK, bytes((_CHANNEL, extended, status, 0x02 if extended else 0, 0, 0, 0, 0))


def _cipher_suites(data: bytes) -> codes.Answer:
    """Section 22.15: the records of the suites (table 22-18). An answer holds 16 bytes of them."""
    if len(data) != 3:
        return codes.WRONG_LENGTH, b""
    if data[0] & 0x0F not in (_CHANNEL, 0x0E):
        return codes.INVALID_FIELD, b""
    records = b"".join(
        bytes((0xC0, number, made.authentication, 0x40 | made.integrity, 0x80 | made.confidentiality))
        for number, suite in crypto.SUITES.items()
        for made in (suite.algorithms,)
    )
    start = 16 * (data[2] & 0x3F)
    return codes.OK, bytes((_CHANNEL,)) + records[start : start + 16]
