"""All simulated IPMI BMCs behind one UDP socket: a hundred thousand need one process and one descriptor."""

import asyncio
import ipaddress
import random
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Self

from podium.drivers.ipmi.lan.packet import Malformed
from podium.simulator import faults, nodes, ports
from podium.simulator.bmc import BMC, Settings
from podium.simulator.ipmi import events
from podium.simulator.rack import Rack
from podium.simulator.session import LanChannel

# Linux's numbers; Python's socket module does not define them.
_IP_PKTINFO: Final = 8
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33

_BUFFER: Final = 32 << 20
_DATAGRAM: Final = 1024
_PKTINFO_SPACE: Final = socket.CMSG_SPACE(12)
#: Datagrams processed in one wake-up, so that timers and the control socket run under load.
_BURST: Final = 128
_LATE_LIMIT: Final = 100_000

_Ancillary = list[tuple[int, int, bytes]]


@dataclass(slots=True)
class Counters:
    """Counts of datagrams so far.

    :param received: datagrams that arrived at a served address
    :param answered: datagrams sent
    :param dropped: datagrams lost on purpose, in either direction
    :param malformed: datagrams that a BMC does not understand, or that fit none of its sessions' keys
    :param unsent: answers that the system refused to send
    """

    received: int = 0
    answered: int = 0
    dropped: int = 0
    malformed: int = 0
    unsent: int = 0


class Simulator(Rack):
    """BMCs at consecutive addresses: ``async with Simulator(address_range("127.20.0.1", 48)) as sim``.

    It serves while the event loop runs. Everything else may also be called from other threads.

    :param addresses: from :func:`podium.simulator.nodes.address_range`
    :param port: the UDP port of all BMCs; 0 for a free one, see :attr:`port`
    :param placed: faults from the start, each ``KIND[=VALUE]:WHERE``
    :raises podium.errors.ConfigError: for a fault that is not understood; on entry, for a port in use
    """

    protocol: ClassVar[str] = faults.IPMI

    def __init__(
        self, addresses: range, port: int = 0, *, settings: Settings | None = None, placed: Iterable[str] = ()
    ) -> None:
        super().__init__(addresses)
        self.port = port
        self.settings = settings or Settings()
        self.counters = Counters()
        self._random = random.Random(self.settings.seed)
        self._channels: dict[int, LanChannel] = {}
        self._late: set[asyncio.TimerHandle] = set()
        self.place(placed)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._socket = _open_socket(self.port, nodes.is_loopback(self.addresses))
        self.port = self._socket.getsockname()[1]
        self._loop.add_reader(self._socket, self._drain)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._loop.remove_reader(self._socket)
        for timer in self._late:
            timer.cancel()
        self._socket.close()

    def bmc(self, address: str) -> BMC:
        """Return the BMC at an address.

        :raises KeyError: if there is none
        """
        return self.channel(address).bmc

    def channel(self, address: str) -> LanChannel:
        """Return the sessions of the BMC at an address.

        :raises KeyError: if there is none
        """
        return self._channel(int(ipaddress.IPv4Address(address)))

    def at(self, address: int) -> BMC:
        """Return the BMC at an address.

        :raises KeyError: if there is none
        """
        return self._channel(address).bmc

    def account(self, address: int) -> Mapping[str, Any]:
        """Return the log of one BMC, its sessions, and the changes of the client that commands it."""
        channel = self._channel(address)
        return {
            **super().account(address),
            "carried_out": channel.bmc.carried_out,
            "sessions": channel.sessions,
            "most_sessions": channel.most_sessions,
            "clients": [[at, f"{host}:{port}"] for at, (host, port) in list(channel.clients)],
        }

    def state(self, address: int) -> Mapping[str, Any]:
        """Return the state of one BMC, and its machine's last boot device."""
        return self._channel(address).bmc.report()

    def log_event(self, address: int, event: Mapping[str, Any], count: int) -> None:
        """Add entries to the event log of one BMC, as :mod:`podium.simulator.ipmi.events` reads them.

        :raises podium.errors.ConfigError: if there is no such event
        """
        bmc = self._channel(address).bmc
        record, dated = events.record(event, on=bmc.power_on, faults=bmc.faults)
        for _ in range(count):
            bmc.events.add(record, bmc.faults, dated=dated)

    def counts(self) -> dict[str, int]:
        """Return counts of BMCs, machines that are on, faulty BMCs, sessions, commands and datagrams."""
        channels = list(self._channels.values())
        return {
            "bmcs": len(self.addresses),
            "powered_on": sum(channel.bmc.power_on for channel in channels),
            "faulty": sum(channel.bmc.faults is not faults.HEALTHY for channel in channels),
            "sessions": sum(channel.sessions for channel in channels),
            "logins_refused": sum(channel.logins_refused for channel in channels),
            "commands": sum(channel.bmc.commands for channel in channels),
            **asdict(self.counters),
        }

    def _channel(self, address: int) -> LanChannel:
        channel = self._channels.get(address)
        if channel is None:
            if address not in self.addresses:
                raise KeyError(nodes.text(address))
            channel = LanChannel(self.settings, b"podium-sim\0\0" + address.to_bytes(4))
            channel = self._channels.setdefault(address, channel)
        return channel

    def _drain(self) -> None:
        for _ in range(_BURST):
            try:
                datagram, ancillary, _, peer = self._socket.recvmsg(_DATAGRAM, _PKTINFO_SPACE)
            except OSError:  # usually because there are no more datagrams
                return
            try:
                # struct in_pktinfo, ip(7): interface, local address, and address in the datagram's header
                channel = self._channel(int.from_bytes(ancillary[0][2][8:12]))
            except (KeyError, IndexError):
                continue
            self.counters.received += 1
            found = channel.bmc.faults
            if found is not faults.HEALTHY and (
                found.dead or channel.bmc.accounts.is_away or self._lose(found)
            ):
                self.counters.dropped += 1
                continue
            try:
                answer = channel.receive(datagram, peer)
            except Malformed:
                self.counters.malformed += 1
                continue
            if answer is None:
                continue
            # The unchanged control message sends the answer from the address that received the request.
            if found is faults.HEALTHY:
                self._send(answer, ancillary, peer)
            else:
                late = max(found.slow, found.slow_log if channel.bmc.asked_log else 0)
                self._send_faulty(found, late, answer, ancillary, peer)

    def _lose(self, found: faults.Faults) -> bool:
        return found.lossy > 0 and self._random.random() < found.lossy

    def _send_faulty(
        self, found: faults.Faults, late: float, answer: bytes, ancillary: _Ancillary, peer: Any
    ) -> None:
        if self._lose(found) or len(self._late) >= _LATE_LIMIT:
            self.counters.dropped += 1
        elif late:

            def send_late() -> None:
                self._late.discard(timer)
                self._send(answer, ancillary, peer)

            timer = self._loop.call_later(late, send_late)
            self._late.add(timer)
        else:
            self._send(answer, ancillary, peer)

    def _send(self, answer: bytes, ancillary: _Ancillary, peer: Any) -> None:
        try:
            self._socket.sendmsg((answer,), ancillary, 0, peer)
        except OSError:
            self.counters.unsent += 1
        else:
            self.counters.answered += 1


def _open_socket(port: int, loopback: bool) -> socket.socket:
    """Open the socket.

    :raises podium.errors.ConfigError: if the port cannot be used
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    for forced, plain in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            opened.setsockopt(socket.SOL_SOCKET, forced, _BUFFER)
        except PermissionError:
            opened.setsockopt(socket.SOL_SOCKET, plain, _BUFFER)
    ports.bind(opened, port, loopback=loopback)
    return opened
