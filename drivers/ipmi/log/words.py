"""Words for the events that a BMC logs.

Sources: IPMI v2.0 revision 1.1, tables 42-2 (generic) and 42-3 (sensor types and what is specific to them).
Events that are also faults as a state have the words of :mod:`podium.drivers.ipmi.machine.discrete`.
"""

from typing import Final

from podium.drivers.ipmi.machine import discrete
from podium.drivers.ipmi.machine.discrete import table

_GENERIC: Final[dict[int, discrete.States]] = {
    0x02: table("""
        0 - idle
        1 - active
        2 - busy
    """),
    0x03: table("""
        0 - state deasserted
        1 - state asserted
    """),
    0x04: table("0 - no predictive failure"),
    0x05: table("0 - limit not exceeded"),
    0x06: table("0 - performance met"),
    0x07: table("""
        0 - OK
        7 - monitored
        8 - informational
    """),
    0x08: table("""
        0 - device removed or absent
        1 - device inserted or present
    """),
    0x09: table("""
        0 - device disabled
        1 - device enabled
    """),
    0x0A: table("""
        0 - running
        1 - in test
        2 - power off
        3 - on line
        4 - off line
        5 - off duty
        7 - power save
    """),
    0x0B: table("0 - fully redundant"),
    0x0C: table("""
        0 - device power state D0
        1 - device power state D1
        2 - device power state D2
        3 - device power state D3
    """),
}

_BY_SENSOR_TYPE: Final[dict[int, discrete.States]] = {
    0x05: table("4 - unplugged from LAN"),
    0x06: table("""
        0 W front panel lockout violated
        1 W wrong user password before boot
        2 W wrong setup password before boot
        3 W wrong network boot password before boot
        4 W wrong password before boot
        5 W wrong password out of band
    """),
    0x07: table("9 - terminator present"),
    0x09: table("""
        0 - power off
        1 - power cycle
    """),
    0x0C: table("8 - spare"),
    0x0D: table("""
        3 - hot spare
        4 - consistency check in progress
    """),
    0x0F: table("2 - firmware progress"),
    0x10: table("""
        0 W logging of correctable memory errors disabled
        1 W logging of a type of event disabled
        2 - log cleared
        3 W all event logging disabled
        6 W logging of correctable machine check errors disabled
    """),
    0x11: table("""
        0 C watchdog: reset by BIOS
        1 C watchdog: reset
        2 C watchdog: shut down
        3 C watchdog: power down
        4 C watchdog: power cycle
        5 W watchdog: NMI
        6 W watchdog: expired
        7 W watchdog: interrupt before expiry
    """),
    0x12: table("""
        0 - system reconfigured
        1 - system boot event of the maker's own
        3 - entry added to auxiliary log
        4 - platform event action
        5 - clock synchronized
    """),
    0x13: table("""
        3 W software NMI
        6 C EISA failsafe timeout
    """),
    0x14: table("""
        0 - power button pressed
        1 - sleep button pressed
        2 - reset button pressed
        3 - FRU latch open
        4 - FRU service requested
    """),
    0x1B: table("0 - connected"),
    0x1D: table("""
        0 - boot initiated by power up
        1 - boot initiated by hard reset
        2 - boot initiated by warm reset
        3 - PXE boot requested
        4 - automatic boot to diagnostics
        5 - hard reset by the operating system
        6 - warm reset by the operating system
        7 - system restarted
    """),
    0x1E: table("""
        0 W no bootable media
        1 W disk in drive is not bootable
        2 W PXE server not found
        3 W invalid boot sector
        4 W no boot source selected in time
    """),
    0x1F: table("""
        0 - boot from A: completed
        1 - boot from C: completed
        2 - PXE boot completed
        3 - diagnostic boot completed
        4 - CD-ROM boot completed
        5 - ROM boot completed
        6 - boot completed
        7 - installation started
        8 - installation completed
        9 W installation aborted
        10 W installation failed
    """),
    0x20: table("""
        2 - graceful stop of the operating system
        3 - graceful shutdown of the operating system
        4 - soft shutdown initiated by platform event action
        5 W agent did not answer a request to shut down
    """),
    0x21: table("""
        1 - identify
        2 - device installed
        3 - ready for installation
        4 - ready for removal
        5 - slot power off
        6 - removal requested
        7 - interlock
        8 - slot disabled
        9 - spare device in slot
    """),
    0x22: table("""
        0 - S0/G0, working
        1 - S1, sleeping
        2 - S2, sleeping
        3 - S3, sleeping
        4 - S4, suspended to disk
        5 - S5/G2, soft off
        6 - S4/S5, soft off
        7 - G3, mechanically off
        8 - sleeping
        9 - G1, sleeping
        10 - S5, entered by override
        11 - legacy on
        12 - legacy off
        14 - power state unknown
    """),
    0x23: table("""
        0 W watchdog: expired
        1 C watchdog: hard reset
        2 C watchdog: power down
        3 C watchdog: power cycle
        8 W watchdog: interrupt before expiry
    """),
    0x24: table("""
        0 - platform generated a page
        1 - platform generated a LAN alert
        2 - platform event trap generated
        3 - platform generated an SNMP trap
    """),
    0x25: table("""
        0 - entity present
        1 - entity absent
        2 - entity disabled
    """),
    0x27: table("""
        0 - LAN heartbeat lost
        1 - LAN heartbeat
    """),
    0x2A: table("""
        0 - session activated
        1 - session deactivated
        2 W invalid user name or password
        3 W account disabled after invalid passwords
    """),
    0x2B: table("""
        0 - hardware change detected
        1 - firmware or software change detected
        2 W hardware incompatibility detected
        3 W firmware or software incompatibility detected
        4 W invalid or unsupported hardware version
        5 W invalid or unsupported firmware or software version
        6 - hardware change successful
        7 - firmware or software change successful
    """),
    0x2C: table("""
        0 - FRU not installed
        1 - FRU inactive
        2 - FRU activation requested
        3 - FRU activation in progress
        4 - FRU active
        5 - FRU deactivation requested
        6 - FRU deactivation in progress
        7 W FRU communication lost
    """),
}

