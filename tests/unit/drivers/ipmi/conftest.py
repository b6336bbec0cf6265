"""A BMC on loopback that does what the test wants, built on the codec that the client uses."""

import asyncio
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pytest

from peers import PATIENCE
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.ipmi.lan import crypto, handshake, packet


class FakeBMC(asyncio.DatagramProtocol):
    """One BMC in the test's own event loop: ``async with FakeBMC() as bmc`` serves ``bmc.port``."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.user, self.password, self.kg = b"podium", b"secret", b""
        self.suites = [crypto.SUITE_3, crypto.SUITE_17]
        self.most_sessions = 4
        self.status = bytes((0x01, 0, 0))
        self.self_test = bytes((0x55, 0))
        self.codes: dict[tuple[int, int], int] = {}  # completion codes other than 00h, by command
        #: What other commands are answered with, completion code and data, by their data.
        self.answers: dict[tuple[int, int], Callable[[bytes], tuple[int, bytes]]] = {}
        self.busy = 0  # so many of the next Chassis Controls meet "node busy"
        self.status_level = packet.PRIVILEGE_USER  # that Get Chassis Status needs
        self.lose_requests = 0  # so many of the next datagrams are not even looked at
        self.lose_answers = 0  # so many of the next answers are not sent
        self.hold: asyncio.Event | None = None  # answers wait for it
        self.delay = 0.0  # seconds by which answers are late
        self.highest = packet.PRIVILEGE_ADMINISTRATOR  # of the user
        #: Makes another payload of an answer that opens a session, by its type.
        self.bend: Callable[[int, bytes], bytes] = lambda kind, payload: payload
        #: Makes another exchange of one: what the BMC computes its codes from.
        self.misread: Callable[[crypto.Exchange], crypto.Exchange] = lambda exchange: exchange
        self.arrived = asyncio.Event()  # set by every datagram
        self.datagrams: list[bytes] = []
        self.sent: list[bytes] = []
        self.opened = 0
        self.executed: list[tuple[tuple[int, int], bytes]] = []
        self.requests: list[tuple[int, int]] = []  # (rqSeq, session sequence number) of what came in sessions
        self.under_way = self.most_under_way = 0
        self.sessions: dict[int, dict[str, Any]] = {}

    async def __aenter__(self) -> "FakeBMC":
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, 0))
        self.port = self.transport.get_extra_info("sockname")[1]
        self._tasks: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.transport.close()
        await asyncio.sleep(0)

    def forget_sessions(self) -> None:
        self.sessions.clear()

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        self.datagrams.append(datagram)
        self.arrived.set()
        if self.lose_requests:
            self.lose_requests -= 1
            return
        answer = self._answer(datagram)
        if answer is None:
            return
        if self.lose_answers:
            self.lose_answers -= 1
            return
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        task = asyncio.ensure_future(self._send(answer, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, answer: bytes, address: Any) -> None:
        if self.hold is not None:
            await self.hold.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        self.under_way -= 1
        self.sent.append(answer)
        self.transport.sendto(answer, address)

    def _answer(self, datagram: bytes) -> bytes | None:
        session_id = packet.unpack_header(datagram)[1]
        if session_id:
            session = self.sessions.get(session_id)
            return self._in_session(session, datagram) if session and "keys" in session else None
        kind, payload = packet.unwrap_plain(datagram)
        step = {
            packet.OPEN_SESSION_REQUEST: self._open,
            packet.RAKP_1: self._rakp_1,
            packet.RAKP_3: self._rakp_3,
        }[kind]
        answer = step(payload)
        if answer is None:
            return None
        return packet.wrap_plain(kind + 1, self.bend(kind + 1, answer.encode()))

    def _open(self, payload: bytes) -> handshake.OpenSessionResponse | handshake.Refusal:
        asked = handshake.OpenSessionRequest.decode(payload)
        suite = next((suite for suite in self.suites if suite.algorithms == asked.algorithms), None)
        if suite is None:
            return handshake.Refusal(asked.tag, 0x11, asked.console_id)
        if len(self.sessions) >= self.most_sessions:
            return handshake.Refusal(asked.tag, 0x01, asked.console_id)
        self.opened += 1
        bmc_id = 0x1000 + self.opened
        self.sessions[bmc_id] = {"console_id": asked.console_id, "suite": suite}
        return handshake.OpenSessionResponse(
            asked.tag, asked.privilege, asked.console_id, bmc_id, asked.algorithms
        )

    def _rakp_1(self, payload: bytes) -> handshake.Rakp2 | handshake.Refusal | None:
        asked = handshake.Rakp1.decode(payload)
        session = self.sessions.get(asked.bmc_id)
        if session is None:
            return None
        if asked.user != self.user:
            return handshake.Refusal(asked.tag, 0x0D, session["console_id"])
        if asked.role & 0x0F > self.highest:
            return handshake.Refusal(asked.tag, 0x0A, session["console_id"])
        exchange = crypto.Exchange(
            suite=session["suite"],
            console_id=session["console_id"],
            bmc_id=asked.bmc_id,
            console_random=asked.console_random,
            bmc_random=os.urandom(16),
            guid=b"G" * 16,
            role=asked.role,
            user=self.user,
            user_key=self.password,
            bmc_key=self.kg,
        )
        session["exchange"] = exchange = self.misread(exchange)
        code = exchange.rakp_2_code()
        return handshake.Rakp2(asked.tag, exchange.console_id, exchange.bmc_random, exchange.guid, code)

    def _rakp_3(self, payload: bytes) -> handshake.Rakp4 | handshake.Refusal | None:
        asked = handshake.Rakp3.decode(payload)
        session = self.sessions.get(asked.bmc_id)
        if session is None:
            return None
        exchange = session["exchange"]
        if asked.status:
            del self.sessions[asked.bmc_id]
            return None
        if asked.code != exchange.rakp_3_code():
            return handshake.Refusal(asked.tag, 0x0F, exchange.console_id)
        session["keys"] = crypto.SessionKeys(exchange.suite, exchange.session_key())
        session["sequence"] = 0
        session["level"] = packet.PRIVILEGE_USER
        session["last"] = None
        return handshake.Rakp4(asked.tag, exchange.console_id, exchange.rakp_4_code(exchange.session_key()))

    def _in_session(self, session: dict[str, Any], datagram: bytes) -> bytes:
        keys: crypto.SessionKeys = session["keys"]
        sequence, message = keys.open(datagram)
        netfn, rq, number, data = packet.decode_request(message)
        command = (netfn, number)
        self.requests.append((rq, sequence))
        if session["last"] is None or session["last"][:2] != (rq, command):
            code = self.codes.get(command, 0)
            if command == packet.GET_CHASSIS_STATUS and session["level"] < self.status_level:
                code = 0xD4
            if command == packet.SET_SESSION_PRIVILEGE_LEVEL and data[0] > self.highest:
                code = 0x81
            if command == packet.CHASSIS_CONTROL and self.busy:
                self.busy -= 1
                code = 0xC0
            result = b""
            if not code and command in self.answers:
                self.executed.append((command, data))
                code, result = self.answers[command](data)
            elif not code:
                result = self._execute(session, command, data)
            session["last"] = (rq, command, code, result)
        code, result = session["last"][2:]
        session["sequence"] += 1
        response = packet.encode_response(netfn, rq, number, code, result)
        return keys.seal(session["console_id"], session["sequence"], response)

    def _execute(self, session: dict[str, Any], command: tuple[int, int], data: bytes) -> bytes:
        self.executed.append((command, data))
        if command == packet.GET_CHASSIS_STATUS:
            return self.status
        if command == packet.GET_SELF_TEST_RESULTS:
            return self.self_test
        if command == packet.SET_SESSION_PRIVILEGE_LEVEL:
            session["level"] = data[0]
            return data
        if command == packet.CLOSE_SESSION:
            del self.sessions[int.from_bytes(data, "little")]
        return b""


@pytest.fixture(autouse=True)
def _nobody_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time after which a task lets others use a BMC is real, and a busy machine may take long."""
    monkeypatch.setattr(IPMIDriver, "inquiry_seconds", PATIENCE)


@pytest.fixture
def fake_bmc() -> type[FakeBMC]:
    return FakeBMC
