"""What is read from the hardware of a node while the caller waits, by the conductor that owns it.

Readers may ask for most of it: nothing changes, and Ironic's readers may read hardware as well. The hardware
is spared: a read gives way to power changes, and whoever asks while the same is under way for the node has
its answer. It is no GET nevertheless, so that no cache answers, and no program that only follows links asks.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from podium.client.calls.call import Call, Nodes, Record, Where

T = TypeVar("T")

#: Less than the 60 seconds after which podium-api, and who waits for it, gives up.
Wait: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=50)]
_Named: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class AskHardware(Call[T], Generic[T], frozen=True):
    """Something that the owning conductors read; ``kind`` is what."""

    method = "POST"
    kind: ClassVar[str]


class AskNode(AskHardware[T], Generic[T], frozen=True):
    """Something that is read of one node. The answer is a :class:`ReadRecord`."""

    role = "reader"

    node: _Named
    wait: Wait = 40.0

    @property
    def arguments(self) -> dict[str, Any]:
        """What the conductor is told beside the node."""
        return {}


class ReadRecord(Record, frozen=True, kw_only=True):
    """What was read from hardware.

    :param node: its name or UUID, as it was asked for
    :param read_at: when the last of it was read
    :param conductor: who read it
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
    :param thresholds: these; None if it has none, or does not say
    """

    name: str
    kind: str
    value: float | None
    unit: str
    status: str
    thresholds: Thresholds | None = None


class Sensors(ReadRecord, frozen=True, kw_only=True):
    """What the sensors of a node measure."""

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
        not say
    :param persistent: for every boot, not only for the next
    :param mode: bios or uefi; None for the mode that it is in
    :param supported: what it can be told to boot from
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
    """An entry of the log that hardware keeps of itself.

    :param id: what the hardware calls it, until the log is cleared
    :param at: when it happened, in whole seconds; None where the hardware does not say, by a clock of which
        nothing is known, or if it is not certain whether that was before the clock was set
    :param clock_at: when that was by the hardware's own clock
    :param severity: OK, Warning or Critical
    :param message: what happened, in words
    :param sensor: the sensor that it is about
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
    """Some entries of the log of a node that stand together.

    :param entries: the oldest first
    :param more: whether there are older ones, before the first of these
    :param clock_offset: seconds that the hardware's clock was ahead of the conductor's; None if unknown
    """

    entries: list[LogLine]
    more: bool
    clock_offset: float | None


#: What the hardware calls an entry.
EntryId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f]{1,128}$(?!\n)")]
MOST_ENTRIES: Final = 1000


class ReadLog(AskNode[LogEntries], frozen=True):
    """Read the newest entries of the log that the hardware of a node keeps; its conductor asks the hardware.

    A long log is read page by page: the id of the first entry is the ``before`` of the next call, as long as
    there are ``more``. Others have their turn with the node between two pages.

    :param node: its name or UUID
    :param wait: seconds to wait for the answer
    :param before: the id of an entry: only older ones
    :param after: the id of an entry: only newer ones
    :param limit: greatest number of entries; there are fewer if they would make too long an answer
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
    """The clock of the hardware of a node, by which its log is written.

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


#: Nodes of one call, which one conductor checks all at once.
MOST_CHECKED: Final = 64
Result: TypeAlias = Literal["works", "refused", "unreachable", "failed", "not checked"]


class LoginCheck(Record, frozen=True, kw_only=True):
    """Whether the login of a node works.

    :param result: ``works``; ``refused``: user or password are wrong; ``unreachable``: nothing is known;
        ``failed``: the login is right, or could not be tried as the node is enrolled, and ``error`` says
        what is wrong; ``not checked``: ``error`` says why
    :param username: who logged in; None where there are no users
    :param privilege: what the hardware lets this user do, in its own words
    :param protocol: what was spoken
    :param power_state: as it was read after the login
    :param remarks: what works only in part, or is about to end
    :param maintenance: whether the node is in maintenance
    :param checked_at: when the answer came; None if nobody was asked
    :param conductor: who asked the hardware
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

    :param nodes: in the order in which they were named
    """

    nodes: list[LoginCheck]


class CheckNodes(AskHardware[LoginChecks], frozen=True):
    """Try the login of nodes, each with a session of its own; nothing changes.

    One login is tried at each node, because hardware locks accounts: so it takes an operator. Its conductor
    asks the hardware of a node, also in maintenance, but not while its power is being changed.

    :param nodes: the nodes, by name, UUID, range or pattern; at most 64
    :param wait: seconds to wait for the answers
    :param where: conditions that the nodes meet: of those named, or of all where none is named
    """

    path = "/podium/v1/nodes/check"
    role = "operator"
    kind = "login"

    nodes: Nodes | None = None
    wait: Wait = 45.0
    where: Where | None = None
