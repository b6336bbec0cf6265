"""Reading and switching a machine's power with Get Chassis Status and Chassis Control.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from typing import Final

from podium import errors, states
from podium.drivers.ipmi.lan import commands, packet
from podium.drivers.ipmi.lan.client import Connection
from podium.drivers.ipmi.lan.session import Target

#: The targets of :func:`switch`.
TARGETS: Final = (states.POWER_ON, states.POWER_OFF, states.REBOOTING, states.SOFT_POWER_OFF)
_CONTROLS: Final = {
    states.POWER_ON: commands.POWER_UP,
    states.POWER_OFF: commands.POWER_DOWN,
    states.SOFT_POWER_OFF: commands.SOFT_SHUTDOWN,
}
_UNSUPPORTED: Final = frozenset(
    {commands.INVALID_COMMAND, commands.INVALID_DATA_FIELD, commands.NOT_IN_PRESENT_STATE}
)


def state(target: Target, status: bytes) -> str:
    """Return the power state that a Get Chassis Status answer of a BMC reports.

    :raises podium.errors.DriverError: when it is too short
    """
    if len(status) < 3:
        raise _too_short(target)
    return states.POWER_ON if status[0] & 0x01 else states.POWER_OFF


async def chassis_status(connection: Connection, patience: float = 0.0) -> bytes:
    """Return the answer to Get Chassis Status, section 28.2.

    :param patience: seconds that it may take; by default the client's value
    :raises podium.errors.DriverError: when it is too short, and as :meth:`Connection.command`
    """
    status = await connection.command(packet.GET_CHASSIS_STATUS, patience=patience)
    if len(status) < 3:
        raise _too_short(connection.target)
    return status


def _too_short(target: Target) -> errors.DriverError:
    return errors.DriverError(f"BMC {target} gave too short a chassis status")


async def switch(connection: Connection, target: str) -> None:
    """Start a power change with Chassis Control, section 28.3.

    A reboot is a hard reset rather than a power cycle, which is optional for BMCs and leaves the machine off
    if something fails in between. A machine that is off is switched on.

    :param target: one of :data:`TARGETS`
    :raises podium.errors.UnsupportedPowerState: the BMC does not have that control, or not in this state
    """
    if target == states.REBOOTING:
        powered = commands.is_powered(await chassis_status(connection))
        control = commands.HARD_RESET if powered else commands.POWER_UP
    elif target in _CONTROLS:
        control = _CONTROLS[target]
    else:
        raise errors.UnsupportedPowerState(f"the ipmi driver cannot do {target!r}, only {', '.join(TARGETS)}")
    await _chassis_control(connection, control, target)


async def inject_nmi(connection: Connection) -> None:
    """Pulse the diagnostic interrupt with Chassis Control, which is optional for BMCs.

    :raises podium.errors.UnsupportedPowerState: the BMC does not have that control, or not in this state
    """
    await _chassis_control(connection, commands.DIAGNOSTIC_INTERRUPT, states.INJECT_NMI)


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
