"""The kinds of PDU: where the outlets are in their MIBs, and what the numbers there mean.

Guessing the numbers is dangerous: for the state of an outlet, 1 is *on* in one table of PowerNet-MIB and
*off* in the next. The names and numbers are those of

- PowerNet-MIB of APC (``apc(318)``), as in librenms/librenms, mibs/apc/PowerNet-MIB;
- PDU2-MIB of Raritan (``raritan(13742) pdu2(6)``), as in librenms/librenms, mibs/raritan/PDU2-MIB, and
  Raritan's SNMP MIB User Guide of 2019, sections 1.1 to 1.4 and 5.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from podium import states

#: An object identifier, or a part of one.
Oid = tuple[int, ...]
#: The value at an identifier: a number or None. Other devices may have a text where a PDU has a number.
Value = int | str | None

_APC: Final = (1, 3, 6, 1, 4, 1, 318, 1, 1)
_RARITAN: Final = (1, 3, 6, 1, 4, 1, 13742, 6)

_FINE: Final = ("OK", "")
_NEAR: Final = ("Warning", "the PDU is near its overload")
_OVER: Final = ("Critical", "the PDU is overloaded")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of PDU. Columns have a row for each outlet, or, with ``linked``, for each PDU and outlet.

    :param state: the column of the outlets' states; ``states`` gives the meaning of the numbers
    :param command: the column that switches outlets; ``commands`` has the numbers to write
    :param linked: whether one agent answers for several PDUs, by number
    :param load: a column of the load of the whole PDU; numbers that are not in ``loads`` mean nothing
    :param power: the column of the outlets' power in watts, the part of its index after the outlet, and the
        column of its decimal places, if there is one
    """

    state: Oid
    states: Mapping[Value, states.PowerState]
    command: Oid
    commands: Mapping[str, int]
    linked: bool = False
    load: Oid | None = None
    loads: Mapping[Value, tuple[str, str]] = field(default_factory=dict)
    power: tuple[Oid, Oid, Oid | None] | None = None


#: ``immediateOn`` and so on, the same in all three APC families.
_APC_COMMANDS: Final = {states.POWER_ON: 1, states.POWER_OFF: 2, states.REBOOTING: 3}

#: The kinds, by their names in ``snmp_driver``. These are Ironic's names if Ironic has the kind.
KINDS: Final[Mapping[str, Kind]] = {
    # sPDUOutletCtl: outletOn(1), outletOff(2), outletReboot(3), outletUnknown(4), which cannot be determined
    "apc_masterswitch": Kind(
        state=(*_APC, 4, 4, 2, 1, 3),
        states={1: states.POWER_ON, 2: states.POWER_OFF, 4: states.ERROR},
        command=(*_APC, 4, 4, 2, 1, 3),
        commands=_APC_COMMANDS,
    ),
    # rPDUOutletStatusOutletState: outletStatusOn(1), outletStatusOff(2); rPDUOutletControlOutletCommand;
    # rPDULoadStatusLoadState: phaseLoadNormal(1), phaseLoadLow(2), phaseLoadNearOverload(3),
    # phaseLoadOverload(4)
    "apc_rackpdu": Kind(
        state=(*_APC, 12, 3, 5, 1, 1, 4),
        states={1: states.POWER_ON, 2: states.POWER_OFF},
        command=(*_APC, 12, 3, 3, 1, 1, 4),
        commands=_APC_COMMANDS,
        load=(*_APC, 12, 2, 3, 1, 1, 3),
        loads={1: _FINE, 2: _FINE, 3: _NEAR, 4: _OVER},
    ),
    # rPDU2OutletSwitchedStatusState: off(1), on(2); rPDU2OutletSwitchedControlCommand;
    # rPDU2DeviceStatusLoadState: lowLoad(1), normal(2), nearOverload(3), overload(4), notsupported(5);
    # rPDU2OutletMeteredStatusPower
    "apc_rackpdu2": Kind(
        state=(*_APC, 26, 9, 2, 3, 1, 5),
        states={1: states.POWER_OFF, 2: states.POWER_ON},
        command=(*_APC, 26, 9, 2, 4, 1, 5),
        commands=_APC_COMMANDS,
        load=(*_APC, 26, 4, 3, 1, 4),
        loads={1: _FINE, 2: _FINE, 3: _NEAR, 4: _OVER},
        power=((*_APC, 26, 9, 4, 3, 1, 7), (), None),
    ),
    # outletSwitchingState, of SensorStateEnumeration: unavailable(-1), on(7), off(8); switchingOperation:
    # off(0), on(1), cycle(2); measurementsInletSensorState: belowLowerCritical(2), belowLowerWarning(3),
    # normal(4), aboveUpperWarning(5), aboveUpperCritical(6); measurementsOutletSensorValue and
    # outletSensorDecimalDigits of the sensor activePower(5)
    "raritan_pdu2": Kind(
        state=(*_RARITAN, 4, 1, 2, 1, 3),
        states={-1: states.ERROR, 7: states.POWER_ON, 8: states.POWER_OFF},
        command=(*_RARITAN, 4, 1, 2, 1, 2),
        commands={states.POWER_ON: 1, states.POWER_OFF: 0, states.REBOOTING: 2},
        linked=True,
        load=(*_RARITAN, 5, 2, 3, 1, 3),
        loads={
            4: _FINE,
            2: ("Critical", "a sensor of the PDU's inlet is below its lower critical threshold"),
            3: ("Warning", "a sensor of the PDU's inlet is below its lower warning threshold"),
            5: ("Warning", "a sensor of the PDU's inlet is above its upper warning threshold"),
            6: ("Critical", "a sensor of the PDU's inlet is above its upper critical threshold"),
        },
        power=((*_RARITAN, 5, 4, 3, 1, 4), (5,), (*_RARITAN, 3, 5, 4, 1, 7)),
    ),
}
