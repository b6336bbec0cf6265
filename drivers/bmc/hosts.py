"""Which texts can be the host of a BMC: an IPv4 address or a name; ipaddress handles IPv6 addresses."""

import re
import socket
from typing import Final

#: What the resolver accepts as an IPv4 address: also 10.1, 0x0a000001 and the like (inet_aton(3)).
_IPV4: Final = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+))*\.?", re.IGNORECASE)
_OCTAL: Final = re.compile(r"(?:^|\.)0[0-9]")
#: A label of a host name (RFC 1123, 2.1), with the underscore that many have.
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_LONGEST: Final = 253  # characters


def checked(host: str) -> str:
    """Return the host unchanged, if it can be a host.

    :raises ValueError: what looks like an IPv4 address is not valid, or no name can be like this
    """
    if looks_like_ipv4(host):
        _check_ipv4(host)
    elif not _is_name(host):
        raise ValueError("neither an address nor a host name")
    return host


def looks_like_ipv4(host: str) -> bool:
    """Whether the resolver takes a text for an IPv4 address, or would if its numbers were smaller."""
    return _IPV4.fullmatch(host) is not None


def _check_ipv4(host: str) -> None:
    if _OCTAL.search(host):
        raise ValueError("numbers of an IPv4 address that begin with 0 are read as octal; leave out the 0")
    try:
        socket.inet_aton(host.removesuffix("."))
    except OSError:
        raise ValueError("looks like an IPv4 address, but is none") from None


def _is_name(host: str) -> bool:
    try:
        text = host if host.isascii() else host.encode("idna").decode()  # as passed to the resolver
    except UnicodeError:
        return False
    labels = text.removesuffix(".").split(".")
    return len(text) <= _LONGEST + 1 and all(map(_LABEL.fullmatch, labels))
