"""A simulated IPMI BMC's description of itself and its host, which hardly depends on its state.

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

from typing import Final

from podium.drivers.ipmi.lan import packet
from podium.simulator.faults import Faults
from podium.simulator.ipmi import codes

#: Chassis, FRU, event log, SDR and sensor device, table 20-2; the event log is the third bit.
DEVICES: Final = 0x8F
_EVENT_LOG: Final = 0x04
_BIOS_VERSION: Final = b"SIM 2.4.1"
_MAC_ADDRESS: Final = 5  # LAN configuration parameter, table 23-4
_NO_SUCH_PARAMETER: Final = 0x80


def device_id(faults: Faults) -> codes.Answer:
    """Get Device ID, section 20.1: firmware 1.0, IPMI 2.0, no manufacturer."""
    devices = DEVICES & ~_EVENT_LOG if "log" in faults.lacks else DEVICES
    return codes.OK, bytes((0x20, 0x01, 0x01, 0x00, 0x02, devices, *[0] * 9))


def self_test(faults: Faults) -> codes.Answer:
    """Get Self Test Results, section 20.4. 57h with bit 7 means that the event log cannot be read."""
    return codes.OK, b"\x57\x80" if faults.self_test_failed else b"\x55\x00"


def system_info(data: bytes) -> codes.Answer:
    """Get System Info Parameters, section 22.14a: the firmware's version in one block, as ASCII."""
    if len(data) != 4:
        return codes.WRONG_LENGTH, b""
    if data[1] != 1:
        return _NO_SUCH_PARAMETER, b""
    if data[2]:
        return codes.OUT_OF_RANGE, b""
    return codes.OK, bytes((0x11, 0, 0, len(_BIOS_VERSION))) + _BIOS_VERSION.ljust(14, b"\0")


def lan_configuration(data: bytes, number: int) -> codes.Answer:
    """Get LAN Configuration Parameters, section 23.2: the MAC address, locally administered.

    :param number: its last four bytes
    """
    if len(data) != 4:
        return codes.WRONG_LENGTH, b""
    if data[1] != _MAC_ADDRESS:
        return _NO_SUCH_PARAMETER, b""
    return codes.OK, b"\x11\x02\x00" + number.to_bytes(4)


def capabilities() -> codes.Answer:
    """Get Chassis Capabilities, section 28.1: intrusion sensor, diagnostic interrupt, all at one address."""
    return codes.OK, bytes((0x05, *[packet.BMC_ADDRESS] * 5))
