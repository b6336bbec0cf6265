"""The LAN channel of one simulated BMC: the BMC's side of opening, using and losing sessions.

It takes and returns datagrams, without any I/O. Section and table numbers are those of the IPMI v2.0
specification, revision 1.1.
"""

import hmac
import os
from collections import deque
from typing import Any, Final

from podium.drivers.ipmi.lan import crypto, handshake, packet
from podium.simulator import accounts, anonymous, bmc, quirks, users
from podium.simulator.faults import Faults
from podium.simulator.ipmi import codes

_IDLE_SECONDS: Final = 60.0  # section 6.12.15
_OPERATOR: Final = packet.PRIVILEGE_OPERATOR
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
_CLIENTS: Final = 64


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
        self.keys: crypto.SessionKeys | None = None  # set once the session is active
        self.window = crypto.SequenceWindow()
        self.sequence = 0
        self.request = self.answer = b""
        self.commands = 0
        self.opened = self.used = now


class LanChannel:
    """The sessions of one BMC.

    :param guid: 16 bytes, different for each BMC
    """

    __slots__ = (
        "_asking",
        "_client",
        "_sessions",
        "_settings",
        "bmc",
        "clients",
        "guid",
        "logins_refused",
        "most_sessions",
        "sessions_opened",
    )

    def __init__(self, settings: bmc.Settings, guid: bytes) -> None:
        self._settings = settings
        self._sessions: dict[int, Session] = {}
        self.bmc = bmc.BMC(settings, int.from_bytes(guid[-4:]))
        self.guid = guid
        self.sessions_opened = 0  #: successful log-ins
        self.logins_refused = 0  #: log-ins refused for user, password, key or role
        self.most_sessions = 0  #: the most sessions active at one time
        self._asking: Any = None
        self._client: Any = None  # that sent the last command, except Close Session
        #: The last changes of the commanding client: the time, and the new client's address.
        self.clients: deque[tuple[float, Any]] = deque(maxlen=_CLIENTS)

    @property
    def sessions(self) -> int:
        """The number of active sessions."""
        return sum(session.keys is not None for session in list(self._sessions.values()))

    def forget_sessions(self) -> None:
        """Forget all sessions without notice, like a BMC that restarts."""
        self._sessions.clear()

    def receive(self, datagram: bytes, client: Any = None) -> bytes | None:
        """Return the answer to a datagram, if there is one.

        :param client: the address that it came from
        :raises podium.drivers.ipmi.lan.packet.Malformed: for a datagram that a BMC drops
        """
        self._asking = client
        answer = anonymous.pong(datagram) or self._answer(datagram)
        return None if answer is None else quirks.datagram(self.bmc.faults, answer)

    def _answer(self, datagram: bytes) -> bytes | None:
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
            answer: bytes | None = self._open(payload)
        elif payload_type == packet.RAKP_1:
            answer = self._rakp_1(payload)
        elif payload_type == packet.RAKP_3:
            answer = self._rakp_3(payload)
        else:
            raise packet.Malformed("unknown payload type")
        if answer is None:
            return None
        kind = payload_type + 1
        return packet.wrap_plain(kind, quirks.opening(self.bmc.faults, kind, payload, answer))

    # -- opening a session, sections 13.17 to 13.24 ---------------------------------------------------------

    def _open(self, payload: bytes) -> bytes:
        request = handshake.OpenSessionRequest.decode(payload)
        limit = request.privilege or packet.PRIVILEGE_ADMINISTRATOR
        suite = next((one for one in crypto.SUITES.values() if one.algorithms == request.algorithms), None)
        if suite is None:
            return handshake.Refusal(request.tag, _NO_SUITE, request.console_id).encode()
        if limit > packet.PRIVILEGE_ADMINISTRATOR:
            return handshake.Refusal(request.tag, _INVALID_ROLE, request.console_id).encode()
        if suite is crypto.SUITE_17 and self.bmc.faults.no_suite_17:
            return handshake.Refusal(request.tag, self.bmc.faults.no_suite_17, request.console_id).encode()
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
        """Return whether there is room for a session. Drops unfinished log-ins and idle sessions for it."""
        opening = [one for one in self._sessions.values() if one.keys is None]
        gone = [one for one in opening if one.console_id == console_id]  # repeated requests
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
        highest = _OPERATOR if self.bmc.faults.operator_only else session.limit
        if not 1 <= role <= min(session.limit, highest):
            return self._refuse(session, message.tag, _UNAUTHORIZED_ROLE)
        user = self.bmc.accounts.named(message.user)
        if user is None:
            self.bmc.accounts.failed(None, self.bmc.faults)
        if user is None or self.bmc.accounts.is_locked(user):
            return self._refuse(session, message.tag, _UNAUTHORIZED_NAME)
        opened_for, session.limit = session.limit, role
        session.privilege = min(role, packet.PRIVILEGE_USER)
        password = b"another password" if self.bmc.faults.wrong_password else user.password
        exchange = crypto.Exchange(
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
        session.exchange = exchange = quirks.exchange(self.bmc.faults, exchange, opened_for)
        code = exchange.rakp_2_code()
        return handshake.Rakp2(message.tag, session.console_id, exchange.bmc_random, self.guid, code).encode()

    def _rakp_3(self, payload: bytes) -> bytes | None:
        message = handshake.Rakp3.decode(payload)
        session = self._sessions.get(message.bmc_id)
        if session is None or session.exchange is None:
            return handshake.Refusal(message.tag, _INVALID_SESSION, 0).encode()
        user = self.bmc.accounts.named(session.exchange.user)
        if message.status:
            if session.keys is None:  # the console refused our RAKP message 2
                if message.status == _INVALID_INTEGRITY_CHECK:
                    self.bmc.accounts.failed(user, self.bmc.faults)
                self._refuse(session, message.tag, message.status)
            return None
        wanted = quirks.confirmed(self.bmc.faults, session.exchange).rakp_3_code()
        if not hmac.compare_digest(message.code, wanted):
            self.bmc.accounts.failed(user, self.bmc.faults)
            return self._refuse(session, message.tag, _INVALID_INTEGRITY_CHECK)
        session_key = session.exchange.session_key()
        if session.keys is None:
            session.keys = crypto.SessionKeys(session.suite, session_key)
            self.sessions_opened += 1
            self.bmc.accounts.succeeded(user)
            self.most_sessions = max(self.most_sessions, self.sessions)
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
        # A repeated request differs only in its session sequence number. It is not carried out twice.
        if message != session.request:
            netfn, number, command, data = _request(message)
            code, answer = self._carry_out(session, netfn, command, data)
            session.request = message
            silent = code == codes.SILENT
            session.answer = b"" if silent else packet.encode_response(netfn, number, command, code, answer)
            session.commands += 1
            session.exchange = None  # kept until now for a repeated RAKP message 3
            self.bmc.commands += 1
            if self._asking != self._client and (netfn, command) != packet.CLOSE_SESSION:
                self._client = self._asking
                self.clients.append((now, self._asking))
        if not session.answer:
            return None
        session.sequence = session.sequence % 0xFFFFFFFF + 1
        answer_id = 0 if self.bmc.faults.zero_ids else session.console_id
        sealed = quirks.message(self.bmc.faults, session.answer)
        return session.keys.seal(answer_id, session.sequence, sealed)

    def _forgets(self, session: Session, now: float) -> bool:
        commands, seconds = self.bmc.faults.forgets_after_commands, self.bmc.faults.forgets_after_seconds
        return (commands is not None and session.commands >= commands) or (
            seconds is not None and now - session.opened >= seconds
        )

    def _carry_out(self, session: Session, netfn: int, command: int, data: bytes) -> codes.Answer:
        self.bmc.asked_log = False
        if (netfn, command) == packet.SET_SESSION_PRIVILEGE_LEVEL:
            return _set_privilege(session, data, self.bmc.faults)
        if (netfn, command) == packet.CLOSE_SESSION:
            return self._close(data)
        if (answer := self._anonymous(netfn, command, data)) is not None:
            return answer
        faults, known = self.bmc.faults, self.bmc.accounts
        changes = known.changes
        answer = users.answer(netfn, command, data, session.privilege, known, faults)
        if known.changes != changes and accounts.ends_sessions(faults):
            self.forget_sessions()  # the answer is still sent in this session
        return answer or self.bmc.execute(netfn, command, data, session.privilege)

    def _close(self, data: bytes) -> codes.Answer:
        """Section 22.19. The answer is still sent in the closed session."""
        if len(data) != 4:
            return codes.WRONG_LENGTH, b""
        if self._sessions.pop(int.from_bytes(data, "little"), None) is None:
            return _NO_SUCH_SESSION, b""
        return codes.OK, b""

    def _outside(self, message: bytes) -> bytes:
        netfn, number, command, data = _request(message)
        code, answer = self._anonymous(netfn, command, data) or (codes.INSUFFICIENT_PRIVILEGE, b"")
        return packet.encode_response(netfn, number, command, code, answer)

    def _anonymous(self, netfn: int, command: int, data: bytes) -> codes.Answer | None:
        return anonymous.answer(netfn, command, data, guid=self.guid, two_keys=bool(self._settings.kg))


def _request(message: bytes) -> tuple[int, int, int, bytes]:
    """Parse a request.

    :raises podium.drivers.ipmi.lan.packet.Malformed: also for responses: BMCs must not answer each other
    """
    netfn, number, command, data = packet.decode_request(message)
    if netfn & 1:
        raise packet.Malformed("not a request")
    return netfn, number, command, data


def _set_privilege(session: Session, data: bytes, faults: Faults) -> codes.Answer:
    """Section 22.18. Level 0 asks for the present level."""
    if len(data) != 1:
        return codes.WRONG_LENGTH, b""
    level = data[0] & 0x0F
    if level == 1 or level > packet.PRIVILEGE_ADMINISTRATOR:
        return codes.INVALID_FIELD, b""
    if level > (_OPERATOR if faults.operator_session else session.limit):
        return _EXCEEDS_LIMIT, b""
    session.privilege = level or session.privilege
    return codes.OK, bytes((session.privilege,))
