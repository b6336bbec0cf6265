"""The headers that proxies add to a request; only those of [api] trusted_proxies are used."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from starlette.types import Scope

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

#: An address in X-Forwarded-For with a port after it.
_WITH_PORT: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|(\d+\.\d+\.\d+\.\d+)):\d+")


class Proxies:
    """The trusted proxies.

    :param networks: the networks of their addresses
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = [ipaddress.ip_network(one) for one in networks]

    def settle(self, scope: Scope) -> None:
        """Put the original sender, scheme and host name of a request into its scope."""
        if scope.get("client") is None:
            return
        host, port = scope["client"]
        if host.startswith("::ffff:"):  # IPv4 at a socket for both protocols
            host = host[7:]
            scope["client"] = host, port
        if not self._networks or not self._trusts(_parsed(host)):
            return
        headers = scope["headers"]
        if (sender := self._sender(_values(headers, b"x-forwarded-for"))) is not None:
            scope["client"] = str(sender), 0
        scheme = _values(headers, b"x-forwarded-proto")[-1:]
        if scheme in (["http"], ["https"]):
            scope["scheme"] = scheme[0]
        if name := _values(headers, b"x-forwarded-host")[-1:]:
            others = [one for one in headers if one[0] != b"host"]
            scope["headers"] = [(b"host", name[0].encode("latin-1")), *others]

    def _sender(self, chain: list[str]) -> _Address | None:
        """Return the last address before the trusted proxies; addresses before it are not trustworthy."""
        sender = None
        for text in reversed(chain):
            address = _parsed(text)
            if address is None:
                break
            sender = address
            if not self._trusts(address):
                break
        return sender

    def _trusts(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """Return the values of a list in one or several headers."""
    joined = b",".join(value for key, value in headers if key == name).decode("latin-1")
    return [text for part in joined.split(",") if (text := part.strip())]


def _parsed(text: str) -> _Address | None:
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((found[1] or found[2]) if found else text)
    except ValueError:
        return None
    if getattr(address, "scope_id", None) is not None:  # free text, which means nothing on another host
        return None
    return getattr(address, "ipv4_mapped", None) or address
