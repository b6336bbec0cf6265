"""Changes of resources by PATCH: which have any, and what they change (DSP0266, section "PATCH (update)")."""

from typing import Any, Final

from podium.simulator.redfish import accounts
from podium.simulator.redfish.answers import Message
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import ROOT

_SYSTEMS: Final = f"{ROOT}/Systems/"
_EMPTY: Final = Message(400, "NoOperation", "The request body has nothing to change.")


def are_possible(bmc: BMC, path: str) -> bool:
    """Whether the resource at a path has properties that can be changed."""
    return path.startswith(accounts.ACCOUNTS) or _system(bmc, path) is not None


def make(bmc: BMC, path: str, properties: dict[str, Any]) -> Message | None:
    """Carry out a PATCH of a resource that can be changed; return why not, if it is refused."""
    if path.startswith(accounts.ACCOUNTS):
        return accounts.change(bmc, path.rpartition("/")[2], properties)
    system = _system(bmc, path)
    assert system is not None
    given = {name: value for name, value in properties.items() if not name.startswith("@")}
    refused = None if given else _EMPTY
    for name, value in given.items():
        takes = name == "Boot" and path.endswith("/Settings") == bmc.faults.boot_settings
        refused = refused or (
            bmc.machines[system].boot.change(value, bmc.faults) if takes else _read_only(name)
        )
    bmc.changed()
    return refused


def _system(bmc: BMC, path: str) -> str | None:
    """The system whose resource or settings a path leads to."""
    if not path.startswith(_SYSTEMS):
        return None
    system, _, rest = path.removeprefix(_SYSTEMS).partition("/")
    return system if system in bmc.machines and rest in ("", "Settings") else None


def _read_only(name: str) -> Message:
    text = f"The property {name} is a read-only property and cannot be assigned a value."
    return Message(400, "PropertyNotWritable", text, (name,))
