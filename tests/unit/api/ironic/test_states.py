"""States, maintenance, traits and what drivers can, over HTTP."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from entries import enter
from podium import states
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import members
from podium.db.worker import Worker

IPMI = {"ipmi_address": "192.0.2.7", "ipmi_username": "root", "ipmi_password": "hunter2"}
PROVISION = "/v1/nodes/n1/states/provision"
MAINTENANCE = "/v1/nodes/n1/maintenance"
TRAITS = "/v1/nodes/n1/traits"


def text(answer: Any) -> str:
    return str(json.loads(answer.json()["error_message"])["faultstring"])


def node_of(database: Database) -> NodeRecord:
    with database.read() as connection:
        (node,) = api.find_nodes(connection, ["n1"])
    return node


def test_states_are_those_of_the_version(http: Any, enrol: Any) -> None:
    enrol("n1", target_power_state="soft power off", power_state="power on", provision_state="verifying")
    shown = http.get("/v1/nodes/n1/states")
    assert (shown["power_state"], shown["target_power_state"]) == ("power on", "power off")
    assert (shown["provision_state"], shown["target_provision_state"]) == ("verifying", "manageable")
    assert shown["boot_mode"] is None and shown["raid_config"] == {}
    http.version = "1.11"
    assert not http.get("/v1/nodes/n1/states").keys() & {"boot_mode", "raid_config"}


def test_a_change_of_credentials_is_no_target_of_the_power(http: Any, enrol: Any) -> None:
    enrol("n1", target_power_state=states.CHANGE_CREDENTIALS, power_state="power on")
    for path in ("/v1/nodes/n1/states", "/v1/nodes/n1"):
        shown = http.get(path)
        assert (shown["power_state"], shown["target_power_state"]) == ("power on", None)


@pytest.mark.parametrize(
    ("state", "target", "reached"),
    [
        ("enroll", "manage", "verifying"),
        ("manageable", "provide", "available"),
        ("manageable", "adopt", "active"),
        ("available", "manage", "manageable"),
        ("active", "manage", "manageable"),
    ],
)
def test_each_way_from_state_to_state(
    http: Any, enrol: Any, database: Database, state: str, target: str, reached: str
) -> None:
    enrol("n1", provision_state=state, record={"traits": ["CUSTOM_A"]}, maintenance=True, owner="me")
    answer = http("PUT", PROVISION, json={"target": target})
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["Location"] == "http://api.example/v1/nodes/n1/states"
    node = node_of(database)
    assert (node.provision_state, node.maintenance, node.owner) == (reached, True, "me")
    assert node.record == {"traits": ["CUSTOM_A"]}


def test_a_node_is_managed_once_its_driver_accepts_it(http: Any, database: Database) -> None:
    http("POST", "/v1/nodes", json={"name": "n1", "driver": "ipmi"})
    answer = http("PUT", PROVISION, json={"target": "manage"})
    assert (answer.status_code, "ipmi_address" in text(answer)) == (400, True)
    steps = [{"op": "add", "path": f"/driver_info/{key}", "value": value} for key, value in IPMI.items()]
    assert http("PATCH", "/v1/nodes/n1", json=steps).status_code == 200
    assert http("PUT", PROVISION, json={"target": "manage"}).status_code == 202
    assert node_of(database).identity is not None
    answer = http("PUT", PROVISION, json={"target": "manage"})
    assert (answer.status_code, node_of(database).provision_state) == (409, "verifying")


def test_older_conductors_would_not_verify_a_node(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1", provision_state="enroll")
    with database.write() as connection:
        enter(connection, "old")
        connection.execute(sa.update(members).values(revision="0008"))
    assert http("PUT", PROVISION, json={"target": "manage"}).status_code == 503


@pytest.mark.parametrize(
    ("state", "body", "version", "status"),
    [
        ("available", {"target": "provide"}, "latest", 400),
        ("enroll", {"target": "adopt"}, "latest", 400),
        ("available", {"target": "active"}, "latest", 400),
        ("available", {"target": "clean", "clean_steps": []}, "latest", 400),
        ("available", {"target": "rescue", "rescue_password": "x"}, "latest", 400),
        ("available", {"target": "manage", "clean_steps": []}, "latest", 400),
        ("available", {"target": "manage", "clean_steps": None}, "latest", 202),
        ("available", {"target": "manage", "colour": 1}, "latest", 400),
        ("available", {}, "latest", 400),
        ("available", {"target": "manage"}, "1.3", 406),
        ("manageable", {"target": "adopt"}, "1.16", 406),
    ],
)
def test_what_else_may_be_asked_for(
    http: Any, enrol: Any, state: str, body: Any, version: str, status: int
) -> None:
    enrol("n1", provision_state=state)
    http.version = version
    assert http("PUT", PROVISION, json=body).status_code == status


def test_maintenance_is_that_of_who_set_it_last(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1", maintenance=True, fault="power failure", maintenance_reason="dead", power_failures=5)
    assert http("PUT", MAINTENANCE, json={"reason": "disk"}).status_code == 202
    node = node_of(database)
    assert (node.maintenance, node.maintenance_reason, node.fault) == (True, "disk", None)
    answer = http("PUT", MAINTENANCE)
    assert (answer.status_code, answer.content) == (202, b"")
    assert (node_of(database).maintenance, node_of(database).maintenance_reason) == (True, None)
    http("PUT", MAINTENANCE, json={"reason": "disk"})
    assert http("DELETE", MAINTENANCE).status_code == 202
    node = node_of(database)
    assert (node.maintenance, node.maintenance_reason, node.power_failures) == (False, None, 0)


def test_the_maintenance_of_a_reserved_node_waits(http: Any, enrol: Any) -> None:
    enrol("n1", reservation=Worker("head", 0, 1))
    assert http("PUT", MAINTENANCE).status_code == 409
    assert http("PUT", MAINTENANCE, json={"reason": "a\0b"}).status_code == 400
    assert http("DELETE", "/v1/nodes/none/maintenance").status_code == 404


def test_traits_are_set_added_and_removed(http: Any, enrol: Any) -> None:
    enrol("n1", record={"instance_info": {"a": 1}})
    assert http.get(TRAITS) == {"traits": []}
    assert http("PUT", TRAITS, json={"traits": ["CUSTOM_A", "HW_CPU_X86_VMX", "CUSTOM_A"]}).status_code == 204
    answer = http("PUT", f"{TRAITS}/CUSTOM_B")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Location"] == "http://api.example/v1/nodes/n1/traits/CUSTOM_B"
    assert http("PUT", f"{TRAITS}/CUSTOM_B", json={}).status_code == 204
    assert http.get(TRAITS) == {"traits": ["CUSTOM_A", "HW_CPU_X86_VMX", "CUSTOM_B"]}
    assert http("DELETE", f"{TRAITS}/CUSTOM_A").status_code == 204
    assert http("DELETE", f"{TRAITS}/CUSTOM_A").status_code == 404
    assert http.get("/v1/nodes/n1")["traits"] == ["HW_CPU_X86_VMX", "CUSTOM_B"]
    assert http("DELETE", TRAITS).status_code == 204
    assert http.get(TRAITS) == {"traits": []}
    assert http.get("/v1/nodes/n1")["instance_info"] == {"a": 1}


def test_traits_are_few_and_have_a_form(http: Any, enrol: Any) -> None:
    enrol("n1")
    for wrong in ({}, {"traits": None}, {"traits": ["custom_a"]}, {"traits": ["A"]}, {"traits": [1]}):
        assert http("PUT", TRAITS, json=wrong).status_code == 400
    assert http("PUT", f"{TRAITS}/nothing").status_code == 400
    assert http("PUT", f"{TRAITS}/CUSTOM_A", json={"traits": []}).status_code == 400
    assert http("PUT", TRAITS, json={"traits": [f"CUSTOM_{n}" for n in range(51)]}).status_code == 400
    assert http("PUT", TRAITS, json={"traits": [f"CUSTOM_{n}" for n in range(50)]}).status_code == 204
    assert http("PUT", f"{TRAITS}/CUSTOM_MORE").status_code == 400
    http.version = "1.36"
    assert http("GET", TRAITS).status_code == 404


def test_what_no_driver_can_is_refused_in_words(http: Any, enrol: Any) -> None:
    enrol("n1")
    states = "/v1/nodes/n1/states"
    assert http.get(f"{states}/console") == {"console_enabled": False, "console_info": None}
    for what, body in (
        ("console", {"enabled": True}),
        ("boot_mode", {"target": "uefi"}),
        ("secure_boot", {"target": True}),
    ):
        answer = http("PUT", f"{states}/{what}", json=body)
        assert (answer.status_code, "the driver fake cannot" in text(answer)) == (400, True)
        assert http("PUT", f"/v1/nodes/none/states/{what}", json=body).status_code == 404
    assert http("PUT", f"{states}/raid", json={}).status_code == 404


def test_the_lines_of_a_reason_become_one(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1")
    assert http("PUT", MAINTENANCE, json={"reason": "disk\r\n  and fan\n"}).status_code == 202
    assert http.get("/v1/nodes/n1")["maintenance_reason"] == "disk and fan"
    for reason in ("x" * 1001, "\x1b[31m"):
        assert http("PUT", MAINTENANCE, json={"reason": reason}).status_code == 400
