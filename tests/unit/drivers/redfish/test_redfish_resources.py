"""The readers of a BMC's JSON: a value, nothing, or a DriverError."""

import math

import pytest

from podium import errors
from podium.drivers.redfish import resources


@pytest.mark.parametrize("body", [None, [], "text", 3, {}, {"Model": None}, {"Model": 5}])
def test_a_property_that_is_missing_or_of_another_kind_is_none(body: object) -> None:
    assert resources.member(body, "Model", str) is None
    assert resources.part(body, "Model", "Links") == {}
    assert resources.objects(body, "Model") == []


@pytest.mark.parametrize("value", ["24", True, None, math.nan, math.inf, 10**400, [1], {}])
def test_what_no_sensor_measures_is_no_number(value: object) -> None:
    assert resources.number({"Reading": value}, "Reading") is None


@pytest.mark.parametrize(("value", "counted"), [(2, 2), (2.0, 2), (0, None), (-1, None), (10**12, None)])
def test_a_count_is_at_least_one(value: float, counted: int | None) -> None:
    assert resources.count({"Count": value}, "Count") == counted


def test_a_text_is_one_printable_line() -> None:
    assert resources.text({"Name": " Fan\x00 1\r\n\t\ud800front "}, "Name") == "Fan 1 front"


def test_a_long_text_is_cut() -> None:
    text = resources.text({"Name": "x" * 5000}, "Name")
    assert text == "x" * 197 + "..."


@pytest.mark.parametrize("value", ["", "   ", "To be filled by O.E.M.", "N/A", "Default string", None, []])
def test_a_placeholder_of_the_firmware_is_no_text(value: object) -> None:
    assert resources.text({"SerialNumber": value}, "SerialNumber") is None


def test_a_number_in_the_place_of_text_is_written_out() -> None:
    assert resources.text({"SerialNumber": 123456}, "SerialNumber") == "123456"
    assert resources.text({"SerialNumber": 10**5000}, "SerialNumber") is None


def test_links_are_paths() -> None:
    body = {
        "Links": {"Chassis": [{"@odata.id": "/redfish/v1/Chassis/1"}, {}, 7]},
        "Bios": {"@odata.id": "/b"},
    }
    assert resources.links(body, "Links", "Chassis") == ["/redfish/v1/Chassis/1"]
    assert resources.link(body, "Bios") == "/b"
    assert resources.link(body, "Thermal") is None


@pytest.mark.parametrize(
    "path",
    [
        "http://192.0.2.9/redfish",
        "//192.0.2.9/redfish",
        "redfish/v1",
        "",
        "/a b",
        "/a\r\nHost: b",
        "/é",
        5,
        "/" * 1025,
    ],
)
def test_a_link_that_leads_off_the_bmc_is_an_error(path: object) -> None:
    with pytest.raises(errors.DriverError, match="no path on itself"):
        resources.link({"Bios": {"@odata.id": path}}, "Bios")
