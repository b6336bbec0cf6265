"""What happened to a node, over HTTP."""

from typing import Any

import pytest
import sqlalchemy as sa

from podium.db import models
from podium.db.engine import Database
from power_requests import C1

BRIEF = {"uuid", "created_at", "severity", "event", "links"}


@pytest.fixture
def node(enrol: Any, database: Database) -> Any:
    """A node with seven events, and another with one."""
    node, other = enrol("n1", "n2")
    rows = [
        {
            "node_uuid": one.uuid,
            "node_name": one.name,
            "at": models.utcnow(),
            "from_state": None,
            "to_state": "power on",
            "cause": cause,
            "who": "alice@here",
            "reason": "x" * 300 if number == 6 else None,
            "writer": C1,
        }
        for number, (one, cause) in enumerate([(other, "request"), *[(node, "request")] * 6, (node, "fault")])
    ]
    with database.write() as connection:
        connection.execute(sa.insert(models.power_events), rows)
    return node


def test_events_are_listed_in_pages_and_shown(http: Any, node: Any) -> None:
    first = http.get("/v1/nodes/n1/history")
    second = http.get(first["next"])
    found = [*first["history"], *second["history"]]
    assert len(first["history"]) == 5 and len(found) == 7 and "next" not in second
    assert len({one["uuid"] for one in found}) == 7
    assert all(one.keys() == BRIEF for one in found)
    assert found[0]["event"] == "power: unknown to power on, request by alice@here"
    assert [one["severity"] for one in found[5:]] == ["INFO", "ERROR"]
    assert len(found[5]["event"]) == 255
    whole = http.get(f"/v1/nodes/{node.uuid}/history/{found[5]['uuid'].upper()}")
    assert whole["event"].endswith("x" * 300)
    assert found[5]["links"] == [
        {"href": f"http://api.example/v1/nodes/{node.uuid}/history/{found[5]['uuid']}", "rel": "self"}
    ]
    newest = http.get("/v1/nodes/n1/history?sort_dir=desc&limit=1")
    assert newest["history"] == found[6:]


def test_an_event_says_who_and_where(http: Any, node: Any) -> None:
    found = http.get("/v1/nodes/n1/history?detail=true&limit=1")["history"][0]
    assert (found["conductor"], found["user"], found["event_type"]) == (C1.host, "alice@here", "request")
    assert found["project"] is found["state"] is found["duration_seconds"] is None
    for http.version, hidden in (
        ("1.115", set()),
        ("1.114", {"state", "target_provision_state", "duration_seconds"}),
        ("1.112", {"project", "state", "target_provision_state", "duration_seconds"}),
    ):
        shown = http.get("/v1/nodes/n1/history?detail=true&limit=1")["history"][0]
        assert found.keys() - shown.keys() == hidden
    found = http.get("/v1/nodes/n1/history?detail=true&limit=1")["history"][0]
    assert found.keys() == {*BRIEF, "conductor", "user", "event_type"}


def test_events_that_are_not_there_are_not_found(http: Any, node: Any) -> None:
    (other,) = http.get("/v1/nodes/n2/history")["history"]
    for path, status in (
        (f"/v1/nodes/n1/history/{other['uuid']}", 404),
        ("/v1/nodes/n1/history/ghost", 404),
        (f"/v1/nodes/n1/history/{node.uuid}", 404),
        ("/v1/nodes/ghost/history", 404),
        (f"/v1/nodes/n1/history?marker={other['uuid']}", 404),
        ("/v1/nodes/n1/history?sort_key=event", 400),
    ):
        assert http("GET", path).status_code == status
    http.version = "1.77"
    assert http("GET", "/v1/nodes/n1/history").status_code == 404


def test_other_credentials_are_no_change_of_the_power(http: Any, enrol: Any, database: Database) -> None:
    node = enrol("n1")[0]
    row = {"node_uuid": node.uuid, "node_name": "n1", "at": models.utcnow(), "cause": "credentials"}
    row |= {"from_state": "power on", "to_state": "power on", "who": "alice@here", "writer": C1}
    with database.write() as connection:
        connection.execute(sa.insert(models.power_events), {**row, "reason": "changed on the BMC"})
    (event,) = http.get("/v1/nodes/n1/history")["history"]
    assert event["event"] == "credentials by alice@here: changed on the BMC"
