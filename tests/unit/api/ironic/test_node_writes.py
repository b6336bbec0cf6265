"""Enrolling, changing and deleting nodes over HTTP."""

import json
import math
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from entries import enter
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import credential_changes, members, nodes
from podium.db.worker import Worker

IPMI = {"ipmi_address": "192.0.2.7", "ipmi_username": "root", "ipmi_password": "hunter2"}


def text(answer: Any) -> str:
    return str(json.loads(answer.json()["error_message"])["faultstring"])


def node_of(database: Database, wanted: str = "n1") -> NodeRecord:
    with database.read() as connection:
        (node,) = api.find_nodes(connection, [wanted])
    return node


def put(database: Database, **columns: Any) -> None:
    """Change the only node behind everybody's back."""
    with database.write() as connection:
        connection.execute(sa.update(nodes).values(**columns))


def patch(http: Any, *steps: tuple[Any, ...], node: str = "n1", query: str = "") -> Any:
    body = [dict(zip(("op", "path", "value"), step, strict=False)) for step in steps]
    return http("PATCH", f"/v1/nodes/{node}{query}", json=body)


def test_a_new_node_is_in_enroll_and_may_be_incomplete(http: Any, database: Database) -> None:
    answer = http("POST", "/v1/nodes", json={"driver": "ipmi"})
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert answer.headers["Location"] == f"http://api.example/v1/nodes/{shown['uuid']}"
    assert (shown["provision_state"], shown["name"], shown["power_state"]) == ("enroll", None, None)
    assert shown == http.get(f"/v1/nodes/{shown['uuid']}")
    assert node_of(database, shown["uuid"]).name == shown["uuid"]


def test_a_new_node_keeps_no_password_that_would_be_shown(http: Any) -> None:
    typed = {**IPMI, "ipmi_pasword": "geheim"}
    created = http("POST", "/v1/nodes", json={"driver": "ipmi", "driver_info": typed})
    assert "geheim" not in created.text
    typed = {**IPMI, "ipmi_hex_kg_kee": "geheim"}
    refused = http("POST", "/v1/nodes", json={"driver": "ipmi", "driver_info": typed})
    assert refused.status_code == 400
    assert "did you mean ipmi_hex_kg_key" in text(refused)
    url = {"redfish_address": "https://root:geheim@192.0.2.7"}
    created = http("POST", "/v1/nodes", json={"driver": "redfish", "driver_info": url})
    assert "geheim" not in created.text


def test_below_1_11_a_new_node_is_available_and_must_be_complete(http: Any) -> None:
    http.version = "1.10"
    answer = http("POST", "/v1/nodes", json={"driver": "ipmi", "name": "n1"})
    assert (answer.status_code, "ipmi_address" in text(answer)) == (400, True)
    answer = http("POST", "/v1/nodes", json={"driver": "ipmi", "name": "n1", "driver_info": IPMI})
    assert (answer.status_code, answer.json()["provision_state"]) == (201, "available")


def test_all_fields_of_a_new_node(http: Any, database: Database) -> None:
    parent = http("POST", "/v1/nodes", json={"driver": "fake", "name": "parent"}).json()["uuid"]
    given = {
        "uuid": str(uuid.uuid4()),
        "name": "n1",
        "driver": "fake",
        "driver_info": {"fake_password": "hunter2"},
        "properties": {"cpus": 4},
        "extra": {"a": [1]},
        "conductor_group": "rack1",
        "maintenance": "true",
        "instance_uuid": str(uuid.uuid4()),
        "instance_info": {"image": "x"},
        "owner": "me",
        "lessee": "you",
        "description": "old",
        "resource_class": "big",
        "retired": True,
        "retired_reason": "rust",
        "shard": "s1",
        "parent_node": "parent",
        "network_interface": "noop",
        "automated_clean": False,
        "chassis_uuid": None,
    }
    shown = http("POST", "/v1/nodes", json=given).json()
    secret = {"driver_info": {"fake_password": "******"}, "maintenance": True, "parent_node": parent}
    assert {name: shown[name] for name in given} == given | secret
    assert node_of(database).driver_info == {"fake_password": "hunter2"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ([], 400),
        ({"driver": "nothing"}, 400),
        ({"driver": None}, 400),
        ({"driver": "fake", "colour": "red"}, 400),
        ({"driver": "fake", "traits": []}, 400),
        ({"driver": "fake", "power_state": "power on"}, 400),
        ({"driver": "fake", "provision_state": "active"}, 400),
        ({"driver": "fake", "name": "a b"}, 400),
        ({"driver": "fake", "name": "detail"}, 400),
        ({"driver": "fake", "name": "\ud800"}, 400),
        ({"driver": "fake", "name": str(uuid.uuid4())}, 400),
        ({"driver": "fake", "uuid": "1"}, 400),
        ({"driver": "fake", "extra": []}, 400),
        ({"driver": "fake", "extra": {"a": 1 << 70}}, 400),
        ({"driver": "fake", "instance_info": {"a": math.inf}}, 400),
        ({"driver": "fake", "extra": {"password": "******"}}, 400),
        ({"driver": "fake", "instance_info": {"password": "******"}}, 400),
        ({"driver": "ipmi", "driver_info": {"ipmi_password": "******"}}, 400),
        ({"driver": "fake", "parent_node": "none"}, 400),
        ({"driver": "fake", "conductor_group": "a/b"}, 400),
    ],
)
def test_what_no_new_node_is(http: Any, body: Any, status: int) -> None:
    content = json.dumps(body).replace("Infinity", "1e400")
    answer = http("POST", "/v1/nodes", content=content)
    assert answer.status_code == status, answer.text
    assert http.get("/v1/nodes")["nodes"] == []


