"""Conductors, and the shards into which programs divide nodes."""

from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from podium.api.callers import Role
from podium.api.faults import Fault
from podium.api.fields import Field
from podium.api.ironic import collections
from podium.api.ironic.collections import PAGING, Page
from podium.api.ironic.links import pair
from podium.api.routing import Operation
from podium.api.services import address, services
from podium.client.enrolling.values import text
from podium.db import node_list, roster
from podium.db.roster import Attendance

_NAMES: Final = ("hostname", "conductor_group", "alive", "drivers", "created_at", "updated_at")
_SINCE: Final = dict.fromkeys(_NAMES, 49)
_BRIEF: Final = ("hostname", "conductor_group", "alive")
_SORTABLE: Final = ("id", "hostname", "conductor_group", "created_at", "updated_at")
_QUERY: Final = (*(one for one in PAGING if one.name != "marker"), Field("marker", text(255)))


def _show(one: Attendance, names: tuple[str, ...], server: str) -> dict[str, Any]:
    values = {
        **{name: getattr(one, name) for name in ("hostname", "conductor_group", "alive", "drivers")},
        "created_at": one.started_at.isoformat(),
        "updated_at": None if one.renewed_at is None else one.renewed_at.isoformat(),
    }
    return {**{name: values[name] for name in names}, "links": pair(server, f"conductors/{one.hostname}")}


def _key(one: Attendance, name: str) -> tuple[str, str]:
    """Return the sort key of a conductor; conductors with equal values are sorted by name."""
    values = {"conductor_group": one.conductor_group, "created_at": str(one.started_at)}
    values["updated_at"] = str(one.renewed_at or "")
    return values.get(name, ""), one.hostname


async def list_conductors(request: Request) -> Response:
    """Return a page of conductors."""
    given = collections.parameters(request, _QUERY)
    page = collections.page(request, given, _SORTABLE, _SINCE)
    names = page.fields or (_NAMES if page.detail else _BRIEF)
    found = _page(await services(request).sql.read(roster.attendances), page)
    shown = found[: page.limit]
    answer: dict[str, Any] = {"conductors": [_show(one, names, address(request)) for one in shown]}
    if len(found) > len(shown):
        answer["next"] = collections.following(request, page, shown[-1].hostname)
    return JSONResponse(answer)


def _page(everybody: list[Attendance], page: Page) -> list[Attendance]:
    """Return the conductors of a page, and further ones if there are more."""
    found = sorted(everybody, key=lambda one: _key(one, page.sort_key), reverse=page.descending)
    if page.marker is None:
        return found
    names = [one.hostname for one in found]
    if page.marker not in names:
        raise Fault(404, f"the marker {page.marker[:80]} is the name of no conductor")
    return found[names.index(page.marker) + 1 :]


async def show_conductor(request: Request) -> Response:
    """Return one conductor."""
    names = collections.chosen(request, collections.parameters(request, (collections.FIELDS,)), _SINCE)
    one = await services(request).sql.read(_find, request.path_params["conductor"])
    return JSONResponse(_show(one, names or _NAMES, address(request)))


def _find(connection: sa.Connection, host: str) -> Attendance:
    for one in roster.attendances(connection):
        if one.hostname == host:
            return one
    raise Fault(404, f"there is no conductor {host[:80]}")


async def list_shards(request: Request) -> Response:
    """Return the shards and their numbers of nodes."""
    found = await services(request).sql.read(node_list.shards)
    return JSONResponse({"shards": [{"name": name, "count": count} for name, count in found]})


_OBJECT: Final = {"type": "object"}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/conductors",
        handler=list_conductors,
        role=Role.READER,
        summary="List conductors",
        since=49,
        query=_QUERY,
        answer=_OBJECT,
    ),
    Operation(
        method="GET",
        path="/v1/conductors/{conductor}",
        handler=show_conductor,
        role=Role.READER,
        summary="Show a conductor",
        since=49,
        query=(collections.FIELDS,),
        answer=_OBJECT,
    ),
    Operation(
        method="GET",
        path="/v1/shards",
        handler=list_shards,
        role=Role.READER,
        summary="List shards",
        since=82,
        answer=_OBJECT,
    ),
)
