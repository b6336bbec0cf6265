"""The parts of a machine, in the same words for every protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

#: In driver_internal_info: when an inventory was collected (ISO 8601, UTC), and the fingerprint of the
#: machine.
COLLECTED_AT: Final = "inventory_collected_at"
_COLLECTED_OF: Final = "inventory_of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What hardware reports about itself; None, or empty, for what it does not report.

    :param processors: how many are fitted
    :param cpus: how many logical processors they make, as Ironic counts them
    :param memory_mb: in MiB, as Ironic counts it
    :param mac_addresses: those of the machine's own network interfaces, in lower case with colons
    :param bmc_mac_address: the BMC's own
    """

    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    bmc_firmware_version: str | None = None
    bios_version: str | None = None
    processors: int | None = None
    processor_model: str | None = None
    cpus: int | None = None
    memory_mb: int | None = None
    mac_addresses: Sequence[str] = ()
    bmc_mac_address: str | None = None

    def properties(self) -> dict[str, Any]:
        """Return the entries for the node's ``properties``: only what is known, so that people's own stay."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.mac_addresses:
            known["mac_addresses"] = sorted({address.lower() for address in self.mac_addresses})
        return {name: value for name, value in known.items() if value not in (None, (), "")}


def is_due(internal: Mapping[str, Any], fingerprint: str, now: datetime, interval: float) -> bool:
    """Whether to collect an inventory: there is none, it is old, or it is of other hardware.

    :param internal: the node's driver_internal_info
    :param fingerprint: of the machine when last seen; empty if not known
    :param now: with its time zone; clocks may have been set since the last time, or another host's was used
    :param interval: seconds
    """
    try:
        age = (now - datetime.fromisoformat(internal[COLLECTED_AT])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return True
    return abs(age) >= interval or fingerprint not in ("", internal.get(_COLLECTED_OF))


def collected(fingerprint: str, now: datetime) -> dict[str, str]:
    """Return the entries of driver_internal_info by which :func:`is_due` recognises this inventory."""
    at = now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {COLLECTED_AT: at, _COLLECTED_OF: fingerprint}
