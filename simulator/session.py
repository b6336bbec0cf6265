"""The LAN channel of one simulated BMC: sessions are opened, used and lost, seen from the BMC's side.

It takes and returns datagrams and does no I/O. Section and table numbers are those of the IPMI v2.0
specification, revision 1.1.
"""

import hmac
import os
from typing import Final

from podium.drivers.ipmi.lan import crypto, handshake, packet
from podium.simulator import bmc

_IDLE_SECONDS: Final = 60.0  # section 6.12.15
_CHANNEL: Final = 1
_NO_ROOM: Final = handshake.STATUS_INSUFFICIENT_RESOURCES
_INVALID_SESSION: Final = 0x02
_INVALID_ROLE: Final = 0x09
_UNAUTHORIZED_ROLE: Final = 0x0A
_UNAUTHORIZED_NAME: Final = 0x0D
_INVALID_INTEGRITY_CHECK: Final = 0x0F
_NO_SUITE: Final = 0x11
# Completion codes of Set Session Privilege Level (table 22-19) and Close Session (table 22-20).
_EXCEEDS_LIMIT: Final = 0x81
_NO_SUCH_SESSION: Final = 0x87

_GET_SYSTEM_GUID: Final = (packet.NETFN_APP, 0x37)
_GET_CHANNEL_CIPHER_SUITES: Final = (packet.NETFN_APP, 0x54)
_RMCP_CLASS_ASF: Final = 0x06
_ASF_PING: Final = bytes((_RMCP_CLASS_ASF,)) + b"\x00\x00\x11\xbe\x80"
_ASF_PONG: Final = b"\x06\x00\xff\x06\x00\x00\x11\xbe\x40%c\x00\x10\x00\x00\x11\xbe\0\0\0\0\x81" + bytes(7)


class Session:
    """One session, from Open Session Request to its end."""

    __slots__ = (
        "answer",
        "bmc_id",
        "commands",
        "console_id",
        "exchange",
        "keys",
        "limit",
        "opened",
        "privilege",
        "request",
        "sequence",
        "suite",
        "used",
        "window",
    )

    def __init__(
        self, console_id: int, bmc_id: int, suite: crypto.CipherSuite, limit: int, now: float
    ) -> None:
        self.console_id = console_id
        self.bmc_id = bmc_id
        self.suite = suite
        self.limit = limit
        self.privilege = min(limit, packet.PRIVILEGE_USER)
        self.exchange: crypto.Exchange | None = None
        self.keys: crypto.SessionKeys | None = None  # once it is active
        self.window = crypto.SequenceWindow()
        self.sequence = 0
        self.request = self.answer = b""
        self.commands = 0
        self.opened = self.used = now


