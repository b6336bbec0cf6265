"""Subnets whose nodes some conductors must not have: these nodes have separate slots, beyond the 1,024.

A node is in a subnet if the address of its endpoint is; names are not resolved. If a node is in several
subnets, the smallest counts, with all conductors that avoid a subnet containing it. Functions of an open
connection.
"""

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium.db import endpoints
from podium.db.endpoints import SLOTS, slot_of
from podium.db.models import avoidances, columns, members, nodes, slots

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Slots of each subnet, for each group and driver: enough to distribute its nodes.
PER_SUBNET: Final = 16
_PLACE: Final = ("conductor_group", "driver", "slot")


class Avoidance(NamedTuple):
    """A conductor that must not have the nodes of a subnet.

    :param number: of the subnet, from 0
    """

    subnet: str
    host: str
    number: int

    @property
    def network(self) -> Network:
        """The subnet as a network."""
        return ipaddress.ip_network(self.subnet)

    @property
    def slots(self) -> range:
        """The slots of the subnet."""
        first = SLOTS + self.number * PER_SUBNET
        return range(first, first + PER_SUBNET)


_AVOIDANCES: Final = sa.select(*columns(avoidances, Avoidance._fields))


def listed(connection: sa.Connection) -> list[Avoidance]:
    """Every subnet with each conductor that must not have its nodes, in order of host."""
    query = _AVOIDANCES.order_by(avoidances.c.host, avoidances.c.subnet)
    return list(map(Avoidance._make, connection.execute(query)))


def barred(connection: sa.Connection) -> dict[int, frozenset[str]]:
    """The slots of avoided subnets, each with the hosts that must not own it."""
    every = listed(connection)
    return {
        slot: frozenset(other.host for other in every if _is_within(one.network, other.network))
        for one in every
        for slot in one.slots
    }


def sizes(connection: sa.Connection) -> dict[int, int]:
    """How many nodes are in each slot of an avoided subnet."""
    query = sa.select(nodes.c.slot, sa.func.count()).where(nodes.c.slot >= SLOTS).group_by(nodes.c.slot)
    return {row.slot: row[1] for row in connection.execute(query)}


def within(connection: sa.Connection, subnet: Network, host: str | None = None) -> set[int]:
    """The numbers of all nodes in a subnet, or of those owned by a conductor."""
    query = sa.select(nodes.c.id, nodes.c.endpoint).where(nodes.c.endpoint.is_not(None))
    if host is not None:
        its = [getattr(slots.c, name) == getattr(nodes.c, name) for name in _PLACE]
        owned = nodes.join(slots, sa.and_(*its)).join(members, members.c.id == slots.c.owner)
        query = query.select_from(owned).where(members.c.host == host)
    addresses = ((row.id, address_of(row.endpoint)) for row in connection.execute(query))
    return {number for number, one in addresses if one is not None and one in subnet}


def unserved(connection: sa.Connection) -> set[int]:
    """The numbers of the nodes in avoided subnets that have no owner."""
    its = [getattr(slots.c, name) == getattr(nodes.c, name) for name in _PLACE]
    owned = sa.select(slots.c.slot).where(*its, slots.c.owner.is_not(None)).correlate(nodes).exists()
    if connection.execute(_AVOIDANCES.limit(1)).first() is None:
        return set()
    return set(connection.scalars(sa.select(nodes.c.id).where(nodes.c.slot >= SLOTS, ~owned)))


def _is_within(inner: Network, outer: Network) -> bool:
    if inner.version != outer.version or inner.prefixlen < outer.prefixlen:
        return False
    shift = outer.max_prefixlen - outer.prefixlen
    return int(inner.network_address) >> shift == int(outer.network_address) >> shift


class Places:
    """Determines the slots of nodes.

    :param found: the avoided subnets
    """

    def __init__(self, found: Iterable[Avoidance]) -> None:
        by_length: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        for one in found:
            network = one.network
            shift = network.max_prefixlen - network.prefixlen
            by_length[network.version, shift][int(network.network_address) >> shift] = one.number
        # The smallest subnets first.
        self._by_length: Mapping[tuple[int, int], Mapping[int, int]] = dict(sorted(by_length.items()))

    def __bool__(self) -> bool:
        return bool(self._by_length)

    @classmethod
    def read(cls, connection: sa.Connection) -> "Places":
        """The places, valid until a transaction takes the change counter."""
        return cls(listed(connection))

    def columns(self, endpoint: str | None, uuid: str) -> dict[str, Any]:
        """The columns of a node for its endpoint and slot."""
        found = endpoints.columns_of(endpoint, uuid)
        return {**found, "slot": self.slot(found["endpoint"], uuid)}

    def slot(self, endpoint: str | None, uuid: str) -> int:
        """The slot of a node.

        :param endpoint: as it is stored
        """
        number = None if endpoint is None or not self._by_length else self._number(endpoint)
        slot = slot_of(endpoint or uuid)
        return slot if number is None else SLOTS + number * PER_SUBNET + slot % PER_SUBNET

    def _number(self, endpoint: str) -> int | None:
        address = address_of(endpoint)
        if address is None:
            return None
        text = int(address)
        for (version, shift), numbers in self._by_length.items():
            if version == address.version and (number := numbers.get(text >> shift)) is not None:
                return number
        return None


#: The most frequent case: the first three numbers of an IPv4 address, with or without a port after it.
_IPV4: Final = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}(:\d+)?")


def network_of(endpoint: str) -> str:
    """The network around an endpoint, as far as it can be guessed: a /24, a /64, or a name by itself."""
    if match := _IPV4.fullmatch(endpoint):
        return f"{match[1]}.0/24"
    address = address_of(endpoint)
    return endpoint if address is None else str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))


def address_of(endpoint: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in an endpoint, ``HOST`` or ``HOST:PORT``; None for a name."""
    if endpoint.startswith("["):
        host = endpoint[1:].partition("]")[0].partition("%")[0]
    else:
        host = endpoint.partition(":")[0] if endpoint.count(":") == 1 else endpoint
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
