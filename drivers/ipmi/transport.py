"""How datagrams reach BMCs and their answers come back: one UDP socket per address family for all of them.

The sockets are read with ``loop.add_reader`` rather than an ``asyncio.DatagramProtocol``, which takes one
datagram per turn of the loop: when thousands of BMCs answer at once, draining the socket is cheaper.
"""

import asyncio
import random
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary

from podium.drivers.ipmi import packet

_DRAIN: Final = 64  # datagrams read in one turn, so that timers and other readers get theirs
_LARGEST: Final = 1024  # bytes; IPMI messages are far smaller, and what is cut off does not decode
_RECEIVE_BUFFER: Final = 4 << 20  # bytes; the kernel grants what net.core.rmem_max allows


class NoAnswer(Exception):
    """All transmissions were met by silence."""


class Step(Protocol):
    """One request and what counts as its answer."""

    def encode(self) -> bytes:
        """The datagram of the next transmission."""

    def accept(self, datagram: bytes) -> Any:
        """What the datagram answers, or None when it answers something else.

        :raises podium.drivers.ipmi.packet.Malformed: when it cannot be decoded
        """


def gaps(first: float, deadline: float, now: Callable[[], float]) -> Iterator[float]:
    """Seconds to wait after each transmission: doubling, a little uneven, none past the deadline."""
    gap = first
    while (left := deadline - now()) > 0:
        yield min(left, gap * random.uniform(0.9, 1.1))
        gap *= 2


class Endpoint:
    """One BMC as the network sees it. Whoever asks it something holds its lock meanwhile."""

    __slots__ = ("__weakref__", "_accept", "_address", "_answer", "_sendto", "lock")

    def __init__(self, sock: socket.socket, address: Any) -> None:
        self.lock = asyncio.Lock()
        self._sendto = sock.sendto
        self._address = address
        self._answer: asyncio.Future[Any] | None = None
        self._accept: Callable[[bytes], Any] | None = None

    def send(self, datagram: bytes) -> None:
        """Send once.

        :raises OSError: when there is no way to the address
        """
        try:
            self._sendto(datagram, self._address)
        except BlockingIOError:
            return  # a full send buffer is one more way to lose a datagram, and is dealt with like the others

    async def ask(self, step: Step, waits: Iterable[float]) -> Any:
        """Send until answered; returns what ``step.accept`` made of the answer.

        :param waits: seconds to wait after each transmission
        :raises NoAnswer: after the last wait
        :raises OSError: when there is no way to the address
        """
        loop = asyncio.get_running_loop()
        self._accept = step.accept
        try:
            for wait in waits:
                self._answer = answer = loop.create_future()
                self.send(step.encode())
                timer = loop.call_later(wait, _give_up, answer)
                try:
                    accepted = await answer
                finally:
                    timer.cancel()
                if accepted is not None:
                    return accepted
        finally:
            self._answer = self._accept = None
        raise NoAnswer

    def receive(self, datagram: bytes) -> bool:
        """Take in a datagram from this address; returns whether it was of use."""
        if self._accept is None or self._answer is None or self._answer.done():
            return False
        try:
            accepted = self._accept(datagram)
        except packet.Malformed:
            return False
        if accepted is None:
            return False
        self._answer.set_result(accepted)
        return True


def _give_up(answer: "asyncio.Future[Any]") -> None:
    if not answer.done():
        answer.set_result(None)


class Network:
    """The sockets, and the endpoints that somebody holds; :meth:`close` closes the sockets."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._endpoints: WeakValueDictionary[Any, Endpoint] = WeakValueDictionary()
        #: Datagrams that were of no use: late, repeated, damaged, or from strangers.
        self.dropped = 0

    def endpoint(self, family: int, address: Any) -> Endpoint:
        """The one endpoint with that address, as getaddrinfo gives it.

        :raises OSError: when the system does not have the address family
        """
        found = self._endpoints.get(address)
        if found is None:
            found = self._endpoints[address] = Endpoint(self._socket(family), address)
        return found

    def _socket(self, family: int) -> socket.socket:
        sock = self._sockets.get(family)
        if sock is None:
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            asyncio.get_running_loop().add_reader(sock, self._drain, sock)
            self._sockets[family] = sock
        return sock

    def _drain(self, sock: socket.socket) -> None:
        receive = sock.recvfrom
        for _ in range(_DRAIN):
            try:
                datagram, address = receive(_LARGEST)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error about some datagram sent before; the sender's timer knows better
                continue
            self.datagram_received(datagram, address)

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        """Hand a datagram to the endpoint it came from; whatever it is, nothing raises."""
        endpoint = self._endpoints.get(address)
        if endpoint is None or not endpoint.receive(datagram):
            self.dropped += 1

    def close(self) -> None:
        """Close the sockets; whoever still waits for an answer will not get one."""
        loop = asyncio.get_running_loop()
        for sock in self._sockets.values():
            loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()