class LanChannel:
    """The sessions of one BMC.

    :param guid: 16 bytes, different for each BMC
    """

    __slots__ = ("_sessions", "_settings", "bmc", "guid", "logins_refused", "sessions_opened")

    def __init__(self, settings: bmc.Settings, guid: bytes) -> None:
        self._settings = settings
        self._sessions: dict[int, Session] = {}
        self.bmc = bmc.BMC(settings, int.from_bytes(guid[-4:]))
        self.guid = guid
        self.sessions_opened = 0  #: successful log-ins
        self.logins_refused = 0  #: log-ins that failed for user, password, key or role

    @property
    def sessions(self) -> int:
        """The number of active sessions."""
        return sum(session.keys is not None for session in list(self._sessions.values()))

    def forget_sessions(self) -> None:
        """Forget all sessions without notice, like a BMC that restarts."""
        self._sessions.clear()

    def receive(self, datagram: bytes) -> bytes | None:
        """Return the answer to a datagram, if there is one.

        :raises podium.drivers.ipmi.lan.packet.Malformed: for a datagram that a BMC drops
        """
        if datagram[3:9] == _ASF_PING and len(datagram) == 12:
            return _ASF_PONG % datagram[9]  # section 13.2.4
        if packet.auth_type(datagram) == packet.AUTH_NONE:
            return packet.wrap_sessionless(self._outside(packet.unwrap_sessionless(datagram)))
        session_id = int.from_bytes(datagram[6:10], "little")
        if session_id:
            session = self._sessions.get(session_id)
            return self._inside(session, datagram) if session else None
        payload_type, payload = packet.unwrap_plain(datagram)
        if payload_type == packet.PAYLOAD_IPMI:
            return packet.wrap_plain(payload_type, self._outside(payload))
        if payload_type == packet.OPEN_SESSION_REQUEST:
            return packet.wrap_plain(packet.OPEN_SESSION_RESPONSE, self._open(payload))
        if payload_type == packet.RAKP_1:
            return packet.wrap_plain(packet.RAKP_2, self._rakp_1(payload))
        if payload_type == packet.RAKP_3:
            answer = self._rakp_3(payload)
            return packet.wrap_plain(packet.RAKP_4, answer) if answer else None
        raise packet.Malformed("unknown payload type")

    # -- opening a session, sections 13.17 to 13.24 ---------------------------------------------------------

    def _open(self, payload: bytes) -> bytes:
        request = handshake.OpenSessionRequest.decode(payload)
        limit = request.privilege or packet.PRIVILEGE_ADMINISTRATOR
        suite = next((one for one in crypto.SUITES.values() if one.algorithms == request.algorithms), None)
        if suite is None:
            return handshake.Refusal(request.tag, _NO_SUITE, request.console_id).encode()
        if limit > packet.PRIVILEGE_ADMINISTRATOR:
            return handshake.Refusal(request.tag, _INVALID_ROLE, request.console_id).encode()
        now = self._settings.clock()
        if self.bmc.faults.session_table_full or not self._make_room(request.console_id, now):
            return handshake.Refusal(request.tag, _NO_ROOM, request.console_id).encode()
        bmc_id = 0
        while bmc_id == 0 or bmc_id in self._sessions:
            bmc_id = int.from_bytes(os.urandom(4))
        self._sessions[bmc_id] = Session(request.console_id, bmc_id, suite, limit, now)
        return handshake.OpenSessionResponse(
            request.tag, limit, request.console_id, bmc_id, request.algorithms
        ).encode()

    def _make_room(self, console_id: int, now: float) -> bool:
        """Return whether there is room for a session; unfinished log-ins and idle sessions make room."""
        opening = [one for one in self._sessions.values() if one.keys is None]
        gone = [one for one in opening if one.console_id == console_id]  # its request was sent again
        if len(self._sessions) - len(gone) >= self._settings.session_limit:
            idle = [one for one in self._sessions.values() if now - one.used >= _IDLE_SECONDS]
            gone += idle or opening[:1]
        for session in gone:
            self._sessions.pop(session.bmc_id, None)
        return len(self._sessions) < self._settings.session_limit

    def _rakp_1(self, payload: bytes) -> bytes:
        message = handshake.Rakp1.decode(payload)
        session = self._sessions.get(message.bmc_id)
        if session is None or session.keys:
            return handshake.Refusal(message.tag, _INVALID_SESSION, 0).encode()
        role = message.role & 0x0F
        if not 1 <= role <= session.limit:
            return self._refuse(session, message.tag, _UNAUTHORIZED_ROLE)
        if message.user != self._settings.user.encode():
            return self._refuse(session, message.tag, _UNAUTHORIZED_NAME)
        session.limit = role
        session.privilege = min(role, packet.PRIVILEGE_USER)
        password = b"another password" if self.bmc.faults.wrong_password else self._settings.password
        exchange = session.exchange = crypto.Exchange(
            suite=session.suite,
            console_id=session.console_id,
            bmc_id=session.bmc_id,
            console_random=message.console_random,
            bmc_random=session.exchange.bmc_random if session.exchange else os.urandom(16),
            guid=self.guid,
            role=message.role,
            user=message.user,
            user_key=password,
            bmc_key=self._settings.kg,
        )
        code = exchange.rakp_2_code()
        return handshake.Rakp2(message.tag, session.console_id, exchange.bmc_random, self.guid, code).encode()

    def _rakp_3(self, payload: bytes) -> bytes | None:
        message = handshake.Rakp3.decode(payload)
        session = self._sessions.get(message.bmc_id)
        if session is None or session.exchange is None:
            return handshake.Refusal(message.tag, _INVALID_SESSION, 0).encode()
        if message.status:
            if session.keys is None:  # the console found that we do not know the password
                self._refuse(session, message.tag, message.status)
            return None
        if not hmac.compare_digest(message.code, session.exchange.rakp_3_code()):
            return self._refuse(session, message.tag, _INVALID_INTEGRITY_CHECK)
        session_key = session.exchange.session_key()
        if session.keys is None:
            session.keys = crypto.SessionKeys(session.suite, session_key)
            self.sessions_opened += 1
        code = session.exchange.rakp_4_code(session_key)
        return handshake.Rakp4(message.tag, session.console_id, code).encode()

    def _refuse(self, session: Session, tag: int, status: int) -> bytes:
        del self._sessions[session.bmc_id]
        self.logins_refused += 1
        return handshake.Refusal(tag, status, session.console_id).encode()

    # -- messages inside and outside of a session -----------------------------------------------------------

    def _inside(self, session: Session, datagram: bytes) -> bytes | None:
        if session.keys is None:
            return None
        sequence, message = session.keys.open(datagram)
        if not session.window.accept(sequence):
            return None
        now = self._settings.clock()
        if self._forgets(session, now):
            del self._sessions[session.bmc_id]
            return None
        session.used = now
        # A repeated request differs only in its session sequence number; it is not carried out twice.
        if message != session.request:
            netfn, number, command, data = _request(message)
            code, answer = self._carry_out(session, netfn, command, data)
            session.request = message
            session.answer = packet.encode_response(netfn, number, command, code, answer)
            session.commands += 1
            session.exchange = None  # it was kept for a RAKP message 3 that is sent again
            self.bmc.commands += 1
        session.sequence = session.sequence % 0xFFFFFFFF + 1
        return session.keys.seal(session.console_id, session.sequence, session.answer)

    def _forgets(self, session: Session, now: float) -> bool:
        commands, seconds = self.bmc.faults.forgets_after_commands, self.bmc.faults.forgets_after_seconds
        return (commands is not None and session.commands >= commands) or (
            seconds is not None and now - session.opened >= seconds
        )

    def _carry_out(self, session: Session, netfn: int, command: int, data: bytes) -> bmc.Answer:
        if (netfn, command) == packet.SET_SESSION_PRIVILEGE_LEVEL:
            return _set_privilege(session, data)
        if (netfn, command) == packet.CLOSE_SESSION:
            return self._close(data)
        return self._anonymous(netfn, command, data) or self.bmc.execute(
            netfn, command, data, session.privilege
        )

    def _close(self, data: bytes) -> bmc.Answer:
        """Section 22.19; the answer still goes to the closed session."""
        if len(data) != 4:
            return bmc.WRONG_LENGTH, b""
        if self._sessions.pop(int.from_bytes(data, "little"), None) is None:
            return _NO_SUCH_SESSION, b""
        return bmc.OK, b""

    def _outside(self, message: bytes) -> bytes:
        netfn, number, command, data = _request(message)
        code, answer = self._anonymous(netfn, command, data) or (bmc.INSUFFICIENT_PRIVILEGE, b"")
        return packet.encode_response(netfn, number, command, code, answer)

    def _anonymous(self, netfn: int, command: int, data: bytes) -> bmc.Answer | None:
        """Return the answer to a command that needs no session; None for one that does."""
        if netfn != packet.NETFN_APP:
            return None
        if (netfn, command) == packet.GET_CHANNEL_AUTHENTICATION_CAPABILITIES:
            return _capabilities(data, two_keys=bool(self._settings.kg))
        if (netfn, command) == _GET_CHANNEL_CIPHER_SUITES:
            return _cipher_suites(data)
        if (netfn, command) == _GET_SYSTEM_GUID:
            return bmc.OK, self.guid
        return None