def test_a_field_is_refused_below_its_version(http: Any) -> None:
    http.version = "1.49"
    assert http("POST", "/v1/nodes", json={"driver": "fake", "owner": "me"}).status_code == 406
    assert http("POST", "/v1/nodes", json={"driver": "fake", "owner": None}).status_code == 201


def test_names_uuids_and_machines_are_enrolled_once(http: Any) -> None:
    first = http("POST", "/v1/nodes", json={"driver": "ipmi", "name": "n1", "driver_info": IPMI}).json()
    for again, status in (
        ({"driver": "fake", "name": "n1"}, 409),
        ({"driver": "fake", "uuid": first["uuid"]}, 409),
        ({"driver": "ipmi", "name": "n2", "driver_info": IPMI}, 400),
    ):
        answer = http("POST", "/v1/nodes", json=again)
        assert (answer.status_code, "n1" in text(answer) or first["uuid"] in text(answer)) == (status, True)
    assert "--force" not in text(answer)
    assert len(http.get("/v1/nodes")["nodes"]) == 1


def test_a_name_of_another_node_is_a_conflict(http: Any, enrol: Any) -> None:
    enrol("n1", "n2")
    answer = patch(http, ("replace", "/name", "n2"))
    assert (answer.status_code, "n2" in text(answer)) == (409, True)


def test_older_conductors_would_read_a_node_in_enroll(http: Any, database: Database) -> None:
    with database.write() as connection:
        enter(connection, "old")
        connection.execute(sa.update(members).values(revision="0008"))
    answer = http("POST", "/v1/nodes", json={"driver": "fake"})
    assert (answer.status_code, "old" in text(answer), "upgrade" in text(answer)) == (503, True, True)
    http.version = "1.10"
    assert http("POST", "/v1/nodes", json={"driver": "fake"}).status_code == 201


def test_each_kind_of_change(http: Any, enrol: Any) -> None:
    enrol("n1", extra={"a": 1, "b": {"c": [1]}}, owner="me")
    shown = patch(
        http,
        ("replace", "/extra/a", True),
        ("add", "/extra/b/c/-", 2),
        ("add", "/description", "old"),
        ("replace", "/name", "n2"),
        ("remove", "/owner"),
        ("add", "/network_interface", "noop"),
        ("add", "/instance_info/image", "x"),
    ).json()
    assert shown["extra"] == {"a": True, "b": {"c": [1, 2]}}
    assert (shown["description"], shown["name"], shown["owner"]) == ("old", "n2", None)
    assert (shown["network_interface"], shown["instance_info"]) == ("noop", {"image": "x"})
    assert shown == http.get("/v1/nodes/n2")


def test_a_field_that_is_removed_has_its_default(http: Any, enrol: Any) -> None:
    enrol(
        "n1", extra={"a": 1}, conductor_group="rack1", maintenance=True, retired=True, record={"traits": []}
    )
    names = ("name", "extra", "conductor_group", "maintenance", "retired", "instance_info")
    shown = patch(http, *[("remove", f"/{name}") for name in names]).json()
    assert [shown[name] for name in names] == [None, {}, "", False, False, {}]
    answer = patch(http, ("remove", "/driver"), node=shown["uuid"])
    assert (answer.status_code, "driver" in text(answer)) == (400, True)


