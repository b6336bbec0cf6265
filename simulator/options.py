"""Converts the options of ``podium-sim`` into the settings of each protocol's BMCs."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from podium import errors
from podium.simulator import bmc, nodes
from podium.simulator.redfish import bmc as redfish

IPMI: Final = bmc.Settings()
REDFISH: Final = redfish.Settings()
IPMI_ADDRESS: Final = "127.20.0.1"
IPMI_PORT: Final = 6230
REDFISH_ADDRESS: Final = "127.21.0.1"
REDFISH_PORT: Final = 8443
_SYSTEMS: Final = 32
_LOG_ENTRIES: Final = 65534  # record IDs from 1 to FFFEh


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses and the port of the BMCs of one protocol."""

    addresses: range
    port: int


def check(arguments: argparse.Namespace) -> None:
    """Check the options of both protocols.

    :raises podium.errors.ConfigError: if an option makes no sense
    """
    if not 0 <= arguments.power_delay <= 3600:
        raise errors.ConfigError(f"--power-delay {arguments.power_delay}: give 0 to 3600 seconds")
    if arguments.sessions is not None and arguments.sessions < 1:
        raise errors.ConfigError(f"--sessions {arguments.sessions}: a BMC holds 1 or more")
    if not 1 <= arguments.log_entries <= _LOG_ENTRIES:
        raise errors.ConfigError(f"--log-entries {arguments.log_entries}: give 1 to {_LOG_ENTRIES}")
    if arguments.tls_ca_file and (arguments.http or arguments.redfish is None):
        raise errors.ConfigError("--tls-ca-file: only Redfish BMCs have a certificate, and not with --http")


def ipmi_endpoints(arguments: argparse.Namespace) -> Endpoints:
    """Return the endpoints of the IPMI BMCs.

    :raises podium.errors.ConfigError: if the options allow none
    """
    port = IPMI_PORT if arguments.port is None else arguments.port
    return Endpoints(nodes.address_range(arguments.address or IPMI_ADDRESS, arguments.ipmi), port)


def redfish_endpoints(arguments: argparse.Namespace) -> Endpoints:
    """Return the endpoints of the Redfish BMCs. Without IPMI BMCs, the general options apply to them.

    :raises podium.errors.ConfigError: if the options allow none
    """
    first, port = arguments.redfish_address, arguments.redfish_port
    if arguments.ipmi is None:
        first = first or arguments.address
        port = arguments.port if port is None else port
    addresses = nodes.address_range(first or REDFISH_ADDRESS, arguments.redfish)
    if arguments.ipmi is not None:
        others = ipmi_endpoints(arguments).addresses
        if addresses[0] in others or others[0] in addresses:
            raise errors.ConfigError(
                f"the Redfish BMCs from {nodes.text(addresses[0])} on have addresses of the IPMI BMCs: "
                "give others with --redfish-address"
            )
    return Endpoints(addresses, REDFISH_PORT if port is None else port)


def ipmi_settings(arguments: argparse.Namespace) -> tuple[bmc.Settings, str | None]:
    """Return the settings of every IPMI BMC, and Kg in the digits used in driver_info.

    :raises podium.errors.ConfigError: if the settings are impossible
    """
    if not 1 <= len(arguments.user.encode()) <= 16:
        raise errors.ConfigError(f"--user {arguments.user!r}: IPMI user names have 1 to 16 bytes")
    password, kg, hex_kg_key = IPMI.password, b"", None
    if arguments.password_file:
        password = read_secret(arguments.password_file).encode()
        if not 1 <= len(password) <= 20:
            raise errors.ConfigError(f"{arguments.password_file}: IPMI passwords have 1 to 20 bytes")
    if arguments.kg_file:
        hex_kg_key = read_secret(arguments.kg_file)
        kg = _bytes(hex_kg_key)
        if len(kg) != 20:
            raise errors.ConfigError(f"{arguments.kg_file}: the BMC key is 40 hexadecimal digits")
    settings = bmc.Settings(
        user=arguments.user,
        password=password,
        kg=kg,
        power_delay=arguments.power_delay,
        session_limit=arguments.sessions or IPMI.session_limit,
        log_entries=arguments.log_entries,
        seed=arguments.seed,
    )
    return settings, hex_kg_key


def redfish_settings(arguments: argparse.Namespace) -> redfish.Settings:
    """Return the settings of every Redfish BMC.

    :raises podium.errors.ConfigError: if the settings are impossible
    """
    if not arguments.user or ":" in arguments.user:
        raise errors.ConfigError(f"--user {arguments.user!r}: Redfish user names have no colon")
    if not 1 <= arguments.systems <= _SYSTEMS:
        raise errors.ConfigError(f"--systems {arguments.systems}: give 1 to {_SYSTEMS}")
    password = read_secret(arguments.password_file) if arguments.password_file else REDFISH.password
    return redfish.Settings(
        user=arguments.user,
        password=password,
        power_delay=arguments.power_delay,
        session_limit=arguments.sessions or REDFISH.session_limit,
        log_entries=arguments.log_entries,
        systems=arguments.systems,
    )


def _bytes(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return b""


def read_secret(path: str) -> str:
    """Return the contents of a file, without line breaks at either end.

    :raises podium.errors.ConfigError: if the file cannot be read
    """
    try:
        return Path(path).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "not UTF-8"
        raise errors.ConfigError(f"cannot read {path}: {reason}") from None
