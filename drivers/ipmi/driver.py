"""The ``ipmi`` driver: machines whose BMC speaks IPMI 2.0 over LAN."""

import datetime
import functools
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from oslo_config import cfg, types

from podium import errors
from podium.drivers import base
from podium.drivers.bmc.connections import Connections
from podium.drivers.bmc.hosts import checked
from podium.drivers.bmc.identity import endpoint_of, of_bmc
from podium.drivers.bmc.timing import OPTIONS
from podium.drivers.driver_info import as_text, parse_some
from podium.drivers.ipmi import boot_options, passwords, power
from podium.drivers.ipmi.identify import Identifier
from podium.drivers.ipmi.lan import crypto, packet
from podium.drivers.ipmi.lan.client import Client, Timing
from podium.drivers.ipmi.lan.inquiry import Inquiries, Inquiry
from podium.drivers.ipmi.lan.session import Target
from podium.drivers.ipmi.log import clock
from podium.drivers.ipmi.log.reading import LogReader
from podium.drivers.ipmi.login import check as check_login
from podium.drivers.ipmi.tasks import HealthCheck, InventoryCollector, SensorCollector
from podium.pacing import Allowance

_PORT: Final = 623  # IPMI 2.0, section 13.1.2: the primary RMCP port
_PRIVILEGES: Final = {
    "ADMINISTRATOR": packet.PRIVILEGE_ADMINISTRATOR,
    "OPERATOR": packet.PRIVILEGE_OPERATOR,
    "USER": packet.PRIVILEGE_USER,
}
#: Records and sensors per second, for all BMCs together: about a tenth of a core. Checking 10,000 machines
#: with 45 sensors uses all of it; if it is not enough, reading everything takes several runs.
_READS_PER_SECOND: Final = 1500
_INVENTORIES_PER_SECOND: Final = 50  # about a twentieth of a core


def _bytes(limit: int) -> Callable[[Any], bytes]:
    @functools.lru_cache(maxsize=1024)  # most nodes of a fleet have the same
    def encode(text: str) -> bytes:
        encoded = text.encode()
        if len(encoded) > limit:
            raise ValueError(f"{len(encoded)} bytes")
        if any(byte in b"\0\r\n" for byte in encoded):
            raise ValueError("a zero byte or the end of a line in it")
        return encoded

    return lambda value: encode(as_text(value))


_PASSWORD: Final = _bytes(20)


def _address(value: Any) -> str:
    return _host(as_text(value).strip())


@functools.lru_cache(maxsize=1024)  # enrolment uses it three times for each
def _host(address: str) -> str:
    if ":" not in address and "]" not in address:
        return checked(address)
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        raise ValueError("neither an address nor a host name; a port goes into ipmi_port") from None
    return address


def _kg(value: Any) -> bytes:
    key = bytes.fromhex(as_text(value))
    if len(key) != 20:
        raise ValueError("not 40 hex digits")
    return key if any(key) else b""  # a BMC whose Kg is all zeros has none


def _privilege(value: Any) -> int:
    try:
        return _PRIVILEGES[as_text(value).upper()]
    except KeyError:
        raise ValueError(f"not one of {', '.join(_PRIVILEGES)}") from None


