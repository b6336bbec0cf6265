"""Operations: changing many nodes at once, showing the progress, and cancelling."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from podium import states
from podium.client.calls.call import (
    Call,
    Limit,
    Line,
    Nodes,
    Page,
    Positive,
    Record,
    Seconds,
    UuidsXor,
    Where,
)
from podium.client.calls.nodes import Filter

RequestState: TypeAlias = Literal["held", "waiting", "begun", "done", "failed", "cancelled", "replaced"]
Device: TypeAlias = Literal["pxe", "disk", "cdrom", "bios", "safe", "default"]
BootMode: TypeAlias = Literal["bios", "uefi"]
_AtOnce = Annotated[int, msgspec.Meta(ge=1, le=999_999)]
_Marker = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}$")]


class Asked(Record, frozen=True, kw_only=True):
    """The result of a request for nodes.

    :param operation: its number; None if no node accepted the request
    :param requested: how many nodes accepted it
    :param replaced: how many of these had an older request that had not begun, and that this one replaces
    :param refused: a line ``NAME: REASON`` for each of the others
    :param warnings: about nodes that are not changed for now, because no conductor serves them
    """

    operation: int | None
    requested: int
    replaced: int
    refused: list[str]
    warnings: list[str]


_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_DriverAction = Annotated[
    str, msgspec.Meta(pattern=r"^[^.\s]+\.[a-z][a-z0-9_]*$(?!\n)", min_length=3, max_length=128)
]
_Number = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Argument = Annotated[str, msgspec.Meta(max_length=1000)] | _Number | float | bool


class _Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of an action, besides the nodes."""


class BootChoice(_Given, frozen=True, kw_only=True):
    """What machines boot from.

    :param device: ``default`` is the machine's own order
    :param persistent: for every boot, not only for the next one
    :param mode: None for the machine's present mode
    """

    device: Device
    persistent: bool = False
    mode: BootMode | None = None


class Identification(_Given, frozen=True, kw_only=True):
    """How long to blink the LED by which people find a machine in its rack.

    :param seconds: 0 to stop, None to blink until stopped
    """

    seconds: Annotated[float, msgspec.Meta(ge=0, le=86_400)] | None


class SeenLog(_Given, frozen=True, kw_only=True):
    """A log that somebody has a copy of, by its newest entry; a log with another newest one is left alone.

    :param last: the id of that entry, which another entry may have once the log was cleared
    :param clock_at: its ``clock_at``; None if it is not compared
    :param message: its ``message``; None if it is not compared
    """

    last: _Id
    clock_at: datetime | None = None
    message: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class OwnAction(_Given, frozen=True, kw_only=True):
    """An action that a driver defines.

    :param name: ``DRIVER.NAME``
    :param arguments: by their names; a text may stand for a number, or for true and false
    """

    name: _DriverAction
    arguments: Annotated[dict[_Id, _Argument], msgspec.Meta(max_length=64)] = {}


class AskPower(Call[Asked], frozen=True):
    """Switch nodes, or have their hardware do something else, as one operation of their conductors.

    ``boot`` is for ``set boot device``, and for actions that switch on or restart: the boot device is then
    set first. ``identification`` is for ``identify``, ``log`` for ``clear log``, and ``own`` for ``driver
    action``. ``at`` is for ``power cycle`` of at most 10 nodes whose own hardware does not answer: ``feed``
    switches the outlets off and on that they name in ``extra.power_feeds``, as one operation of these feeds,
    or not at all. An action that does not change the power is refused by a node that has another request
    waiting.

    :param action: what to do
    :param nodes: the nodes, by name, UUID or range
    :param where: conditions that the nodes meet, as a text or as the fields of a list; applied to the named
        nodes, or to all if none is named
    :param reason: for the record of power events
    :param timeout: seconds that each node may take; by default as configured in the conductor
    :param then_off: whether nodes that are still on after a soft power off or reboot are switched off hard
    :param stagger: ``[N, SECONDS]``: begin with N nodes, and add N each time that many seconds have passed
    :param confirmed: needed for more nodes than ``[conductor] confirm_above``, and always for feeds
    :param uuids_xor: the exclusive or of the UUIDs of the intended nodes, as 32 hexadecimal digits; nothing
        is requested if the nodes are others
    """

    method = "POST"
    path = "/podium/v1/operations"
    role = "operator"
    status = 202

    action: states.Action
    nodes: Nodes | None = None
    where: Filter | Where | None = None
    reason: Line | None = None
    timeout: Seconds | None = None
    then_off: bool = False
    stagger: tuple[_AtOnce, Seconds] | None = None
    confirmed: bool = False
    uuids_xor: UuidsXor | None = None
    boot: BootChoice | None = None
    identification: Identification | None = None
    log: SeenLog | None = None
    own: OwnAction | None = None
    at: Literal["node", "feed"] = "node"


