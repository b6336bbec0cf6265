"""The OpenAPI document: made of the same table as the routes."""

import json
from typing import Any

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
