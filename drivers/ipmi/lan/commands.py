"""What the answers of a BMC mean: completion codes, chassis status and self test.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from collections.abc import Sequence
from typing import Final

from podium import errors
from podium.drivers import base
from podium.drivers.ipmi.lan import packet

# Chassis Control, table 28-4.
POWER_DOWN: Final = 0x00
POWER_UP: Final = 0x01
HARD_RESET: Final = 0x03
DIAGNOSTIC_INTERRUPT: Final = 0x04
SOFT_SHUTDOWN: Final = 0x05

NODE_BUSY: Final = 0xC0
INVALID_COMMAND: Final = 0xC1
RESERVATION_LOST: Final = 0xC5
NOT_PRESENT: Final = 0xCB
INVALID_DATA_FIELD: Final = 0xCC
INSUFFICIENT_PRIVILEGE: Final = 0xD4
NOT_IN_PRESENT_STATE: Final = 0xD5
#: The BMC does not have the command, or does not allow it.
NEVER: Final = frozenset({INVALID_COMMAND, NOT_IN_PRESENT_STATE, 0xC2, 0xD6})
#: The BMC has the command, but not for this purpose.
NOT_FOR_THIS: Final = frozenset({0xC6, 0xC7, 0xC8, 0xC9, NOT_PRESENT, INVALID_DATA_FIELD})
#: Busy, out of time, or on its way up: the same may succeed later.
NOT_NOW: Final = frozenset({NODE_BUSY, 0xC3, 0xCE, 0xD0, 0xD1, 0xD2})
#: Codes that mean that the BMC cannot return so many bytes at once.
TOO_MANY_BYTES: Final = frozenset({0xC7, 0xC8, 0xC9, 0xCA, 0xFF})

_TOO_LOW: Final = "; check ipmi_priv_level, and the level that the user has at the BMC"
_NAMES: Final = {
    packet.GET_CHASSIS_STATUS: "Get Chassis Status",
    packet.CHASSIS_CONTROL: "Chassis Control",
    packet.CHASSIS_IDENTIFY: "Chassis Identify",
    packet.SET_SYSTEM_BOOT_OPTIONS: "Set System Boot Options",
    packet.GET_SYSTEM_BOOT_OPTIONS: "Get System Boot Options",
    packet.GET_SELF_TEST_RESULTS: "Get Self Test Results",
    packet.SET_SESSION_PRIVILEGE_LEVEL: "Set Session Privilege Level",
    packet.CLOSE_SESSION: "Close Session",
    packet.GET_USER_ACCESS: "Get User Access",
    packet.GET_USER_NAME: "Get User Name",
    packet.SET_USER_PASSWORD: "Set User Password",
    packet.GET_DEVICE_ID: "Get Device ID",
    packet.GET_SYSTEM_INFO_PARAMETERS: "Get System Info Parameters",
    packet.GET_SENSOR_THRESHOLDS: "Get Sensor Thresholds",
    packet.GET_SENSOR_READING: "Get Sensor Reading",
    packet.GET_FRU_INVENTORY_AREA_INFO: "Get FRU Inventory Area Info",
    packet.READ_FRU_DATA: "Read FRU Data",
    packet.GET_SDR_REPOSITORY_INFO: "Get SDR Repository Info",
    packet.RESERVE_SDR_REPOSITORY: "Reserve SDR Repository",
    packet.GET_SDR: "Get SDR",
    packet.GET_SEL_INFO: "Get SEL Info",
    packet.RESERVE_SEL: "Reserve SEL",
    packet.GET_SEL_ENTRY: "Get SEL Entry",
    packet.CLEAR_SEL: "Clear SEL",
    packet.GET_SEL_TIME: "Get SEL Time",
    packet.SET_SEL_TIME: "Set SEL Time",
    packet.GET_LAN_CONFIGURATION_PARAMETERS: "Get LAN Configuration Parameters",
}

#: Generic completion codes, table 5-2.
COMPLETION_CODES: Final = {
    0xC0: "node busy",
    0xC1: "invalid command",
    0xC2: "command invalid for given LUN",
    0xC3: "timeout while processing command",
    0xC4: "out of space",
    0xC5: "reservation canceled or invalid reservation ID",
    0xC6: "request data truncated",
    0xC7: "request data length invalid",
    0xC8: "request data field length limit exceeded",
    0xC9: "parameter out of range",
    0xCA: "cannot return number of requested data bytes",
    0xCB: "requested sensor, data, or record not present",
    0xCC: "invalid data field in request",
    0xCD: "command illegal for specified sensor or record type",
    0xCE: "command response could not be provided",
    0xCF: "cannot execute duplicated request",
    0xD0: "SDR repository in update mode",
    0xD1: "device in firmware update mode",
    0xD2: "BMC initialization in progress",
    0xD3: "destination unavailable",
    0xD4: "insufficient privilege level",
    0xD5: "command or request parameter not supported in present state",
    0xD6: "command sub-function disabled or unavailable",
    0xFF: "unspecified error",
}

# Bits of a Get Chassis Status answer (table 28-3) that are a fault: byte, bit, status and reason.
_CHASSIS_FAULTS: Final = (
    (0, 0x02, "Critical", "power overload"),
    (0, 0x08, "Critical", "main power fault"),
    (0, 0x10, "Critical", "power control fault"),
    (0, 0x04, "Warning", "power interlock active"),
    (2, 0x08, "Critical", "cooling or fan fault"),
    (2, 0x04, "Warning", "drive fault"),
    (2, 0x01, "Warning", "chassis intrusion"),
)

# Get Self Test Results, table 20-5.
_SELF_TEST_GOOD: Final = (0x55, 0x56, 0xFF)  # passed, not implemented, reserved
_SELF_TEST_CORRUPTED: Final = 0x57
_SELF_TEST_FATAL: Final = 0x58
_CORRUPTED: Final = (
    (0x80, "Warning", "BMC cannot access its event log"),
    (0x40, "Warning", "BMC cannot access its sensor records"),
    (0x20, "Warning", "BMC cannot access its inventory (FRU) device"),
    (0x10, "Warning", "IPMB signal lines do not respond"),
    (0x08, "Warning", "BMC has no sensor records"),
    (0x04, "Warning", "BMC inventory (FRU) is corrupted"),
    (0x02, "Critical", "BMC boot block firmware is corrupted"),
    (0x01, "Critical", "BMC operational firmware is corrupted"),
)


#: ``Warning`` or ``Critical``, and the reason.
Fault = tuple[str, str]
_REASONS: Final = 16  # in a node's health
_REASON: Final = 200  # characters


class CommandFailed(errors.DriverError):
    """The BMC answered a command with a completion code other than 00h.

    :param bmc: address and port, for the text
    :param command: netFn and command
    :param code: the completion code
    """

    def __init__(self, bmc: str, command: tuple[int, int], code: int) -> None:
        meaning = f"{_meaning(code)} (completion code {code:02X}h)"
        remedy = _TOO_LOW if code == INSUFFICIENT_PRIVILEGE else ""
        super().__init__(f"BMC {bmc} refused {_name(command)}: {meaning}{remedy}")
        self.code = code


def _name(command: tuple[int, int]) -> str:
    return _NAMES.get(command, f"command {command[1]:02X}h of netFn {command[0]:02X}h")


def _meaning(code: int) -> str:
    if code in COMPLETION_CODES:
        return COMPLETION_CODES[code]
    if 0x01 <= code <= 0x7E:
        return "a code of the BMC's maker"
    return "a code of this command" if 0x80 <= code <= 0xBE else "a reserved code"


def is_powered(status: bytes) -> bool:
    """Whether a Get Chassis Status answer reports that the power is on."""
    return bool(status[0] & 0x01)


def health(status: bytes, self_test: bytes, found_by_sensors: Sequence[Fault] = ()) -> base.Health:
    """Combine a Get Chassis Status and a Get Self Test Results answer with the faults of sensors.

    Only present faults count: the causes of the last power-down and a locked front panel do not.

    :param status: at least 3 bytes
    :param self_test: at least 2 bytes, or none when the BMC does not have the command
    """
    found = [(rank, reason) for byte, bit, rank, reason in _CHASSIS_FAULTS if status[byte] & bit]
    found += _self_test_faults(self_test)
    found += found_by_sensors
    worst = _worst([rank for rank, _ in found])
    if len(found) > _REASONS:
        found.sort(key=lambda fault: fault[0] != "Critical")
        found[_REASONS - 1 :] = [("", f"and {len(found) - _REASONS + 1} more")]
    return base.Health(worst, tuple(reason[:_REASON] for _, reason in found))


def _self_test_faults(result: bytes) -> list[Fault]:
    if not result or result[0] in _SELF_TEST_GOOD:
        return []
    if result[0] == _SELF_TEST_CORRUPTED:
        return [(rank, reason) for bit, rank, reason in _CORRUPTED if result[1] & bit]
    if result[0] == _SELF_TEST_FATAL:
        return [("Critical", f"BMC reports a fatal hardware error ({result[1]:02X}h)")]
    return [("Warning", f"BMC reports an internal failure ({result[0]:02X}h {result[1]:02X}h)")]


def _worst(ranks: Sequence[str]) -> str:
    return "Critical" if "Critical" in ranks else "Warning" if ranks else "OK"
