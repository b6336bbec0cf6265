"""The settings in a node's driver_info: its hypervisor, its domain, and how to log in.

https://libvirt.org/uri.html describes the URIs. Parts that would run a program on the conductor or on the
hypervisor are refused: the transport ``ext``, and the parameters ``command`` and ``netcat``.
"""

import re
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from podium.drivers.base import Property

_URI: Final = re.compile(
    r"(?P<driver>[a-z]+)(?:\+(?P<transport>unix|tcp|tls|ssh|libssh2?))?://"
    r"(?:(?:(?P<user>\w[\w.-]*)@)?(?P<host>\w[\w.-]*|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?)?"
    r"(?P<path>/[^?#\s]*)?(?:\?(?P<query>[^#\s]*))?",
    re.ASCII | re.IGNORECASE,
)
_PARAMETERS: Final = frozenset(
    {
        *("keyfile", "known_hosts", "known_hosts_verify", "mode", "no_tty", "no_verify"),
        *("pkipath", "proxy", "socket", "sshauth", "tls_priority"),
    }
)
#: The default port of each transport. A URI with a host and without a transport means TLS.
_PORTS: Final = {None: "16514", "tls": "16514", "tcp": "16509", "ssh": "22", "libssh": "22", "libssh2": "22"}


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """The target of a libvirt connection.

    :param uri: in a normalized form
    :param place: ``HOST`` or ``HOST:PORT``; for a hypervisor of this host, its URI
    :param name: identifies the hypervisor, regardless of user and transport
    """

    uri: str
    place: str
    name: str


def hypervisor(value: object) -> Hypervisor:
    """Convert a URI.

    :raises ValueError: for an invalid URI, or one that contains a password or would run a program; the
        message contains no password
    """
    text = str(value)
    if re.search(r"//[^/]*:[^/]*@", text):
        raise ValueError("a password is in it; that belongs into libvirt_password")
    found = _URI.fullmatch(text)
    if found is None:
        raise ValueError("a URI of libvirt looks like qemu+tls://host1.example.com/system or qemu:///system")
    driver, host = found["driver"].lower(), (found["host"] or "").lower()
    transport = found["transport"] and found["transport"].lower()
    for parameter in filter(None, re.split("[&;]", found["query"] or "")):
        name = urllib.parse.unquote(parameter.partition("=")[0])
        if name.lower() not in _PARAMETERS:
            raise ValueError(f"the parameter {name[:40]!r} is not one of {', '.join(sorted(_PARAMETERS))}")
    port = f":{found['port']}" if found["port"] and found["port"] != _PORTS.get(transport) else ""
    path, query = found["path"] or "/", found["query"] or ""
    if transport == "ssh" and "no_tty" not in query:  # otherwise ssh would prompt for a password
        query = f"{query}&no_tty=1" if query else "no_tty=1"
    scheme = f"{driver}+{transport}" if transport else driver
    user = f"{found['user']}@" if found["user"] else ""
    uri = f"{scheme}://{user}{host}{port}{path}" + (f"?{query}" if query else "")
    if host:
        return Hypervisor(uri, f"{host}{port}", f"{driver}://{host}{port}{path}")
    here = uri.replace("+unix:", ":", 1)
    return Hypervisor(uri, here, here)


def domain(value: object) -> str:
    """Convert the name or the UUID of a domain.

    :raises ValueError: if the value can be neither
    """
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not text.isprintable() or "/" in text:
        raise ValueError("a domain is given by its name or its UUID")
    return text.lower() if is_uuid(text) else text


def is_uuid(text: str) -> bool:
    """Return whether a domain is given by its UUID."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


PROPERTIES: Final[Mapping[str, Property]] = {
    "libvirt_uri": Property(
        "the hypervisor, such as qemu+tls://host1.example.com/system", required=True, type=hypervisor
    ),
    "libvirt_domain": Property("name or UUID of the domain", required=True, type=domain),
    "libvirt_username": Property("the user, for a hypervisor that asks for one (SASL)"),
    "libvirt_password": Property("the user's password", secret=True),
}


@dataclass(frozen=True, slots=True)
class Account:
    """The settings common to all nodes that share a connection."""

    hypervisor: Hypervisor
    username: str | None
    password: str | None

    def __repr__(self) -> str:
        return f"Account({self.hypervisor.uri!r}, {self.username!r})"
