"""Sends datagrams to BMCs and receives their answers: one UDP socket per address family for all of them.

The sockets are read with ``loop.add_reader`` rather than an ``asyncio.DatagramProtocol``, which takes one
datagram per turn of the loop: when thousands of BMCs answer at once, draining the socket is cheaper.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from random import random
from typing import Any, Final, Protocol

from oslo_log import log

from podium.drivers.bmc.connections import Shared
from podium.drivers.bmc.deadlines import Deadlines
from podium.drivers.bmc.fair_lock import FairLock
from podium.drivers.ipmi.lan import packet

LOG = log.getLogger(__name__)

UNLIMITED: Final = 1_000_000  # transmissions; the deadline comes first
#: Factor between the gaps of transmissions. With 0.5 s for the first gap, seven transmissions fit into 10 s;
#: if 5 % of datagrams are lost in either direction, all seven of one message are lost once in ten million.
_GROWTH: Final = 1.4
_DRAIN: Final = 128  # datagrams read in one turn, so that timers and other readers get theirs
_DRAINS: Final = 64  # turns' worth of datagrams processed at once before any BMC counts as silent
_LARGEST: Final = 1024  # bytes; IPMI messages are far smaller, and truncated ones do not decode
_RECEIVE_BUFFER: Final = 4 << 20  # bytes

_LATENCY_KEPT: Final = 3600.0  # seconds
_UNKNOWN: Final = (0.0, 0.0)

# Linux's numbers, which Python's socket module does not name. The count of datagrams that found the receive
# buffer full is SK_MEMINFO_DROPS, the ninth number that SO_MEMINFO gives (linux/sock_diag.h).
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("9I")


class NoAnswer(Exception):
    """No transmission was answered."""


def _nothing() -> Any:
    return None


def _no_time() -> float:
    return 0.0


class Step(Protocol):
    """One request and the check of its answer."""

    def encode(self) -> bytes:
        """Return the datagram of the next transmission."""

    def accept(self, datagram: bytes) -> Any:
        """Return what the datagram answers, or None if it answers something else.

        :raises podium.drivers.ipmi.lan.packet.Malformed: when it cannot be decoded
        """


class Endpoint(FairLock):
    """One BMC as the network sees it. A caller holds its turn while it asks.

    ``if endpoint.busy: await endpoint.turn(seconds)``, else ``endpoint.busy = True``; then :meth:`release`.
    """

    __slots__ = ("_address", "_answer", "_latency", "_network", "_sendto", "_step", "users")

    def __init__(self, network: "Network", sendto: Callable[[bytes, Any], int], address: Any) -> None:
        super().__init__()
        self.users = 0
        self._latency = _UNKNOWN  # and until when it counts
        self._network = network
        self._sendto = sendto
        self._address = address
        self._answer: asyncio.Future[Any] | None = None
        self._step: Step | None = None

    @property
    def latency(self) -> float:
        """Seconds that the BMC took for an answer when a session was last opened; 0 if not known."""
        latency, until = self._latency
        return latency if self._network.loop.time() < until else 0.0

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._latency = (seconds, self._network.loop.time() + _LATENCY_KEPT) if seconds else _UNKNOWN

    def send(self, datagram: bytes) -> None:
        """Send once, without expecting an answer.

        :raises OSError: when there is no route to the address
        """
        self._network.sent += 1
        try:
            self._sendto(datagram, self._address)
        except BlockingIOError:
            return  # a full send buffer loses the datagram, like the network

    def transmit(self, step: Step, now: float, gap: float, deadline: float) -> "asyncio.Future[Any]":
        """Send once; the future's result will be what ``step.accept`` returns for the answer.

        It is None if there is no answer after the gap, or at the deadline. Gaps vary a little, so that many
        BMCs that fell silent together are not asked together.

        :param now: by the loop's clock, as the deadline
        :param gap: seconds
        :raises OSError: when there is no route to the address
        """
        network = self._network
        self._step = step
        self._answer = answer = network.create_future()
        until = now + gap * (0.9 + 0.2 * random())
        network.deadlines.add(until if until < deadline else deadline, answer)
        network.sent += 1
        try:
            self._sendto(step.encode(), self._address)
        except BlockingIOError:
            return answer  # as in send
        return answer

    async def ask(
        self,
        step: Step,
        gap: float,
        deadline: float,
        transmissions: int = UNLIMITED,
        held: Callable[[], Any] = _nothing,
        slow: Callable[[], float] = _no_time,
    ) -> Any:
        """Send until answered; return what ``step.accept`` returned for the answer.

        :param gap: seconds from the first transmission to the next; further gaps grow
        :param deadline: in the loop's clock
        :param transmissions: the maximum number
        :param held: returns the answer that counts if a gap has ended without a better one
        :param slow: returns the minimum seconds of a gap, which may become known meanwhile
        :raises NoAnswer: after the deadline or the last transmission
        :raises OSError: when there is no route to the address
        """
        now = self._network.loop.time()
        if now >= deadline:
            raise NoAnswer
        accepted = await self.transmit(step, now, gap, deadline)
        if accepted is None:
            accepted = held() or await self._wait_on(step, now, slow(), deadline)
        if accepted is not None:
            return accepted
        return await self.repeat(step, gap, deadline, transmissions, held, slow)

    async def repeat(
        self,
        step: Step,
        gap: float,
        deadline: float,
        transmissions: int,
        held: Callable[[], Any] = _nothing,
        slow: Callable[[], float] = _no_time,
    ) -> Any:
        """Continue as :meth:`ask` after a first transmission that was not answered.

        :param gap: seconds between the first transmission and now
        :param transmissions: the maximum number, including the first one
        """
        network = self._network
        for _ in range(transmissions - 1):
            now = network.loop.time()
            if now >= deadline:
                break
            network.retransmissions += 1
            gap *= _GROWTH
            accepted = await self.transmit(step, now, gap, deadline)
            if accepted is None:
                accepted = held() or await self._wait_on(step, now, slow(), deadline)
            if accepted is not None:
                return accepted
        self._answer = self._step = None
        raise NoAnswer

    async def _wait_on(self, step: Step, sent: float, seconds: float, deadline: float) -> Any:
        """Wait for the answer of a slow BMC to the last transmission; None when there is none."""
        network = self._network
        until = min(sent + seconds, deadline)
        if network.loop.time() >= until:
            return None
        self._step = step
        self._answer = answer = network.create_future()
        network.deadlines.add(until, answer)
        return await answer

    def receive(self, datagram: bytes) -> bool:
        """Process a datagram from this address; return whether it was of use."""
        answer, step = self._answer, self._step
        if answer is None or step is None or answer.done():
            return False
        try:
            accepted = step.accept(datagram)
        except packet.Malformed:
            return False
        if accepted is None:
            return False
        self._answer = self._step = None
        answer.set_result(accepted)
        return True


class Network:
    """The sockets, and the endpoints in use; :meth:`close` closes the sockets."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.create_future = self.loop.create_future
        self.deadlines = Deadlines[asyncio.Future[Any]](
            _give_up, self.loop, is_over=asyncio.Future.done, before=self._drain_all
        )
        self._sockets: dict[int, socket.socket] = {}
        self._senders: dict[int, Callable[[bytes, Any], int]] = {}
        self._endpoints = Shared[Any, Endpoint]()
        #: Datagrams sent, and how many of them repeated a datagram that was not answered.
        self.sent = self.retransmissions = 0
        #: Datagrams that were of no use: late, repeated, damaged, or from strangers.
        self.dropped = 0

    async def resolve(self, host: str, port: int, seconds: float) -> tuple[int, Any]:
        """Return address family and socket address; only a name takes time.

        :raises OSError: when the name cannot be resolved
        :raises TimeoutError: when the name is not resolved in time
        """
        with contextlib.suppress(OSError):
            socket.inet_pton(socket.AF_INET, host)
            return socket.AF_INET, (host, port)
        with contextlib.suppress(OSError):
            numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=numeric)
            return found[0][0], found[0][4]
        async with asyncio.timeout(seconds):
            found = await self.loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        return found[0][0], found[0][4]

    def endpoint(self, family: int, address: Any) -> Endpoint:
        """Return the one endpoint with an address as returned by :meth:`resolve`, until it is given back.

        :raises OSError: when the system does not have the address family
        """
        return self._endpoints.take(address, lambda: Endpoint(self, self._sender(family), address))

    def give_back(self, endpoint: Endpoint) -> None:
        """Drop the endpoint with its last user."""
        self._endpoints.give_back(endpoint._address)

    @property
    def sockets(self) -> list[socket.socket]:
        """The open sockets."""
        return list(self._sockets.values())

    def statistics(self) -> dict[str, float]:
        """Return counts and sizes by name; receive_overflows is left out if the kernel does not report it."""
        sockets = self.sockets
        figures: dict[str, float] = {
            "datagrams_sent": self.sent,
            "retransmissions": self.retransmissions,
            "datagrams_dropped": self.dropped,
        }
        try:
            figures["receive_buffer"] = sum(_granted(sock) for sock in sockets)
            figures["receive_overflows"] = sum(_overflows(sock) for sock in sockets)
        except OSError:  # an old kernel, or a socket that is being closed
            return figures
        return figures

    def _sender(self, family: int) -> Callable[[bytes, Any], int]:
        """Return what sends a datagram; one for all endpoints, as a bound method for each costs memory."""
        if family not in self._senders:
            sock = self._sockets[family] = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            _enlarge(sock)
            self.loop.add_reader(sock, self._drain, sock)
            self._senders[family] = sock.sendto
        return self._senders[family]

    def _drain_all(self) -> None:
        for sock in self.sockets:
            for _ in range(_DRAINS):
                if not self._drain(sock):
                    break

    def _drain(self, sock: socket.socket) -> bool:
        """Process the datagrams that have arrived; return whether there may be more."""
        receive = sock.recvfrom
        for _ in range(_DRAIN):
            try:
                datagram, address = receive(_LARGEST)
            except BlockingIOError:
                return False
            except OSError:  # an ICMP error about a datagram sent before; the sender's timer handles it
                continue
            self.datagram_received(datagram, address)
        return True

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        """Pass a datagram to the endpoint it came from; never raises."""
        endpoint = self._endpoints.get(address)
        if endpoint is None or not endpoint.receive(datagram):
            self.dropped += 1

    def close(self) -> None:
        """Close the sockets; callers that still wait for an answer will not get one."""
        self.deadlines.close()
        for sock in self.sockets:
            self.loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()


def _give_up(answer: "asyncio.Future[Any]") -> None:
    answer.set_result(None)


def _granted(sock: socket.socket) -> int:
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel doubles it, socket(7)


def _overflows(sock: socket.socket) -> int:
    found = sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(found)[8])


def _enlarge(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except OSError:  # requires CAP_NET_ADMIN
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    granted = _granted(sock)
    if granted < _RECEIVE_BUFFER:
        LOG.info(
            "The receive buffer for BMCs' answers is %d bytes rather than %d; if receive_overflows grows, "
            "raise sysctl net.core.rmem_max",
            granted,
            _RECEIVE_BUFFER,
        )
