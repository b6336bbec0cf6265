"""The ``redfish`` driver: power, health, inventory and sensors of machines whose BMC speaks Redfish."""

import asyncio
import datetime
import ipaddress
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from oslo_config import cfg
from oslo_utils import strutils

from podium import errors, states
from podium.drivers import base
from podium.drivers.bmc.connections import Connections
from podium.drivers.bmc.hosts import checked
from podium.drivers.bmc.identity import endpoint_of, of_bmc
from podium.drivers.bmc.timing import OPTIONS
from podium.drivers.driver_info import as_text, parse_some
from podium.drivers.redfish import passwords
from podium.drivers.redfish.abilities import boot_device, clock, log
from podium.drivers.redfish.abilities.indicator import Indicators
from podium.drivers.redfish.events.follower import Follower
from podium.drivers.redfish.http.client import Client, Target, Timing
from podium.drivers.redfish.login import check as check_login
from podium.drivers.redfish.system import System
from podium.drivers.redfish.tasks import ClockCheck, HealthCheck, InventoryCollector, SensorCollector

_SYSTEMS: Final = "/redfish/v1/Systems/"  # its standard place (DSP0266, section on resource URIs)
_LEAVING: Final = 1.0  # seconds for a BMC to close its session before another conductor logs in
_PORTS: Final = {"https": 443, "http": 80}
_NO_HOST: Final = "neither an address nor a host name"
_SYSTEM_ID: Final = re.compile(r"[!-~]{1,900}\Z")  # what a path may hold: printable ASCII
_LOGINS: Final = ("auto", "session", "basic", "none")


def _credential(value: Any) -> str:
    text = as_text(value)
    if len(text) > 255 or not text.isprintable():
        raise ValueError("at most 255 characters, all of them printable")
    return text


def _origin(value: Any) -> tuple[str, str, int]:
    """Return scheme, host and port of an address."""
    text = as_text(value).strip()
    if "@" in text or " " in text or not text.isprintable():
        raise ValueError("neither an address nor a host name; who logs in goes into redfish_username")
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        pass
    else:
        text = f"[{text}]"
    try:
        parts = urllib.parse.urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise ValueError(_NO_HOST) from None
    if parts.scheme not in _PORTS:
        raise ValueError("its scheme is neither https nor http")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("only scheme, host and port; what to read goes into redfish_system_id")
    return parts.scheme, _host(parts, text), _port(parts)


def _host(parts: urllib.parse.SplitResult, text: str) -> str:
    host = parts.hostname or ""
    if "[" not in parts.netloc:
        if not host.isascii():
            raise ValueError(_NO_HOST)
        return checked(host)
    if "://" in text:
        host = re.sub("%25(.)", r"%\1", host)  # RFC 6874: the sign before a zone is encoded
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        raise ValueError(_NO_HOST) from None
    return host


