"""Chassis over HTTP."""

from typing import Any

import pytest

UUID = "11111111-2222-3333-4444-555555555555"


def post(http: Any, **values: Any) -> Any:
    answer = http("POST", "/v1/chassis", json=values)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_chassis_is_written_shown_and_forgotten(http: Any) -> None:
    answer = http("POST", "/v1/chassis", json={"description": "rack 1", "extra": {"api_key": "hunter2"}})
    one = answer.json()
    assert answer.headers["Location"] == f"http://api.example/v1/chassis/{one['uuid']}"
    assert (one["description"], one["extra"]) == ("rack 1", {"api_key": "******"})
    assert one["nodes"][0]["href"] == f"http://api.example/v1/chassis/{one['uuid']}/nodes"
    assert http.get(f"/v1/chassis/{one['uuid'].upper()}") == one
    assert http.get("/v1/chassis/detail")["chassis"] == [one] == http.get("/v1/chassis?detail=1")["chassis"]
    (brief,) = http.get("/v1/chassis")["chassis"]
    assert brief.keys() == {"uuid", "description", "links"}
    assert http.get("/v1/chassis?fields=extra")["chassis"][0].keys() == {"extra", "links"}
    assert http("DELETE", f"/v1/chassis/{one['uuid']}").status_code == 204
    assert http("GET", f"/v1/chassis/{one['uuid']}").status_code == 404


def test_a_chassis_that_has_nodes_is_not_forgotten(http: Any, enrol: Any) -> None:
    post(http, uuid=UUID)
    enrol("n1", chassis_uuid=UUID)
    answer = http("DELETE", f"/v1/chassis/{UUID}")
    assert answer.status_code == 400
    assert "nodes" in answer.text
    assert http.get(f"/v1/chassis/{UUID}")["uuid"] == UUID


def test_pages_of_chassis_follow_each_other(http: Any) -> None:
    made = [post(http, description=f"rack {number}")["uuid"] for number in range(7)]
    first = http.get("/v1/chassis")
    assert [one["uuid"] for one in first["chassis"]] == made[:5]
    assert [one["uuid"] for one in http.get(first["next"])["chassis"]] == made[5:]


@pytest.mark.parametrize(
    "body, status",
    [({"uuid": "x"}, 400), ({"extra": 1}, 400), ({"colour": 1}, 400), ([], 400), ({"uuid": UUID}, 409)],
)
def test_a_wrong_chassis_is_refused(http: Any, body: Any, status: int) -> None:
    post(http, uuid=UUID)
    assert http("POST", "/v1/chassis", json=body).status_code == status


@pytest.mark.parametrize("path", ["/v1/chassis/x", f"/v1/chassis/{UUID}", f"/v1/chassis?marker={UUID}"])
def test_an_unknown_chassis_is_not_found(http: Any, path: str) -> None:
    assert http("GET", path).status_code == 404


def test_a_chassis_is_changed(http: Any) -> None:
    one = post(http, description="rack 1", extra={"api_key": "hunter2"})
    path = f"/v1/chassis/{one['uuid']}"
    steps = [
        {"op": "add", "path": "/extra/answer", "value": 42},
        {"op": "remove", "path": "/description"},
    ]
    changed = http("PATCH", path, json=steps).json()
    assert changed == http.get(path)
    assert (changed["description"], changed["extra"]) == (None, {"api_key": "******", "answer": 42})
    assert http("PATCH", path, json=[{"op": "remove", "path": "/extra"}]).json()["extra"] == {}
    for step in ({"op": "add", "path": "/colour", "value": 1}, {"op": "add", "path": "/extra", "value": 1}):
        assert http("PATCH", path, json=[step]).status_code == 400
    assert http("PATCH", f"/v1/chassis/{UUID}", json=[]).status_code == 404


def test_the_nodes_of_a_chassis_are_listed_in_pages(http: Any, enrol: Any) -> None:
    post(http, uuid=UUID)
    enrol(*(f"n{number}" for number in range(6)), chassis_uuid=UUID)
    enrol("other")
    first = http.get(f"/v1/chassis/{UUID.upper()}/nodes?fields=name")
    assert [node["name"] for node in first["nodes"]] == [f"n{number}" for number in range(5)]
    assert [node["name"] for node in http.get(first["next"])["nodes"]] == ["n5"]
    assert len(http.get(f"/v1/chassis/{UUID}/nodes/detail?limit=9")["nodes"]) == 5
    assert http("GET", f"/v1/chassis/{UUID[:-1]}6/nodes").status_code == 404
