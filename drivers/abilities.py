"""Abilities of hardware besides power: its boot device and its log. Part of podium.drivers.base."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from podium.drivers.node import STATUSES

#: What a machine can be set to boot from, in Ironic's words; ``default`` is the order that it has.
BOOT_DEVICES: Final = ("pxe", "disk", "cdrom", "bios", "safe", "default")
#: How a machine boots.
BOOT_MODES: Final = ("bios", "uefi")


@dataclass(frozen=True, slots=True)
class BootDevice:
    """What a machine boots from.

    :param device: one of :data:`BOOT_DEVICES`; in an answer also another word of the hardware's, such as
        ``floppy``, or None if the hardware does not report it
    :param persistent: for every boot, not only for the next one
    :param mode: one of :data:`BOOT_MODES`; None for the machine's present mode
    """

    device: str | None
    persistent: bool = False
    mode: str | None = None

    def __str__(self) -> str:
        words = self.device or "unknown", "persistent" if self.persistent else "once", self.mode
        return ", ".join(filter(None, words if self.device != "default" else (self.device, self.mode)))


@dataclass(frozen=True, slots=True)
class Boot:
    """What a machine boots from, and what it supports.

    :param chosen: the present choice
    :param supported: the :data:`BOOT_DEVICES` that this hardware accepts
    """

    chosen: BootDevice
    supported: Sequence[str]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of the hardware's own log.

    People see 128 characters of the id and of the sensor, 1,000 of the message and of a raw text, and 256 raw
    bytes.

    :param id: the hardware's name for the entry, unique until the log is cleared
    :param at: when it happened by the hardware's own clock, with an offset from UTC; None if that clock was
        not set, or the hardware does not report the time
    :param severity: ``OK``, ``Warning`` or ``Critical``
    :param message: what happened, in words
    :param sensor: the hardware's name for the sensor concerned, if there is one
    :param raw: what the hardware sent: its bytes, or as text the part that the message leaves out
    :raises ValueError: for any other severity, or a time without an offset
    """

    id: str
    at: datetime.datetime | None
    severity: str
    message: str
    sensor: str | None = None
    raw: bytes | str = b""

    def __post_init__(self) -> None:
        if self.severity not in STATUSES:
            raise ValueError(f"the severity of a LogEntry is {', '.join(STATUSES)}, not {self.severity!r}")
        if self.at is not None and self.at.tzinfo is None:
            raise ValueError(f"the time of a LogEntry has an offset from UTC, other than {self.at}")


@dataclass(frozen=True, slots=True)
class Log:
    """Consecutive entries of a hardware's log.

    :param entries: oldest first
    :param more: whether there are older entries; none is missing between these. Also true if the hardware
        reports more entries than can be read, so that a request for those returns the error
    :param clock_offset: how many seconds the hardware's clock was ahead of this host's, ``time.time()``,
        when the log was read; None if the hardware does not report its clock
    """

    entries: Sequence[LogEntry] = field(repr=False)
    more: bool = False
    clock_offset: float | None = None
