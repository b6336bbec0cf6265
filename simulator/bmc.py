"""One simulated BMC: the machine behind it and the commands it carries out, without any I/O.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from podium.drivers.ipmi.lan import packet
from podium.simulator import fru, sensors
from podium.simulator.accounts import Accounts
from podium.simulator.faults import HEALTHY, Faults

# Completion codes, table 5-2.
OK: Final = 0x00
NODE_BUSY: Final = 0xC0
INVALID_COMMAND: Final = 0xC1
RESERVATION_LOST: Final = 0xC5
WRONG_LENGTH: Final = 0xC7
OUT_OF_RANGE: Final = 0xC9
TOO_MANY_BYTES: Final = 0xCA
NOT_PRESENT: Final = 0xCB
INVALID_FIELD: Final = 0xCC
INSUFFICIENT_PRIVILEGE: Final = 0xD4
NOT_IN_THIS_STATE: Final = 0xD5
SILENT: Final = -1  #: no answer

_LOG_SIZE: Final = 256
_IDENTIFY_SECONDS: Final = 15
_RESERVATION: Final = b"\x01\x00"  # the only one, as nobody changes the sensor records
_WHOLE: Final = 0xFF
_BIOS_VERSION: Final = b"SIM 2.4.1"
_MAC_ADDRESS: Final = 5  # LAN configuration parameter, table 23-4
_NO_SUCH_PARAMETER: Final = 0x80

#: A completion code and the data after it.
Answer = tuple[int, bytes]


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """The settings of all BMCs of a simulator.

    :param password: at the start; at most 20 bytes
    :param kg: the BMC key, 20 bytes; empty for none
    :param power_delay: seconds between off and on of a power cycle, and until a soft shutdown is done
    :param session_limit: sessions that one BMC holds
    :param answer_limit: bytes of a sensor record or of FRU data that fit into one answer
    :param seed: of the random losses of datagrams
    :param clock: seconds, monotonic
    """

    user: str = "admin"
    password: bytes = b"podium-sim"
    kg: bytes = b""
    power_delay: float = 0.0
    session_limit: int = 4
    answer_limit: int = 255
    seed: int = 0
    clock: Callable[[], float] = time.monotonic


class BMC:
    """The state of one machine and its BMC, and the commands of a session."""

    __slots__ = (
        "_cause",
        "_identify_until",
        "_log",
        "_number",
        "_on",
        "_refuses_until",
        "_settings",
        "_shown",
        "_shown_until",
        "_turns",
        "accounts",
        "carried_out",
        "commands",
        "faults",
    )

    def __init__(self, settings: Settings, number: int = 0) -> None:
        """:param number: 32 bits from which its serial numbers and its MAC address are derived"""
        self._settings = settings
        self._number = number
        self.accounts = Accounts(settings.user, settings.password, settings.clock)
        self._on = False
        self._turns: tuple[float, bool] | None = None  # when the power switches by itself, and to what
        self._shown = False
        self._shown_until = 0.0
        self._refuses_until = 0.0
        self._identify_until = 0.0
        self._cause = 0  # table 28-11
        self._log: deque[str] | None = None
        self.carried_out = 0  #: chassis commands, of which the log holds the last
        self.commands = 0  #: commands answered in sessions, without repeated ones
        self.faults: Faults = HEALTHY

    @property
    def power_on(self) -> bool:
        """Whether the machine really is on; an assignment switches it without any command."""
        self._settle()
        return self._on

    @power_on.setter
    def power_on(self, on: bool) -> None:
        self._turns = None
        self._switch(on, self._settings.clock())

    @property
    def log(self) -> tuple[str, ...]:
        """The last chassis commands that were carried out, oldest first: ``off``, ``on``, ``cycle``, ..."""
        return tuple(self._log or ())

    def execute(self, netfn: int, command: int, data: bytes, privilege: int) -> Answer:
        """Carry out a command of a session.

        :param privilege: the session's level
        """
        known = _COMMANDS.get((netfn, command))
        if known is None:
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

    def _switch(self, on: bool, at: float) -> None:
        if self.faults.stale and on != self._on:
            self._shown = self._shown_power(at)
            self._shown_until = at + self.faults.stale
        self._on = on

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
        identify = 2 if self._identify_until == float("inf") else int(now < self._identify_until)
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
        if action in ("on", "off"):
            self.power_on = action == "on"
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
        self._settle()  # without a delay it is due now

    def _chassis_identify(self, data: bytes) -> Answer:
        """Section 28.5: byte 1 is the interval in seconds, byte 2 has the bit for "until told otherwise"."""
        if len(data) > 2:
            return WRONG_LENGTH, b""
        seconds = data[0] if data else _IDENTIFY_SECONDS
        forever = len(data) == 2 and data[1] & 1
        self._identify_until = float("inf") if forever else self._settings.clock() + seconds
        self._note("identify")
        return OK, b""

    def _get_chassis_capabilities(self, data: bytes) -> Answer:
        """Section 28.1: an intrusion sensor, a diagnostic interrupt, all devices at the BMC's address."""
        return OK, bytes((0x05, *[packet.BMC_ADDRESS] * 5))

    def _get_system_restart_cause(self, data: bytes) -> Answer:
        """Section 28.11."""
        return OK, bytes((self._cause, 1))

    def _get_device_id(self, data: bytes) -> Answer:
        """Section 20.1: firmware 1.0, IPMI 2.0, chassis, FRU, SDR and sensor device, no manufacturer."""
        return OK, bytes((0x20, 0x01, 0x01, 0x00, 0x02, 0x8B, 0, 0, 0, 0, 0, 0, 0, 0, 0))

    def _get_self_test_results(self, data: bytes) -> Answer:
        """Section 20.4: 55h is passed; 57h with bit 7 is a system event log that cannot be read."""
        return OK, b"\x57\x80" if self.faults.self_test_failed else b"\x55\x00"

    def _get_system_info(self, data: bytes) -> Answer:
        """Section 22.14a: the system firmware's version in one block, as ASCII."""
        if len(data) != 4:
            return WRONG_LENGTH, b""
        if data[1] != 1:
            return _NO_SUCH_PARAMETER, b""
        if data[2]:
            return OUT_OF_RANGE, b""
        return OK, bytes((0x11, 0, 0, len(_BIOS_VERSION))) + _BIOS_VERSION.ljust(14, b"\0")

    def _get_lan_configuration(self, data: bytes) -> Answer:
        """Section 23.2: the MAC address, locally administered."""
        if len(data) != 4:
            return WRONG_LENGTH, b""
        if data[1] != _MAC_ADDRESS:
            return _NO_SUCH_PARAMETER, b""
        return OK, b"\x11\x02\x00" + self._number.to_bytes(4)

    def _get_sdr_repository_info(self, data: bytes) -> Answer:
        """Section 33.9."""
        return OK, sensors.info()

    def _reserve_sdr_repository(self, data: bytes) -> Answer:
        """Section 33.11."""
        return OK, _RESERVATION

    def _get_sdr(self, data: bytes) -> Answer:
        """Section 33.12: a part of a record needs a reservation, the beginning of one does not."""
        if len(data) != 6:
            return WRONG_LENGTH, b""
        found = sensors.record(int.from_bytes(data[2:4], "little"))
        if found is None:
            return NOT_PRESENT, b""
        following, record = found
        offset, size = data[4], data[5]
        if offset and data[:2] != _RESERVATION:
            return RESERVATION_LOST, b""
        if offset >= len(record):
            return OUT_OF_RANGE, b""
        part = record[offset:] if size == _WHOLE else record[offset : offset + size]
        return (TOO_MANY_BYTES, b"") if len(part) > self._settings.answer_limit else (OK, following + part)

    def _get_sensor_reading(self, data: bytes) -> Answer:
        """Section 35.14."""
        if len(data) != 1:
            return WRONG_LENGTH, b""
        found = sensors.reading(data[0], self.power_on, self.faults)
        return (NOT_PRESENT, b"") if found is None else (OK, found)

    def _get_sensor_thresholds(self, data: bytes) -> Answer:
        """Section 35.9."""
        if len(data) != 1:
            return WRONG_LENGTH, b""
        found = sensors.thresholds(data[0])
        return (NOT_PRESENT, b"") if found is None else (OK, found)

    def _get_fru_area_info(self, data: bytes) -> Answer:
        """Section 34.1: one device, in bytes."""
        if len(data) != 1:
            return WRONG_LENGTH, b""
        if data[0]:
            return NOT_PRESENT, b""
        return OK, len(fru.data(self._number)).to_bytes(2, "little") + b"\0"

    def _read_fru_data(self, data: bytes) -> Answer:
        """Section 34.2."""
        if len(data) != 4:
            return WRONG_LENGTH, b""
        if data[0]:
            return NOT_PRESENT, b""
        offset, size = int.from_bytes(data[1:3], "little"), data[3]
        part = fru.data(self._number)[offset : offset + size]
        if not part:
            return OUT_OF_RANGE, b""
        if len(part) > self._settings.answer_limit:
            return TOO_MANY_BYTES, b""
        return OK, bytes((len(part),)) + part


