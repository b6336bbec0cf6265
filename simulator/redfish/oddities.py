"""Behaviour of a simulated Redfish BMC that the standard does not foresee, but BMCs in the field show."""

import dataclasses
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from podium.simulator.faults import Faults
from podium.simulator.redfish.answers import (
    DEMANDED,
    Answer,
    Message,
    answer,
    not_found,
    not_modified,
    refusal,
)
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import ROOT, Document
from podium.simulator.redfish.machine import RESETS
from podium.simulator.redfish.quirks import with_length

_SYSTEMS: Final = f"{ROOT}/Systems"
_RESET: Final = "/Actions/ComputerSystem.Reset"
#: The properties of a starting BMC's service root.
_AT_FIRST: Final = ("@odata.id", "@odata.type", "Id", "Name", "RedfishVersion", "UUID")
#: The first system before and after it was renamed.
_OLD: Final = f"{_SYSTEMS}/1".encode()
_NEW: Final = f"{_SYSTEMS}/System.Embedded.1".encode()
_BODY: Final = b'{"PowerState":"Unknown"}'
#: ResetTypes that a BMC with the fault lying-resets lists, but refuses.
_LIES: Final = ("On", "ForceOff", "ForceRestart")
_LATE: Final = 60.0  # seconds

_BROKEN: Final = Message(500, "InternalError", "The request failed due to an internal service error.")
_NO_CONDITIONS: Final = Message(412, "PreconditionFailed", "The ETag is of no use.")
_OTHER_ETAG: Final = Message(412, "PreconditionFailed", "The ETag did not match the resource's.")
_NOT_READY: Final = Message(200, "InternalError", "The host interface is not ready.")
_WRONG: Final = Message(400, "GeneralError", "A general error has occurred.")


def own_answer(
    method: bytes,
    target: str,
    headers: dict[bytes, bytes],
    reset: Any,
    bmc: BMC,
    find: Callable[[str], Document | None],
    number: int,
) -> Answer | None:
    """Return the answer to a request that a fault spoils, or None for all others.

    :param target: path and query
    :param reset: the ResetType, if it is a reset
    :param find: returns the resource at a path
    :param number: of the request
    """
    wrong = bmc.faults
    path, _, query = target.partition("?")
    if path.endswith(_RESET) and method == b"POST":
        system = find(path.removesuffix(_RESET)) or {}
        return _to_reset(system, headers.get(b"if-match"), reset, wrong)
    if bmc.is_starting and path.startswith(_SYSTEMS):
        return not_found(path)
    for fault, parameter in (
        (wrong.select_fails, "$select"),
        (wrong.expand_fails, "$expand"),
        (wrong.filter_fails, "$filter"),
    ):
        if fault and parameter in query:
            return refusal(_BROKEN)
    if wrong.slow_queries and query:
        return dataclasses.replace(refusal(_BROKEN), late=_LATE)
    if wrong.odd_conditions and b"if-none-match" in headers:
        return refusal(_NO_CONDITIONS)
    if not _is_system(path, bmc):
        return None
    if wrong.error_200:
        return refusal(_NOT_READY)
    if wrong.empty_bodies:
        return answer(200)
    if wrong.unasked_304 and number % 2 and b"if-none-match" not in headers:
        return not_modified(b'"1"')
    return None


def _to_reset(system: Document, match: bytes | None, reset: Any, wrong: Faults) -> Answer | None:
    if wrong.error_200:
        return refusal(_NOT_READY)
    if wrong.lying_resets and reset in _LIES:
        return refusal(_WRONG)
    if not wrong.demands_etags:
        return None
    if match is None:
        return refusal(DEMANDED)
    etag = str(system.get("@odata.etag", "")).encode()
    return None if match in (b"*", etag) else refusal(_OTHER_ETAG)


def _is_system(path: str, bmc: BMC) -> bool:
    parent, _, id = path.rstrip("/").rpartition("/")
    return parent == _SYSTEMS and id in bmc.machines


def at_old_name(target: bytes) -> bytes:
    """Return the target of a request in old terms, for a BMC that has renamed its first system."""
    path, question, query = target.partition(b"?")
    if path.startswith(_NEW):
        path = _OLD + path.removeprefix(_NEW)
    elif path == _OLD or path.startswith(_OLD + b"/"):
        path = _OLD + b"-is-gone"
    return path + question + query


def spoil(made: Answer, wrong: Faults) -> Answer:
    """Return an answer as faults change it: other names, or a body where none is allowed."""
    wire = made.wire
    if wrong.renamed:
        wire = wire.replace(_OLD + b"/", _NEW + b"/").replace(_OLD + b'"', _NEW + b'"')
    if made.status == 304 and wrong.body_304:  # RFC 9110, 15.4.5
        wire = wire.removesuffix(b"\r\n") + b"Content-Length: 0\r\n\r\n" + _BODY
    return made if wire is made.wire else dataclasses.replace(made, wire=with_length(wire))


def bent(document: Document, path: str, bmc: BMC) -> Document:
    """Return a resource as faults change it."""
    wrong = bmc.faults
    if path == ROOT:
        if bmc.is_starting:
            return {name: document[name] for name in _AT_FIRST if name in document}
        left_out = "Systems" if wrong.no_systems_link else ""
        return {name: value for name, value in document.items() if name != left_out}
    if wrong.filter_fails and "SSEFilterPropertiesSupported" in document:
        document = {**document, "SSEFilterPropertiesSupported": {"EventFormatType": True}}
    if wrong.short_lists and "Members" in document:
        document = {**document, "Members": document["Members"][:1]}
    if wrong.null_health and not bmc.power_on:
        document = _without_health(document)
    if _is_system(path, bmc):
        document = _bent_system(document, wrong)
    return document


def _bent_system(system: Document, wrong: Faults) -> Document:
    if wrong.lower_case and isinstance(system["PowerState"], str):
        system = {**system, "PowerState": system["PowerState"].lower()}
    if wrong.no_actions:
        return {name: value for name, value in system.items() if name != "Actions"}
    reset = system["Actions"]["#ComputerSystem.Reset"]
    listed = reset.get("ResetType@Redfish.AllowableValues", [])
    if wrong.lower_case:
        listed = [word.lower() for word in listed]
    if wrong.lying_resets:
        listed = list(_LIES)
    if listed:
        reset = {**reset, "ResetType@Redfish.AllowableValues": listed}
    return {**system, "Actions": {"#ComputerSystem.Reset": reset}}


def _without_health(value: Any) -> Any:
    """Return a document without any health."""
    if isinstance(value, list):
        return [_without_health(one) for one in value]
    if not isinstance(value, dict):
        return value
    silent: dict[str, Any] = {"Health": None, "HealthRollup": None, "Conditions": []}
    return {name: silent.get(name, _without_health(one)) for name, one in value.items()}


def page(document: Document, path: str, query: str) -> Document:
    """Return a page of a collection, with one member. Other resources are returned unchanged."""
    if "Members" not in document:
        return document
    number = int(dict(urllib.parse.parse_qsl(query)).get("page", "0"))
    shown = {**document, "Members": document["Members"][number : number + 1]}
    if number + 1 < len(document["Members"]):
        shown["Members@odata.nextLink"] = f"{path}?page={number + 1}"
    return shown


def meant_reset(given: Any, wrong: Faults) -> Any:
    """Return the ResetType that a request means."""
    if not wrong.lower_case:
        return given
    return next((word for word in RESETS if word.lower() == given), None)
