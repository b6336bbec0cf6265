"""Identities of BMCs and of what is behind them, however people write addresses; resolves no names."""

import contextlib
import ipaddress
import socket

from podium.drivers.bmc.hosts import looks_like_ipv4


def of_bmc(protocol: str, host: str, port: int, usual: tuple[int, ...], part: str = "") -> str:
    """Return the identity of a machine behind a BMC.

    At their usual ports, IPMI and Redfish of one address are the same BMC. At other ports they may be
    different BMCs, such as those behind a gateway or in a simulator.

    :param usual: the default ports of the protocol
    :param part: one of several machines behind the BMC
    """
    place = f"{'bmc' if port in usual else protocol}:{endpoint_of(host, port, usual)}"
    return f"{place}#{part}" if part else place


def endpoint_of(host: str, port: int, usual: tuple[int, ...]) -> str:
    """Return the endpoint: a BMC, at its usual port or at another one.

    :param usual: the default ports of the protocol
    """
    return canonical_host(host) if port in usual else f"{canonical_host(host)}:{port}"


def canonical_host(host: str) -> str:
    """Return the canonical form of an address or host name."""
    text = host.strip().lower().rstrip(".")
    if not text.isascii():
        with contextlib.suppress(UnicodeError):
            text = text.encode("idna").decode()  # as passed to the resolver
    if ":" in text:
        address = ipaddress.IPv6Address(text)
        return str(address.ipv4_mapped or f"[{address}]")
    if looks_like_ipv4(text):
        try:
            return socket.inet_ntoa(socket.inet_aton(text))
        except OSError:
            return text
    return text
