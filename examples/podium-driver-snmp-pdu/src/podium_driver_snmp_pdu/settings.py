"""The settings in a node's driver_info: its PDU, its outlet, and how to log in."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oslo_config import types
from podium import errors
from podium.drivers.base import Property

from podium_driver_snmp_pdu.client import AUTH_PROTOCOLS, PRIV_PROTOCOLS, Agent, Community, User
from podium_driver_snmp_pdu.pdus import KINDS, Kind, Oid

#: The minimum length of a user's key (RFC 3414, 11.2).
_SHORTEST_KEY: Final = 8


def key_of_user(value: object) -> str:
    """Convert a passphrase.

    :raises ValueError: if it is too short for any agent
    """
    if len(str(value)) < _SHORTEST_KEY:
        raise ValueError(f"a key has at least {_SHORTEST_KEY} characters")
    return str(value)


def host_of_agent(value: object) -> str:
    """Return the normalized form of a host name or an address.

    :raises ValueError: for an invalid IPv6 address
    """
    host = str(value).strip().lower().rstrip(".")
    return ipaddress.ip_address(host.strip("[]")).compressed if ":" in host else host


def one_of(words: Iterable[str], what: str, **more: Any) -> Property:
    """Return a property whose value is one of a few words. The help text lists them."""
    known = list(words)
    return Property(f"{what}: {', '.join(known)}", type=types.String(choices=known), **more)


PROPERTIES: Final[Mapping[str, Property]] = {
    "snmp_driver": one_of(KINDS, "the kind of PDU", required=True),
    "snmp_address": Property("host name or address of the PDU", required=True, type=host_of_agent),
    "snmp_port": Property("its UDP port", default=161, type=types.Port(min=1)),
    "snmp_outlet": Property("number of the outlet", required=True, type=types.Integer(min=1)),
    "snmp_pdu": Property(
        "number of the PDU, where one Raritan answers for several", default=1, type=types.Integer(min=0)
    ),
    "snmp_version": one_of(["2c", "3"], "the version of SNMP", default="2c"),
    "snmp_community": Property("v2c: the community for reads and changes", secret=True),
    "snmp_community_read": Property("v2c: another community for reads", secret=True),
    "snmp_community_write": Property("v2c: another community for changes", secret=True),
    "snmp_user": Property("v3: the user"),
    "snmp_auth_protocol": one_of(AUTH_PROTOCOLS, "v3: how requests are authenticated", default="sha"),
    "snmp_auth_key": Property(
        "v3: the user's authentication key, 8 characters or more", secret=True, type=key_of_user
    ),
    "snmp_priv_protocol": one_of(PRIV_PROTOCOLS, "v3: how requests are encrypted", default="aes"),
    "snmp_priv_key": Property(
        "v3: the user's privacy key, 8 characters or more", secret=True, type=key_of_user
    ),
    "snmp_context_name": Property("v3: the context", default=""),
}


@dataclass(frozen=True, slots=True)
class PDU:
    """The settings common to all outlets that are read together.

    :param name: of the kind of PDU
    :param number: of the PDU, if one agent answers for several
    """

    agent: Agent
    name: str
    number: int

    @property
    def kind(self) -> Kind:
        """The kind of the PDU."""
        return KINDS[self.name]

    def index(self, outlet: int) -> Oid:
        """Return the index of an outlet in the kind's columns."""
        return (self.number, outlet) if self.kind.linked else (outlet,)


def outlet_of(info: Mapping[str, Any]) -> tuple[PDU, int]:
    """Return the PDU of a node, and the number of its outlet there.

    :param info: all properties, converted
    :raises podium.errors.InvalidDriverInfo: for properties that conflict
    """
    login = _user(info) if info["snmp_version"] == "3" else _community(info)
    agent = Agent(info["snmp_address"], info["snmp_port"], login)
    number = info["snmp_pdu"] if KINDS[info["snmp_driver"]].linked else 1
    return PDU(agent, info["snmp_driver"], number), info["snmp_outlet"]


def _community(info: Mapping[str, Any]) -> Community:
    read = info["snmp_community_read"] or info["snmp_community"]
    write = info["snmp_community_write"] or info["snmp_community"]
    if not read or not write:
        raise errors.InvalidDriverInfo(
            "driver_info lacks snmp_community, or snmp_community_read and snmp_community_write, for SNMP v2c"
        )
    return Community(read, write)


def _user(info: Mapping[str, Any]) -> User:
    if not info["snmp_user"]:
        raise errors.InvalidDriverInfo("driver_info lacks snmp_user for SNMP v3")
    if info["snmp_priv_key"] and not info["snmp_auth_key"]:
        raise errors.InvalidDriverInfo("driver_info has snmp_priv_key and lacks snmp_auth_key")
    return User(
        info["snmp_user"],
        info["snmp_auth_protocol"],
        info["snmp_auth_key"],
        info["snmp_priv_protocol"],
        info["snmp_priv_key"],
        info["snmp_context_name"],
    )
