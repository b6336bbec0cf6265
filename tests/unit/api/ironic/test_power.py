"""Power requests over HTTP."""

import json
from typing import Any

import pytest

from podium.api.callers import Role
from podium.db import api, operations
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.worker import Worker

POWER = "/v1/nodes/n1/states/power"


def text(answer: Any) -> str:
    return str(json.loads(answer.json()["error_message"])["faultstring"])


def only(database: Database) -> NodeRecord:
    with database.read() as connection:
        (node,) = api.list_nodes(connection)
    return node


def test_a_power_request_is_the_one_of_the_command_line(
    http: Any, enrol: Any, everybody: Any, database: Database
) -> None:
    enrol("n1")
    everybody.role = Role.OPERATOR
    answer = http("PUT", POWER, json={"target": "power on", "timeout": 30})
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["Location"] == "http://api.example/v1/nodes/n1/states"
    node = only(database)
    assert (node.target_power_state, node.power_requested_by) == ("power on", "alice@192.0.2.1")
    with database.read() as connection:
        (request,) = operations.requests_of(connection, 1)
    assert (request.action, request.requested_by) == ("power on", "alice@192.0.2.1")


def test_the_last_error_is_gone_once_a_request_is_accepted(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1", last_error="it burnt")
    http("PUT", POWER, json={"target": "rebooting"})
    assert only(database).last_error is None


@pytest.mark.parametrize(
    ("body", "version", "status"),
    [
        ({"target": "soft power off"}, "1.26", 406),
        ({"target": "soft rebooting"}, "1.26", 406),
        ({"target": "soft power off"}, "1.27", 202),
        ({"target": "power on", "timeout": 5}, "1.26", 406),
        ({"target": "power on", "timeout": 5}, "1.27", 202),
        ({"target": "power on", "timeout": 0}, "1.27", 400),
        ({"target": "power on", "timeout": None}, "1.6", 202),
        ({"target": "inject nmi"}, "latest", 400),
        ({"target": "power cycle"}, "latest", 400),
        ({"target": ["power on"]}, "latest", 400),
        ({}, "latest", 400),
        ([], "latest", 400),
        ({"target": "power on", "force": True}, "latest", 400),
    ],
)
def test_what_may_be_asked_for_depends_on_the_version(
    http: Any, enrol: Any, body: object, version: str, status: int
) -> None:
    enrol("n1")
    http.version = version
    assert http("PUT", POWER, json=body).status_code == status


def test_a_node_that_is_reserved_is_busy(http: Any, enrol: Any) -> None:
    enrol("n1", reservation=Worker("head", 0, 1), reserved_for="firmware")
    answer = http("PUT", POWER, json={"target": "power on"})
    assert (answer.status_code, "try again later" in text(answer)) == (409, True)


def test_a_node_in_enroll_is_looked_after_from_its_first_request_on(
    http: Any, enrol: Any, database: Database
) -> None:
    enrol("n1", provision_state="enroll")
    assert http("PUT", POWER, json={"target": "power on"}).status_code == 202
    assert (only(database).provision_state, only(database).target_power_state) == ("manageable", "power on")


def test_an_incomplete_node_in_enroll_is_not_switched(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1", driver="ipmi", driver_info={}, provision_state="enroll")
    answer = http("PUT", POWER, json={"target": "power on"})
    assert (answer.status_code, "ipmi_address" in text(answer)) == (400, True)
    assert (only(database).provision_state, only(database).power_request_id) == ("enroll", None)


def test_an_action_that_the_driver_does_not_know_is_refused(
    http: Any, enrol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol("n1")
    monkeypatch.setattr("podium.client.enrolling.catalog.Catalog.actions", lambda *_: frozenset({"power on"}))
    answer = http("PUT", POWER, json={"target": "soft power off"})
    assert (answer.status_code, "does not know soft power off" in text(answer)) == (400, True)
    assert http("PUT", POWER, json={"target": "power on"}).status_code == 202


def test_a_node_that_is_never_switched_off_is_only_switched_on_and_reset(http: Any, enrol: Any) -> None:
    enrol("n1")
    step = {"op": "add", "path": "/disable_power_off", "value": True}
    assert http("PATCH", "/v1/nodes/n1", json=[step]).json()["disable_power_off"] is True
    for target, status in (
        ("power off", 409),
        ("soft power off", 409),
        ("power on", 202),
        ("rebooting", 202),
    ):
        answer = http("PUT", POWER, json={"target": target})
        assert answer.status_code == status
        assert status == 202 or "disable_power_off" in text(answer)
    http("PATCH", "/v1/nodes/n1", json=[{"op": "remove", "path": "/disable_power_off"}])
    assert http("PUT", POWER, json={"target": "power off"}).status_code == 202


def test_a_node_that_does_not_exist(http: Any) -> None:
    for name in ("n1", "n%01", "x" * 300):
        answer = http("PUT", f"/v1/nodes/{name}/states/power", json={"target": "power on"})
        assert answer.status_code == 404


def test_a_node_is_found_by_its_uuid_in_any_form_and_by_its_name_from_1_5(http: Any, enrol: Any) -> None:
    (node,) = enrol("n1")
    for wanted, http.version, status in (
        (node.uuid.upper(), "1.1", 202),
        ("n1", "1.5", 202),
        ("n1", "1.4", 404),
    ):
        answer = http("PUT", f"/v1/nodes/{wanted}/states/power", json={"target": "power on"})
        assert answer.status_code == status


def test_an_interrupt_is_a_request_too(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1")
    path = "/v1/nodes/n1/management/inject_nmi"
    http.version = "1.28"
    assert http("PUT", path, json={}).status_code == 404
    http.version = "1.29"
    assert http("PUT", path, json={}).status_code == 204
    assert only(database).target_power_state == "inject nmi"
