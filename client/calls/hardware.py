"""Reads from the hardware of a node while the caller waits, done by the conductor that owns it.

Readers may make most of these calls: nothing changes, and Ironic's readers may read hardware as well. The
hardware is spared: a read gives way to power changes, and a caller who requests a read that is already under
way for the node receives its answer. The calls are not GET nevertheless, so that no cache answers, and no
program that only follows links makes them.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from podium.client.calls.call import Call, Nodes, Record, Where

T = TypeVar("T")

#: Less than the 60 seconds after which podium-api and its callers give up.
Wait: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=50)]
_Named: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class AskHardware(Call[T], Generic[T], frozen=True):
    """A read by the owning conductors; ``kind`` is what they read."""

    method = "POST"
    kind: ClassVar[str]


class AskNode(AskHardware[T], Generic[T], frozen=True):
    """A read of one node. The answer is a :class:`ReadRecord`."""

    role = "reader"

    node: _Named
    wait: Wait = 40.0

    @property
    def arguments(self) -> dict[str, Any]:
        """What the conductor is sent besides the node."""
        return {}


class ReadRecord(Record, frozen=True, kw_only=True):
    """What was read from hardware.

    :param node: its name or UUID, as requested
    :param read_at: when the last of it was read
    :param conductor: the conductor that read it
    """

    node: str
    node_uuid: str
    read_at: datetime
    conductor: str


class Thresholds(Record, frozen=True, kw_only=True):
    """Readings beyond which the hardware warns; None where there is no such limit.

    IPMI calls caution *non-critical*, and fatal *non-recoverable*.
    """

    lower_fatal: float | None = None
    lower_critical: float | None = None
    lower_caution: float | None = None
    upper_caution: float | None = None
    upper_critical: float | None = None
    upper_fatal: float | None = None


class SensorReading(Record, frozen=True, kw_only=True):
    """One sensor.

    :param kind: temperature, fan, fan_share, power, voltage or current
    :param value: None if the sensor has no reading at present
    :param unit: celsius, rpm, percent, watts, volts or amperes
    :param status: OK, Warning or Critical, by the hardware's own thresholds
    :param thresholds: None if the sensor has none, or does not report them
    """

    name: str
    kind: str
    value: float | None
    unit: str
    status: str
    thresholds: Thresholds | None = None


class Sensors(ReadRecord, frozen=True, kw_only=True):
    """The readings of a node's sensors."""

    sensors: list[SensorReading]


class ReadSensors(AskNode[Sensors], frozen=True):
    """Read the sensors of a node now; its conductor asks the hardware.

    :param node: its name or UUID
    :param wait: seconds to wait for the answer
    """

    path = "/podium/v1/nodes/{node}/sensors"
    kind = "sensors"


class BootDevices(ReadRecord, frozen=True, kw_only=True):
    """What a node boots from, and what it could boot from.

    :param device: pxe, disk, cdrom, bios, safe, default, or another word of the hardware's; None if it does
        not report any
    :param persistent: for every boot, not only for the next
    :param mode: bios or uefi; None for its present mode
    :param supported: what it can be set to boot from
    """

    device: str | None
    persistent: bool
    mode: str | None
    supported: list[str]


class ReadBootDevice(AskNode[BootDevices], frozen=True):
    """Read what a node boots from now; its conductor asks the hardware.

    :param node: its name or UUID
    :param wait: seconds to wait for the answer
    """

    path = "/podium/v1/nodes/{node}/boot-device"
    kind = "boot device"


class LogLine(Record, frozen=True, kw_only=True):
    """An entry of the hardware's own log.

    :param id: the hardware's name for it, until the log is cleared
    :param at: when it happened, in whole seconds; None if the hardware does not report it, if nothing is
        known about its clock, or if it is not certain whether it happened before the clock was set
    :param clock_at: the same by the hardware's own clock
    :param severity: OK, Warning or Critical
    :param message: what happened, in words
    :param sensor: the sensor concerned
    :param raw: what the hardware sent: bytes in hexadecimal digits, or a text, such as JSON
    """

    id: str
    at: datetime | None = None
    clock_at: datetime | None
    severity: str
    message: str
    sensor: str | None
    raw: str | None


