"""How simulated BMCs violate the rules of IPMI over LAN, as real ones do; docs/ipmi.md names some of them.

The functions take a BMC's faults, and the data that a BMC without faults would send. Section and table
numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from dataclasses import replace
from typing import Final

from podium.drivers.ipmi.lan import crypto, packet
from podium.simulator.faults import Faults

_TRAILING: Final = b"\0\0\0\0"
#: Bytes of an answer before the authentication code. OpenBMC's refusals have this length too.
_FULL: Final = {packet.OPEN_SESSION_RESPONSE: 36, packet.RAKP_2: 40, packet.RAKP_4: 8}
_SHA256: Final = 32


def opening(faults: Faults, kind: int, asked: bytes, payload: bytes) -> bytes:
    """Return the payload of an answer that opens a session.

    :param kind: its type
    :param asked: the payload of the request
    """
    refusal, status = payload[1] != 0, payload[1:2]
    if refusal and faults.blank_refusals:
        return (b"\0" + status).ljust(_FULL[kind], b"\0")
    if refusal and faults.short_refusals:
        return payload[:2]
    if refusal and faults.echoed_ids:
        payload = payload[:4] + asked[4:8] + payload[8:]
    if faults.zero_tags:
        payload = b"\0" + payload[1:]
    if faults.zero_ids:
        payload = payload[:4] + bytes(4) + payload[8:]
    if faults.zero_codes and kind == packet.RAKP_2 and len(payload) == _FULL[kind] + _SHA256:
        payload = payload[: _FULL[kind]] + bytes(_SHA256)
    if faults.long_codes and not refusal and kind != packet.OPEN_SESSION_RESPONSE:
        payload += b"\0"
    return payload


def exchange(faults: Faults, usual: crypto.Exchange, privilege: int) -> crypto.Exchange:
    """Return the input of the authentication codes.

    :param privilege: that of the Open Session Request
    """
    if faults.open_privilege:
        usual = replace(usual, role=privilege)
    if faults.short_passwords:
        usual = replace(usual, user_key=usual.user_key[:16])
    return usual


def confirmed(faults: Faults, usual: crypto.Exchange) -> crypto.Exchange:
    """Return the input of the code that RAKP message 3 is compared with."""
    return replace(usual, role=usual.role & 0x0F) if faults.no_lookup_bit else usual


def message(faults: Faults, usual: bytes) -> bytes:
    """Return a response inside a session, before it is sealed."""
    if not faults.wrong_checksums:
        return usual
    return usual[:2] + bytes((usual[2] ^ 0xFF,)) + usual[3:-1] + bytes((usual[-1] ^ 0xFF,))


def datagram(faults: Faults, usual: bytes) -> bytes:
    """Return an answer as it is sent."""
    return usual + _TRAILING if faults.trailing_bytes else usual