class IPMIDriver(base.Driver):
    """BMCs that speak IPMI 2.0 over LAN (RMCP+)."""

    properties: ClassVar[Mapping[str, base.Property]] = {
        "ipmi_address": base.Property("address or host name of the BMC", required=True, type=_address),
        "ipmi_port": base.Property("UDP port of the BMC", default=_PORT, type=types.Port(min=1)),
        "ipmi_username": base.Property("user name, at most 16 bytes", default="", type=_bytes(16)),
        "ipmi_password": base.Property("password, at most 20 bytes", secret=True, default="", type=_PASSWORD),
        "ipmi_hex_kg_key": base.Property("key Kg, 40 hex digits", secret=True, type=_kg),
        "ipmi_priv_level": base.Property(
            "privilege level: ADMINISTRATOR, OPERATOR or USER",
            default="ADMINISTRATOR",
            type=_privilege,
        ),
        "ipmi_cipher_suite": base.Property(
            "cipher suite, 3 or 17; by default 17, and 3 for a BMC without it",
            type=types.Integer(choices=sorted(crypto.SUITES)),
        ),
    }
    options: Any = (
        cfg.FloatOpt(
            "command_retry_timeout",
            default=10,
            min=1,
            help="Seconds that one command to a BMC may take, with all its retransmissions; "
            "after that the BMC counts as unreachable.",
        ),
        cfg.FloatOpt(
            "retransmit_interval",
            default=0.5,
            min=0.05,
            help="Seconds without an answer after which a command is sent again; "
            "each further gap is 1.4 times as long.",
        ),
        *OPTIONS,
        cfg.IntOpt(
            "inventory_interval",
            default=86400,
            min=60,
            help="Seconds after which collect_inventory collects a node's inventory anew; it does so before "
            "when firmware or sensor records of the BMC changed.",
        ),
    )
    login: ClassVar[base.Login | None] = base.Login("ipmi_password", "ipmi_username")
    supported_power_states: ClassVar[Sequence[str]] = power.TARGETS
    #: Seconds after which a task lets others use a BMC.
    inquiry_seconds: ClassVar[float] = 3.0
    reads_per_second: ClassVar[float] = _READS_PER_SECOND
    inventories_per_second: ClassVar[float] = _INVENTORIES_PER_SECOND

    def identity(self, node: base.Node) -> str:
        """Return the BMC, which has one machine behind it."""
        host, port = self._place(node)
        return of_bmc("ipmi", host, port, usual=(_PORT,))

    def endpoint(self, node: base.Node) -> str:
        """Return the BMC: its address, and its port if that is not the usual one."""
        host, port = self._place(node)
        return endpoint_of(host, port, usual=(_PORT,))

    def _place(self, node: base.Node) -> list[Any]:
        return parse_some(self.properties, node.driver_info, "ipmi_address", "ipmi_port")

    async def start(self) -> None:
        """Create the client, in the event loop that it runs in."""
        options = self.options
        client = self._client = Client(
            Timing(
                command=options.command_retry_timeout,
                retransmit=options.retransmit_interval,
                authentication_retry=options.authentication_retry_interval,
                close=options.session_close_timeout,
            )
        )
        self._connections = Connections(
            lambda node: client.connect(self._target(node)),
            client.release,
            client.corrected,
        )
        inquiries = Inquiries(
            self._connections,
            seconds=self.inquiry_seconds,
            longest=options.command_retry_timeout,
            allowance=Allowance(self.reads_per_second),
        )
        self._inquiries = inquiries
        self._identifier = Identifier(self._connections.find)
        self._log_reader = LogReader(self._connections, inquiries, patience=options.command_retry_timeout)
        self._health_check = HealthCheck(inquiries)
        self._sensor_collector = SensorCollector(
            self._connections, inquiries, patience=options.command_retry_timeout
        )
        self._inventory_collector = InventoryCollector(
            self._connections,
            inquiries,
            interval=options.inventory_interval,
            patience=options.command_retry_timeout,
            allowance=Allowance(self.inventories_per_second),
        )

    async def close(self) -> None:
        """Close all sessions."""
        await self._identifier.close()
        self._connections.close()
        await self._client.close()

    async def release(self, node: base.Node) -> None:
        """Close the session with the node's BMC."""
        self._identifier.leave(node)
        if (connection := self._connections.take(node)) is not None:
            await self._client.leave(connection)

    def statistics(self) -> Mapping[str, float]:
        """Return counts of datagrams and logins, and of open sessions."""
        return self._client.statistics()

    async def get_power_state(self, node: base.Node) -> str:
        """Read the power state with Get Chassis Status (section 28.2)."""
        connection = self._connections.of(node)
        return power.state(connection.target, await connection.command(packet.GET_CHASSIS_STATUS))

    async def set_power_state(self, node: base.Node, target: str) -> None:
        """Start a power change, see :func:`podium.drivers.ipmi.power.switch`."""
        await power.switch(self._connections.of(node), target)

    async def check_login(self, node: base.Node) -> base.LoginReport:
        """Log in with a session of its own, see :mod:`podium.drivers.ipmi.login`."""
        return await check_login(self._client, self._target(node), self._connections.find(node))

    async def set_password(self, node: base.Node, password: str) -> None:
        """Send Set User Password, see :func:`podium.drivers.ipmi.passwords.set_password`."""
        try:
            given = _PASSWORD(password)
        except ValueError as wrong:
            raise errors.PasswordRefused(
                f"passwords of IPMI have at most 20 bytes, and no zero byte or line end: {wrong}"
            ) from None
        await passwords.set_password(self._connections.of(node), self._client.withheld, given)

    async def inject_nmi(self, node: base.Node) -> None:
        """Pulse the diagnostic interrupt, see :func:`podium.drivers.ipmi.power.inject_nmi`."""
        await power.inject_nmi(self._connections.of(node))

    async def get_sensors(self, node: base.Node) -> list[base.Sensor]:
        """Read all sensors with a reading, see :mod:`podium.drivers.ipmi.machine.sensor_watch`."""
        return await self._sensor_collector.read(node)

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        """Read the boot flags, see :func:`podium.drivers.ipmi.boot_options.read`."""
        return await boot_options.read(self._connections.of(node))

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        """Set the boot flags, see :func:`podium.drivers.ipmi.boot_options.choose`."""
        await boot_options.choose(self._connections.of(node), boot)

    async def identify(self, node: base.Node, seconds: float | None) -> None:
        """Blink the LED, see :mod:`podium.drivers.ipmi.identify`."""
        await self._identifier.identify(node, self._connections.of(node), seconds)

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        """Read the SEL, see :mod:`podium.drivers.ipmi.log.reading`."""
        return await self._log_reader.read(node, before, after, limit)

    async def clear_log(self, node: base.Node, last: str) -> None:
        """Clear the SEL, see :mod:`podium.drivers.ipmi.log.reading`."""
        await self._log_reader.clear(node, last)

    async def get_clock(self, node: base.Node) -> datetime.datetime:
        """Read the clock of the SEL, see :mod:`podium.drivers.ipmi.log.clock`."""
        return await clock.read(self._patient_inquiry(node))

    async def set_clock(self, node: base.Node) -> None:
        """Set the clock of the SEL, see :mod:`podium.drivers.ipmi.log.clock`."""
        await clock.set_to_now(self._patient_inquiry(node))

    def _patient_inquiry(self, node: base.Node) -> Inquiry:
        return self._inquiries.begin(self._connections.of(node), self.options.command_retry_timeout)

    @base.node_periodic_task(spacing=300, run_immediately=True, deadline=10, max_in_flight=128)
    async def check_status(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        """Report faults of chassis, self test and sensors as the node's health."""
        await self._health_check.run(node, manager)

    @base.node_periodic_task(spacing=300, run_immediately=True, deadline=30, max_in_flight=64)
    async def collect_inventory(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        """Save the inventory as the node's properties: once a day, when it changed, or on request."""
        await self._inventory_collector.run(node, manager, asked=getattr(context, "on_demand", False))

    @base.node_periodic_task(spacing=60, deadline=10, max_in_flight=128, enabled=False)
    async def collect_sensors(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        """Report the readings of the sensors; a BMC with many sensors takes several runs for all."""
        await self._sensor_collector.run(node, manager)

    def _target(self, node: base.Node) -> Target:
        info = self.parse_driver_info(node)
        return Target(
            address=info["ipmi_address"],
            port=info["ipmi_port"],
            user=info["ipmi_username"],
            password=info["ipmi_password"],
            bmc_key=info["ipmi_hex_kg_key"] or b"",
            privilege=info["ipmi_priv_level"],
            suite=info["ipmi_cipher_suite"],
        )
