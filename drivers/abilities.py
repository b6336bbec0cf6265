"""What hardware has beside its power: what it boots from, and its log. Part of podium.drivers.base."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from podium.drivers.node import STATUSES

#: What a machine may be told to boot from, in Ironic's words, and ``default`` for the order that it has.
BOOT_DEVICES: Final = ("pxe", "disk", "cdrom", "bios", "safe", "default")
#: How a machine boots.
BOOT_MODES: Final = ("bios", "uefi")


@dataclass(frozen=True, slots=True)
class BootDevice:
    """What a machine boots from.

    :param device: one of :data:`BOOT_DEVICES`; as an answer also another word of the hardware's, such as
        ``floppy``, or None if the hardware does not say
    :param persistent: for every boot, not only for the next
    :param mode: one of :data:`BOOT_MODES`; None for the mode that the machine is in
    """

    device: str | None
    persistent: bool = False
    mode: str | None = None

    def __str__(self) -> str:
        words = self.device or "unknown", "persistent" if self.persistent else "once", self.mode
        return ", ".join(filter(None, words if self.device != "default" else (self.device, self.mode)))


@dataclass(frozen=True, slots=True)
class Boot:
    """What a machine boots from, and what else it could.

    :param chosen: at present
    :param supported: what of :data:`BOOT_DEVICES` this hardware takes
    """

    chosen: BootDevice
    supported: Sequence[str]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of the log that hardware keeps of itself.

    People see 128 characters of the id and of the sensor, 1,000 of the message and of a raw text, and 256 raw
    bytes.

    :param id: what the hardware calls it; no other entry is called so until the log is cleared
    :param at: when it happened by the hardware's own clock, with an offset from UTC; None if that clock was
        not set, or it does not say
    :param severity: ``OK``, ``Warning`` or ``Critical``
    :param message: what happened, in words
    :param sensor: what the hardware calls the sensor that it is about, if it is about one
    :param raw: what the hardware sent: its bytes, or as text what the message leaves out
    :raises ValueError: for another severity, or a time without an offset
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
    """Some entries of the log of hardware that stand together.

    :param entries: the oldest first
    :param more: whether there are older ones, none of which was left out between these; also where the
        hardware says that it has more than can be read, so that whoever asks for these is given the error
    :param clock_offset: how many seconds the hardware's clock was ahead of this host's, ``time.time()``,
        when the log was read; None if the hardware does not say
    """

    entries: Sequence[LogEntry] = field(repr=False)
    more: bool = False
    clock_offset: float | None = None