_CONTROLS: Final = {0: "off", 1: "on", 2: "cycle", 3: "reset", 4: "diag", 5: "soft"}

#: By netFn and command: the privilege level that it needs (appendix G), and the method that carries it out.
_COMMANDS: Final[dict[tuple[int, int], tuple[int, Callable[[BMC, bytes], Answer]]]] = {
    (packet.NETFN_CHASSIS, 0x00): (packet.PRIVILEGE_USER, BMC._get_chassis_capabilities),
    packet.GET_CHASSIS_STATUS: (packet.PRIVILEGE_USER, BMC._get_chassis_status),
    packet.CHASSIS_CONTROL: (packet.PRIVILEGE_OPERATOR, BMC._chassis_control),
    (packet.NETFN_CHASSIS, 0x04): (packet.PRIVILEGE_OPERATOR, BMC._chassis_identify),
    (packet.NETFN_CHASSIS, 0x07): (packet.PRIVILEGE_USER, BMC._get_system_restart_cause),
    packet.GET_DEVICE_ID: (packet.PRIVILEGE_USER, BMC._get_device_id),
    packet.GET_SELF_TEST_RESULTS: (packet.PRIVILEGE_USER, BMC._get_self_test_results),
    packet.GET_SYSTEM_INFO_PARAMETERS: (packet.PRIVILEGE_USER, BMC._get_system_info),
    packet.GET_LAN_CONFIGURATION_PARAMETERS: (packet.PRIVILEGE_OPERATOR, BMC._get_lan_configuration),
    packet.GET_SDR_REPOSITORY_INFO: (packet.PRIVILEGE_USER, BMC._get_sdr_repository_info),
    packet.RESERVE_SDR_REPOSITORY: (packet.PRIVILEGE_USER, BMC._reserve_sdr_repository),
    packet.GET_SDR: (packet.PRIVILEGE_USER, BMC._get_sdr),
    packet.GET_SENSOR_READING: (packet.PRIVILEGE_USER, BMC._get_sensor_reading),
    packet.GET_SENSOR_THRESHOLDS: (packet.PRIVILEGE_USER, BMC._get_sensor_thresholds),
    packet.GET_FRU_INVENTORY_AREA_INFO: (packet.PRIVILEGE_USER, BMC._get_fru_area_info),
    packet.READ_FRU_DATA: (packet.PRIVILEGE_USER, BMC._read_fru_data),
}
