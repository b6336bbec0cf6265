"""Podium's own API in ``/openapi.json``, generated from the classes of calls and answers."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from podium.client.calls import wire
from podium.client.calls.call import Call, Page, answer_of

_REFERENCE: Final = "#/components/schemas/{name}"
#: The plain-text answer to requests that cannot be handled at all, such as one with too large a head.
PLAIN_REFUSAL: Final = {"text/plain": {"schema": {"type": "string"}}}
#: The answer to requests that cannot be carried out.
REFUSAL: Final = {
    "description": "What is wrong",
    "content": {
        **PLAIN_REFUSAL,
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "error": {
                        "type": "object",
                        "properties": {
                            "code": {"type": "string", "description": "The name of the error"},
                            "message": {"type": "string"},
                            "faults": {"type": "array", "items": {"type": "string"}},
                        },
                        "required": ["code", "message"],
                    }
                },
                "required": ["error"],
            }
        },
    },
}


def schemas(calls: Iterable[type[Call[Any]]]) -> dict[str, Any]:
    """Return the components that :func:`operation` refers to."""
    types = [one for call in calls for one in (call, answer_of(call)) if one is not type(None)]
    _, found = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return found


def operation(call: type[Call[Any]], method: str) -> dict[str, Any]:
    """Return the parameters, the body and the answer of a call.

    :param method: the HTTP method: POST for a GET with its parameters in the body
    """
    inside = wire.path_fields(call)
    fields = _fields(call)
    found: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": fields[name]["schema"]}
            for name in inside
        ],
        "responses": {str(call.status): _answer(call)},
    }
    others = {name: one for name, one in fields.items() if name not in inside}
    if method in wire.WITH_BODY:
        schema = {
            "type": "object",
            "properties": {name: one["schema"] for name, one in others.items()},
            "required": [name for name, one in others.items() if one["required"]],
            "additionalProperties": False,
        }
        found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    else:
        found["parameters"] += [_parameter(name, one) for name, one in others.items()]
    return found


def _fields(call: type[Call[Any]]) -> Mapping[str, Any]:
    (_,), components = msgspec.json.schema_components([call], ref_template=_REFERENCE)
    described = components[call.__name__]
    required = described.get("required", [])
    return {
        name: {"schema": schema, "required": name in required}
        for name, schema in described["properties"].items()
    }


def _parameter(name: str, field: Mapping[str, Any]) -> dict[str, Any]:
    schema = field["schema"]
    found = {"name": name, "in": "query", "required": field["required"], "schema": schema}
    if schema.get("type") == "object":  # extra.rack=r7, which OpenAPI has no style for
        return found | {"style": "deepObject", "description": f"As {name}.KEY=VALUE"}
    return found


def _answer(call: type[Call[Any]]) -> dict[str, Any]:
    answer = answer_of(call)
    if answer is type(None):
        return {"description": "Done"}
    (schema,), _ = msgspec.json.schema_components([answer], ref_template=_REFERENCE)
    found: dict[str, Any] = {call.media: {"schema": schema}}
    if getattr(answer, "__origin__", None) is Page:
        found[wire.NDJSON] = {"schema": {"type": "string"}}
    return {"description": re.sub(r"\s+", " ", (call.__doc__ or "").strip()), "content": found}
