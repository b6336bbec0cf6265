"""Hosts that no BMC can have are refused when a node is enrolled, in the same way by each driver."""

from typing import Any

import pytest

from podium import errors
from podium.drivers.bmc.hosts import checked
from podium.drivers.bmc.identity import canonical_host
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.redfish.driver import RedfishDriver
from podium.testing import make_driver, make_node

POSSIBLE = [
    "10.0.0.1", "10.0.0.1.", "10.1", "0x0a000001", "0xA.0.0.1", "167772161", "0.0.0.0", "1", "bmc1", "BMC-1",
    "bmc-1.example.org", "bmc1.", "r1_n1", "1a", "10.0.0.1a", "3com.example", "rack1.7", "a" * 63, "x--y",
]  # fmt: skip
NO_ADDRESS = ["300.1.1.1", "10.0.0.256", "10.0.0.1.2", "4294967296", "1.2.3.99999", "0xA.0.0.0x1FF"]
OCTAL = ["010.0.0.1", "10.0.0.01", "0012", "10.00.0.1"]
NO_NAME = [
    "", ".", "-x", "x-", "a..b", ".a", "a.-b.c", "a.b-.c", "a" * 64, "a." * 127 + "a", "two words", "a/b",
    "a@b", "bmc\n", "a%b", "a,b", "*",
]  # fmt: skip


def faults(driver: type[Any], **info: Any) -> str:
    made = make_driver(driver)
    with pytest.raises(errors.InvalidDriverInfo) as refused:
        made.validate(make_node("acme", driver_info=info))
    return str(refused.value)


@pytest.mark.parametrize("host", POSSIBLE)
def test_an_address_or_a_name_is_taken_as_it_is(host: str) -> None:
    assert checked(host) == host
    make_driver(IPMIDriver).validate(make_node("acme", driver_info={"ipmi_address": host}))
    make_driver(RedfishDriver).validate(make_node("acme", driver_info={"redfish_address": host}))


@pytest.mark.parametrize("host", ["bücher.example", "é"])
def test_a_name_in_other_letters_is_what_idna_makes_of_it(host: str) -> None:
    assert checked(host) == host


@pytest.mark.parametrize(
    ("host", "words"),
    [
        *((host, "looks like an IPv4 address, but is none") for host in NO_ADDRESS),
        *((host, "begin with 0 are read as octal") for host in OCTAL),
        *((host, "neither an address nor a host name") for host in NO_NAME),
    ],
)
def test_what_can_be_no_host_is_refused_with_one_clear_error(host: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked(host)
    if host.strip() and host == host.strip():
        assert faults(IPMIDriver, ipmi_address=host).startswith("driver_info: ipmi_address is wrong: ")
        assert faults(RedfishDriver, redfish_address=host).startswith(
            "driver_info: redfish_address is wrong: "
        )


@pytest.mark.parametrize("host", ["10.1", "0x0a000001", "167772161", "10.0.0.1."])
def test_short_forms_of_an_address_are_the_same_machine_as_the_long_one(host: str) -> None:
    assert canonical_host(checked(host)) == "10.0.0.1"


@pytest.mark.parametrize(
    "address", ["https://[fe80::zz]", "https://[::1", "bmc:x", "bmc:70000", "bmc:0", "https://é"]
)
def test_a_wrong_redfish_address_is_refused_in_no_words_of_python(address: str) -> None:
    told = faults(RedfishDriver, redfish_address=address)
    assert any(
        words in told for words in ("neither an address nor a host name", "not a number from 1 to 65535")
    )
