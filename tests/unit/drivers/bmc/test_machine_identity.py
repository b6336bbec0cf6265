"""Nodes of one machine have one identity, in whatever form people write where it is."""

from typing import Any

import pytest

from podium.drivers.bmc.identity import canonical_host
from podium.drivers.fake import FakeDriver
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.redfish.driver import RedfishDriver
from podium.testing import make_driver, make_node

_SYSTEM = "/redfish/v1/Systems/1"


def ipmi(address: str, port: Any = None) -> str | None:
    return identity(IPMIDriver, ipmi_address=address, ipmi_port=port)


def redfish(address: str, system: Any = None) -> str | None:
    return identity(RedfishDriver, redfish_address=address, redfish_system_id=system)


def identity(driver: type[Any], **info: Any) -> str | None:
    return make_driver(driver).identity(make_node("acme", info))


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.1", "10.0.0.1"),
        ("0x0a000001", "10.0.0.1"),
        ("010.0.0.1", "8.0.0.1"),
        ("999.0.0.1", "999.0.0.1"),
        ("::FFFF:10.0.0.1", "10.0.0.1"),
        ("2001:DB8:0:0::1", "[2001:db8::1]"),
        ("fe80::1%eth0", "[fe80::1%eth0]"),
        ("BMC7.Example.Org.", "bmc7.example.org"),
        ("bmc7", "bmc7"),
        ("B\u00fccher.example", "xn--bcher-kva.example"),
        ("\uff11\uff10.0.0.1", "10.0.0.1"),
        ("\u00fc" * 64, "\u00fc" * 64),
        (" bmc7 ", "bmc7"),
        ("", ""),
    ],
)
def test_a_host_has_one_form(host: str, canonical: str) -> None:
    assert canonical_host(host) == canonical


@pytest.mark.parametrize(
    "same",
    [
        [ipmi("10.0.0.1"), ipmi("10.0.0.1", 623), ipmi(" 10.0.0.1 ", "623"), redfish("10.0.0.1")],
        [ipmi("2001:db8::1"), ipmi("2001:DB8:0::1"), redfish("[2001:db8::1]"), redfish("2001:db8:0::1")],
        [ipmi("Bmc7.example"), ipmi("bmc7.EXAMPLE."), redfish("https://BMC7.example:443/")],
        [ipmi("10.0.0.1", 6230), ipmi("10.1", "6230")],
        [redfish("bmc7"), redfish("https://bmc7"), redfish("http://bmc7"), redfish("https://bmc7:443")],
        [ipmi("fe80::1%eth0"), redfish("fe80::1%eth0"), redfish("https://[fe80::1%25eth0]")],
        [redfish("bmc7:8443"), redfish("https://BMC7:8443/"), redfish("http://bmc7:8443")],
        [redfish("bmc7", "1"), redfish("bmc7", 1), redfish("bmc7", _SYSTEM), redfish("bmc7", f"{_SYSTEM}/")],
        [redfish("bmc7", "a%20b"), redfish("bmc7", "/redfish//v1/Systems/a%20b//")],
    ],
)
def test_one_machine_has_one_identity(same: list[str | None]) -> None:
    assert len(set(same)) == 1
    assert None not in same


def test_different_machines_have_different_identities() -> None:
    different = [
        ipmi("10.0.0.1"),
        ipmi("10.0.0.1", 6230),
        ipmi("10.0.0.1", 6231),
        ipmi("10.0.0.2"),
        redfish("10.0.0.1:8443"),
        redfish("10.0.0.1:6230"),
        redfish("10.0.0.1", "1"),
        redfish("10.0.0.1", "2"),
        redfish("10.0.0.1", "a"),
        redfish("10.0.0.1", "A"),
    ]
    assert len(set(different)) == len(different)


def test_a_system_of_many_is_named_behind_its_bmc() -> None:
    assert redfish("bmc7", "1") == f"{redfish('bmc7')}#{_SYSTEM}"


def test_a_machine_in_memory_has_no_place_that_another_node_could_have() -> None:
    assert identity(FakeDriver) is None


def endpoint(driver: type[Any], **info: Any) -> str:
    return make_driver(driver).endpoint(make_node("acme", info))


@pytest.mark.parametrize(
    ("driver", "info", "place"),
    [
        (IPMIDriver, {"ipmi_address": "10.1"}, "10.0.0.1"),
        (IPMIDriver, {"ipmi_address": " 10.0.0.1 ", "ipmi_port": "623"}, "10.0.0.1"),
        (IPMIDriver, {"ipmi_address": "10.0.0.1", "ipmi_port": 6230}, "10.0.0.1:6230"),
        (IPMIDriver, {"ipmi_address": "2001:DB8::1"}, "[2001:db8::1]"),
        (RedfishDriver, {"redfish_address": "https://BMC7:443/", "redfish_system_id": "1"}, "bmc7"),
        (RedfishDriver, {"redfish_address": "http://bmc7", "redfish_system_id": "2"}, "bmc7"),
        (RedfishDriver, {"redfish_address": "[2001:db8::1]:8443"}, "[2001:db8::1]:8443"),
        (FakeDriver, {"fake_address": "PDU7 "}, "pdu7"),
    ],
)
def test_what_is_spoken_to_is_the_bmc(driver: type[Any], info: dict[str, Any], place: str) -> None:
    assert endpoint(driver, **info) == place


def test_what_is_spoken_to_is_the_node_itself_where_nothing_else_is_named() -> None:
    node = make_node("acme")
    assert make_driver(FakeDriver).endpoint(node) == node.uuid
