"""Opens a session: Open Session and RAKP messages 1 to 4, also with BMCs that do not follow the rules.

Nothing in these answers is authenticated except the codes in RAKP messages 2 and 4, so answers are judged by
their content. A right code, or the session id that was drawn for this exchange, comes from the BMC: it counts
at once, whatever the tag is. What anybody could have sent, above all a refusal whose tag and session id are
0, is held: it counts if the BMC has sent nothing better when the gap to the next transmission is over.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import asyncio
import hmac
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from oslo_log import log

from podium import errors
from podium.drivers.ipmi.lan import crypto, handshake, packet, refusals, transport
from podium.drivers.ipmi.lan.refusals import Manner, Refused
from podium.drivers.ipmi.lan.session import Session, Target

LOG = log.getLogger(__name__)

# Statuses of ours in RAKP message 3, table 13-15.
_INVALID_ALGORITHM: Final = 0x04
_INVALID_INTEGRITY_CHECK: Final = 0x0F
#: Bytes at the end of a code, which are all the same by chance in one of 2 ** 56 codes.
_TAIL: Final = 8
_SHORT_PASSWORD: Final = 16  # bytes, the longest one of IPMI 1.5
_SLACK: Final = 1.5  # the next answer may take this many times as long as the last one


async def open_session(
    endpoint: transport.Endpoint,
    target: Target,
    manner: Manner,
    gap: float,
    deadline: float,
    *,
    spare: bool = False,
) -> tuple[Session, Manner]:
    """Open a session, also in other manners if these may explain the BMC's refusal.

    It also returns the manner in which the session was opened.

    :param gap: seconds from the first transmission of each message to the next
    :param deadline: in the loop's clock
    :param spare: whether to avoid attempts that the BMC counts against the user
    :raises podium.errors.AuthenticationRefused: wrong user, password, key or privilege level
    :raises podium.drivers.ipmi.lan.session.SuiteRefused: the BMC has no cipher suite that may be used
    :raises podium.drivers.ipmi.lan.refusals.CutOff: the deadline came before all manners were tried
    :raises podium.errors.DriverError: the BMC has no free session, or refuses for another reason
    :raises podium.drivers.ipmi.lan.transport.NoAnswer: after the deadline
    """
    known = [manner]
    failures: list[errors.DriverError] = []
    for manner in known:
        attempt = _SetUp(endpoint, target, manner, gap, deadline)
        try:
            session = await attempt.run()
        except Refused as refused:
            failures.append(refused.error)
            # Otherwise a slow BMC's further refusals of this manner would be attributed to the next one.
            gap = max(gap, attempt.waited)
            if not (refused.costly and spare):
                # Only the same manner is worth a second attempt, because a BMC may forget a set-up halfway.
                known += (one for one in refused.others if known.count(one) < 1 + (one == manner))
        except transport.NoAnswer:
            if not failures:
                raise
            raise refusals.CutOff(refusals.verdict(target, failures), manner) from None
        else:
            if failures:
                LOG.debug("%s; a session was opened in another way", failures[0])
            return session, manner
    raise refusals.verdict(target, failures)


class _Step:
    """One message of the set-up and its answer.

    Each transmission up to RAKP message 1 has its own tag, and answers to earlier ones do not count: a BMC
    that creates a new session id or random number for each would be held to a value that it has replaced.

    :param bmc_id: the BMC's session id; 0 if not known yet
    :param understand: returns the result of an answer, and whether it proves that the BMC sent it
    """

    def __init__(
        self,
        console_id: int,
        bmc_id: int,
        request: int,
        build: Callable[[int], bytes],
        understand: Callable[[Any], tuple[Any, bool]],
        clock: Callable[[], float],
    ) -> None:
        self._console_id = console_id
        self._bmc_id = bmc_id
        self._request = request
        self._build = build
        self._understand = understand
        self._clock = clock
        self._sent: list[float] = []  # times, by the index of the tag
        self.tags: list[int] = []
        self.latency = 0.0  #: seconds between a transmission and its answer; 0 while there is none
        self.held: Any = None  #: the best of what anybody may have sent

    def encode(self) -> bytes:
        if self._request != packet.RAKP_3 or not self.tags:
            self.tags.append((self._console_id + len(self.tags)) % 0xFF + 1)  # random, and never 0
            self._sent.append(self._clock())
        return packet.wrap_plain(self._request, self._build(self.tags[-1]))

    def accept(self, datagram: bytes) -> Any:
        payload_type, payload = packet.unwrap_answer(datagram)
        if payload_type != self._request + 1:
            return None
        answer = handshake.decode_answer(payload_type, payload)
        ours, refusal = answer.console_id == self._console_id, isinstance(answer, handshake.Refusal)
        if ours and answer.tag in self.tags:
            self.latency = self._clock() - self._sent[self.tags.index(answer.tag)]
        if answer.tag in self.tags[:-1] and not refusal:
            return None
        found, proven = (answer, False) if refusal else self._understand(answer)
        if proven or (ours and answer.tag == self.tags[-1]):
            return found
        if ours or (answer.console_id in (0, self._bmc_id) and answer.tag in (0, *self.tags)):
            refused = isinstance(self.held, handshake.Refusal)
            self.held = found if self.held is None or (refused and not refusal) else self.held
        return None


class _SetUp:
    """What is known while a session is opened in one manner."""

    def __init__(
        self, endpoint: transport.Endpoint, target: Target, manner: Manner, gap: float, deadline: float
    ) -> None:
        self._endpoint = endpoint
        self._target = target
        self._manner = manner
        self._suite = manner.suite
        self._gap = gap
        self._deadline = deadline
        self._console_id = int.from_bytes(os.urandom(4), "little") or 1
        self._bmc_id = 0
        self._ambiguous = False
        self.waited = 0.0  #: seconds, for the last answer

    async def run(self) -> Session:
        """:raises Refused: when the BMC opens no session in this manner"""
        await self._open()
        exchange = await self._exchange_randoms()
        try:
            session_key = await self._confirm(exchange)
        except (asyncio.CancelledError, transport.NoAnswer):
            # The BMC may have opened it nevertheless, and has few.
            self._session(exchange.session_key()).abandon()
            raise
        return self._session(session_key)

    def _session(self, session_key: bytes) -> Session:
        keys = crypto.SessionKeys(self._suite, session_key)
        return Session(self._endpoint, keys, self._console_id, self._bmc_id, self._manner.privilege)

    async def _open(self) -> None:
        """Open Session Request."""
        privilege, wanted = self._manner.privilege, self._suite.algorithms

        def build(tag: int) -> bytes:
            return handshake.OpenSessionRequest(tag, privilege, self._console_id, wanted).encode()

        def understand(answer: handshake.OpenSessionResponse) -> tuple[Any, bool]:
            return answer, answer.console_id == self._console_id

        answer = await self._ask(packet.OPEN_SESSION_REQUEST, build, understand)
        if answer.algorithms != wanted:
            raise refusals.without_suite(self._target, self._manner, "it answers with another one")
        self._bmc_id = answer.bmc_id

    async def _exchange_randoms(self) -> crypto.Exchange:
        """RAKP messages 1 and 2; returns the exchange as the BMC understands it."""
        target, bmc_id = self._target, self._bmc_id
        console_random = os.urandom(16)
        role = packet.NAME_ONLY_LOOKUP | self._manner.privilege

        def build(tag: int) -> bytes:
            return handshake.Rakp1(tag, bmc_id, console_random, role, target.user).encode()

        def understand(answer: handshake.Rakp2) -> tuple[Any, bool]:
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
            known = next(
                (one for one in _readings(exchange) if _begins(answer.code, one.rakp_2_code())), None
            )
            return known or answer, known is not None

        found = await self._ask(packet.RAKP_1, build, understand)
        if isinstance(found, crypto.Exchange):
            return found
        impossible = _is_impossible(found.code, self._suite.hash().digest_size)
        # The BMC need not keep the slot until its own timeout.
        status = _INVALID_ALGORITHM if impossible else _INVALID_INTEGRITY_CHECK
        refusal = handshake.Rakp3(0, status, bmc_id, b"").encode()
        self._endpoint.send(packet.wrap_plain(packet.RAKP_3, refusal))
        if impossible:
            raise refusals.without_suite(
                self._target, self._manner, "the code in its RAKP message 2 is of no password"
            )
        raise Refused(errors.AuthenticationRefused(f"BMC {target} has another password; check ipmi_password"))

    async def _confirm(self, exchange: crypto.Exchange) -> bytes:
        """RAKP messages 3 and 4; returns the session key."""
        asked = exchange
        if self._manner.flips_lookup:
            asked = replace(exchange, role=exchange.role ^ packet.NAME_ONLY_LOOKUP)
        code = asked.rakp_3_code()

        def build(tag: int) -> bytes:
            return handshake.Rakp3(tag, handshake.STATUS_OK, exchange.bmc_id, code).encode()

        def understand(answer: handshake.Rakp4) -> tuple[Any, bool]:
            for one in _readings(exchange):
                session_key = one.session_key()
                if _begins(answer.code, one.rakp_4_code(session_key)):
                    return session_key, True
            return answer, False

        found = await self._ask(packet.RAKP_3, build, understand)
        if isinstance(found, bytes):
            return found
        if _is_impossible(found.code, self._suite.code_size):
            raise refusals.without_suite(
                self._target, self._manner, "the code in its RAKP message 4 is of no key"
            )
        raise Refused(
            errors.AuthenticationRefused(f"BMC {self._target} has another key Kg; check ipmi_hex_kg_key")
        )

    async def _ask(
        self,
        request: int,
        build: Callable[[int], bytes],
        understand: Callable[[Any], tuple[Any, bool]],
    ) -> Any:
        endpoint, clock = self._endpoint, asyncio.get_running_loop().time
        step = _Step(self._console_id, self._bmc_id, request, build, understand, clock)
        begun, learned = clock(), endpoint.latency
        gap = max(self._gap, _SLACK * learned)

        def slow() -> float:
            return _SLACK * step.latency

        # A BMC slower than the gap would be asked again before it answers, again and again, and would begin
        # another session each time: the result of one login is the starting point of the next.
        try:
            answer = await endpoint.ask(step, gap, self._deadline, held=lambda: step.held, slow=slow)
            self.waited = clock() - begun
            if answer is not step.held:
                step.latency = step.latency or self.waited
        finally:
            endpoint.latency = max(step.latency, 0.0 if request == packet.OPEN_SESSION_REQUEST else learned)
        if isinstance(answer, handshake.Refusal):
            raise refusals.by_status(
                self._target, self._manner, request, answer.status, ambiguous=self._ambiguous
            )
        self._ambiguous |= request == packet.RAKP_1 and len(step.tags) > 1
        return answer


def _readings(exchange: crypto.Exchange) -> Iterator[crypto.Exchange]:
    """Yield how BMCs understand an exchange, the specification's reading first.

    Some take the privilege level of the Open Session Request for byte 25 of RAKP message 1, or drop its
    lookup bit (FreeIPMI's workaround opensesspriv, ipmitool's i82571spt). Some keep only 16 bytes of a
    password, as IPMI 1.5 does, and ipmitool sets no more by default.
    """
    roles = exchange.role, exchange.role ^ packet.NAME_ONLY_LOOKUP
    keys = dict.fromkeys((exchange.user_key, exchange.user_key[:_SHORT_PASSWORD]))
    for key, role in itertools.product(keys, roles):
        yield replace(exchange, role=role, user_key=key)


def _begins(code: bytes, wanted: bytes) -> bool:
    """Whether a code is right; some BMCs send a byte too many (FreeIPMI's supermicro20 and sun20)."""
    return hmac.compare_digest(code[: len(wanted)], wanted)


def _is_impossible(code: bytes, size: int) -> bool:
    """Whether a code is no HMAC at all: cut short, or zeros, as some BMCs send in suite 17 (xCAT 7512)."""
    return len(code) < size or len(set(code[:size][-_TAIL:])) == 1