#: Sensor types, for a sensor without a name.
_SENSOR_TYPES: Final = (
    "sensor", "temperature", "voltage", "current", "fan", "physical security", "platform security",
    "processor", "power supply", "power unit", "cooling device", "sensor", "memory", "drive slot",
    "POST memory resize", "system firmware", "event logging", "watchdog", "system event",
    "critical interrupt", "button", "board", "microcontroller", "add-in card", "chassis", "chip set",
    "FRU", "cable", "terminator", "system boot", "boot error", "OS boot", "OS stop", "slot",
    "ACPI power state", "watchdog", "platform alert", "entity presence", "monitor ASIC", "LAN",
    "management subsystem health",
    "battery", "session audit", "version change", "FRU state",
)  # fmt: skip

_FIRMWARE_ERRORS: Final = (
    "", "no system memory", "no usable memory", "unrecoverable hard disk failure",
    "unrecoverable system board failure", "unrecoverable diskette failure",
    "unrecoverable hard disk controller failure", "unrecoverable keyboard failure",
    "removable boot media not found", "unrecoverable video controller failure", "no video device",
    "firmware ROM corruption", "CPU voltage mismatch", "CPU speed matching failure",
)  # fmt: skip
_FIRMWARE_PROGRESS: Final = (
    "", "memory initialization", "hard disk initialization", "secondary processor initialization",
    "user authentication", "user-initiated setup", "USB resource configuration",
    "PCI resource configuration", "option ROM initialization", "video initialization",
    "cache initialization", "SMBus initialization", "keyboard controller initialization",
    "management controller initialization", "docking station attachment", "enabling docking station",
    "docking station ejection", "disabling docking station", "calling operating system wake-up vector",
    "starting operating system boot", "baseboard initialization", "", "floppy initialization",
    "keyboard test", "pointing device test", "primary processor initialization",
)  # fmt: skip
_TIMER_USES: Final = ("", "BIOS FRB2", "BIOS/POST", "OS load", "SMS/OS", "OEM")
_FIRMWARE, _WATCHDOG, _MEMORY = 0x0F, 0x23, 0x0C


def event(reading_type: int, sensor_type: int, offset: int) -> tuple[str, str] | None:
    """Return ``Warning``, ``Critical`` or nothing, and the words of an event; None if there are none.

    :param reading_type: event/reading type, table 42-1
    :param sensor_type: table 42-3
    :param offset: which of the possible events
    """
    known = discrete.states(reading_type, sensor_type).get(offset)
    if known is not None:
        return known
    if reading_type == discrete.SENSOR_SPECIFIC:
        return _BY_SENSOR_TYPE.get(sensor_type, {}).get(offset)
    return _GENERIC.get(reading_type, {}).get(offset)


def second(sensor_type: int, offset: int, byte: int) -> str:
    """Return what event data 2 adds to an event specific to its sensor type; empty if not known."""
    if sensor_type == _FIRMWARE:
        return _among(_FIRMWARE_PROGRESS if offset else _FIRMWARE_ERRORS, byte)
    return _among(_TIMER_USES, byte & 0x0F) if sensor_type == _WATCHDOG else ""


def third(sensor_type: int, byte: int) -> str:
    """Return what event data 3 adds, in the same way."""
    return f"module {byte}" if sensor_type == _MEMORY else ""


def sensor_type(number: int) -> str:
    """Return the word for a sensor type."""
    return _among(_SENSOR_TYPES, number) or _SENSOR_TYPES[0]


def _among(texts: tuple[str, ...], place: int) -> str:
    return texts[place] if place < len(texts) else ""