def _request(message: bytes) -> tuple[int, int, int, bytes]:
    """Parse a request.

    :raises podium.drivers.ipmi.lan.packet.Malformed: also for a response: two BMCs must not answer each other
    """
    netfn, number, command, data = packet.decode_request(message)
    if netfn & 1:
        raise packet.Malformed("not a request")
    return netfn, number, command, data


def _set_privilege(session: Session, data: bytes) -> bmc.Answer:
    """Section 22.18; level 0 asks for the present level."""
    if len(data) != 1:
        return bmc.WRONG_LENGTH, b""
    level = data[0] & 0x0F
    if level == 1 or level > packet.PRIVILEGE_ADMINISTRATOR:
        return bmc.INVALID_FIELD, b""
    if level > session.limit:
        return _EXCEEDS_LIMIT, b""
    session.privilege = level or session.privilege
    return bmc.OK, bytes((session.privilege,))


def _capabilities(data: bytes, two_keys: bool) -> bmc.Answer:
    """Section 22.13, table 22-15: IPMI v2.0 only, users with names; bit 5 shows that Kg is set."""
    if len(data) != 2:
        return bmc.WRONG_LENGTH, b""
    if data[0] & 0x0F not in (_CHANNEL, 0x0E):
        return bmc.INVALID_FIELD, b""
    extended = data[0] & 0x80
    status = 0x04 | two_keys << 5
    return bmc.OK, bytes((_CHANNEL, extended, status, 0x02 if extended else 0, 0, 0, 0, 0))


def _cipher_suites(data: bytes) -> bmc.Answer:
    """Section 22.15: the records of the suites (table 22-18), of which 16 bytes fit into an answer."""
    if len(data) != 3:
        return bmc.WRONG_LENGTH, b""
    if data[0] & 0x0F not in (_CHANNEL, 0x0E):
        return bmc.INVALID_FIELD, b""
    records = b"".join(
        bytes((0xC0, number, made.authentication, 0x40 | made.integrity, 0x80 | made.confidentiality))
        for number, suite in crypto.SUITES.items()
        for made in (suite.algorithms,)
    )
    start = 16 * (data[2] & 0x3F)
    return bmc.OK, bytes((_CHANNEL,)) + records[start : start + 16]
