"""Parts of a node over HTTP: inventory, firmware, children, networks, virtual media."""

from typing import Any

import pytest

from podium.db.models import utcnow
from podium.drivers.bmc.inventory import Inventory, collected

VIF = "200712fc-fdfb-47da-89a6-2d19f76c7618"


def test_the_inventory_is_what_the_hardware_reports(http: Any, enrol: Any) -> None:
    found = Inventory(
        manufacturer="Acme",
        model="M1",
        serial_number="S1",
        bios_version="1.2",
        bmc_firmware_version="3.4",
        cpus=8,
        processor_model="X",
        memory_mb=1024,
        mac_addresses=["52:54:00:00:00:01"],
    )
    enrol("n1", properties=found.properties(), driver_internal_info=collected("", utcnow()))
    shown = http.get("/v1/nodes/n1/inventory")
    assert shown["inventory"] == {
        "cpu": {"count": 8, "model_name": "X"},
        "memory": {"physical_mb": 1024},
        "system_vendor": {
            "manufacturer": "Acme",
            "product_name": "M1",
            "serial_number": "S1",
            "firmware": {"version": "1.2"},
        },
        "interfaces": [{"mac_address": "52:54:00:00:00:01"}],
        "bmc_mac": None,
    }
    assert shown["plugin_data"]["collected_by"] == "fake"
    firmware = http.get("/v1/nodes/n1/firmware")["firmware"]
    assert [(one["component"], one["current_version"]) for one in firmware] == [
        ("bios", "1.2"),
        ("bmc", "3.4"),
    ]
    identity = {"vendor", "model", "serial_number"}
    assert {firmware[0][name] for name in identity} == {None}
    assert firmware[0]["created_at"].startswith("20") and firmware[0]["updated_at"] is None
    (first, _) = http.get("/v1/nodes/n1/firmware?fields=component")["firmware"]
    assert first.keys() == {"component", "created_at", "updated_at"}
    http.version = "1.113"
    assert not http.get("/v1/nodes/n1/firmware?detail=true")["firmware"][0].keys() & identity
    assert http("GET", "/v1/nodes/n1/firmware?fields=vendor").status_code == 400


def test_a_node_of_which_nothing_was_collected_has_no_inventory(http: Any, enrol: Any) -> None:
    enrol("n1", properties={"cpus": 8, "mac_addresses": "none"})
    assert http("GET", "/v1/nodes/n1/inventory").status_code == 404
    assert http.get("/v1/nodes/n1/firmware") == {"firmware": []}
    assert http.get("/v1/nodes/n1/bios") == {"bios": []}


def test_children_are_the_nodes_that_have_it_as_their_parent(http: Any, enrol: Any) -> None:
    (parent,) = enrol("parent")
    made = enrol("c1", "c2", parent_node=parent.uuid)
    found = http.get("/v1/nodes/parent/children")
    assert found["children"] == [one.uuid for one in made]
    assert http.get(found["links"]["href"])["nodes"][0]["uuid"] == made[0].uuid


def test_networks_are_noted_and_forgotten(http: Any, enrol: Any) -> None:
    enrol("n1", record={"traits": ["CUSTOM_A"]})
    path = "/v1/nodes/n1/vifs"
    assert http("POST", path, json={"id": VIF}).status_code == 204
    assert http.get(path) == {"vifs": [{"id": VIF}]}
    assert http("POST", path, json={"id": VIF}).status_code == 409
    assert http.get("/v1/nodes/n1")["traits"] == ["CUSTOM_A"]
    assert http("DELETE", f"{path}/{VIF}").status_code == 204
    assert http.get(path) == {"vifs": []}
    assert http("DELETE", f"{path}/{VIF}").status_code == 400
    for body in ({}, [], {"id": 1}, {"id": ""}):
        assert http("POST", path, json=body).status_code == 400


def test_virtual_media_are_refused_by_real_drivers(http: Any, enrol: Any) -> None:
    enrol("n1")
    body = {"device_type": "cdrom", "image_url": "http://image"}
    for answer in (
        http("GET", "/v1/nodes/n1/vmedia"),
        http("POST", "/v1/nodes/n1/vmedia", json=body),
        http("DELETE", "/v1/nodes/n1/vmedia"),
    ):
        assert answer.status_code == 400
        assert "virtual media" in answer.text


@pytest.mark.parametrize(
    "path, since",
    [("inventory", 81), ("firmware", 86), ("bios", 40), ("children", 83), ("vifs", 28), ("vmedia", 93)],
)
def test_a_part_is_there_since_its_version_and_of_nodes_that_are(
    http: Any, enrol: Any, path: str, since: int
) -> None:
    assert http("GET", f"/v1/nodes/ghost/{path}").status_code == 404
    enrol("n1")
    http.version = f"1.{since - 1}"
    assert http("GET", f"/v1/nodes/n1/{path}").status_code == 404


def test_virtual_media_are_pretended_by_the_driver_without_hardware(http: Any, enrol: Any) -> None:
    enrol("n1", driver="fake-hardware")
    body = {"device_type": "cdrom", "image_url": "http://image"}
    assert http("POST", "/v1/nodes/n1/vmedia", json=body).status_code == 204
    assert http.get("/v1/nodes/n1/vmedia") == []
    assert http("DELETE", "/v1/nodes/n1/vmedia").status_code == 204
