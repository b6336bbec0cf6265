"""One simulated BMC: its machine and its commands, without any I/O.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from podium.drivers.ipmi.lan import packet
from podium.simulator import fru, sensors
from podium.simulator.accounts import Accounts
from podium.simulator.clock import Clock
from podium.simulator.faults import HEALTHY, Faults
from podium.simulator.ipmi import identity
from podium.simulator.ipmi.boot import BootOptions
from podium.simulator.ipmi.codes import (
    INSUFFICIENT_PRIVILEGE,
    INVALID_COMMAND,
    INVALID_FIELD,
    NODE_BUSY,
    NOT_IN_THIS_STATE,
    OK,
    WRONG_LENGTH,
    Answer,
)
from podium.simulator.ipmi.event_log import EventLog

_LOG_SIZE: Final = 256
_IDENTIFY_SECONDS: Final = 15


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The settings of all BMCs of a simulator.

    :param password: at the start; at most 20 bytes
    :param kg: the BMC key, 20 bytes; empty for none
    :param power_delay: seconds between off and on of a power cycle, and until a soft shutdown is done
    :param session_limit: sessions that one BMC holds
    :param answer_limit: bytes of a sensor record or of FRU data that fit into one answer
    :param log_entries: entries that the system event log of a BMC holds, up to 65534
    :param seed: of the random losses of datagrams
    :param clock: seconds, monotonic
    :param wall: seconds since 1970, which the BMCs' own clocks follow
    """

    user: str = "admin"
    password: bytes = b"podium-sim"
    kg: bytes = b""
    power_delay: float = 0.0
    session_limit: int = 4
    answer_limit: int = 255
    log_entries: int = 512
    seed: int = 0
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time


