"""Taking conductors out of service, and back: drained, forgotten, kept from subnets."""

from typing import Annotated

import msgspec

from podium.client.calls.call import Call, Limit, Page, Record
from podium.client.calls.conductors import HostName

_Subnet = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Marker = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class Drained(Record, frozen=True, kw_only=True):
    """The result of a drain.

    :param changed: whether it was in service until now
    :param gone: whether it is not running; it stays out of service when it starts again
    :param unserved: kinds of its nodes that nobody else serves, in words; it keeps them until somebody does
    """

    changed: bool
    gone: bool
    unserved: list[str]


class Drain(Call[Drained], frozen=True):
    """Take a conductor out of service: others take over its nodes, and changes under way end there first.

    It stays out of service, also after a restart, until it is undrained.

    :param hostname: of the conductor
    :param force: even if nobody else serves some of its nodes
    """

    method = "POST"
    path = "/podium/v1/conductors/{hostname}/drain"
    role = "admin"

    hostname: HostName
    force: bool = False


class DrainProgress(Record, frozen=True, kw_only=True):
    """The progress of a drain.

    :param done: whether the conductor has nothing left: no node, and no change under way
    :param nodes: how many nodes it still has; None if not counted
    """

    done: bool
    nodes: int | None = None


class GetDrain(Call[DrainProgress], frozen=True):
    """Show how far the drain of a conductor is.

    :param hostname: of the conductor
    :param count: whether to count the nodes that are left, which takes a while in a large fleet
    """

    method = "GET"
    path = "/podium/v1/conductors/{hostname}/drain"
    role = "reader"

    hostname: HostName
    count: bool = False


class Undrained(Record, frozen=True, kw_only=True):
    """The result of ending a drain.

    :param changed: whether it was out of service until now
    """

    changed: bool


class Undrain(Call[Undrained], frozen=True):
    """Put a conductor back into service that was drained.

    :param hostname: of the conductor
    """

    method = "POST"
    path = "/podium/v1/conductors/{hostname}/undrain"
    role = "admin"

    hostname: HostName


class Forgotten(Record, frozen=True, kw_only=True):
    """The result of forgetting a conductor.

    :param ended: how many of its workers were ended
    :param removed: whether it was removed from all lists, because none of its workers was left
    """

    ended: int = 0
    removed: bool = False


class Forget(Call[Forgotten], frozen=True):
    """End the workers of a conductor whose machine is off, without waiting for their leases.

    A conductor without remaining workers is removed from all lists. A machine that is not off after all may
    still send what it was about to send to a node. The answer waits two and a half heartbeats for a sign of
    life; a conductor that gives one is not forgotten.

    :param hostname: of the conductor
    :param confirmed: whether its machine is off
    """

    method = "POST"
    path = "/podium/v1/conductors/{hostname}/forget"
    role = "admin"
    patience = 600.0

    hostname: HostName
    confirmed: bool = False


class Avoiding(Record, frozen=True, kw_only=True):
    """The result of keeping a conductor from a subnet.

    :param subnet: as it is listed
    :param changed: whether the conductor could have its nodes until now
    :param nodes: how many of its nodes go to others
    :param unserved: nodes of avoided subnets that no conductor may have
    :param left: how many of its nodes are among the unserved from now on
    """

    subnet: str
    changed: bool
    nodes: int
    unserved: int
    left: int = 0


class Avoid(Call[Avoiding], frozen=True):
    """Take the nodes of a subnet from a conductor that cannot reach them; others take them over.

    The subnet contains the nodes whose driver names an address in it as the endpoint. Host names are not
    resolved.

    :param hostname: of the conductor
    :param subnet: such as 10.0.1.0/24
    """

    method = "POST"
    path = "/podium/v1/conductors/{hostname}/avoid"
    role = "admin"
    patience = 600.0

    hostname: HostName
    subnet: _Subnet


class Returned(Record, frozen=True, kw_only=True):
    """The result of letting a conductor have the nodes of a subnet again.

    :param subnet: as it was listed
    :param changed: whether the conductor was kept from it until now
    :param nodes: how many are in it
    """

    subnet: str
    changed: bool
    nodes: int


class Unavoid(Call[Returned], frozen=True):
    """Let a conductor have the nodes of a subnet again.

    :param hostname: of the conductor
    :param subnet: such as 10.0.1.0/24
    """

    method = "POST"
    path = "/podium/v1/conductors/{hostname}/unavoid"
    role = "admin"
    patience = 600.0

    hostname: HostName
    subnet: _Subnet


class Avoided(Record, frozen=True, kw_only=True):
    """A subnet that a conductor avoids, and how many nodes are in it."""

    hostname: str
    subnet: str
    nodes: int


class ListAvoided(Call[Page[Avoided]], frozen=True):
    """List the subnets that conductors avoid, and how many nodes are in each.

    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/avoided"
    role = "reader"

    limit: Limit = None
    marker: _Marker | None = None
