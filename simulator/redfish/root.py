"""The resources of the service itself: root, sessions, events and tasks."""

from typing import Final

from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import (
    SSE,
    TASK_MONITORS,
    Document,
    Routes,
    collection,
    head,
    link,
)
from podium.simulator.redfish.health import status

ROUTES: Final = Routes()

_FEATURES: Final = {
    "SelectQuery": True,
    "FilterQuery": False,
    "OnlyMemberQuery": False,
    "TopSkipQuery": True,
    "ExpandQuery": {"ExpandAll": False, "Levels": True, "Links": False, "NoLinks": True, "MaxLevels": 1},
}


@ROUTES.at("")
def _service_root(bmc: BMC) -> Document:
    sessions: Document = {}
    if not bmc.faults.no_sessions:
        sessions = {
            "SessionService": link("/SessionService"),
            "Links": {"Sessions": link("/SessionService/Sessions")},
        }
    return {
        **head("ServiceRoot", "1_17_0", "RootService", "Root Service"),
        "RedfishVersion": "1.20.0",
        "UUID": f"706f6469-756d-4000-8000-0000{int(bmc.address):08x}",
        "Vendor": "Podium",
        "Product": "podium-sim",
        **({} if bmc.faults.no_queries else {"ProtocolFeaturesSupported": _FEATURES}),
        "Systems": link("/Systems"),
        "Chassis": link("/Chassis"),
        "Managers": link("/Managers"),
        "Tasks": link("/TaskService"),
        **({} if bmc.faults.no_events else {"EventService": link("/EventService")}),
        **({} if bmc.faults.no_accounts else {"AccountService": link("/AccountService")}),
        **sessions,
    }


@ROUTES.at("/SessionService")
def _session_service(bmc: BMC) -> Document | None:
    if bmc.faults.no_sessions:
        return None
    return {
        **head("SessionService", "1_1_9", "SessionService", "Session Service"),
        "ServiceEnabled": True,
        "SessionTimeout": int(bmc.settings.session_timeout),
        "Status": status(),
        "Sessions": link("/SessionService/Sessions"),
    }


@ROUTES.at("/SessionService/Sessions")
def _sessions(bmc: BMC) -> Document | None:
    if bmc.faults.no_sessions:
        return None
    return collection("Session", "/SessionService/Sessions", bmc.sessions.ids)


@ROUTES.at("/SessionService/Sessions/{id}")
def _session(bmc: BMC, id: str) -> Document | None:
    if id not in bmc.sessions.ids:
        return None
    return {**head("Session", "1_7_1", id, f"Session {id}"), "UserName": bmc.settings.user}


@ROUTES.at("/EventService")
def _event_service(bmc: BMC) -> Document | None:
    if bmc.faults.no_events:
        return None
    return {
        **head("EventService", "1_10_2", "EventService", "Event Service"),
        "ServiceEnabled": True,
        "Status": status(),
        "ServerSentEventUri": SSE,
        "EventFormatTypes": ["Event"],
        "RegistryPrefixes": ["ResourceEvent"],
        "SSEFilterPropertiesSupported": {"EventFormatType": False, "RegistryPrefix": False},
    }


@ROUTES.at("/TaskService")
def _task_service(bmc: BMC) -> Document:
    return {
        **head("TaskService", "1_2_1", "TaskService", "Task Service"),
        "ServiceEnabled": True,
        "Status": status(),
        "Tasks": link("/TaskService/Tasks"),
    }


@ROUTES.at("/TaskService/Tasks")
def _tasks(bmc: BMC) -> Document:
    return collection("Task", "/TaskService/Tasks", bmc.tasks.ids)


@ROUTES.at("/TaskService/Tasks/{id}")
def task(bmc: BMC, id: str) -> Document | None:
    """Return a task with its last shown state."""
    found = bmc.tasks.find(id)
    if found is None:
        return None
    failed = found.ended and found.failure is not None
    return {
        **head("Task", "1_7_4", id, f"Task {id}"),
        "TaskState": ("Exception" if failed else "Completed") if found.ended else "Running",
        "TaskStatus": "Critical" if failed else "OK",
        "TaskMonitor": f"{TASK_MONITORS}/{id}",
        "Messages": [found.failure.extended_info] if failed and found.failure else [],
    }
