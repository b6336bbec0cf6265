"""A simulated BMC with a stopped clock, and commands for it."""

from podium.drivers.ipmi.lan import packet
from podium.simulator import bmc, faults

USER, OPERATOR = packet.PRIVILEGE_USER, packet.PRIVILEGE_OPERATOR
OFF, ON, CYCLE, RESET, DIAGNOSE, SOFT = b"\0", b"\1", b"\2", b"\3", b"\4", b"\5"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def machine(*placed: str, on: bool, delay: float = 0.0) -> tuple[bmc.BMC, Clock]:
    clock = Clock()
    made = bmc.BMC(bmc.Settings(power_delay=delay, clock=clock))
    made.power_on = on
    for fault in placed:
        made.faults = faults.parse_fault(fault).apply(made.faults)
    return made, clock


def control(machine: bmc.BMC, action: bytes, privilege: int = OPERATOR) -> int:
    return machine.execute(*packet.CHASSIS_CONTROL, action, privilege)[0]
