"""Subnets, as people write them."""

import contextlib
import ipaddress
from typing import TypeAlias

from podium import errors

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def network(text: str) -> Network:
    """Parse a subnet.

    :raises podium.errors.BadRequest: it is not a subnet; the error names the subnet around an address
    """
    try:
        return ipaddress.ip_network(text)
    except ValueError as fault:
        why = str(fault)
    with contextlib.suppress(ValueError):
        around = ipaddress.ip_network(text, strict=False)
        why = f"{text.partition('/')[0]} is an address within it; did you mean {around}?"
    raise errors.BadRequest(f"{text!r} is not a subnet such as 10.0.1.0/24: {why}")
