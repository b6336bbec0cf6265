"""Changes of resources by PATCH: which resources allow it, and its effects (DSP0266, "PATCH (update)")."""

import re
from typing import Any, Final

from podium.simulator.redfish import accounts, indicator, manager
from podium.simulator.redfish.answers import Message
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import ROOT

_MANAGER: Final = ROOT + manager.PATH
_MACHINE: Final = re.compile(rf"{ROOT}/(Systems|Chassis)/([^/]+)(/Settings)?")
_EMPTY: Final = Message(400, "NoOperation", "The request body has nothing to change.")


def are_possible(bmc: BMC, path: str) -> bool:
    """Whether the resource at a path has properties that can be changed."""
    found = _MACHINE.fullmatch(path)
    return (
        path.startswith(accounts.ACCOUNTS)
        or path == _MANAGER
        or (found is not None and found[2] in bmc.machines)
    )


def make(bmc: BMC, path: str, properties: dict[str, Any]) -> Message | None:
    """Carry out a PATCH of a resource that can be changed. Returns the reason if it is refused."""
    if path.startswith(accounts.ACCOUNTS):
        return accounts.change(bmc, path.rpartition("/")[2], properties)
    if path == _MANAGER:
        refused = manager.change(bmc, properties)
    else:
        refused = _change_machine(bmc, path, properties) if properties else _EMPTY
    bmc.changed()
    return refused


def _change_machine(bmc: BMC, path: str, properties: dict[str, Any]) -> Message | None:
    found = _MACHINE.fullmatch(path)
    assert found is not None
    kind, system, settings = found.groups()
    for name, value in properties.items():
        has_boot = kind == "Systems" and bool(settings) == bmc.faults.boot_settings
        if name == "Boot" and has_boot and "boot" not in bmc.faults.lacks:
            refused = bmc.machines[system].boot.change(value, bmc.faults)
        else:
            refused = indicator.change(bmc, system, name, value, chassis=kind == "Chassis")
        if refused is not None:
            return refused
    return None
