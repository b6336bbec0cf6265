"""``/openapi.json``: all operations as OpenAPI 3.1, generated from the table of operations."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from podium import __version__
from podium.api.callers import Role
from podium.api.fields import Field, described, since_words
from podium.api.ironic.chassis import CHASSIS_FIELDS
from podium.api.ironic.history import HISTORY_FIELDS
from podium.api.ironic.node_fields import NODE_FIELDS, PARTS
from podium.api.ironic.port_fields import PORT_FIELDS
from podium.api.ironic.schemas import resource
from podium.api.ironic.versions import HEADER, HIGHEST, LOWEST
from podium.api.own import describing
from podium.api.own.answers import ROOT
from podium.api.routing import Operation

_PARAMETER: Final = re.compile(r"{(\w+)(?::\w+)?}")
_VERSIONS: Final = ["latest", *(f"1.{minor}" for minor in range(LOWEST, HIGHEST + 1))]
_FAULT: Final = {
    "description": "What is wrong; error_message is a JSON text with faultstring",
    "content": {
        **describing.PLAIN_REFUSAL,
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error_message": {"type": "string"}, "error": {"type": "object"}},
            }
        },
    },
}
_COMPONENTS: Final = {
    "parameters": {
        "version": {
            "name": HEADER,
            "in": "header",
            "description": f"The version of the API; without it 1.{LOWEST}",
            "schema": {"type": "string", "enum": _VERSIONS},
        }
    },
    "responses": {"fault": _FAULT, "refusal": describing.REFUSAL},
    "securitySchemes": {
        "user": {"type": "http", "scheme": "basic"},
        "token": {"type": "http", "scheme": "bearer"},
    },
}
_SCHEMAS: Final = {
    "node": resource(NODE_FIELDS.values(), PARTS),
    "port": resource(PORT_FIELDS),
    "chassis": resource(CHASSIS_FIELDS),
    "event": resource(HISTORY_FIELDS),
}
_REFUSED: Final = {"$ref": "#/components/responses/refusal"}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of these operations."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    table = tuple(operations)
    for one in table:
        paths[_PARAMETER.sub(r"{\1}", one.path)][one.method.lower()] = _operation(one)
    own = [one.call for one in table if one.call is not None]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Podium", "version": __version__},
        "paths": paths,
        "components": {**_COMPONENTS, "schemas": {**_SCHEMAS, **describing.schemas(own)}},
    }


def _operation(one: Operation) -> dict[str, Any]:
    since = f" Since version 1.{one.since}." if one.since > LOWEST else ""
    least = "anybody, without a login" if one.role is None else f"the role {one.role.word} or a higher one"
    found: dict[str, Any] = {
        "summary": one.summary,
        "description": f"For {least}.{since}",
        "operationId": f"{one.method.lower()}{re.sub(r'[^a-z]+', '_', one.path)}",
        "parameters": [
            {"$ref": "#/components/parameters/version"},
            *(_place(name) for name in _PARAMETER.findall(one.path)),
            *(_parameter(field) for field in one.query),
        ],
        "responses": {str(one.status): _answer(one), "default": {"$ref": "#/components/responses/fault"}},
        "security": [] if one.role is None else [{"user": []}, {"token": []}],
    }
    if one.call is not None:
        its = describing.operation(one.call, one.method)
        return {**found, **its, "responses": {**its["responses"], "default": _REFUSED}}
    if one.path.startswith(ROOT):
        found["responses"]["default"] = _REFUSED
    if (schema := _body(one)) is not None:
        found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return found


def _place(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _parameter(field: Field) -> dict[str, Any]:
    found = {"name": field.name, "in": "query", "required": field.required, "schema": field.kind.schema}
    return found | since_words(field.since)


def _answer(one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {"description": one.summary}
    if one.answer is not None:
        media = "text/plain" if one.answer.get("type") == "string" else "application/json"
        found["content"] = {media: {"schema": one.answer}}
        found["content"] |= {other: {"schema": {"type": "string"}} for other in one.others}
    return found


def _body(one: Operation) -> Mapping[str, Any] | None:
    if one.schema is not None or one.body is None:
        return one.schema
    return {
        "type": "object",
        "properties": {field.name: _value(field) for field in one.body},
        "required": [field.name for field in one.body if field.required],
        "additionalProperties": False,
    }


def _value(field: Field) -> dict[str, Any]:
    return described(field.kind.schema, field.since, nullable=field.nullable and not field.required)


async def show(request: Request) -> Response:
    """Return the document; it is generated at the first request."""
    state = request.app.state
    if not hasattr(state, "document"):
        state.document = json.dumps(document(state.operations)).encode()
    return Response(state.document, media_type="application/json")


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/openapi.json",
        handler=show,
        role=Role.READER,
        summary="Describe everything that can be asked",
        answer={"type": "object"},
    ),
)