def _port(parts: urllib.parse.SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("its port is not a number from 1 to 65535")
    return port or _PORTS[parts.scheme]


def _system_path(value: Any) -> str:
    text = as_text(value).strip()
    if not _SYSTEM_ID.match(text) or "?" in text or "#" in text or ".." in text.split("/"):
        raise ValueError("not the path of a system")
    if text.startswith("/") and not text.startswith("//"):
        return text
    if "/" in text:
        raise ValueError(f"neither a path from the root, as {_SYSTEMS}1, nor a system's name alone, as 1")
    return _SYSTEMS + text


def _verify(value: Any) -> bool | str:
    text = str(value) if isinstance(value, bool) else as_text(value).strip()
    if text.startswith("/"):
        return text
    try:
        return bool(strutils.bool_from_string(text, strict=True))
    except ValueError:
        raise ValueError("neither true nor false nor the absolute path of a file or folder") from None


def _login(value: Any) -> str:
    text = as_text(value).lower()
    if text not in _LOGINS:
        raise ValueError(f"not one of {', '.join(_LOGINS)}")
    return text


class RedfishDriver(base.Driver):
    """BMCs that speak Redfish (HTTPS and JSON)."""

    properties: ClassVar[Mapping[str, base.Property]] = {
        "redfish_address": base.Property(
            "https://HOST[:PORT] of the BMC, http://... without TLS", required=True, type=_origin
        ),
        "redfish_system_id": base.Property(
            f"path of the system, {_SYSTEMS}1, or its name, 1; not needed where the BMC has only one",
            type=_system_path,
        ),
        "redfish_username": base.Property("user name", default="", type=_credential),
        "redfish_password": base.Property("password", secret=True, default="", type=_credential),
        "redfish_verify_ca": base.Property(
            "true: the BMC's certificate must be signed by an authority that this host trusts; "
            "a path: by one in that file or folder; false: it is not looked at",
            default=True,
            type=_verify,
        ),
        "redfish_auth_type": base.Property(
            "session, basic or none; auto: a session, or basic where the BMC has none to give",
            default="auto",
            type=_login,
        ),
    }
    options: Any = (
        cfg.FloatOpt(
            "connect_timeout",
            default=5,
            min=0.1,
            help="Seconds that connecting to a BMC may take, with TLS.",
        ),
        cfg.FloatOpt(
            "read_timeout",
            default=10,
            min=0.1,
            help="Seconds of silence after which a BMC that owes an answer counts as unreachable.",
        ),
        cfg.FloatOpt(
            "command_timeout",
            default=20,
            min=0.1,
            help="Seconds that one request may take in all, with connecting and logging in.",
        ),
        *OPTIONS,
        cfg.BoolOpt(
            "events",
            default=True,
            help="Whether to follow the events of BMCs that offer a stream of them (Server-Sent Events), "
            "instead of asking for the power again and again.",
        ),
        cfg.FloatOpt(
            "events_confirm_interval",
            default=300,
            min=1,
            help="Seconds after which the power is read although no event reported a change.",
        ),
        cfg.FloatOpt(
            "inventory_interval",
            default=86400,
            min=60,
            help="Seconds after which collect_inventory asks what a machine is made of again; "
            "it does so earlier when it sees that something changed.",
        ),
    )
    login: ClassVar[base.Login | None] = base.Login("redfish_password", "redfish_username")
    # No soft reboot: the conductor makes one from its halves, each of which shows in the power state.
    # GracefulRestart is over only when the operating system says so, which Podium cannot see.
    supported_power_states: ClassVar[Sequence[str]] = (
        states.POWER_ON,
        states.POWER_OFF,
        states.REBOOTING,
        states.SOFT_POWER_OFF,
    )

    def identity(self, node: base.Node) -> str:
        """Return the system behind the BMC; without redfish_system_id it is the only one."""
        info = self.parse_driver_info(node)
        _, host, port = info["redfish_address"]
        path = re.sub("/+", "/", urllib.parse.unquote(info["redfish_system_id"] or "")).rstrip("/")
        return of_bmc("redfish", host, port, usual=(*_PORTS.values(),), part=path)

    def endpoint(self, node: base.Node) -> str:
        """Return the host of the service root, which may have many systems, and its port if unusual."""
        ((_, host, port),) = parse_some(self.properties, node.driver_info, "redfish_address")
        return endpoint_of(host, port, usual=(*_PORTS.values(),))

    async def start(self) -> None:
        """Create the client and its users, in the event loop that they run in."""
        self._client = Client(
            Timing(
                connect=self.options.connect_timeout,
                read=self.options.read_timeout,
                command=self.options.command_timeout,
                authentication_retry=self.options.authentication_retry_interval,
                close=self.options.session_close_timeout,
            )
        )
        self._connections = Connections(
            self._connect, self._release, lambda system: self._client.corrected(system.bmc)
        )
        self._health_check = HealthCheck(self._connections)
        self._inventory_collector = InventoryCollector(self._connections, self.options.inventory_interval)
        self._sensor_collector = SensorCollector(self._connections)
        self._clock_check = ClockCheck(self._connections)
        self._indicators = Indicators(self._connections.find)
        self._follower = Follower(self, self._health_check.run)

    async def close(self) -> None:
        """Switch off LEDs that are lit for a time, end streams and sessions, and close the connections."""
        await self._indicators.close()
        self._connections.close()
        await self._follower.close()
        await self._client.close()

    async def release(self, node: base.Node) -> None:
        """End the event stream and the session of the node's BMC, unless other nodes share them.

        An LED that is lit for a time is switched off, because no other conductor knows of it.
        """
        await self._indicators.leave(node)
        system = self._connections.take(node)
        if system is not None and (ending := self._release(system)) is not None:
            await asyncio.wait({ending}, timeout=_LEAVING)  # it continues if that is too short

    def statistics(self) -> Mapping[str, float]:
        """Return counts of requests, logins and events, and of open connections and sessions."""
        return {**self._client.statistics(), **self._follower.statistics()}

    def parse_driver_info(self, node: base.Node) -> dict[str, Any]:
        """As in :class:`podium.drivers.base.Driver`; also require a user name where the login needs one.

        :raises podium.errors.InvalidDriverInfo: for the first property that is missing, unknown or wrong
        """
        info = super().parse_driver_info(node)
        login = info["redfish_auth_type"]
        if login in ("session", "basic") and not info["redfish_username"]:
            raise errors.InvalidDriverInfo(
                f"driver_info lacks redfish_username, which redfish_auth_type {login} needs"
            )
        return info

    async def get_power_state(self, node: base.Node) -> str:
        """Read PowerState of the ComputerSystem (DSP2046)."""
        return await self._connections.of(node).read_power(node)

    async def set_power_state(self, node: base.Node, target: str) -> None:
        """Start a power change with the action ComputerSystem.Reset (DSP2046).

        A machine that is off is rebooted by switching it on.

        :raises podium.errors.UnsupportedPowerState: the BMC allows no reset that does this
        """
        if target not in self.supported_power_states:
            raise errors.UnsupportedPowerState(
                f"the redfish driver cannot do {target!r}, only {', '.join(self.supported_power_states)}"
            )
        await self._connections.of(node).change_power(target)

    async def check_login(self, node: base.Node) -> base.LoginReport:
        """Log in with a separate session, see :mod:`podium.drivers.redfish.login`."""
        held = self._connections.find(node)
        return await check_login(self._client, *self._target(node), None if held is None else held.bmc)

    async def set_password(self, node: base.Node, password: str) -> None:
        """Change the password with a PATCH, see :func:`podium.drivers.redfish.passwords.set_password`."""
        try:
            given = _credential(password)
        except ValueError as wrong:
            raise errors.PasswordRefused(f"passwords of Redfish have {wrong}") from None
        bmc = self._connections.of(node).bmc
        await passwords.set_password(bmc, self._client.network.withheld, given)

    async def inject_nmi(self, node: base.Node) -> None:
        """Send the reset ``Nmi``, which is optional for BMCs."""
        await self._connections.of(node).change_power(states.INJECT_NMI)

    async def get_boot_device(self, node: base.Node) -> base.Boot:
        """Read BootSourceOverride, see :mod:`podium.drivers.redfish.abilities.boot_device`."""
        return await boot_device.read(self._connections.of(node))

    async def set_boot_device(self, node: base.Node, boot: base.BootDevice) -> None:
        """Change BootSourceOverride, see :mod:`podium.drivers.redfish.abilities.boot_device`."""
        await boot_device.choose(self._connections.of(node), boot)

    async def identify(self, node: base.Node, seconds: float | None) -> None:
        """Switch the LED on or off, see :mod:`podium.drivers.redfish.abilities.indicator`."""
        await self._indicators.show(node, self._connections.of(node), seconds)

    async def get_log(self, node: base.Node, before: str | None, after: str | None, limit: int) -> base.Log:
        """Read the entries of a LogService, see :mod:`podium.drivers.redfish.abilities.log`."""
        return await log.read(self._connections.of(node), before, after, limit)

    async def clear_log(self, node: base.Node, last: str) -> None:
        """Clear the log with the action LogService.ClearLog."""
        await log.clear(self._connections.of(node), last)

    async def get_clock(self, node: base.Node) -> datetime.datetime:
        """Read DateTime of the system's Manager."""
        return await clock.read(self._connections.of(node))

    async def set_clock(self, node: base.Node) -> None:
        """Change DateTime of the system's Manager."""
        await clock.adjust(self._connections.of(node))

    async def get_sensors(self, node: base.Node) -> list[base.Sensor]:
        """Read the sensors around the system, see :mod:`podium.drivers.redfish.machine.sensors`."""
        return await self._sensor_collector.read(node)

    @base.node_periodic_task(spacing=300, run_immediately=True, deadline=30, max_in_flight=128)
    async def check_status(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        """Report the system's health as its BMC does, and the BMC's clock once an hour."""
        await self._health_check.run(node, manager)
        await self._clock_check.run(node, manager)

    @base.node_periodic_task(spacing=300, run_immediately=True, deadline=60, max_in_flight=32)
    async def collect_inventory(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        """Save the inventory as the node's properties: once a day, when it changed, or on request."""
        await self._inventory_collector.run(node, manager, asked=getattr(context, "on_demand", False))

    @base.node_periodic_task(spacing=60, deadline=30, max_in_flight=64, enabled=False)
    async def collect_sensors(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        """Report the readings of the machine's sensors."""
        await self._sensor_collector.run(node, manager)

    @base.node_periodic_task(spacing=60, run_immediately=True, max_in_flight=64)
    async def follow_events(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        """Follow the events of the node's BMC, if it offers any."""
        system = self._connections.of(node)
        if self.options.events:
            self._follower.follow(node, system, manager)

    def _connect(self, node: base.Node) -> System:
        target, path = self._target(node)
        return System(self._client.connect(target), path, self.options.events_confirm_interval)

    def _target(self, node: base.Node) -> tuple[Target, str]:
        """Return the BMC with the login, and the path of the system, which may be empty."""
        info = self.parse_driver_info(node)
        scheme, host, port = info["redfish_address"]
        login = info["redfish_auth_type"]
        if login == "auto" and not info["redfish_username"]:
            login = "none"
        target = Target(
            scheme=scheme,
            host=host,
            port=port,
            username=info["redfish_username"],
            password=info["redfish_password"],
            verify=info["redfish_verify_ca"],
            auth=login,
        )
        return target, info["redfish_system_id"] or ""

    def _release(self, system: System) -> "asyncio.Task[bool] | None":
        self._follower.forget(system)
        return self._client.release(system.bmc)
