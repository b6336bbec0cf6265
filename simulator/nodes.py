"""The addresses of simulated BMCs, the names of their nodes, and the nodes file."""

import ipaddress
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from podium import errors

RACK: Final = 48
_LOOPBACK: Final = ipaddress.IPv4Network("127.0.0.0/8")
_LAST_ADDRESS: Final = 0xFFFFFFFE


def address_range(first: str, count: int) -> range:
    """Return ``count`` consecutive IPv4 addresses from ``first`` on, as integers.

    :raises podium.errors.ConfigError: if ``first`` is not a usable IPv4 address, or the range is too long
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
    # 127.255.255.255 is the broadcast address of loopback, and the addresses after it are not loopback.
    end = int(_LOOPBACK.broadcast_address if address in _LOOPBACK else _LAST_ADDRESS)
    room = end - int(address)
    if count > room:
        raise errors.ConfigError(f"{count} BMCs do not fit upward from {first}: there is room for {room}")
    return range(int(address), int(address) + count)


def text(address: int) -> str:
    """Return an address in dotted form."""
    return str(ipaddress.IPv4Address(address))


def is_loopback(addresses: range) -> bool:
    """Return whether all the addresses are loopback addresses."""
    return ipaddress.IPv4Address(addresses[0]) in _LOOPBACK


def node_name(index: int) -> str:
    """Return the name of the node at ``index``, counted from 0. Racks of 48; padded so that ranges fold."""
    rack, place = divmod(index, RACK)
    return f"r{rack + 1}n{place + 1:02}"


def write_file(path: str, pieces: Iterator[str]) -> None:
    """Write a file atomically, readable only by its owner, because a nodes file holds the password.

    :param path: a file's path, or ``-`` for standard output
    :param pieces: pieces of the text, as from :func:`render_nodes`
    :raises podium.errors.ConfigError: if it cannot be written
    """
    if path == "-":
        sys.stdout.writelines(pieces)
        sys.stdout.flush()
        return
    target = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(pieces)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError as wrong:
        raise errors.ConfigError(f"cannot write {path}: {wrong.strerror}") from None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The nodes of one simulator process that speak one protocol, for enrolment.

    :param driver: the name of the driver
    :param infos: the driver_info of each node
    :param common: the driver_info that all nodes share
    """

    driver: str
    infos: Iterable[Mapping[str, Any]]
    common: Mapping[str, Any]


def ipmi_enrolment(
    addresses: range, port: int, user: str, password: str, hex_kg_key: str | None
) -> Enrolment:
    """Return the nodes of BMCs that speak IPMI."""
    common = {"ipmi_port": port, "ipmi_username": user, "ipmi_password": password}
    if hex_kg_key is not None:
        common["ipmi_hex_kg_key"] = hex_kg_key
    return Enrolment("ipmi", ({"ipmi_address": text(address)} for address in addresses), common)


def redfish_enrolment(
    urls: Iterable[str], systems: int, user: str, password: str, verify_ca: bool | str
) -> Enrolment:
    """Return the nodes of BMCs that speak Redfish.

    :param systems: machines behind each BMC
    :param verify_ca: whether to check the certificate, or the file with the trusted certificate
    """
    common = {"redfish_username": user, "redfish_password": password, "redfish_verify_ca": verify_ca}
    if systems == 1:
        return Enrolment("redfish", ({"redfish_address": url} for url in urls), common)
    infos = (
        {"redfish_address": url, "redfish_system_id": f"/redfish/v1/Systems/{system}"}
        for url in urls
        for system in range(1, systems + 1)
    )
    return Enrolment("redfish", infos, common)


def render_nodes(enrolments: Iterable[Enrolment], *, as_json: bool) -> Iterator[str]:
    """Yield a file for ``podium node import`` in pieces: JSON, or YAML with one node per line.

    The YAML is assembled by hand, because a general writer takes minutes for 100,000 nodes. JSON strings are
    valid double-quoted YAML strings.
    """
    yield '{"nodes": [\n' if as_json else "nodes:\n"
    count = 0
    for enrolment in enrolments:
        constant = json.dumps(enrolment.common, ensure_ascii=False)[1:]
        for info in enrolment.infos:
            if as_json:
                yield ",\n" if count else ""
            else:
                yield "- "
            yield (
                f'{{"name": "{node_name(count)}", "driver": "{enrolment.driver}", '
                f'"driver_info": {json.dumps(info)[:-1]}, {constant}}}'
            )
            yield "" if as_json else "\n"
            count += 1
    yield "\n]}\n" if as_json else ""
