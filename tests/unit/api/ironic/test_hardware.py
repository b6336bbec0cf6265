"""What the driver of a node can, over HTTP, as far as no conductor is needed for it."""

import json
from typing import Any

import pytest

from podium.api import asking
from podium.api.callers import Role
from podium.client.calls.operations import Operation
from podium.db import operations
from podium.db.engine import Database
from podium.drivers.fake import FakeDriver

BOOT = "/v1/nodes/n1/management/boot_device"
INDICATORS = "/v1/nodes/n1/management/indicators"
LIGHT = f"{INDICATORS}/system/led"
METHODS = "/v1/nodes/n1/vendor_passthru"


def text(answer: Any) -> str:
    return str(json.loads(answer.json()["error_message"])["faultstring"])


def only(database: Database) -> Operation:
    with database.read() as connection:
        (found,) = operations.list_operations(connection, None, None)
    return found


def test_validation_is_about_what_the_driver_can(http: Any, enrol: Any) -> None:
    http("POST", "/v1/nodes", json={"name": "n1", "driver": "ipmi"})
    answer = http.get("/v1/nodes/n1/validate")
    for interface in ("power", "boot", "management"):
        assert answer[interface]["result"] is False and "ipmi_address" in answer[interface]["reason"]
    assert answer["deploy"]["result"] is answer["vendor"]["result"] is None
    enrol("n2")
    answer = http.get("/v1/nodes/n2/validate")
    assert answer["power"] == answer["boot"] == answer["management"] == answer["vendor"] == {"result": True}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", BOOT, None),
        ("GET", f"{BOOT}/supported", None),
        ("PUT", BOOT, {"boot_device": "pxe"}),
        ("GET", INDICATORS, None),
        ("PUT", LIGHT, {"state": "ON"}),
        ("POST", f"{METHODS}/blink", {"colour": "red"}),
    ],
)
def test_what_no_conductor_can_be_asked_is_refused_for_good(
    http: Any, enrol: Any, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    assert http(method, path, json=body).status_code == 404
    enrol("n1", provision_state="enroll")
    answer = http(method, path, json=body)
    assert (answer.status_code, "in enroll" in text(answer)) == (400, True)
    enrol("n2")
    for name in ("set_boot_device", "identify", "blink"):
        monkeypatch.delattr(FakeDriver, name)
    answer = http(method, path.replace("n1", "n2"), json=body)
    assert answer.status_code == 400
    assert text(answer).startswith("n2: the driver fake ")


def test_a_boot_device_that_nobody_sets_is_cancelled_in_the_end(
    http: Any, enrol: Any, everybody: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol("n1")
    everybody.role = Role.OPERATOR
    monkeypatch.setattr(asking, "_WAIT", 0.0)  # which is 50 seconds
    answer = http("PUT", BOOT, json={"boot_device": "cdrom", "persistent": "true"})
    assert answer.status_code == 500
    assert text(answer).startswith("n1: within 0 s operation 1 was not begun, and was cancelled")
    found = only(database)
    assert (found.action, found.what, found.timeout) == ("set boot device", "cdrom, persistent", 40)
    assert (found.requested_by, found.cancelled_by) == ("alice@192.0.2.1", "alice@192.0.2.1")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "boot_device is missing"),
        ({"boot_device": "wanboot"}, "boot_device must be one of pxe, disk"),
        ({"boot_device": "pxe", "persistent": "perhaps"}, "persistent"),
        ({"boot_device": "pxe", "mode": "uefi"}, "unknown: mode"),
        ([], "object"),
    ],
)
def test_a_wrong_boot_device_is_named(http: Any, enrol: Any, body: Any, words: str) -> None:
    enrol("n1")
    answer = http("PUT", BOOT, json=body)
    assert (answer.status_code, words in text(answer)) == (400, True), answer.text


def test_a_node_whose_power_changes_is_busy(http: Any, enrol: Any) -> None:
    enrol("n1")
    http("PUT", "/v1/nodes/n1/states/power", json={"target": "power off"})
    for path, body in ((BOOT, {"boot_device": "pxe"}), (LIGHT, {"state": "ON"})):
        answer = http("PUT", path, json=body)
        assert (answer.status_code, "power off waits" in text(answer)) == (409, True), answer.text


def test_the_only_indicator_is_the_light_of_the_machine(http: Any, enrol: Any) -> None:
    enrol("n1")
    (component,) = http.get(INDICATORS)["components"]
    assert component["name"] == "system"
    (indicator,) = http.get(component["links"][0]["href"])["indicators"]
    assert (indicator["name"], indicator["readonly"]) == ("led", False)
    assert indicator["states"] == ["OFF", "ON", "BLINKING"]
    assert http.get(indicator["links"][0]["href"]) == {"state": "UNKNOWN"}
    for path in (f"{INDICATORS}/chassis", f"{INDICATORS}/system/power"):
        assert http("GET", path).status_code == 404
    assert http("PUT", f"{INDICATORS}/system/power", json={"state": "ON"}).status_code == 404
    assert http("PUT", LIGHT, json={"state": "UNKNOWN"}).status_code == 400
    http.version = "1.62"
    assert http("GET", INDICATORS).status_code == 404


def test_methods_of_vendors_are_the_actions_of_the_driver(http: Any, enrol: Any, database: Database) -> None:
    enrol("n1")
    method = http.get(f"{METHODS}/methods")["blink"]
    assert (method["http_methods"], method["async"], method["attach"]) == (["POST", "PUT"], True, False)
    assert "colour=red|green [times=1]" in method["description"]
    answer = http("POST", METHODS, params={"method": "blink"}, json={"colour": "red", "times": "2"})
    assert answer.status_code == 202
    assert only(database).what == "fake.blink colour=red times=2"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (METHODS, {}, "method is missing"),
        (f"{METHODS}?method=blink&count=3", {}, "unknown parameter count"),
        (f"{METHODS}/blink", {}, "needs colour"),
        (f"{METHODS}/blink", {"colour": "mauve"}, "colour is red or green"),
        (f"{METHODS}/fake.blink", {"colour": {"a": 1}}, "own.arguments"),
        (f"{METHODS}/blink", ["red"], "own.arguments"),
        (f"{METHODS}/burn", {}, "only fake.blink"),
        (f"{METHODS}/{'b' * 200}", {}, "own.name"),
    ],
)
def test_a_wrong_method_is_named(http: Any, enrol: Any, path: str, body: Any, words: str) -> None:
    enrol("n1")
    answer = http("POST", path, json=body)
    assert (answer.status_code, words in text(answer)) == (400, True), answer.text
