"""All simulated Redfish BMCs behind one listening socket: the address of a connection selects the BMC."""

import asyncio
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Self

from podium.simulator import faults, nodes, ports
from podium.simulator.rack import Rack
from podium.simulator.redfish.bmc import BMC, Settings
from podium.simulator.redfish.certificate import make_old, server_contexts
from podium.simulator.redfish.chassis import SENSORS
from podium.simulator.redfish.connection import Connection
from podium.simulator.redfish.machine import Machine
from podium.simulator.redfish.publisher import Publisher
from podium.simulator.redfish.service import Service

_BACKLOG: Final = 4096
_CONNECTIONS: Final = 64  # the most that one BMC holds


class RedfishSimulator(Rack):
    """BMCs at consecutive addresses: ``async with RedfishSimulator(address_range("127.21.0.1", 48)) as sim``.

    It serves while the event loop runs. Faults and power may also be changed from other threads.

    :param addresses: from :func:`podium.simulator.nodes.address_range`
    :param port: the TCP port of all BMCs; 0 for a free one, see :attr:`port`
    :param tls: whether they speak HTTPS
    :param named: how many of the first addresses the certificate contains; each costs every client some
        memory
    :param placed: faults from the start, each ``KIND[=VALUE]:WHERE``
    :raises podium.errors.ConfigError: for a fault that is not understood; on entry, for a port in use
    """

    protocol: ClassVar[str] = faults.REDFISH

    def __init__(
        self,
        addresses: range,
        port: int = 0,
        *,
        settings: Settings | None = None,
        tls: bool = True,
        named: int = 256,
        placed: Iterable[str] = (),
    ) -> None:
        super().__init__(addresses)
        self.port = port
        self.settings = settings or Settings()
        self.certificate: str | None = None  #: in PEM, while serving with TLS
        self.old_tls: ssl.SSLContext | None = None  #: of BMCs that speak only TLS 1.0 and 1.1
        self._tls = tls
        self._named = named
        self._bmcs: dict[int, BMC] = {}
        self._services: dict[int, Service] = {}
        self._connections: dict[Connection, int] = {}
        self._held: Counter[int] = Counter()
        self._accepted = 0
        self.place(placed)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        context: ssl.SSLContext | None = None
        if self._tls:
            made = await asyncio.to_thread(server_contexts, self.addresses[: self._named])
            context, self.old_tls, self.certificate = made
            make_old(self.old_tls)
        opened = _open_socket(self.port, nodes.is_loopback(self.addresses))
        self.port = opened.getsockname()[1]
        self._server = await self._loop.create_server(
            lambda: Connection(context, self), sock=opened, backlog=_BACKLOG
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0)  # the connections end here
        await self._server.wait_closed()

    def bmc(self, address: str) -> BMC:
        """Return the BMC at an address.

        :raises KeyError: if there is none
        """
        return self.at(int(ipaddress.IPv4Address(address)))

    def machine(self, address: str, system: str = "1") -> Machine:
        """Return a machine behind the BMC at an address.

        :raises KeyError: if there is none
        """
        return self.bmc(address).machines[system]

    def url(self, address: str) -> str:
        """Return the value of ``redfish_address`` in driver_info."""
        return f"{'https' if self._tls else 'http'}://{address}:{self.port}"

    def at(self, address: int) -> BMC:
        """Return the BMC at an address.

        :raises KeyError: if there is none
        """
        bmc = self._bmcs.get(address)
        if bmc is None:
            if address not in self.addresses:
                raise KeyError(nodes.text(address))
            bmc = self._bmcs.setdefault(address, BMC(self.settings, address))
        return bmc

    def counts(self) -> dict[str, int]:
        """Return counts of BMCs, machines that are on, faulty BMCs, sessions, connections and requests."""
        bmcs, services = list(self._bmcs.values()), list(self._services.values())
        return {
            "bmcs": len(self.addresses),
            "powered_on": sum(machine.power_on for bmc in bmcs for machine in bmc.machines.values()),
            "faulty": sum(bmc.faults is not faults.HEALTHY for bmc in bmcs),
            "sessions": sum(len(bmc.sessions) for bmc in bmcs),
            "sessions_opened": sum(bmc.sessions.opened for bmc in bmcs),
            "logins_refused": sum(bmc.accounts.wrong_logins for bmc in bmcs),
            "requests": sum(service.requests for service in services),
            "connections": len(self._connections),
            "connections_accepted": self._accepted,
            "event_streams": sum(len(service.publisher) for service in services),
        }

    def account(self, address: int) -> dict[str, object]:
        """Return the log of one BMC, or of each machine if there are several."""
        found = {
            system: {"power_on": machine.power_on, "log": machine.log}
            for system, machine in self.at(address).machines.items()
        }
        return found["1"] if len(found) == 1 else {"systems": found}

    def state(self, address: int) -> dict[str, object]:
        """Return the state of one BMC and of its machines."""
        bmc = self.at(address)
        machines: dict[str, dict[str, object]] = {
            system: {
                "power_on": machine.power_on,
                "identify": "on" if machine.lit else "off",
                "boot": machine.boot.chosen,
                "booted": machine.boot.booted,
                "boots": machine.boot.boots,
                "log_entries": len(machine.events.entries),
            }
            for system, machine in bmc.machines.items()
        }
        own = {"clock_ahead": round(bmc.time.ahead(bmc.faults), 3)}
        return {**machines["1"], **own} if len(machines) == 1 else {"systems": machines, **own}

    def log_event(self, address: int, event: Mapping[str, Any], count: int) -> None:
        """Add entries to the log of the first machine of one BMC.

        :raises podium.errors.ConfigError: if there is no such event
        """
        bmc = self.at(address)
        names = {sensor.name: id for id, sensor in SENSORS.items()}
        for _ in range(count):
            bmc.machines["1"].events.add_event(bmc.time.now(bmc.faults), bmc.faults, event, names)
        bmc.changed()

    def accept(self, connection: Connection) -> Service | None:
        """Return the BMC of a new connection."""
        name = connection.transport.get_extra_info("sockname")
        address = int(ipaddress.IPv4Address(name[0]))
        if address not in self.addresses or self._held[address] >= _CONNECTIONS:
            return None
        self._accepted += 1
        self._held[address] += 1
        self._connections[connection] = address
        return self._service(address)

    def leave(self, connection: Connection) -> None:
        """Note that a connection has ended."""
        address = self._connections.pop(connection, None)
        if address is not None:
            self._held[address] -= 1
            self._services[address].publisher.remove(connection)

    def _service(self, address: int) -> Service:
        service = self._services.get(address)
        if service is None:
            bmc = self.at(address)
            service = self._services[address] = Service(bmc, Publisher(bmc, self._loop))
        return service


def _open_socket(port: int, loopback: bool) -> socket.socket:
    """Open the socket.

    :raises podium.errors.ConfigError: if the port cannot be used
    """
    # With its protocol: asyncio sends small answers at once only from sockets that are known to be TCP.
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    ports.bind(opened, port, loopback=loopback)
    return opened
