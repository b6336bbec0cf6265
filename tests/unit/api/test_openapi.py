"""The OpenAPI document: made of the same table as the routes."""

import json
from typing import Any

import pytest

from podium.api.openapi import document
from podium.api.operations import OPERATIONS


def test_everything_that_can_be_asked_is_described(http: Any) -> None:
    shown = http.get("/openapi.json")
    assert shown["openapi"].startswith("3.1")
    described = [(method.upper(), path) for path, its in shown["paths"].items() for method in its]
    assert len(described) == len(OPERATIONS)
    assert ("GET", "/v1/nodes/{node}") in described


def test_each_request_has_a_name_of_its_own_and_says_who_may_send_it(http: Any) -> None:
    shown = http.get("/openapi.json")
    all_of_them = [one for its in shown["paths"].values() for one in its.values()]
    assert len({one["operationId"] for one in all_of_them}) == len(all_of_them)
    root, nodes = (shown["paths"][path]["get"] for path in ("/", "/v1/nodes"))
    assert (root["security"], nodes["security"]) == ([], [{"user": []}, {"token": []}])
    assert "reader" in nodes["description"]


def test_parameters_are_described_with_the_version_that_brought_them(http: Any) -> None:
    parameters = http.get("/openapi.json")["paths"]["/v1/nodes"]["get"]["parameters"]
    by_name = {one["name"]: one for one in parameters if "name" in one}
    assert by_name["owner"]["description"] == "Since version 1.50"
    assert by_name["limit"]["schema"]["minimum"] == 1
    assert "description" not in by_name["maintenance"]


def test_each_field_of_a_resource_is_described(http: Any, enrol: Any) -> None:
    """Of answers: by name, type, whether it may be null, and the version that brought it."""
    (node,) = enrol("n1")
    chassis = http("POST", "/v1/chassis", json={}).json()
    port = http("POST", "/v1/ports", json={"address": "52:54:00:00:00:01", "node_uuid": node.uuid}).json()
    described = http.get("/openapi.json")["components"]["schemas"]
    for name, answer in (("node", http.get("/v1/nodes/n1")), ("port", port), ("chassis", chassis)):
        fields = described[name]["properties"]
        assert fields.keys() == answer.keys()
        assert all("type" in one or "anyOf" in one for one in fields.values()), name
    fields = described["node"]["properties"]
    assert fields["uuid"] == {"type": "string", "format": "uuid"}
    assert fields["driver_internal_info"] == {"type": "object", "description": "Since version 1.3"}
    assert fields["owner"] == {
        "anyOf": [{"type": "string", "minLength": 0, "maxLength": 255}, {"type": "null"}],
        "description": "Since version 1.50",
    }
    assert described["port"]["properties"]["pxe_enabled"]["type"] == "boolean"
    assert described["chassis"]["properties"]["updated_at"]["anyOf"][0]["format"] == "date-time"


@pytest.mark.parametrize(
    ("path", "field", "since"),
    [("/v1/nodes/{node}", "lessee", 65), ("/v1/ports/{port}", "vendor", 100)],
)
def test_a_change_is_described_by_each_field_that_may_change(
    http: Any, path: str, field: str, since: int
) -> None:
    schema = http.get("/openapi.json")["paths"][path]["patch"]["requestBody"]["content"]["application/json"]
    steps = [one["properties"] for one in schema["schema"]["items"]["anyOf"]]
    by_path = {one["path"]["const"]: one["value"] for one in steps if "const" in one["path"]}
    assert by_path[f"/{field}"]["description"] == f"Since version 1.{since}"
    assert by_path[f"/{field}"]["anyOf"][1] == {"type": "null"}
    assert "/uuid" not in by_path and "type" in by_path["/extra"]["anyOf"][0]
    (removal,) = (one for one in steps if one["op"]["enum"] == ["remove"])
    removable = removal["path"]["anyOf"][0]["enum"]
    assert f"/{field}" in removable and not {"/driver", "/address"} & set(removable)


def test_all_references_lead_somewhere_in_the_document() -> None:
    shown = json.loads(json.dumps(document(OPERATIONS)))

    def references(value: Any) -> Any:
        if isinstance(value, dict):
            yield from [value["$ref"]] if "$ref" in value else []
            value = list(value.values())
        for one in value if isinstance(value, list) else []:
            yield from references(one)

    for place in set(references(shown)):
        found = shown
        for key in place.removeprefix("#/").split("/"):
            found = found[key]
