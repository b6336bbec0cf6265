"""Addresses, names and the nodes file."""

import json
import stat
from pathlib import Path

import pytest
import yaml

from podium import errors, node_ranges
from podium.simulator import nodes


def render(count: int, *, as_json: bool, password: str = "secret", key: str | None = None) -> str:
    addresses = nodes.address_range("127.20.0.1", count)
    enrolment = nodes.ipmi_enrolment(addresses, 6230, "admin", password, key)
    return "".join(nodes.render_nodes([enrolment], as_json=as_json))


def test_addresses_count_upward_across_the_end_of_a_byte() -> None:
    assert nodes.text(nodes.address_range("127.20.0.250", 10)[-1]) == "127.20.1.3"


@pytest.mark.parametrize(
    ("first", "count", "reason"),
    [
        ("rack7", 1, "not an IPv4 address"),
        ("224.0.0.1", 1, "cannot be the address of a BMC"),
        ("127.20.0.1", 0, "give 1 or more"),
        ("127.255.255.250", 6, "room for 5"),
    ],
)
def test_addresses_that_cannot_be_had_are_refused(first: str, count: int, reason: str) -> None:
    with pytest.raises(errors.ConfigError, match=reason):
        nodes.address_range(first, count)


def test_names_are_racks_of_48_that_fold_into_host_ranges() -> None:
    assert node_ranges.fold(nodes.node_name(index) for index in range(96)) == "r[1-2]n[01-48]"


def test_the_yaml_file_holds_what_an_import_takes() -> None:
    assert yaml.safe_load(render(1, as_json=False)) == {
        "nodes": [
            {
                "name": "r1n01",
                "driver": "ipmi",
                "driver_info": {
                    "ipmi_address": "127.20.0.1",
                    "ipmi_port": 6230,
                    "ipmi_username": "admin",
                    "ipmi_password": "secret",
                },
            }
        ]
    }


@pytest.mark.parametrize("password", ["0123", 'a"b\\c', "yes: {no} # maybe", "пароль"])
def test_the_json_and_the_yaml_file_say_the_same(password: str) -> None:
    in_yaml = yaml.safe_load(render(50, as_json=False, password=password))
    assert in_yaml == json.loads(render(50, as_json=True, password=password))


def test_the_bmc_key_is_written_when_there_is_one() -> None:
    (node,) = json.loads(render(1, as_json=True, key="31" * 20))["nodes"]
    assert node["driver_info"]["ipmi_hex_kg_key"] == "31" * 20


def test_nodes_of_redfish_have_a_url_and_how_its_certificate_is_checked() -> None:
    enrolment = nodes.redfish_enrolment(["https://127.21.0.1:8443"], 1, "admin", "secret", False)
    assert yaml.safe_load("".join(nodes.render_nodes([enrolment], as_json=False))) == {
        "nodes": [
            {
                "name": "r1n01",
                "driver": "redfish",
                "driver_info": {
                    "redfish_address": "https://127.21.0.1:8443",
                    "redfish_username": "admin",
                    "redfish_password": "secret",
                    "redfish_verify_ca": False,
                },
            }
        ]
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_nodes_of_both_protocols_and_of_many_machines_are_counted_on(as_json: bool) -> None:
    ipmi = nodes.ipmi_enrolment(nodes.address_range("127.20.0.1", 2), 6230, "admin", "secret", None)
    redfish = nodes.redfish_enrolment(["https://a", "https://b"], 2, "admin", "secret", "/ca.pem")
    found = yaml.safe_load("".join(nodes.render_nodes([ipmi, redfish], as_json=as_json)))["nodes"]
    told = [(node["name"], node["driver_info"].get("redfish_system_id")) for node in found]
    assert told == [
        ("r1n01", None),
        ("r1n02", None),
        ("r1n03", "/redfish/v1/Systems/1"),
        ("r1n04", "/redfish/v1/Systems/2"),
        ("r1n05", "/redfish/v1/Systems/1"),
        ("r1n06", "/redfish/v1/Systems/2"),
    ]


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "nodes.yaml"
    nodes.write_file(str(path), iter(["nodes: []\n"]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "nodes.yaml"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        nodes.write_file(str(path), (str(1 // divisor) for divisor in (1, 0)))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("nodes.yaml", "old")]