class Operation(Record, frozen=True, kw_only=True):
    """A request to change the power or the credentials, or to do something else, on many nodes.

    The fields ``held`` to ``replaced`` count the nodes in each state.

    :param id: its number
    :param nodes: how many nodes it has
    :param canaries: how many machines are tried first, while the others are held; None for all at once
    :param what: what ``action`` leaves open. For a change of credentials: ``in Podium`` or ``on the BMC``,
        perhaps followed by ``, generated``; ``undo of 2`` or ``settle``. Or ``arguments`` in words: ``pxe,
        once, uefi``, ``60 s``, ``acme.blink colour=red``, ``at feeds of r1n07``
    :param arguments: those of ``boot``, ``identification``, ``log``, ``own`` and ``at`` that were given; with
        ``at`` also the names of the ``machines`` whose feeds are the nodes of the operation
    :param then_off: None for credentials
    :param undoes: the number of the operation that it undoes
    :param undone_by: the number of the newest operation that undoes it
    """

    id: int
    action: str
    what: str | None = None
    arguments: dict[str, Any] | None = None
    nodes: int
    held: int = 0
    waiting: int
    begun: int
    done: int
    failed: int
    cancelled: int
    replaced: int
    requested_by: str
    requested_at: datetime
    reason: str | None
    timeout: float | None
    then_off: bool | None
    cancelled_by: str | None
    cancelled_at: datetime | None
    canaries: int | None = None
    undoes: int | None = None
    undone_by: int | None = None

    @property
    def unfinished(self) -> int:
        """How many nodes wait or are under way."""
        return self.held + self.waiting + self.begun


class ListOperations(Call[Page[Operation]], frozen=True):
    """List operations, the newest first.

    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/operations"
    role = "reader"

    limit: Limit = None
    marker: _Marker | None = None


class GetOperation(Call[Operation], frozen=True):
    """Show an operation and its progress.

    :param operation: its number
    """

    method = "GET"
    path = "/podium/v1/operations/{operation}"
    role = "reader"

    operation: Positive


class Request(Record, frozen=True, kw_only=True):
    """The part of an operation for one node.

    :param node_name: the name that the node had
    :param not_before: when it may begin
    :param holder: the worker that has begun it
    :param power_state: as found at the end
    :param result: what else the hardware reported, in words: ``boot device pxe, once (was disk,
        persistent)``, or what an action that a driver defines returned
    """

    id: int
    node_uuid: str
    node_name: str
    action: str
    state: RequestState
    not_before: datetime
    holder: str | None
    begun_at: datetime | None
    sent_at: datetime | None
    finished_at: datetime | None
    power_state: str | None
    error: str | None
    result: str | None = None

    @property
    def outcome(self) -> str:
        """The result in words, or the progress."""
        match self.state:
            case "failed":
                return f"failed: {self.error}"
            case "cancelled":
                return str(self.error)
            case "replaced":
                return "replaced by a newer request"
            case "held":
                return "waits for canaries"
            case "waiting":
                return "not begun yet"
            case "begun":
                return "under way"
        if self.action == states.CHANGE_CREDENTIALS:
            return "credentials changed"
        if self.result is not None and self.power_state is None:
            return self.result
        found = str(self.power_state) if self.action in states.REACHED else f"{self.action} accepted"
        return found if self.result is None else f"{found}, {self.result}"


class ListRequests(Call[Page[Request]], frozen=True):
    """List the nodes of an operation, in the order in which they are begun, with the result of each.

    :param operation: its number
    :param state: only those in one of these states
    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/operations/{operation}/requests"
    role = "reader"

    operation: Positive
    state: Sequence[RequestState] = ()
    limit: Limit = None
    marker: _Marker | None = None


class Cancelled(Record, frozen=True, kw_only=True):
    """How many nodes of an operation were cancelled, and how many had progressed too far."""

    cancelled: int
    under_way: int
    ended: int


class CancelOperation(Call[Cancelled], frozen=True):
    """Cancel the nodes of an operation that no conductor has begun; what is under way continues.

    :param operation: its number
    """

    method = "POST"
    path = "/podium/v1/operations/{operation}/cancel"
    role = "operator"

    operation: Positive


class Owner(Record, frozen=True, kw_only=True):
    """A conductor that must be alive for some nodes of an operation to end.

    :param driver: of the nodes
    :param conductor_group: of the nodes
    :param holder: the host of the conductor that has begun; None if no conductor has
    :param avoiding: the hosts of conductors that must not have the nodes
    :param able: the hosts of conductors that can do it, alive or not
    """

    driver: str
    conductor_group: str
    holder: str | None
    avoiding: list[str]
    able: list[str]


class Heartbeat(Record, frozen=True, kw_only=True):
    """When a conductor was last heard from.

    :param groups: conductor groups that it serves, its own first
    :param at: by the database's clock
    :param age: seconds since then; greater than the timeout, or negative, if a clock was set
    :param alive: whether it counts as online
    """

    hostname: str
    drivers: list[str]
    groups: list[str]
    at: datetime
    age: float
    alive: bool


class Prospects(Record, frozen=True, kw_only=True):
    """What can be expected of an operation.

    :param patience: seconds without any progress after which none can be expected
    :param heartbeat_timeout: seconds for which a silent conductor counts as alive
    :param owners: the conductors that must be alive for the rest to end
    """

    patience: float
    heartbeat_timeout: float
    owners: list[Owner]
    conductors: list[Heartbeat]


class GetProspects(Call[Prospects], frozen=True):
    """Show how long to wait for an operation, and which conductors must be alive for it.

    :param operation: its number
    """

    method = "GET"
    path = "/podium/v1/operations/{operation}/prospects"
    role = "reader"

    operation: Positive
