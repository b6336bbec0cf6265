"""Where the simulated BMCs are and what their nodes are called: addresses, names and the nodes file."""

import ipaddress
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from podium import errors

RACK: Final = 48
_LOOPBACK: Final = ipaddress.IPv4Network("127.0.0.0/8")
_LAST_ADDRESS: Final = 0xFFFFFFFE


def address_range(first: str, count: int) -> range:
    """``count`` IPv4 addresses upward from ``first``, as integers.

    :raises podium.errors.ConfigError: when ``first`` is no usable IPv4 address or the range ends too early
    """
    try:
        address = ipaddress.IPv4Address(first)
    except ValueError:
        raise errors.ConfigError(
            f"{first!r} is not an IPv4 address: give the first BMC's, as 127.20.0.1"
        ) from None
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        raise errors.ConfigError(f"{first} cannot be the address of a BMC: give one as 127.20.0.1")
    if count < 1:
        raise errors.ConfigError(f"{count} BMCs cannot be simulated: give 1 or more")
    # 127.255.255.255 is the broadcast address of loopback, and what follows it is not loopback.
    end = int(_LOOPBACK.broadcast_address if address in _LOOPBACK else _LAST_ADDRESS)
    room = end - int(address)
    if count > room:
        raise errors.ConfigError(f"{count} BMCs do not fit upward from {first}: there is room for {room}")
    return range(int(address), int(address) + count)


def text(address: int) -> str:
    """An address in dotted form."""
    return str(ipaddress.IPv4Address(address))


def is_loopback(addresses: range) -> bool:
    """Whether all the addresses are this host's own."""
    return ipaddress.IPv4Address(addresses[0]) in _LOOPBACK


def node_name(index: int) -> str:
    """The name of the node at ``index``, counted from 0: racks of 48, padded so that host ranges fold."""
    rack, place = divmod(index, RACK)
    return f"r{rack + 1}n{place + 1:02}"


def write_nodes_file(path: str, nodes: Iterator[str]) -> None:
    """Write the file whole or not at all, readable by its owner only, because it holds the password.

    :param path: a file's path, or ``-`` for standard output
    :param nodes: the text, in pieces, from :func:`render_nodes`
    :raises podium.errors.ConfigError: when the file cannot be written
    """
    if path == "-":
        sys.stdout.writelines(nodes)
        sys.stdout.flush()
        return
    target = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(nodes)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as wrong:
        raise errors.ConfigError(f"cannot write the nodes file {path}: {wrong.strerror}") from None


def render_nodes(
    addresses: range, port: int, user: str, password: str, hex_kg_key: str | None, *, as_json: bool
) -> Iterator[str]:
    """What ``podium node import`` takes, in pieces: JSON, or YAML with one node a line.

    The YAML is put together by hand, because a general writer takes minutes for 100,000 nodes; JSON's
    strings are YAML's double-quoted ones.
    """
    common = {"ipmi_port": port, "ipmi_username": user, "ipmi_password": password}
    if hex_kg_key is not None:
        common["ipmi_hex_kg_key"] = hex_kg_key
    constant = json.dumps(common, ensure_ascii=False)[1:]
    yield '{"nodes": [\n' if as_json else "nodes:\n"
    for index, address in enumerate(addresses):
        if as_json:
            yield ",\n" if index else ""
        else:
            yield "- "
        yield (
            f'{{"name": "{node_name(index)}", "driver": "ipmi", '
            f'"driver_info": {{"ipmi_address": "{text(address)}", {constant}}}'
        )
        yield "" if as_json else "\n"
    yield "\n]}\n" if as_json else ""
