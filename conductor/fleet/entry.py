"""One owned node, as the conductor knows it."""

import math
import sys
from dataclasses import dataclass, field
from typing import Any, Final

from podium import states
from podium.conductor.fleet.fare import Fare
from podium.conductor.fleet.reads import Reads
from podium.conductor.rooms.clock import DatabaseClock
from podium.db.faults import POWER_FAILURE
from podium.db.fleet import OwnedNode
from podium.db.provision_states import VERIFYING
from podium.db.sealed import Unreadable
from podium.db.subnets import network_of
from podium.drivers.base import Node

#: The policies of nodes that are switched back, and of nodes that are not read at all.
ENFORCE: Final = "enforce"
IGNORE: Final = "ignore"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One owned node. Every change makes a new entry in the fleet, except for the record of its reads.

    :param version: the number of the change that the entry reflects: by a user or by a power action
    :param reads: changed by the room of the node's driver
    :param fare: changed by the recorder
    :param wanted: the power state that the last request reached
    :param policy: what to do if the power state differs: record, enforce, ignore; None for the default
    :param fault: the cause of the maintenance, if no user put the node into it
    :param enforcement: the last written reason why enforcement waits with the node
    :param group: the group of conductors that may own the node; ``slot`` is the slot that its owner has
    :param network: the network of the node's endpoint, see :func:`podium.db.subnets.network_of`; None if it
        is the node itself
    :param since: when this driver and driver_info of the node became known, in seconds of the monotonic clock
    :param switched_at: when its last power change ended, or as ``since``
    :param is_verifying: whether the next read decides if the node can be managed at all
    :param stays_on: whether the node must never be switched off
    :param in_doubt: whether its credentials are unknown, so that it is left alone
    """

    number: int
    version: int
    node: Node
    reads: Reads
    fare: Fare = field(default_factory=Fare)
    wanted: str | None = None
    policy: str | None = None
    fault: str | None = None
    enforcement: str | None = None
    group: str = ""
    slot: int = 0
    network: str | None = None
    since: float = -math.inf
    switched_at: float = -math.inf
    is_verifying: bool = False
    stays_on: bool = False
    in_doubt: bool = False

    @property
    def pair(self) -> tuple[str, str]:
        """The group and driver whose slots are distributed together."""
        return self.group, self.node.driver

    @property
    def is_watched(self) -> bool:
        """Whether the node's changes and failures count.

        They do not count if a user maintains the node, or if it was never read.
        """
        return (not self.node.maintenance or self.unreadable) and not self.is_verifying

    @property
    def unreadable(self) -> bool:
        """Whether the node is in maintenance only because its power could not be read."""
        return self.node.maintenance and self.fault == POWER_FAILURE

    @property
    def is_password_in_doubt(self) -> bool:
        """Whether another password may be right, because it is being changed, or because a change failed."""
        return self.in_doubt or self.node.target_power_state == states.CHANGE_CREDENTIALS

    def with_node(self, node: Node) -> "Entry":
        """A copy of the entry with another node. (``dataclasses.replace`` takes three times as long.)"""
        return Entry(
            self.number,
            self.version,
            node,
            self.reads,
            self.fare,
            self.wanted,
            self.policy,
            self.fault,
            self.enforcement,
            self.group,
            self.slot,
            self.network,
            self.since,
            self.switched_at,
            self.is_verifying,
            self.stays_on,
            self.in_doubt,
        )


def entry_of(owned: OwnedNode, clock: DatabaseClock, now: float) -> Entry:
    """The entry of a node that was read from the database.

    :param now: seconds of the monotonic clock, after it was read
    """
    checked = None if owned.power_checked_at is None else clock.seconds_of(owned.power_checked_at)
    return Entry(
        number=owned.id,
        version=owned.version,
        node=node_of(owned, now),
        reads=Reads(checked, owned.power_failures),
        fare=_fare_of(owned, clock),
        wanted=_interned(owned.wanted_power_state),
        policy=_interned(owned.power_policy),
        fault=_interned(owned.fault),
        enforcement=owned.enforcement,
        group=sys.intern(owned.conductor_group),
        slot=owned.slot,
        network=None if owned.endpoint is None else sys.intern(network_of(owned.endpoint)),
        since=now,
        switched_at=now,
        is_verifying=owned.provision_state == VERIFYING,
        stays_on=bool(owned.disable_power_off),
        in_doubt=bool(owned.credentials_in_doubt),
    )


def _fare_of(owned: OwnedNode, clock: DatabaseClock) -> Fare:
    if owned.health_checked_at is None or owned.health_lasts is None:
        return Fare(owned.health, math.inf)
    reported = clock.seconds_of(owned.health_checked_at)
    return Fare(owned.health, -math.inf if reported is None else reported + owned.health_lasts)


def node_of(owned: OwnedNode, now: float) -> Node:
    """The snapshot of a node that drivers see."""
    return Node(
        uuid=owned.uuid,
        name=owned.name,
        driver=sys.intern(owned.driver),
        driver_info=_shared(owned.driver_info),
        power_state=_interned(owned.power_state),
        target_power_state=_interned(owned.target_power_state),
        maintenance=owned.maintenance,
        properties=_shared(owned.properties),
        driver_internal_info=_shared(owned.driver_internal_info),
        extra=_shared(owned.extra),
        as_of=now,
    )


def _interned(text: str | None) -> str | None:
    return None if text is None else sys.intern(text)


#: Recently seen texts, so that a text that many nodes share is in memory only once.
_texts: dict[str, str] = {}
_MOST_TEXTS: Final = 4096


def _shared(values: Any) -> Any:
    """Copy a document, sharing keys and texts with other nodes; an unreadable document stays as it is."""
    if isinstance(values, Unreadable):
        return values
    if len(_texts) > _MOST_TEXTS:
        _texts.clear()
    return {
        sys.intern(key): _texts.setdefault(value, value) if type(value) is str else value
        for key, value in values.items()
    }
