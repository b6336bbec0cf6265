"""The history of a node: its power events."""

import uuid
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium import states
from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field
from podium.api.ironic import collections, node_paths, resources, schemas
from podium.api.ironic.collections import Page
from podium.api.ironic.resources import ResourceField
from podium.api.routing import Operation, minor
from podium.api.services import address, services
from podium.causes import SEVERITY
from podium.client.enrolling.values import TIME, TRUTH, UUID
from podium.db import api, ledger
from podium.db.ledger import Event
from podium.db.outcomes import CREDENTIALS

_LONGEST: Final = 255
_SORTABLE: Final = ("id", "created_at", "uuid")
_QUERY: Final = (
    *(one for one in collections.PAGING if one.name not in ("fields", "detail")),
    Field("detail", TRUTH),
)
_NEVER: Final = {"type": "null"}
#: Podium has no projects, and does not record past provision states and their durations.
HISTORY_FIELDS: Final = (
    ResourceField("uuid", fixed=True, shows=UUID.schema),
    ResourceField("created_at", fixed=True, shows=TIME.schema),
    ResourceField("severity", fixed=True, shows={"type": "string", "enum": ["ERROR", "INFO"]}),
    ResourceField("event", fixed=True, shows={"type": "string"}),
    ResourceField("event_type", fixed=True, shows={"type": "string"}),
    ResourceField("conductor", shows={"type": "string"}),
    ResourceField("user", shows={"type": "string"}),
    ResourceField("project", 113, fixed=True, shows=_NEVER),
    ResourceField("state", 115, fixed=True, shows=_NEVER),
    ResourceField("target_provision_state", 115, fixed=True, shows=_NEVER),
    ResourceField("duration_seconds", 115, fixed=True, shows=_NEVER),
)
_BRIEF: Final = ("uuid", "created_at", "severity", "event")
#: A UUID of the version for other uses (8 in RFC 9562) whose last 48 bits are the number of the event.
_PREFIX: Final = "00000000-0000-8000-8000-"


def _uuid(number: int) -> str:
    return f"{_PREFIX}{number:012x}"


def _number(text: str) -> int | None:
    try:
        found = str(uuid.UUID(text))
    except ValueError:
        return None
    return int(found.removeprefix(_PREFIX), 16) if found.startswith(_PREFIX) else None


def _said(event: Event) -> str:
    """Return the description of an event, for people."""
    change = f"power: {event.from_state or 'unknown'} to {event.to_state or 'unknown'}, "
    if event.cause == CREDENTIALS or event.cause in states.BESIDE_POWER:
        change = ""  # the power did not change
    by = f" by {event.who}" if event.who else ""
    return f"{change}{event.cause}{by}{f': {event.reason}' if event.reason else ''}"


def _show(event: Event, node: str, server: str, minor: int, *, whole: bool) -> dict[str, Any]:
    said, own = _said(event), _uuid(event.id)
    values = {
        "uuid": own,
        "created_at": event.at,
        "severity": "ERROR" if SEVERITY.get(event.cause) == "error" else "INFO",
        "event": said if whole or len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}...",
        "event_type": event.cause,
        "conductor": event.conductor,
        "user": event.who,
    }
    names = resources.known(HISTORY_FIELDS, minor) if whole else _BRIEF
    links = [{"href": f"{server}/v1/nodes/{node}/history/{own}", "rel": "self"}]
    return {**resources.shown(HISTORY_FIELDS, values, names), "links": links}


async def list_history(request: Request) -> Response:
    """Return a page of the events of a node."""
    given = collections.parameters(request, _QUERY)
    page = collections.page(request, given, _SORTABLE, {})
    node, found = await services(request).sql.read(_page, node_paths.wanted(request), page)
    shown = found[: page.limit]
    server, version = address(request), minor(request)
    texts = [_show(one, node, server, version, whole=page.detail) for one in shown]
    answer: dict[str, Any] = {"history": texts}
    if len(found) > len(shown):
        answer["next"] = collections.following(request, page, _uuid(shown[-1].id))
    return JSONResponse(answer)


def _page(connection: sa.Connection, node: str, page: Page) -> tuple[str, list[Event]]:
    (key,) = api.find_keys(connection, [node])
    after = None if page.marker is None else _event(connection, key.uuid, page.marker).id
    found = ledger.events_of(
        connection, key.uuid, limit=page.limit + 1, after=after, descending=page.descending
    )
    return key.uuid, found


async def show_event(request: Request) -> Response:
    """Return one event of a node."""
    node, event = await services(request).sql.read(
        _one, node_paths.wanted(request), request.path_params["event"]
    )
    return JSONResponse(_show(event, node, address(request), minor(request), whole=True))


def _one(connection: sa.Connection, node: str, own: str) -> tuple[str, Event]:
    (key,) = api.find_keys(connection, [node])
    return key.uuid, _event(connection, key.uuid, own)


def _event(connection: sa.Connection, node: str, own: str) -> Event:
    number = _number(own)
    found = None if number is None else ledger.event_of(connection, node, number)
    if found is None:
        raise Fault(404, f"the node has no event {own[:80]}")
    return found


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/nodes/{node}/history",
        handler=list_history,
        role=Role.READER,
        summary="List what happened to a node",
        since=78,
        query=_QUERY,
        answer=schemas.page("history", schemas.ref("event")),
    ),
    Operation(
        method="GET",
        path="/v1/nodes/{node}/history/{event}",
        handler=show_event,
        role=Role.READER,
        summary="Show an event of a node",
        since=78,
        answer=schemas.ref("event"),
    ),
)
