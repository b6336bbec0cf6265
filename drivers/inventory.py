"""What a machine is made of, in the same words whatever protocol tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What hardware tells of itself; None, or nothing, for what it does not tell.

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
        """What goes into the ``properties`` of the node: only what is known, to leave people's own alone."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.mac_addresses:
            told["mac_addresses"] = sorted({address.lower() for address in self.mac_addresses})
        return {name: value for name, value in told.items() if value not in (None, (), "")}
