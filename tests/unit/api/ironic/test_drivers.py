"""Drivers, conductors and shards over HTTP."""

from typing import Any

import pytest
import sqlalchemy as sa

from crews import enter
from podium.db import members, models
from podium.db.engine import Database


def test_drivers_are_those_that_conductors_have_loaded(http: Any, database: Database) -> None:
    assert http.get("/v1/drivers") == {"drivers": []}
    enter(database, "c2", drivers=("fake", "ipmi"))
    enter(database, "c1", drivers=("fake",))
    gone = enter(database, "c3", drivers=("redfish",))
    with database.write() as connection:
        members.leave(connection, gone)
    fake, ipmi = http.get("/v1/drivers")["drivers"]
    assert (fake["name"], fake["hosts"], fake["type"]) == ("fake", ["c1", "c2"], "dynamic")
    assert (ipmi["name"], ipmi["hosts"]) == ("ipmi", ["c2"])
    assert fake["properties"][0]["href"] == "http://api.example/v1/drivers/fake/properties"
    assert http.get("/v1/drivers?type=classic") == {"drivers": []}
    assert http.get("/v1/drivers?fields=name")["drivers"][0] == {"name": "fake", "links": fake["links"]}
    for path, status in (
        ("/v1/drivers/redfish", 404),
        ("/v1/drivers/redfish/properties", 404),
        ("/v1/drivers?type=new", 400),
        ("/v1/drivers?detail=true&fields=name", 400),
        ("/v1/drivers?fields=colour", 400),
    ):
        assert http("GET", path).status_code == status


def test_a_driver_shows_what_it_is_made_of(http: Any, database: Database) -> None:
    enter(database, "c1", drivers=("ipmi", "fake-hardware"))
    ipmi = http.get("/v1/drivers/ipmi")
    assert (ipmi["default_power_interface"], ipmi["enabled_power_interfaces"]) == ("ipmitool", ["ipmitool"])
    assert (ipmi["default_deploy_interface"], ipmi["enabled_deploy_interfaces"]) == (None, [])
    assert ipmi in http.get("/v1/drivers?detail=true")["drivers"]
    http.version = "1.39"
    shown = http.get("/v1/drivers/ipmi")
    assert "default_rescue_interface" in shown and "default_bios_interface" not in shown
    http.version = "1.29"
    assert http.get("/v1/drivers/ipmi").keys() == {"name", "hosts", "links", "properties"}
    assert http("GET", "/v1/drivers?detail=true").status_code == 406
    http.version = "1.13"
    assert "properties" not in http.get("/v1/drivers/ipmi")


def test_the_properties_of_a_driver_have_a_line_each(http: Any, database: Database) -> None:
    enter(database, "c1", drivers=("ipmi",))
    found = http.get("/v1/drivers/ipmi/properties")
    assert found["ipmi_address"].endswith(". Required.")
    assert found["ipmi_port"].endswith(" The default is 623.")
    assert http.get("/v1/drivers/ipmi/vendor_passthru/methods") == {}


def test_conductors_are_shown_in_pages(http: Any, database: Database) -> None:
    for number in range(7):
        enter(database, f"c{number}", conductor_groups=(f"g{6 - number}",))
    first = http.get("/v1/conductors")
    assert [one["hostname"] for one in first["conductors"]] == [f"c{number}" for number in range(5)]
    assert first["conductors"][0] == {
        "hostname": "c0",
        "conductor_group": "g6",
        "alive": True,
        "links": http.get("/v1/conductors/c0")["links"],
    }
    assert [one["hostname"] for one in http.get(first["next"])["conductors"]] == ["c5", "c6"]
    ordered = http.get("/v1/conductors?sort_key=conductor_group&limit=2&fields=hostname")
    assert [one["hostname"] for one in ordered["conductors"]] == ["c6", "c5"]
    assert http("GET", "/v1/conductors?marker=ghost").status_code == 404
    assert http("GET", "/v1/conductors/ghost").status_code == 404
    http.version = "1.48"
    assert http("GET", "/v1/conductors").status_code == 404


def test_a_conductor_that_is_silent_or_gone_is_not_alive(http: Any, database: Database) -> None:
    enter(database, "silent")
    gone = enter(database, "gone")
    with database.write() as connection:
        members.leave(connection, gone)
        connection.execute(sa.update(models.leases).values(renewed_at=models.utcnow().replace(year=2020)))
    found = http.get("/v1/conductors?detail=true")["conductors"]
    assert [(one["hostname"], one["alive"], one["drivers"]) for one in found] == [
        ("gone", False, ["fake"]),
        ("silent", False, ["fake"]),
    ]
    assert found[0]["updated_at"] is None and found[0]["created_at"].endswith("+00:00")


def test_shards_are_counted(http: Any, enrol: Any) -> None:
    enrol("a", "b", shard="s2")
    enrol("c", shard="s1")
    enrol("d")
    assert http.get("/v1/shards") == {
        "shards": [{"name": None, "count": 1}, {"name": "s1", "count": 1}, {"name": "s2", "count": 2}]
    }


@pytest.mark.parametrize("path", ["/v1/shards", "/v1/conductors"])
def test_what_came_later_is_not_there_before(http: Any, path: str) -> None:
    http.version = "1.30"
    assert http("GET", path).status_code == 404


def test_the_driver_without_hardware_pretends_what_ironics_does(http: Any, database: Database) -> None:
    enter(database, "c1", drivers=("fake-hardware",))
    for shown in (http.get("/v1/drivers/fake-hardware"), *http.get("/v1/drivers?detail=1")["drivers"]):
        for kind in ("boot", "deploy", "management", "power"):
            assert shown[f"default_{kind}_interface"] == "fake"
            assert shown[f"enabled_{kind}_interfaces"] == ["fake"]
        assert shown["default_network_interface"] == "noop"
