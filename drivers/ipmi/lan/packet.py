"""The datagrams between a remote console and a BMC, for either side.

These are pure functions without any I/O, so that the client, the simulator and the tests share one
implementation of the specification. They run for every read of every BMC, so they take and return plain
values; the few messages that open a session are records, in :mod:`podium.drivers.ipmi.lan.handshake`. Data
that cannot be decoded raises :class:`Malformed`.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import struct
from typing import Final

AUTH_NONE: Final = 0x00  # the IPMI v1.5 session header, here only outside of a session (table 13-8)
AUTH_RMCP_PLUS: Final = 0x06

# Payload types, table 13-16, and the two bits above them, table 13-8.
PAYLOAD_IPMI: Final = 0x00
OPEN_SESSION_REQUEST: Final = 0x10
OPEN_SESSION_RESPONSE: Final = 0x11
RAKP_1: Final = 0x12
RAKP_2: Final = 0x13
RAKP_3: Final = 0x14
RAKP_4: Final = 0x15
ENCRYPTED: Final = 0x80
AUTHENTICATED: Final = 0x40

NETFN_CHASSIS: Final = 0x00
NETFN_SENSOR: Final = 0x04
NETFN_APP: Final = 0x06
NETFN_STORAGE: Final = 0x0A
NETFN_TRANSPORT: Final = 0x0C

# Commands as (netFn, command), appendix G.
GET_CHASSIS_STATUS: Final = (NETFN_CHASSIS, 0x01)
CHASSIS_CONTROL: Final = (NETFN_CHASSIS, 0x02)
CHASSIS_IDENTIFY: Final = (NETFN_CHASSIS, 0x04)
SET_SYSTEM_BOOT_OPTIONS: Final = (NETFN_CHASSIS, 0x08)
GET_SYSTEM_BOOT_OPTIONS: Final = (NETFN_CHASSIS, 0x09)
GET_DEVICE_ID: Final = (NETFN_APP, 0x01)
GET_SELF_TEST_RESULTS: Final = (NETFN_APP, 0x04)
GET_CHANNEL_AUTHENTICATION_CAPABILITIES: Final = (NETFN_APP, 0x38)
SET_SESSION_PRIVILEGE_LEVEL: Final = (NETFN_APP, 0x3B)
CLOSE_SESSION: Final = (NETFN_APP, 0x3C)
GET_USER_ACCESS: Final = (NETFN_APP, 0x44)
SET_USER_NAME: Final = (NETFN_APP, 0x45)
GET_USER_NAME: Final = (NETFN_APP, 0x46)
SET_USER_PASSWORD: Final = (NETFN_APP, 0x47)
GET_SYSTEM_INFO_PARAMETERS: Final = (NETFN_APP, 0x59)
GET_SENSOR_THRESHOLDS: Final = (NETFN_SENSOR, 0x27)
GET_SENSOR_READING: Final = (NETFN_SENSOR, 0x2D)
GET_FRU_INVENTORY_AREA_INFO: Final = (NETFN_STORAGE, 0x10)
READ_FRU_DATA: Final = (NETFN_STORAGE, 0x11)
GET_SDR_REPOSITORY_INFO: Final = (NETFN_STORAGE, 0x20)
RESERVE_SDR_REPOSITORY: Final = (NETFN_STORAGE, 0x22)
GET_SDR: Final = (NETFN_STORAGE, 0x23)
GET_SEL_INFO: Final = (NETFN_STORAGE, 0x40)
RESERVE_SEL: Final = (NETFN_STORAGE, 0x42)
GET_SEL_ENTRY: Final = (NETFN_STORAGE, 0x43)
ADD_SEL_ENTRY: Final = (NETFN_STORAGE, 0x44)
DELETE_SEL_ENTRY: Final = (NETFN_STORAGE, 0x46)
CLEAR_SEL: Final = (NETFN_STORAGE, 0x47)
GET_SEL_TIME: Final = (NETFN_STORAGE, 0x48)
SET_SEL_TIME: Final = (NETFN_STORAGE, 0x49)
GET_LAN_CONFIGURATION_PARAMETERS: Final = (NETFN_TRANSPORT, 0x02)

PRIVILEGE_USER: Final = 2
PRIVILEGE_OPERATOR: Final = 3
PRIVILEGE_ADMINISTRATOR: Final = 4
#: In the role byte of RAKP message 1: find the user by name alone (table 13-11, byte 25).
NAME_ONLY_LOOKUP: Final = 0x10

BMC_ADDRESS: Final = 0x20
CONSOLE_ADDRESS: Final = 0x81
SESSION_HEADER_SIZE: Final = 16  # RMCP header and RMCP+ session header together

_RMCP: Final = b"\x06\x00\xff\x07"
_RMCP_PLUS_HEADER: Final = struct.Struct("<4sBBIIH")
_SESSIONLESS_HEADER: Final = struct.Struct("<4sBIIB")


class Malformed(ValueError):
    """A datagram or message that does not follow the specification."""


# -- the outermost layer: RMCP and session headers


def auth_type(datagram: bytes) -> int:
    """Return the authentication type that determines the session header, section 13.6.

    :raises Malformed: when this is no RMCP datagram of class IPMI, or too short for one
    """
    if len(datagram) < 14 or datagram[0] != 0x06 or datagram[3] != 0x07:
        raise Malformed("not an IPMI datagram")
    return datagram[4]


def wrap_sessionless(message: bytes) -> bytes:
    """Return an IPMI message in the v1.5 session header, outside of any session, table 13-8.

    :param message: at most 255 bytes
    """
    return _SESSIONLESS_HEADER.pack(_RMCP, AUTH_NONE, 0, 0, len(message)) + message


def unwrap_sessionless(datagram: bytes) -> bytes:
    """Return the IPMI message of a v1.5 datagram outside of any session.

    :raises Malformed: for anything else, and for a wrong length
    """
    if auth_type(datagram) != AUTH_NONE or datagram[5:13] != bytes(8):
        raise Malformed("not an IPMI v1.5 datagram outside of a session")
    length = datagram[13]
    # One legacy pad byte may follow, section 13.6 ("Legacy PAD").
    if len(datagram) - 14 not in (length, length + 1):
        raise Malformed("wrong message length")
    return datagram[14 : 14 + length]


def pack_header(payload_type: int, session_id: int, sequence: int, length: int) -> bytes:
    """Return the RMCP header and RMCP+ session header, section 13.6.

    :param payload_type: with the bits ENCRYPTED and AUTHENTICATED
    :param length: bytes of payload that follow
    """
    return _RMCP_PLUS_HEADER.pack(_RMCP, AUTH_RMCP_PLUS, payload_type, session_id, sequence, length)


def unpack_header(datagram: bytes) -> tuple[int, int, int, int]:
    """Return payload type with its two bits, session id, sequence number and payload length in bytes.

    The payload starts at SESSION_HEADER_SIZE; it is checked to be as long as the header says.

    :raises Malformed: when the datagram is not RMCP+ or shorter than its header says
    """
    size = len(datagram)
    if size < 16:
        raise Malformed("shorter than an RMCP+ header")
    rmcp, kind, payload_type, session_id, sequence, length = _RMCP_PLUS_HEADER.unpack_from(datagram)
    # The second byte is reserved and the third is the RMCP sequence number, which IPMI does not use.
    if kind != AUTH_RMCP_PLUS or rmcp[0] != 0x06 or rmcp[3] != 0x07:
        raise Malformed("not an RMCP+ datagram")
    if 16 + length > size:
        raise Malformed("wrong payload length")
    return payload_type, session_id, sequence, length


def wrap_plain(payload_type: int, payload: bytes) -> bytes:
    """Return a payload outside of any session: not encrypted or authenticated, session id and sequence 0."""
    return pack_header(payload_type, 0, 0, len(payload)) + payload


def unwrap_plain(datagram: bytes) -> tuple[int, bytes]:
    """Return payload type and payload of an RMCP+ datagram outside of any session.

    :raises Malformed: also for a datagram of a session
    """
    payload_type, session_id, _, length = unpack_header(datagram)
    if session_id or payload_type & (ENCRYPTED | AUTHENTICATED) or len(datagram) != 16 + length:
        raise Malformed("not a datagram outside of a session")
    return payload_type, datagram[16:]


def unwrap_answer(datagram: bytes) -> tuple[int, bytes]:
    """Return payload type and payload of an answer to a message that opens a session.

    It accepts more forms than :func:`unwrap_plain`: bytes after the payload, and a length that counts missing
    bytes. Only the code in such an answer, or the session id that the console drew, is relied on.

    :raises Malformed: when the datagram is not RMCP+
    """
    if len(datagram) < SESSION_HEADER_SIZE or auth_type(datagram) != AUTH_RMCP_PLUS:
        raise Malformed("not an RMCP+ datagram")
    end = SESSION_HEADER_SIZE + int.from_bytes(datagram[14:16], "little")
    return datagram[5], datagram[SESSION_HEADER_SIZE:end]


# -- IPMI messages, section 13.8


def encode_request(command: tuple[int, int], sequence: int, data: bytes = b"") -> bytes:
    """Return a request from the remote console to the BMC, table 13-8 (LAN message).

    :param command: netFn and command
    :param sequence: the rqSeq, 0 to 63
    """
    netfn = command[0] << 2
    tail = bytes((CONSOLE_ADDRESS, sequence << 2, command[1])) + data
    return bytes((BMC_ADDRESS, netfn, -(BMC_ADDRESS + netfn) & 0xFF)) + tail + bytes((-sum(tail) & 0xFF,))


def decode_request(message: bytes) -> tuple[int, int, int, bytes]:
    """Return netFn, rqSeq, command and data of a request.

    :raises Malformed: for wrong checksums and for what is shorter than a request
    """
    if len(message) < 7 or sum(message[:3]) & 0xFF or sum(message[3:]) & 0xFF:
        raise Malformed("not an IPMI request")
    return message[1] >> 2, message[4] >> 2, message[5], message[6:-1]


def encode_response(netfn: int, sequence: int, command: int, code: int, data: bytes = b"") -> bytes:
    """Return a response of the BMC.

    :param netfn: that of the request
    :param sequence: the rqSeq of the request
    :param code: completion code, table 5-2
    """
    answer = (netfn | 1) << 2
    tail = bytes((BMC_ADDRESS, sequence << 2, command, code)) + data
    head = bytes((CONSOLE_ADDRESS, answer, -(CONSOLE_ADDRESS + answer) & 0xFF))
    return head + tail + bytes((-sum(tail) & 0xFF,))


def decode_response(message: bytes) -> tuple[int, int, int, int, bytes]:
    """Return netFn (that of the request, plus one), rqSeq, command, completion code and data of a response.

    :raises Malformed: for wrong checksums and for what is shorter than a response
    """
    if len(message) < 8 or sum(message[:3]) & 0xFF or sum(message[3:]) & 0xFF:
        raise Malformed("not an IPMI response")
    return message[1] >> 2, message[4] >> 2, message[5], message[6], message[7:-1]


def decode_authentic_response(message: bytes) -> tuple[int, int, int, int, bytes]:
    """As :func:`decode_response`, for a message whose authentication code was right.

    Some Supermicro BMCs (X9) calculate the checksums wrongly, FreeIPMI's workaround nochecksumcheck. Then the
    addresses show that the message was decrypted with the right key.

    :raises Malformed: for wrong checksums together with other addresses, and for what is too short
    """
    if len(message) < 8 or message[0] != CONSOLE_ADDRESS or message[3] != BMC_ADDRESS:
        return decode_response(message)
    return message[1] >> 2, message[4] >> 2, message[5], message[6], message[7:-1]