def test_booleans_may_be_texts(http: Any, enrol: Any) -> None:
    enrol("n1")
    assert patch(http, ("replace", "/maintenance", "true")).json()["maintenance"] is True
    assert patch(http, ("replace", "/maintenance", "False")).json()["maintenance"] is False
    assert patch(http, ("replace", "/maintenance", "maybe")).status_code == 400


def test_a_null_is_added_as_nothing(http: Any, enrol: Any) -> None:
    enrol("n1", instance_uuid=str(uuid.uuid4()))
    assert patch(http, ("add", "/instance_uuid", None)).json()["instance_uuid"] is None


def test_a_masked_secret_that_exists_is_unchanged(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1", driver="ipmi", driver_info=IPMI, extra={"deep": [{"token": "t"}]})
    shown = http.get("/v1/nodes/n1")
    assert shown["driver_info"]["ipmi_password"] == "******"
    shown["driver_info"]["ipmi_address"] = "192.0.2.8"
    answer = patch(
        http, ("replace", "/driver_info", shown["driver_info"]), ("replace", "/extra", shown["extra"])
    )
    assert answer.status_code == 200, answer.text
    assert node_of(database).driver_info == IPMI | {"ipmi_address": "192.0.2.8"}
    assert node_of(database).extra == {"deep": [{"token": "t"}]}
    assert patch(http, ("add", "/driver_info/ipmi_password", "******")).status_code == 200
    assert node_of(database).driver_info["ipmi_password"] == "hunter2"


@pytest.mark.parametrize(
    "step",
    [
        ("add", "/driver_info/ipmi_hex_kg_key", "******"),
        ("add", "/driver_info/ipmi_username", "******"),
        ("add", "/extra/password", "******"),
        ("add", "/extra/deep", [{"token": "******"}, {"token": "******"}]),
        ("add", "/instance_info/password", "******"),
    ],
)
def test_a_masked_secret_that_does_not_exist_is_refused(http: Any, enrol: Any, step: Any) -> None:
    enrol("n1", driver="ipmi", driver_info=IPMI, extra={"deep": [{"token": "t"}]})
    answer = patch(http, step)
    assert (answer.status_code, "******" in text(answer)) == (400, True)


def test_what_only_the_driver_of_before_hides_is_not_shown_with_another(
    http: Any, enrol: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"fake": frozenset({"fake_pin"})}
    monkeypatch.setattr(
        "podium.client.enrolling.catalog.Catalog.secrets", lambda _, driver: secrets.get(driver, frozenset())
    )
    pins = {"driver_info": {"fake_pin": "4711"}, "extra": {"deep": [{"fake_pin": "4712"}]}}
    enrol("n1", **pins, driver_internal_info={"fake_pin": "4713", "seen": 1})
    steps = [("replace", "/driver", "fake-hardware")]
    for remedy in (("remove", "/driver_info/fake_pin"), ("remove", "/extra/deep")):
        answer = patch(http, *steps)
        assert (answer.status_code, "is, or has, a secret of the driver fake" in text(answer)) == (400, True)
        assert "471" not in answer.text + http("GET", "/v1/nodes/n1").text
        steps.append(remedy)
    answer = patch(http, *steps)
    assert (answer.status_code, answer.json()["driver_internal_info"]) == (200, {"seen": 1})
    assert "471" not in answer.text


@pytest.mark.parametrize("chassis", ["11111111-2222-3333-4444-555555555555", "rack 1", 7])
def test_a_chassis_of_a_node_is_there(http: Any, enrol: Any, chassis: Any) -> None:
    enrol("n1")
    for answer in (
        patch(http, ("add", "/chassis_uuid", chassis)),
        http("POST", "/v1/nodes", json={"driver": "fake", "chassis_uuid": chassis}),
    ):
        assert (answer.status_code, "chassis_uuid" in text(answer)) == (400, True)
    assert [one["name"] for one in http.get("/v1/nodes")["nodes"]] == ["n1"]


def test_a_node_is_taken_out_of_its_chassis_from_1_25_on(http: Any, enrol: Any) -> None:
    own = http("POST", "/v1/chassis", json={}).json()["uuid"]
    (node,) = enrol("n1", chassis_uuid=own)
    for http.version, status in (("1.24", 406), ("1.25", 200)):
        for step in (("remove", "/chassis_uuid"), ("add", "/chassis_uuid", None)):
            assert patch(http, step).status_code == status
    http.version = "1.24"
    assert patch(http, ("add", "/chassis_uuid", own)).status_code == 200


def test_what_cannot_be_changed(http: Any, enrol: Any) -> None:
    enrol("n1")
    for path in ("/uuid", "/traits", "/power_state", "/provision_state", "/created_at", "/colour", "/links"):
        assert patch(http, ("add", path, "x")).status_code == 400
    http.version = "1.50"
    assert patch(http, ("add", "/lessee", "x")).status_code == 406
    http.version = "1.44"
    assert patch(http, ("add", "/driver", "fake"), query="?reset_interfaces=true").status_code == 406


def test_a_node_that_is_not_in_enroll_must_stay_complete(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1", driver="ipmi", driver_info=IPMI)
    assert patch(http, ("remove", "/driver_info/ipmi_address")).status_code == 400
    put(database, provision_state="enroll")
    assert patch(http, ("remove", "/driver_info/ipmi_address")).status_code == 200
    assert node_of(database).identity is None


def test_what_is_spoken_to_follows_the_address(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1")
    steps = [
        ("replace", "/driver", "ipmi"),
        *(("add", f"/driver_info/{key}", one) for key, one in IPMI.items()),
    ]
    assert patch(http, *steps).status_code == 200
    node = node_of(database)
    assert node.identity is not None and "192.0.2.7" in node.identity
    before = node.slot, node.version
    assert patch(http, ("replace", "/driver_info/ipmi_address", "192.0.2.99")).status_code == 200
    assert (node_of(database).slot, node_of(database).version) != before


def test_a_machine_that_is_enrolled_already_is_no_other_node(http: Any, enrol: Any) -> None:
    http("POST", "/v1/nodes", json={"driver": "ipmi", "name": "n1", "driver_info": IPMI})
    enrol("n2")
    steps = [("replace", "/driver", "ipmi"), ("replace", "/driver_info", IPMI)]
    answer = patch(http, *steps, node="n2")
    assert (answer.status_code, "same machine as n1" in text(answer)) == (400, True)


def test_a_change_of_nothing_is_no_change(http: Any, enrol: Any, database: Database) -> None:
    (node,) = enrol("n1", extra={"a": 1})
    assert patch(http, ("replace", "/extra/a", 1), ("add", "/owner", None)).status_code == 200
    assert patch(http).status_code == 200
    assert node_of(database) == node


def test_a_node_whose_power_is_changed_is_busy(http: Any, enrol: Any) -> None:
    enrol("n1", reservation=Worker("head", 0, 1), target_power_state="power on")
    assert patch(http, ("add", "/owner", "me")).status_code == 409
    assert http("DELETE", "/v1/nodes/n1").status_code == 409


def test_a_node_that_is_verified_is_busy_but_for_maintenance(http: Any, enrol: Any) -> None:
    enrol("n1", provision_state="verifying")
    assert patch(http, ("add", "/owner", "me")).status_code == 409
    assert http("DELETE", "/v1/nodes/n1").status_code == 409
    assert patch(http, ("add", "/maintenance", True)).status_code == 200
    assert http("DELETE", "/v1/nodes/n1").status_code == 204


def test_reasons_go_with_what_they_are_for(http: Any, enrol: Any) -> None:
    enrol("n1", provision_state="active")
    assert patch(http, ("add", "/retired_reason", "rust")).status_code == 400
    for name in ("retired", "protected"):
        shown = patch(http, ("add", f"/{name}", True), ("add", f"/{name}_reason", "why")).json()
        assert (shown[name], shown[f"{name}_reason"]) == (True, "why")
        shown = patch(http, ("add", f"/{name}", False)).json()
        assert (shown[name], shown[f"{name}_reason"]) == (False, None)


def test_only_some_states_may_be_retired_or_protected(http: Any, enrol: Any) -> None:
    enrol("n1")
    assert patch(http, ("add", "/retired", True)).status_code == 409
    assert patch(http, ("add", "/protected", True)).status_code == 409


def test_an_instance_is_on_one_node_and_is_removed_before_another(http: Any, enrol: Any) -> None:
    enrol("n1", "n2")
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    assert patch(http, ("add", "/instance_uuid", first)).status_code == 200
    assert patch(http, ("add", "/instance_uuid", first), node="n2").status_code == 409
    assert patch(http, ("add", "/instance_uuid", second)).status_code == 409
    assert http("POST", "/v1/nodes", json={"driver": "fake", "instance_uuid": first}).status_code == 409


def test_the_name_of_an_instance_is_that_of_its_info_unless_it_has_one(http: Any, enrol: Any) -> None:
    enrol("n1")
    assert patch(http, ("add", "/instance_info", {"display_name": "a"})).json()["instance_name"] == "a"
    assert patch(http, ("add", "/instance_info", {"display_name": "b"})).json()["instance_name"] == "a"
    assert patch(http, ("add", "/instance_info", {"display_name": 1})).json()["instance_name"] == "a"


def test_interfaces_can_be_reset_with_the_driver_alone(http: Any, enrol: Any) -> None:
    enrol("n1", record={"deploy_interface": "direct", "boot_interface": "pxe", "traits": ["CUSTOM_A"]})
    assert patch(http, ("add", "/owner", "me"), query="?reset_interfaces=true").status_code == 400
    steps = [("replace", "/driver", "ipmi"), ("add", "/driver_info", IPMI), ("add", "/boot_interface", "x")]
    shown = patch(http, *steps, query="?reset_interfaces=true").json()
    assert (shown["deploy_interface"], shown["boot_interface"]) == (None, "x")
    assert shown["traits"] == ["CUSTOM_A"]


def test_maintenance_ends_with_its_reason_and_fault(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1", maintenance=True, maintenance_reason="x", fault="power failure", power_failures=7)
    patch(http, ("replace", "/maintenance", False))
    node = node_of(database)
    assert (node.maintenance_reason, node.fault, node.power_failures) == (None, None, 0)


def test_what_is_in_use_is_not_deleted(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1", record={"protected": True}, provision_state="active", instance_uuid=str(uuid.uuid4()))
    for status, change in (
        (409, {"instance_uuid": None}),
        (403, {"record": None}),
        (409, {"provision_state": "manageable"}),
    ):
        answer = http("DELETE", "/v1/nodes/n1")
        assert (answer.status_code, text(answer).startswith("n1: it")) == (status, True)
        put(database, **change)
    assert http("DELETE", "/v1/nodes/n1").status_code == 204
    assert http("DELETE", "/v1/nodes/n1").status_code == 404
    assert patch(http, ("add", "/owner", "me")).status_code == 404


def test_in_maintenance_a_node_is_deleted_whatever_it_has(http: Any, enrol: Any) -> None:
    enrol("n1", maintenance=True, provision_state="active", instance_uuid=str(uuid.uuid4()))
    assert http("DELETE", "/v1/nodes/n1").status_code == 204


@pytest.mark.parametrize(
    ("step", "is_given"),
    [
        (("replace", "/driver_info/ipmi_password", "geheim"), True),
        (("replace", "/driver_info/ipmi_password", "******"), False),
        (("replace", "/driver_info", {**IPMI, "ipmi_password": "geheim"}), True),
        (("replace", "/driver_info", {**IPMI, "ipmi_password": "******"}), False),
        (("add", "/driver_info/ipmi_hex_kg_key", "0" * 40), False),
    ],
)
def test_only_a_password_that_is_given_ends_that_it_is_unknown(
    http: Any, database: Database, step: tuple[Any, ...], is_given: bool
) -> None:
    info = {**IPMI, "ipmi_password": "geheim"}
    http("POST", "/v1/nodes", json={"driver": "ipmi", "name": "n1", "driver_info": info})
    with database.write() as connection:
        node = api.find_nodes(connection, ["n1"])[0]
        connection.execute(sa.update(nodes).values(credentials_in_doubt=True))
        change = {"request_id": 1, "operation_id": 1, "node_id": node.id, "node_uuid": node.uuid}
        its = {"driver": "ipmi", "on_bmc": True, "state": "unknown", "new": info, "old": info}
        connection.execute(sa.insert(credential_changes).values(**change, **its))
    assert patch(http, step).status_code == 200
    assert node_of(database).credentials_in_doubt is not is_given
