"""Reading nodes, singly and in pages."""

import functools
from typing import Any, Final

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from podium.api.callers import Role
from podium.api.fields import Field
from podium.api.ironic import collections, node_fields, node_paths, schemas
from podium.api.ironic.collections import PAGING, Page
from podium.api.ironic.rendering import Form, Template
from podium.api.routing import Operation, minor
from podium.api.services import address, services
from podium.client.enrolling.enrolment import canonical
from podium.client.enrolling.values import TRUTH, UUID, choice, text
from podium.db import clock, node_pages
from podium.db.node_pages import SORTABLE, Wanted

#: Ironic's provision states; Podium uses only a few of them.
_STATES: Final = (
    *("active", "adopt failed", "adopting", "available", "clean failed", "clean hold", "clean wait"),
    *("cleaning", "deleting", "deploy failed", "deploy hold", "deploying", "enroll", "error"),
    *("inspect failed", "inspect wait", "inspecting", "manageable", "rescue", "rescue failed"),
    *("rescue wait", "rescuing", "service failed", "service hold", "service wait", "servicing"),
    *("unrescue failed", "unrescuing", "verifying", "wait call-back"),
)
#: The parameters that are compared with a column of the same name.
_EQUAL: Final = (
    Field("instance_uuid", UUID),
    Field("maintenance", TRUTH),
    Field("chassis_uuid", UUID),
    Field("provision_state", choice(_STATES), since=9),
    Field("driver", text(64), since=16),
    Field("resource_class", text(80), since=21),
    Field("fault", text(64), since=42),
    Field("conductor_group", text(255), since=46),
    Field("owner", text(255), since=50),
    Field("lessee", text(255), since=65),
    Field("parent_node", text(36), since=83),
    Field("instance_name", text(255), since=104),
)
FILTERS: Final = (
    *_EQUAL,
    Field("associated", TRUTH),
    Field("conductor", text(255), since=49),
    Field("description_contains", text(255), since=51),
    Field("retired", TRUTH, since=61),
    Field("project", text(255), since=65),
    Field("shard", text(4096), since=82),
    Field("sharded", TRUTH, since=82),
    Field("include_children", TRUTH, since=83),
)
QUERY: Final = (*PAGING, *FILTERS)
_WHOLE: Final = collections.of_whole(QUERY)


def wanted(given: dict[str, Any], minor: int) -> Wanted:
    """Return the conditions for the parameters of a query."""
    equal = {one.name: given[one.name] for one in _EQUAL if one.name in given}
    filled = {"instance_uuid": given["associated"]} if "associated" in given else {}
    if "sharded" in given:
        filled["shard"] = given["sharded"]
    # In versions with parent nodes, nodes with a parent are left out unless the request includes them.
    if minor >= 83 and "parent_node" not in given and not given.get("include_children", False):
        filled["parent_node"] = False
    return Wanted(
        equal=equal,
        among={"shard": given["shard"].split(",")} if "shard" in given else {},
        filled=filled,
        retired=given.get("retired"),
        contains=given.get("description_contains"),
        project=given.get("project"),
        conductor=given.get("conductor"),
    )


async def list_nodes(request: Request) -> Response:
    """Return a page of nodes, with few fields unless the request names others."""
    return await _list(request, whole=False)


async def list_whole(request: Request) -> Response:
    """Return a page of nodes with all fields."""
    return await _list(request, whole=True)


async def _list(request: Request, *, whole: bool) -> Response:
    version = minor(request)
    given = collections.parameters(request, _WHOLE if whole else QUERY) | _chassis(request)
    known = node_fields.shown(version)
    page = collections.page(request, given, SORTABLE, node_fields.SINCE)
    whole = whole or page.detail
    names = page.fields or (known if whole else [name for name in node_fields.BRIEF if name in known])
    its = Form(address(request), version, tuple(names), whole)
    at = services(request)
    texts, more = await at.sql.read(_page, wanted(given, version), page, at.renderer.template(its))
    body = b'{"nodes":[' + b",".join(texts) + b"]"
    if more is not None:
        following = collections.following(request, page, more)
        body += b',"next":"' + following.encode() + b'"'
    return Response(body + b"}", media_type="application/json")


def _chassis(request: Request) -> dict[str, Any]:
    """Return the parameter that a path below a chassis implies."""
    chassis = request.path_params.get("chassis")
    return {} if chassis is None else {"chassis_uuid": canonical(chassis)}


def _page(
    connection: sa.Connection, wanted: Wanted, page: Page, template: Template
) -> tuple[list[bytes], str | None]:
    """Return the texts of a page, and the UUID of its last node if there are more."""
    rows = node_pages.page(
        connection,
        wanted,
        template.columns,
        limit=page.limit,
        marker=page.marker,
        sort_key=page.sort_key,
        descending=page.descending,
    )
    shown = rows[: page.limit]
    now = functools.cache(lambda: clock.now(connection))
    texts = [template.text(row, now) for row in shown]
    return texts, shown[-1][template.columns.index("uuid")] if len(rows) > len(shown) else None


async def show_node(request: Request) -> Response:
    """Return one node."""
    version = minor(request)
    known = node_fields.shown(version)
    given = collections.parameters(request, (Field("fields", text(4096), since=8),))
    names = collections.chosen(request, given, node_fields.SINCE)
    its = Form(address(request), version, names or known, names is None)
    at = services(request)
    text_of = await at.sql.read(one, node_paths.wanted(request), at.renderer.template(its))
    return Response(text_of, media_type="application/json")


def one(connection: sa.Connection, ident: str, template: Template) -> bytes:
    """Return the text of one node.

    :param ident: its name or UUID
    :raises podium.errors.NodeNotFound: there is no such node
    """
    row = node_pages.one(connection, ident, template.columns)
    return template.text(row, lambda: clock.now(connection))


NODE: Final = schemas.ref("node")
PAGE: Final = schemas.page("nodes", NODE)

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/nodes",
        handler=list_nodes,
        role=Role.READER,
        summary="List nodes",
        query=QUERY,
        answer=PAGE,
    ),
    Operation(
        method="GET",
        path="/v1/nodes/detail",
        handler=list_whole,
        role=Role.READER,
        summary="List nodes with all fields",
        query=_WHOLE,
        answer=PAGE,
    ),
    Operation(
        method="GET",
        path="/v1/nodes/{node}",
        handler=show_node,
        role=Role.READER,
        summary="Show a node",
        query=(Field("fields", text(4096), since=8),),
        answer=NODE,
    ),
)
