"""Conductors and their workers: which are running, and how they keep up with their nodes."""

from datetime import datetime
from typing import Annotated

import msgspec

from podium.client.calls.call import Call, Limit, Page, Record
from podium.client.calls.figures import Figures

HostName = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_Marker = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class Conductor(Record, frozen=True, kw_only=True):
    """A daemon in a list.

    :param state: alive, draining, drained, leaving, silent, or gone
    :param since: when it ended, or was drained
    :param nodes: how many it owns
    :param lease_age: seconds since the last sign of life
    :param acknowledged: the newest generation of the fleet's shares for which it has released the nodes it
        lost
    :param generation: the current one
    :param members: the names of its workers
    :param differs_in: options of ``[conductor]`` that differ from those of most conductors
    :param frozen_at: since when enforcement is frozen in the whole fleet
    """

    hostname: str
    state: str
    since: datetime | None = None
    nodes: int
    workers: int | None = None
    lease_age: float | None = None
    acknowledged: int | None = None
    generation: int | None = None
    version: str | None = None
    conductor_group: str | None = None
    drivers: list[str] | None = None
    differs_in: list[str] | None = None
    frozen_at: datetime | None = None
    online: bool | None = None
    conductor_groups: list[str] | None = None
    fallback_groups: list[str] | None = None
    members: list[str]
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    frozen_reason: str | None = None


class ConductorFigures(Figures, frozen=True, kw_only=True):
    """A daemon, and how it keeps up with its nodes.

    :param statistics_at: when the oldest of its workers' figures were written
    """

    hostname: str
    online: bool
    conductor_group: str
    drivers: list[str]
    workers: int
    started_at: datetime
    heartbeat_at: datetime
    frozen_at: datetime | None
    frozen_reason: str | None
    statistics_at: datetime | None


class Unread(Record, frozen=True, kw_only=True):
    """Nodes that were not read for long, although their last read did not fail.

    :param why: in plain words
    """

    kind: str
    why: str
    nodes: int


class Freshness(Figures, frozen=True, kw_only=True):
    """How fresh the readings of all nodes are, and how all conductors keep up.

    The database counts the nodes, including those that nobody owns or that an ended conductor holds.

    :param hostnames: of the online conductors
    :param workers: how many they have
    :param statistics_at: when the oldest of their workers' figures were written
    :param oldest: the age of the oldest reading, in seconds; None without any
    :param unowned: nodes that no member owns
    :param held_by_ended: nodes that an ended member has reserved
    :param unread: why nodes were not read for long, the largest group first
    """

    hostnames: list[str]
    workers: int
    statistics_at: datetime | None
    oldest: float | None
    unowned: int
    held_by_ended: int
    unread: list[Unread]


class Member(Record, frozen=True, kw_only=True):
    """A worker of a conductor.

    :param name: the name under which it reserves nodes and writes events: ``HOST/WORKER@NUMBER``
    :param lease: seconds for which it may continue without a sign of life
    :param lease_age: seconds since its last sign of life; None if it has ended
    :param acknowledged: the newest generation of the fleet's shares for which it has released the nodes it
        lost
    :param leaving: whether it is shutting down in good order
    """

    name: str
    hostname: str
    worker: int
    version: str
    drivers: list[str]
    conductor_groups: list[str]
    fallback_groups: list[str]
    lease: float
    lease_age: float | None
    acknowledged: int
    leaving: bool
    started_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    ended_why: str | None


class ListConductors(Call[Page[Conductor]], frozen=True):
    """List the daemons, their state, and how many nodes each owns.

    It warns of nodes that nobody serves, and of groups that could not carry their load with one conductor
    less.

    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/conductors"
    role = "reader"

    limit: Limit = None
    marker: HostName | None = None


class GetConductor(Call[ConductorFigures], frozen=True):
    """Show how a conductor keeps up with its nodes: ages of readings, sweeps, queues.

    :param hostname: of the conductor
    """

    method = "GET"
    path = "/podium/v1/conductors/{hostname}"
    role = "reader"

    hostname: HostName


class GetFreshness(Call[Freshness], frozen=True):
    """Show how fresh the readings of all nodes are, and how all conductors keep up."""

    method = "GET"
    path = "/podium/v1/freshness"
    role = "reader"


class ListMembers(Call[Page[Member]], frozen=True):
    """List the workers of conductors; of a conductor without workers, those that ended last.

    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/members"
    role = "reader"

    limit: Limit = None
    marker: _Marker | None = None


class Thawed(Record, frozen=True, kw_only=True):
    """The result of a thaw.

    :param changed: whether enforcement was frozen
    """

    changed: bool


class Thaw(Call[Thawed], frozen=True):
    """Let all conductors restore power states again, if enforcement is frozen."""

    method = "POST"
    path = "/podium/v1/enforcement/thaw"
    role = "admin"