class LogEntries(ReadRecord, frozen=True, kw_only=True):
    """Consecutive entries of the log of a node.

    :param entries: oldest first
    :param more: whether there are older ones, before the first of these
    :param clock_offset: seconds that the hardware's clock was ahead of the conductor's; None if unknown
    """

    entries: list[LogLine]
    more: bool
    clock_offset: float | None


#: The hardware's name for an entry.
EntryId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f]{1,128}$(?!\n)")]
MOST_ENTRIES: Final = 1000


class ReadLog(AskNode[LogEntries], frozen=True):
    """Read the newest entries of the log that the hardware of a node keeps; its conductor asks the hardware.

    A long log is read page by page: as long as there are ``more``, the id of the first entry is the
    ``before`` of the next call. Other calls for the node may run between two pages.

    :param node: its name or UUID
    :param wait: seconds to wait for the answer
    :param before: the id of an entry: only older ones
    :param after: the id of an entry: only newer ones
    :param limit: greatest number of entries; there are fewer if the answer would be too long
    """

    path = "/podium/v1/nodes/{node}/log"
    kind = "log"

    before: EntryId | None = None
    after: EntryId | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_ENTRIES)] = MOST_ENTRIES

    @property
    def arguments(self) -> dict[str, Any]:
        return {"before": self.before, "after": self.after, "limit": self.limit}


class Clock(ReadRecord, frozen=True, kw_only=True):
    """The clock of the hardware of a node, which timestamps its log.

    :param offset: seconds that it is ahead of the conductor's
    """

    offset: float


class ReadClock(AskNode[Clock], frozen=True):
    """Read the clock of the hardware of a node now; its conductor asks the hardware.

    :param node: its name or UUID
    :param wait: seconds to wait for the answer
    """

    path = "/podium/v1/nodes/{node}/clock"
    kind = "clock"


#: Maximum number of nodes of one call, all of which one conductor checks at the same time.
MOST_CHECKED: Final = 64
Result: TypeAlias = Literal["works", "refused", "unreachable", "failed", "not checked"]


class LoginCheck(Record, frozen=True, kw_only=True):
    """Whether the login of a node works.

    :param result: ``works``; ``refused``: user or password are wrong; ``unreachable``: nothing is known;
        ``failed``: the login is right, or could not be tried as the node is enrolled, and ``error`` says
        what is wrong; ``not checked``: ``error`` says why
    :param username: who logged in; None where there are no users
    :param privilege: what the hardware lets this user do, in its own words
    :param protocol: the protocol used
    :param power_state: as read after the login
    :param remarks: what works only in part, or is about to end
    :param maintenance: whether the node is in maintenance
    :param checked_at: when the answer came; None if no conductor was asked
    :param conductor: the conductor that asked the hardware
    """

    node: str
    node_uuid: str
    result: Result
    username: str | None = None
    privilege: str | None = None
    protocol: str | None = None
    power_state: str | None = None
    remarks: list[str] = []
    error: str | None = None
    maintenance: bool
    checked_at: datetime | None = None
    conductor: str | None = None


class LoginChecks(Record, frozen=True, kw_only=True):
    """Whether the logins of nodes work.

    :param nodes: in the order named
    """

    nodes: list[LoginCheck]


class CheckNodes(AskHardware[LoginChecks], frozen=True):
    """Try the login of nodes, each with a session of its own; nothing changes.

    One login is tried at each node, because hardware locks accounts; the call therefore needs an operator.
    The conductor of a node asks the hardware, also in maintenance, but not while the node's power is being
    changed.

    :param nodes: the nodes, by name, UUID, range or pattern; at most 64
    :param wait: seconds to wait for the answers
    :param where: conditions that the nodes meet; applied to the named nodes, or to all if none is named
    """

    path = "/podium/v1/nodes/check"
    role = "operator"
    kind = "login"

    nodes: Nodes | None = None
    wait: Wait = 45.0
    where: Where | None = None
