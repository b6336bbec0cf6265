"""The ``ipmi`` driver: power and health of machines whose BMC speaks IPMI 2.0 over LAN."""

import functools
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from oslo_config import cfg, types

from podium import errors, states
from podium.drivers import base
from podium.drivers.connections import Connections
from podium.drivers.ipmi import commands, crypto, packet
from podium.drivers.ipmi.client import Client, Connection, Timing
from podium.drivers.ipmi.session import Target
from podium.drivers.ipmi.tasks import Tasks, chassis_status
from podium.drivers.property_types import as_text

_PRIVILEGES: Final = {
    "ADMINISTRATOR": packet.PRIVILEGE_ADMINISTRATOR,
    "OPERATOR": packet.PRIVILEGE_OPERATOR,
    "USER": packet.PRIVILEGE_USER,
}
_CONTROLS: Final = {
    states.POWER_ON: commands.POWER_UP,
    states.POWER_OFF: commands.POWER_DOWN,
    states.SOFT_POWER_OFF: commands.SOFT_SHUTDOWN,
}
_UNSUPPORTED: Final = frozenset(
    {commands.INVALID_COMMAND, commands.INVALID_DATA_FIELD, commands.NOT_IN_PRESENT_STATE}
)


def _bytes(limit: int) -> Callable[[Any], bytes]:
    @functools.lru_cache(maxsize=1024, typed=True)  # most nodes of a fleet share theirs
    def convert(value: Any) -> bytes:
        encoded = as_text(value).encode()
        if len(encoded) > limit or b"\0" in encoded:
            raise ValueError(f"at most {limit} bytes, none of them zero")
        return encoded

    return convert


def _address(value: Any) -> str:
    address = as_text(value).strip()
    if ":" in address:
        ipaddress.IPv6Address(address)
    elif not address or any(letter.isspace() or letter in "/[]@" for letter in address):
        raise ValueError("neither an address nor a host name; a port goes into ipmi_port")
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


class IPMIDriver(Tasks):
    """BMCs that speak IPMI 2.0 over LAN (RMCP+)."""

    properties: ClassVar[Mapping[str, base.Property]] = {
        "ipmi_address": base.Property("address or host name of the BMC", required=True, type=_address),
        "ipmi_port": base.Property("UDP port of the BMC", default=623, type=types.Port(min=1)),
        "ipmi_username": base.Property("user name, at most 16 bytes", default="", type=_bytes(16)),
        "ipmi_password": base.Property(
            "password, at most 20 bytes", secret=True, default="", type=_bytes(20)
        ),
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
        cfg.FloatOpt(
            "authentication_retry_interval",
            default=600,
            min=0,
            help="Seconds for which a BMC that refused three logins in a row is left alone, unless "
            "the driver_info of its node changes. BMCs lock accounts.",
        ),
        cfg.FloatOpt(
            "session_close_timeout",
            default=15,
            min=0.1,
            help="Seconds that closing all BMC sessions may take at shutdown.",
        ),
        cfg.IntOpt(
            "inventory_interval",
            default=86400,
            min=60,
            help="Seconds after which collect_inventory collects a node's inventory anew; it does so before "
            "when firmware or sensor records of the BMC changed.",
        ),
    )
    supported_power_states: ClassVar[Sequence[str]] = (
        states.POWER_ON,
        states.POWER_OFF,
        states.REBOOTING,
        states.SOFT_POWER_OFF,
    )

    _client: Client

    async def start(self) -> None:
        """Make the client, in the event loop that it runs in."""
        self._client = Client(
            Timing(
                command=self.options.command_retry_timeout,
                retransmit=self.options.retransmit_interval,
                authentication_retry=self.options.authentication_retry_interval,
                close=self.options.session_close_timeout,
            )
        )
        self._connections = Connections(
            lambda node: self._client.connect(self._target(node)), self._client.release
        )

    async def close(self) -> None:
        """Close all sessions."""
        self._connections.close()
        await self._client.close()

    def statistics(self) -> Mapping[str, float]:
        """What was sent and lost, and what is held."""
        return self._client.statistics()

    async def get_power_state(self, node: base.Node) -> str:
        """Read the power state with Get Chassis Status (section 28.2)."""
        status = await chassis_status(self._connections.of(node))
        return states.POWER_ON if commands.is_powered(status) else states.POWER_OFF

    async def set_power_state(self, node: base.Node, target: str) -> None:
        """Start a power change with Chassis Control (section 28.3).

        A machine is rebooted with a hard reset rather than a power cycle, which is optional for BMCs and
        leaves it off when something goes wrong in between; a machine that is off is switched on.

        :raises podium.errors.UnsupportedPowerState: the BMC does not have that control, or not in this state
        """
        connection = self._connections.of(node)
        if target == states.REBOOTING:
            powered = commands.is_powered(await chassis_status(connection))
            control = commands.HARD_RESET if powered else commands.POWER_UP
        elif target in _CONTROLS:
            control = _CONTROLS[target]
        else:
            raise errors.UnsupportedPowerState(
                f"the ipmi driver cannot do {target!r}, only {', '.join(self.supported_power_states)}"
            )
        await _chassis_control(connection, control, target)

    async def inject_nmi(self, node: base.Node) -> None:
        """Pulse the diagnostic interrupt with Chassis Control (section 28.3), which is optional for BMCs."""
        await _chassis_control(self._connections.of(node), commands.DIAGNOSTIC_INTERRUPT, states.INJECT_NMI)

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


async def _chassis_control(connection: Connection, control: int, asked: str) -> None:
    try:
        await connection.command(
            packet.CHASSIS_CONTROL,
            bytes((control,)),
            privilege=packet.PRIVILEGE_OPERATOR,
            repeatable=control in (commands.POWER_UP, commands.POWER_DOWN),
        )
    except commands.CommandFailed as failure:
        if failure.code in _UNSUPPORTED:
            raise errors.UnsupportedPowerState(f"{failure}; asked for {asked}") from None
        raise
