"""The state of the whole fleet, and what needs attention."""

from datetime import datetime

from podium.client.calls.call import Call, Record
from podium.client.calls.operations import Operation


class Finding(Record, frozen=True, kw_only=True):
    """Something that needs attention.

    :param kind: a word that never changes: no_conductor, unserved, conductor_silent, reads_disabled,
        enforcement_frozen, password_unknown, conductor_gone, login_refused, unreadable, critical_health,
        power_error, failing, stale, operation_failed, task_failing, notifications_failing, reads_late,
        out_of_reach, no_figures, health_warning, password_expired or shortage
    :param severity: critical or warning
    :param text: in plain words
    :param since: when it began, if known
    :param nodes: how many nodes are concerned; None if it is not about nodes
    :param names: of these nodes, as ranges; None if these would be long
    :param where: the condition that these nodes meet, in the syntax of a list; None if there is none
    :param command: the command that shows more
    """

    kind: str
    severity: str
    text: str
    since: datetime | None = None
    nodes: int | None = None
    names: str | None = None
    where: str | None = None
    command: str


class NodeCounts(Record, frozen=True, kw_only=True):
    """How many nodes there are, and how many are in each state.

    All counts but ``enroll`` are of nodes that conductors look after, including those in maintenance.

    :param enroll: nodes in the provision state ``enroll``, which no conductor looks after
    :param power_unknown: nodes whose power was never read
    :param health_unknown: nodes without a health report, or without a recent one
    :param unreadable: nodes in maintenance because they could not be read for long
    :param failing: nodes whose last read failed
    :param never_read: nodes that should be read, and were not yet
    :param unserved: nodes that no conductor has that is heard from
    :param changing: nodes for which a change waits or is under way
    :param to_be_restored: nodes whose power the conductor should restore
    """

    total: int
    enroll: int
    power_on: int
    power_off: int
    power_error: int
    power_unknown: int
    health_ok: int
    health_warning: int
    health_critical: int
    health_unknown: int
    in_maintenance: int
    unreadable: int
    failing: int
    never_read: int
    unserved: int
    changing: int
    to_be_restored: int


class Readings(Record, frozen=True, kw_only=True):
    """How fresh the readings of the power are.

    :param max_age: seconds that the age of a reading should not exceed
    :param fresh_share: the share of nodes whose reading is no older than that
    :param oldest: the age of the oldest reading, in seconds; None without any
    """

    max_age: float
    fresh_share: float
    oldest: float | None


class ConductorState(Record, frozen=True, kw_only=True):
    """A conductor.

    :param state: alive, draining, drained, leaving, silent, or gone
    :param nodes: how many it owns
    """

    hostname: str
    state: str
    nodes: int


class Enforcement(Record, frozen=True, kw_only=True):
    """Whether power states are restored.

    :param frozen_at: since when no power state is restored in the whole fleet; None if enforcement is not
        frozen
    """

    frozen_at: datetime | None
    frozen_reason: str | None


class Changes(Record, frozen=True, kw_only=True):
    """Operations that have not ended.

    :param operations: the number of operations
    :param waiting: the number of nodes for which they have not begun
    :param begun: the number of nodes for which they are under way
    :param newest: the newest of them
    """

    operations: int
    waiting: int
    begun: int
    newest: list[Operation]


class Status(Record, frozen=True, kw_only=True):
    """The state of the whole fleet.

    :param at: the time of this state, by the database's clock
    :param attention: what needs attention, the worst first
    """

    at: datetime
    attention: list[Finding]
    nodes: NodeCounts
    readings: Readings
    conductors: list[ConductorState]
    enforcement: Enforcement
    changes: Changes


class GetStatus(Call[Status], frozen=True):
    """Show the state of the whole fleet, and what needs attention."""

    method = "GET"
    path = "/podium/v1/status"
    role = "reader"
