"""How datagrams reach BMCs and their answers come back: one UDP socket per address family for all of them.

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
#: Of the gaps between transmissions. With 0.5 s for the first, seven fit into 10 s; where 5 % of datagrams
#: are lost in either direction, all seven of one message are lost once in ten million.
_GROWTH: Final = 1.4
_DRAIN: Final = 128  # datagrams read in one turn, so that timers and other readers get theirs
_DRAINS: Final = 64  # turns' worth of datagrams taken in at once before any BMC counts as silent
_LARGEST: Final = 1024  # bytes; IPMI messages are far smaller, and what is cut off does not decode
_RECEIVE_BUFFER: Final = 4 << 20  # bytes

_LATENCY_KEPT: Final = 3600.0  # seconds
_UNKNOWN: Final = (0.0, 0.0)

# Linux's numbers, which Python's socket module does not name. The count of datagrams that found the receive
# buffer full is SK_MEMINFO_DROPS, the ninth number that SO_MEMINFO gives (linux/sock_diag.h).
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO: Final = struct.Struct("9I")


class NoAnswer(Exception):
    """All transmissions were met by silence."""


def _nothing() -> Any:
    return None


def _no_time() -> float:
    return 0.0


class Step(Protocol):
    """One request and what counts as its answer."""

    def encode(self) -> bytes:
        """The datagram of the next transmission."""

    def accept(self, datagram: bytes) -> Any:
        """What the datagram answers, or None when it answers something else.

        :raises podium.drivers.ipmi.lan.packet.Malformed: when it cannot be decoded
        """


class Endpoint(FairLock):
    """One BMC as the network sees it. Whoever asks it something has its turn meanwhile.

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
        """Seconds that the BMC took for an answer when a session was opened last; 0 when not known."""
        latency, until = self._latency
        return latency if self._network.loop.time() < until else 0.0

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._latency = (seconds, self._network.loop.time() + _LATENCY_KEPT) if seconds else _UNKNOWN

    def send(self, datagram: bytes) -> None:
        """Send once, and expect no answer.

        :raises OSError: when there is no way to the address
        """
        self._network.sent += 1
        try:
            self._sendto(datagram, self._address)
        except BlockingIOError:
            return  # a full send buffer is one more way to lose a datagram, and is dealt with like the others

    def transmit(self, step: Step, now: float, gap: float, deadline: float) -> "asyncio.Future[Any]":
        """Send once; the future's result will be what ``step.accept`` makes of the answer.

        It is None when there is no answer after the gap, or at the deadline. Gaps are a little uneven, lest
        many BMCs that fell silent together are asked together.

        :param now: by the loop's clock, as the deadline
        :param gap: seconds
        :raises OSError: when there is no way to the address
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
        """Send until answered; returns what ``step.accept`` made of the answer.

        :param gap: seconds from the first transmission to the next; further gaps grow
        :param deadline: by the loop's clock
        :param transmissions: how many at most
        :param held: returns what counts as the answer if a gap has ended without a better one
        :param slow: returns the seconds that a gap lasts at least, which may become known meanwhile
        :raises NoAnswer: after the deadline or the last transmission
        :raises OSError: when there is no way to the address
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
        """Go on as :meth:`ask` after a first transmission that met silence.

        :param gap: seconds that there were from the first transmission to now
        :param transmissions: how many at most, the first one included
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
        """Take in a datagram from this address; returns whether it was of use."""
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
    """The sockets, and the endpoints that somebody holds; :meth:`close` closes the sockets."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.create_future = self.loop.create_future
        self.deadlines = Deadlines[asyncio.Future[Any]](
            _give_up, self.loop, is_over=asyncio.Future.done, before=self._drain_all
        )
        self._sockets: dict[int, socket.socket] = {}
        self._senders: dict[int, Callable[[bytes, Any], int]] = {}
        self._endpoints = Shared[Any, Endpoint]()
        #: Datagrams sent, and those among them that repeat one that was not answered.
        self.sent = self.retransmissions = 0
        #: Datagrams that were of no use: late, repeated, damaged, or from strangers.
        self.dropped = 0

    async def resolve(self, host: str, port: int, seconds: float) -> tuple[int, Any]:
        """Address family and socket address; only a name needs waiting.

        :raises OSError: when the name leads nowhere
        :raises TimeoutError: when it is not known where in time
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
        """The one endpoint with an address as :meth:`resolve` returns it, until it is given back.

        :raises OSError: when the system does not have the address family
        """
        return self._endpoints.take(address, lambda: Endpoint(self, self._sender(family), address))

    def give_back(self, endpoint: Endpoint) -> None:
        """Drop the endpoint with its last user."""
        self._endpoints.give_back(endpoint._address)

    @property
    def sockets(self) -> list[socket.socket]:
        """The open ones."""
        return list(self._sockets.values())

    def statistics(self) -> dict[str, float]:
        """Counts and sizes by name; receive_overflows is left out where the kernel does not report it."""
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
        """What sends a datagram to an address; one for all, as a bound method for each takes its memory."""
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
        """Take in what has come; returns whether there may be more."""
        receive = sock.recvfrom
        for _ in range(_DRAIN):
            try:
                datagram, address = receive(_LARGEST)
            except BlockingIOError:
                return False
            except OSError:  # an ICMP error about some datagram sent before; the sender's timer knows better
                continue
            self.datagram_received(datagram, address)
        return True

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        """Hand a datagram to the endpoint it came from; whatever it is, nothing raises."""
        endpoint = self._endpoints.get(address)
        if endpoint is None or not endpoint.receive(datagram):
            self.dropped += 1

    def close(self) -> None:
        """Close the sockets; whoever still waits for an answer will not get one."""
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
    except OSError:  # that takes CAP_NET_ADMIN
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    granted = _granted(sock)
    if granted < _RECEIVE_BUFFER:
        LOG.info(
            "The receive buffer for BMCs' answers is %d bytes rather than %d; if receive_overflows grows, "
            "raise sysctl net.core.rmem_max",
            granted,
            _RECEIVE_BUFFER,
        )
