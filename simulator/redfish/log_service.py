"""The LogServices of simulated machines, and the entries in them."""

from typing import Final

from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import ROOT, Document, Routes, collection, head, link
from podium.simulator.redfish.health import status
from podium.simulator.redfish.log import Entry
from podium.simulator.redfish.manager import PATH as MANAGER
from podium.simulator.redfish.manager import clock, logs, written

ROUTES: Final = Routes()
CLEAR: Final = "/Actions/LogService.ClearLog"
_SERVICES: Final = "/LogServices"
_LOG: Final = f"{_SERVICES}/SEL"
_OTHER: Final = f"{_SERVICES}/Audit"
_AT_SYSTEM: Final = "/Systems/{system}"


def place(bmc: BMC, system: str) -> str:
    """Return the path, below the root, of the resource that has the log of a machine."""
    return MANAGER if bmc.faults.log_of_manager else f"/Systems/{system}"


def entries_of(bmc: BMC, path: str) -> str | None:
    """Return the machine whose log entries are at a path, or None."""
    return next((s for s in bmc.machines if path == f"{ROOT}{place(bmc, s)}{_LOG}/Entries"), None)


def cleared_at(bmc: BMC, path: str) -> str | None:
    """Return the machine whose log is cleared by an action at a path, or None."""
    if "log" in bmc.faults.lacks:
        return None
    return next((s for s in bmc.machines if path == f"{ROOT}{place(bmc, s)}{_LOG}{CLEAR}"), None)


@ROUTES.at(f"{_AT_SYSTEM}{_SERVICES}")
def _services(bmc: BMC, system: str) -> Document | None:
    return _collection(bmc, f"/Systems/{system}")


@ROUTES.at(f"{MANAGER}{_SERVICES}")
def _services_of_manager(bmc: BMC) -> Document | None:
    return _collection(bmc, MANAGER)


def _collection(bmc: BMC, path: str) -> Document | None:
    return collection("LogService", f"{path}{_SERVICES}", ["Audit", "SEL"]) if logs(bmc, path) else None


@ROUTES.at(f"{_AT_SYSTEM}{_LOG}")
def _service(bmc: BMC, system: str) -> Document | None:
    return _log(bmc, f"/Systems/{system}", system)


@ROUTES.at(f"{MANAGER}{_LOG}")
def _service_of_manager(bmc: BMC) -> Document | None:
    return _log(bmc, MANAGER, "1")


def _log(bmc: BMC, path: str, system: str) -> Document | None:
    if not logs(bmc, path):
        return None
    return {
        **head("LogService", "1_7_0", "SEL", "System Event Log"),
        "LogEntryType": "SEL",
        "MaxNumberOfRecords": bmc.settings.log_entries,
        "OverWritePolicy": "WrapsWhenFull" if bmc.faults.log_wraps else "NeverOverWrites",
        "ServiceEnabled": True,
        **({} if "clock" in bmc.faults.lacks else clock(bmc)),
        "Status": status(),
        "Entries": link(f"{path}{_LOG}/Entries"),
        "Actions": {"#LogService.ClearLog": {"target": f"{ROOT}{path}{_LOG}{CLEAR}"}},
    }


@ROUTES.at(f"{_AT_SYSTEM}{_OTHER}")
def _audit(bmc: BMC, system: str) -> Document | None:
    return _other(bmc, f"/Systems/{system}")


@ROUTES.at(f"{MANAGER}{_OTHER}")
def _audit_of_manager(bmc: BMC) -> Document | None:
    return _other(bmc, MANAGER)


def _other(bmc: BMC, path: str) -> Document | None:
    if not logs(bmc, path):
        return None
    entries = {"Entries": link(f"{path}{_OTHER}/Entries")}
    return {**head("LogService", "1_7_0", "Audit", "Audit Log"), "ServiceEnabled": True, **entries}


@ROUTES.at(f"{_AT_SYSTEM}{_OTHER}/Entries")
def _other_entries(bmc: BMC, system: str) -> Document | None:
    path = f"/Systems/{system}"
    return collection("LogEntry", f"{path}{_OTHER}/Entries", []) if logs(bmc, path) else None


@ROUTES.at(f"{MANAGER}{_OTHER}/Entries")
def _other_entries_of_manager(bmc: BMC) -> Document | None:
    return collection("LogEntry", f"{MANAGER}{_OTHER}/Entries", []) if logs(bmc, MANAGER) else None


@ROUTES.at(f"{_AT_SYSTEM}{_LOG}/Entries")
def _entries(bmc: BMC, system: str) -> Document | None:
    return _listed(bmc, f"/Systems/{system}", system)


@ROUTES.at(f"{MANAGER}{_LOG}/Entries")
def _entries_of_manager(bmc: BMC) -> Document | None:
    return _listed(bmc, MANAGER, "1")


def _listed(bmc: BMC, path: str, system: str) -> Document | None:
    if not logs(bmc, path):
        return None
    ids = [*bmc.machines[system].events.entries]
    return collection("LogEntry", f"{path}{_LOG}/Entries", ids[::-1] if bmc.faults.log_newest_first else ids)


@ROUTES.at(f"{_AT_SYSTEM}{_LOG}/Entries/{{id}}")
def _entry(bmc: BMC, system: str, id: str) -> Document | None:
    return _written(bmc, f"/Systems/{system}", system, id)


@ROUTES.at(f"{MANAGER}{_LOG}/Entries/{{id}}")
def _entry_of_manager(bmc: BMC, id: str) -> Document | None:
    return _written(bmc, MANAGER, "1", id)


def _written(bmc: BMC, path: str, system: str, id: str) -> Document | None:
    entry = bmc.machines[system].events.entries.get(id) if logs(bmc, path) else None
    if entry is None:
        return None
    first = {**head("LogEntry", "1_17_0", id, f"Log Entry {id}"), "Created": written(bmc, entry.at)}
    return {**first, **(_usual(bmc, system, entry) if entry.own is None else entry.own)}


def _usual(bmc: BMC, system: str, entry: Entry) -> Document:
    words = {} if bmc.faults.log_wordless else {"Message": entry.message}
    about = f"/Chassis/{system}{entry.origin}" if entry.origin else f"/Systems/{system}"
    return {
        "EntryType": "Event",
        "Severity": entry.severity,
        **words,
        "MessageId": entry.message_id,
        "MessageArgs": list(entry.arguments),
        "Links": {"OriginOfCondition": link(about)},
    }