class BMC:
    """The state of one machine and its BMC, and the commands of a session."""

    __slots__ = (
        "_boot",
        "_cause",
        "_events",
        "_faults",
        "_identify_until",
        "_log",
        "_number",
        "_observed",
        "_on",
        "_refuses_until",
        "_settings",
        "_shown",
        "_shown_until",
        "_time",
        "_turns",
        "accounts",
        "asked_log",
        "carried_out",
        "commands",
    )

    def __init__(self, settings: Settings, number: int = 0) -> None:
        """:param number: 32 bits that determine the serial numbers and the MAC address"""
        self._settings = settings
        self._number = number
        self.accounts = Accounts(settings.user, settings.password, settings.clock)
        self._on = False
        self._turns: tuple[float, bool] | None = None  # when the power switches by itself, and to which state
        self._shown = False
        self._shown_until = 0.0
        self._refuses_until = 0.0
        self._identify_until = 0.0
        self._cause = 0  # table 28-11
        self._log: deque[str] | None = None
        self.carried_out = 0  #: chassis commands; the log holds the last of them
        self.commands = 0  #: commands answered in sessions, repetitions excluded
        self.asked_log = False  #: whether the last command was for the log
        self._faults: Faults = HEALTHY
        self._observed = sensors.USUAL  # the conditions that the log shows
        # Most BMCs of a large simulator never need these.
        self._boot: BootOptions | None = None
        self._time: Clock | None = None
        self._events: EventLog | None = None

    @property
    def faults(self) -> Faults:
        """The faults. If a change affects the sensors, it is logged."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.time.change(self._faults, faults)
        self._faults = faults
        self._observe()

    @property
    def boot(self) -> BootOptions:
        """The boot options."""
        if self._boot is None:
            self._boot = BootOptions(self._settings.clock)
        return self._boot

    @property
    def time(self) -> Clock:
        """The clock of the BMC itself."""
        if self._time is None:
            self._time = Clock(self._settings.clock, self._settings.wall)
        return self._time

    @property
    def events(self) -> EventLog:
        """The system event log."""
        if self._events is None:
            settings = self._settings
            self._events = EventLog(settings.log_entries, settings.clock, lambda: self.time.now(self._faults))
        return self._events

    @property
    def power_on(self) -> bool:
        """Whether the machine really is on. An assignment switches it without a command."""
        self._settle()
        return self._on

    @power_on.setter
    def power_on(self, on: bool) -> None:
        self._turns = None
        self._switch(on, self._settings.clock(), pressed=True)

    @property
    def log(self) -> tuple[str, ...]:
        """The last chassis commands carried out, oldest first: ``off``, ``on``, ``cycle``, ..."""
        return tuple(self._log or ())

    def execute(self, netfn: int, command: int, data: bytes, privilege: int) -> Answer:
        """Carry out a command of a session.

        :param privilege: the session's level
        """
        known, part = _COMMANDS.get((netfn, command)), _PARTS.get((netfn, command))
        self.asked_log = part == "log"
        if known is None or part in self._faults.lacks:
            return INVALID_COMMAND, b""
        needed, carry_out = known
        if privilege < needed:
            return INSUFFICIENT_PRIVILEGE, b""
        return carry_out(self, data)

    def _settle(self) -> None:
        if self._turns is not None and self._settings.clock() >= self._turns[0]:
            at, on = self._turns
            self._turns = None
            self._switch(on, at)

    def _switch(self, on: bool, at: float, *, pressed: bool = False) -> None:
        if on == self._on:
            return
        if self.faults.stale:
            self._shown = self._shown_power(at)
            self._shown_until = at + self.faults.stale
        self._on = on
        if on:
            self.boot.boot(pressed=pressed)
        self._observe()

    def _observe(self) -> None:
        """Log the conditions of the sensors that have appeared or ended."""
        faults, on = self._faults, self._on
        now = sensors.USUAL
        if faults is not HEALTHY:
            now = sensors.asserted(
                on, faults.power_fault, faults.cooling_fault, faults.drive_fault, faults.intrusion
            )
        for name, offset in sorted(now ^ self._observed):
            ended = (name, offset) not in now
            self.events.add_event(sensors.event(name, offset, ended=ended, on=on, faults=faults), faults)
        self._observed = now

    def _shown_power(self, now: float) -> bool:
        return self._shown if now < self._shown_until else self._on

    def _note(self, action: str) -> None:
        if self._log is None:
            self._log = deque(maxlen=_LOG_SIZE)
        self._log.append(action)
        self.carried_out += 1

    def _get_chassis_status(self, data: bytes) -> Answer:
        """Section 28.2, table 28-3."""
        on = self.power_on
        faults, now = self.faults, 0.0
        if self._shown_until or self._identify_until:
            now = self._settings.clock()
            on = self._shown_power(now)
        power = on | faults.power_fault << 3
        last_event = (self._cause != 0 and on) << 4 | faults.power_fault << 3
        identify = self._identify(now)
        condition = (
            faults.intrusion | faults.drive_fault << 2 | faults.cooling_fault << 3 | identify << 4 | 1 << 6
        )
        return OK, bytes((power, last_event, condition))

    def _chassis_control(self, data: bytes) -> Answer:
        """Section 28.3, table 28-4."""
        if len(data) != 1:
            return WRONG_LENGTH, b""
        action = _CONTROLS.get(data[0] & 0x0F)
        if action is None:
            return INVALID_FIELD, b""
        on, delay = self.power_on, self._settings.power_delay
        if not on and action in ("cycle", "reset", "diag"):
            return NOT_IN_THIS_STATE, b""
        now = self._settings.clock()
        if now < self._refuses_until:
            return NODE_BUSY, b""
        if self.faults.lies:
            return OK, b""
        if self.faults.refuses:
            self._refuses_until = now + self.faults.refuses
        if action != "diag":
            self.boot.commanded(boots=action == "reset" or action == "cycle" or (action == "on" and not on))
        if action in ("on", "off"):
            self._turns = None
            self._switch(action == "on", now)
        elif action == "reset":
            self.boot.boot(pressed=False)
        elif action == "cycle":
            self._switch(False, now)
            self._turn(True, now + delay)
        elif action == "soft" and on:
            self._turn(False, now + delay)
        if action in ("on", "cycle", "reset"):
            self._cause = 1
        self._note(action)
        return OK, b""

    def _turn(self, on: bool, at: float) -> None:
        self._turns = (at, on)
        self._settle()  # without a delay the change is due now

    def _chassis_identify(self, data: bytes) -> Answer:
        """Section 28.5: byte 1 is the interval in seconds, a bit of byte 2 means "until told otherwise"."""
        if len(data) > (1 if self.faults.no_force_identify else 2):
            return WRONG_LENGTH, b""
        seconds = data[0] if data else _IDENTIFY_SECONDS
        forever = len(data) == 2 and data[1] & 1
        self._identify_until = float("inf") if forever else self._settings.clock() + seconds
        self._note("identify")
        return OK, b""

    def _identify(self, now: float) -> int:
        """The state of the light, table 28-3: off, temporarily on, or on."""
        return 2 if self._identify_until == float("inf") else int(now < self._identify_until)

    def report(self) -> dict[str, Any]:
        """Return the state of the machine and of the BMC, for people and tests."""
        on = self.power_on
        return {
            "power_on": on,
            "identify": ("off", "for a time", "on")[self._identify(self._settings.clock())],
            "boot": self.boot.chosen,
            "booted": self.boot.booted,
            "boots": self.boot.boots,
            "clock_ahead": round(self.time.ahead(self._faults), 3),
            "log_entries": len(self._events or ()),
        }

    def _get_time(self, data: bytes) -> Answer:
        """Get SEL Time, section 31.10."""
        if data:
            return WRONG_LENGTH, b""
        return OK, self.time.now(self._faults).to_bytes(4, "little")

    def _set_time(self, data: bytes) -> Answer:
        """Set SEL Time, section 31.11."""
        if len(data) != 4:
            return WRONG_LENGTH, b""
        if self._faults.clock_refuses:
            return NOT_IN_THIS_STATE, b""
        if not self._faults.clock_lies:
            self.time.set(int.from_bytes(data, "little"))
        return OK, b""

    def _get_system_restart_cause(self, data: bytes) -> Answer:
        """Section 28.11."""
        return OK, bytes((self._cause, 1))

    def _get_log_entry(self, data: bytes) -> Answer:
        return self.events.get(data, self._faults, self._settings.answer_limit)


def _of_log(command: Callable[[EventLog, bytes, Faults], Answer]) -> Callable[[BMC, bytes], Answer]:
    return lambda bmc, data: command(bmc.events, data, bmc.faults)


_CONTROLS: Final = {0: "off", 1: "on", 2: "cycle", 3: "reset", 4: "diag", 5: "soft"}

#: For each netFn and command: the privilege level that it needs (appendix G), and its method.
_COMMANDS: Final[dict[tuple[int, int], tuple[int, Callable[[BMC, bytes], Answer]]]] = {
    (packet.NETFN_CHASSIS, 0x00): (packet.PRIVILEGE_USER, lambda bmc, data: identity.capabilities()),
    packet.GET_CHASSIS_STATUS: (packet.PRIVILEGE_USER, BMC._get_chassis_status),
    packet.CHASSIS_CONTROL: (packet.PRIVILEGE_OPERATOR, BMC._chassis_control),
    packet.CHASSIS_IDENTIFY: (packet.PRIVILEGE_OPERATOR, BMC._chassis_identify),
    packet.SET_SYSTEM_BOOT_OPTIONS: (
        packet.PRIVILEGE_OPERATOR,
        lambda bmc, data: bmc.boot.set(data, bmc.faults),
    ),
    packet.GET_SYSTEM_BOOT_OPTIONS: (
        packet.PRIVILEGE_OPERATOR,
        lambda bmc, data: bmc.boot.get(data, bmc.faults),
    ),
    (packet.NETFN_CHASSIS, 0x07): (packet.PRIVILEGE_USER, BMC._get_system_restart_cause),
    packet.GET_DEVICE_ID: (packet.PRIVILEGE_USER, lambda bmc, data: identity.device_id(bmc.faults)),
    packet.GET_SELF_TEST_RESULTS: (packet.PRIVILEGE_USER, lambda bmc, data: identity.self_test(bmc.faults)),
    packet.GET_SYSTEM_INFO_PARAMETERS: (packet.PRIVILEGE_USER, lambda bmc, data: identity.system_info(data)),
    packet.GET_LAN_CONFIGURATION_PARAMETERS: (
        packet.PRIVILEGE_OPERATOR,
        lambda bmc, data: identity.lan_configuration(data, bmc._number),
    ),
    packet.GET_SDR_REPOSITORY_INFO: (packet.PRIVILEGE_USER, lambda bmc, data: (OK, sensors.info())),
    packet.RESERVE_SDR_REPOSITORY: (packet.PRIVILEGE_USER, lambda bmc, data: (OK, sensors.RESERVATION)),
    packet.GET_SDR: (packet.PRIVILEGE_USER, lambda bmc, data: sensors.part(data, bmc._settings.answer_limit)),
    packet.GET_SENSOR_READING: (
        packet.PRIVILEGE_USER,
        lambda bmc, data: sensors.reading(data, bmc.power_on, bmc.faults),
    ),
    packet.GET_SENSOR_THRESHOLDS: (packet.PRIVILEGE_USER, lambda bmc, data: sensors.thresholds(data)),
    packet.GET_FRU_INVENTORY_AREA_INFO: (
        packet.PRIVILEGE_USER,
        lambda bmc, data: fru.area_info(bmc._number, data),
    ),
    packet.READ_FRU_DATA: (
        packet.PRIVILEGE_USER,
        lambda bmc, data: fru.read(bmc._number, data, bmc._settings.answer_limit),
    ),
    packet.GET_SEL_INFO: (packet.PRIVILEGE_USER, _of_log(EventLog.info)),
    packet.RESERVE_SEL: (packet.PRIVILEGE_USER, _of_log(EventLog.reserve)),
    packet.GET_SEL_ENTRY: (packet.PRIVILEGE_USER, BMC._get_log_entry),
    packet.ADD_SEL_ENTRY: (packet.PRIVILEGE_OPERATOR, _of_log(EventLog.add_entry)),
    packet.DELETE_SEL_ENTRY: (packet.PRIVILEGE_OPERATOR, _of_log(EventLog.delete)),
    packet.CLEAR_SEL: (packet.PRIVILEGE_OPERATOR, _of_log(EventLog.clear)),
    packet.GET_SEL_TIME: (packet.PRIVILEGE_USER, BMC._get_time),
    packet.SET_SEL_TIME: (packet.PRIVILEGE_OPERATOR, BMC._set_time),
}
#: The part that each command belongs to, named as for the fault lacks.
_PARTS: Final = {
    command: part
    for part, commands in {
        "boot": (packet.SET_SYSTEM_BOOT_OPTIONS, packet.GET_SYSTEM_BOOT_OPTIONS),
        "identify": (packet.CHASSIS_IDENTIFY,),
        "log": (
            packet.GET_SEL_INFO, packet.RESERVE_SEL, packet.GET_SEL_ENTRY, packet.ADD_SEL_ENTRY,
            packet.DELETE_SEL_ENTRY, packet.CLEAR_SEL,
        ),
        "clock": (packet.GET_SEL_TIME, packet.SET_SEL_TIME),
        "sensors": (
            packet.GET_SDR_REPOSITORY_INFO, packet.RESERVE_SDR_REPOSITORY, packet.GET_SDR,
            packet.GET_SENSOR_READING, packet.GET_SENSOR_THRESHOLDS,
        ),
    }.items()
    for command in commands
}  # fmt: skip
