"""What a machine is made of, as its BMC tells it."""

import asyncio
from typing import Any

import pytest

from bmc_tree import CHASSIS, EXPANDS, MANAGER, ROOT, SYSTEM, TreeBMC, collection, link, walk
from podium import errors
from podium.drivers.redfish.machine import inventory

SYSTEM_RESOURCE: dict[str, Any] = {
    "Manufacturer": "Acme",
    "Model": "Anvil 9",
    "SerialNumber": "S1",
    "BiosVersion": "2.4",
    "PowerState": "On",
    "ProcessorSummary": {"Count": 2, "LogicalProcessorCount": 64, "Model": "Xeon"},
    "MemorySummary": {"TotalSystemMemoryGiB": 59.5},
    "EthernetInterfaces": link(f"{SYSTEM}/NICs"),
    "Links": {"ManagedBy": [link(MANAGER)], "Chassis": [link(CHASSIS)]},
}
TREE: dict[str, Any] = {
    f"{SYSTEM}/NICs": collection("/nic1", "/nic2", "/nic3", "/nic4"),
    "/nic1": {"MACAddress": "AA-BB-CC-00-00-01"},
    "/nic2": {"MACAddress": None, "PermanentMACAddress": "aabbcc000002"},
    "/nic3": {"MACAddress": "00:00:00:00:00:00"},
    "/nic4": {"MACAddress": "none"},
    MANAGER: {"ManagerType": "BMC", "FirmwareVersion": "1.45", "EthernetInterfaces": link("/bmcnics")},
    "/bmcnics": collection("/usb", "/eth0"),
    "/usb": {"MACAddress": "AA:BB:CC:00:00:03", "LinkStatus": "LinkUp"},
    "/eth0": {"MACAddress": "AA:BB:CC:00:00:04", "IPv4Addresses": [{"Address": "192.0.2.1"}]},
}


def collect(
    changes: dict[str, Any] | None = None, tree: dict[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    bmc = TreeBMC({**TREE, **(tree or {})})
    system = {**SYSTEM_RESOURCE, **(changes or {})}
    found = asyncio.run(inventory.inventory(walk(bmc), system, "192.0.2.1"))
    return found.properties(), bmc.asked


def test_the_words_are_those_of_every_driver() -> None:
    assert collect()[0] == {
        "manufacturer": "Acme",
        "model": "Anvil 9",
        "serial_number": "S1",
        "bmc_firmware_version": "1.45",
        "bios_version": "2.4",
        "processors": 2,
        "processor_model": "Xeon",
        "cpus": 64,
        "memory_mb": 60928,
        "mac_addresses": ["aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02"],
        "bmc_mac_address": "aa:bb:cc:00:00:04",
    }


def test_a_bmc_that_can_sends_the_members_of_a_collection_in_one_answer() -> None:
    properties, asked = collect(tree={ROOT: EXPANDS})
    assert properties == collect()[0]
    assert len(asked) == 3


def test_a_bmc_that_cannot_expand_as_it_says_is_asked_without() -> None:
    bmc = TreeBMC({**TREE, ROOT: EXPANDS}, refuses_queries=True)
    found = asyncio.run(inventory.inventory(walk(bmc), SYSTEM_RESOURCE, "192.0.2.1"))
    assert found.properties() == collect()[0]


def test_processors_without_a_summary_are_counted_one_by_one() -> None:
    tree = {
        "/cpus": collection("/cpu1", "/cpu2", "/gpu", "/socket3"),
        "/cpu1": {"ProcessorType": "CPU", "TotalThreads": 16, "Model": "Epyc"},
        "/cpu2": {"ProcessorType": "CPU", "TotalThreads": 16, "Model": "Epyc"},
        "/gpu": {"ProcessorType": "GPU", "TotalThreads": 9000},
        "/socket3": {"ProcessorType": "CPU", "Status": {"State": "Absent"}},
    }
    properties, _ = collect({"ProcessorSummary": None, "Processors": link("/cpus")}, tree)
    assert (properties["processors"], properties["cpus"], properties["processor_model"]) == (2, 32, "Epyc")


def test_a_serial_number_nobody_filled_in_is_that_of_the_chassis() -> None:
    properties, _ = collect({"SerialNumber": "   "}, {CHASSIS: {"SerialNumber": "C7"}})
    assert properties["serial_number"] == "C7"


def test_the_only_manager_of_a_bmc_is_the_systems() -> None:
    tree = {ROOT: {"Managers": link("/managers")}, "/managers": collection(MANAGER)}
    assert collect({"Links": None}, tree)[0]["bmc_firmware_version"] == "1.45"


def test_what_is_missing_refused_or_leads_off_the_bmc_is_left_out() -> None:
    changes = {"EthernetInterfaces": link("http://192.0.2.66/nics"), "MemorySummary": None}
    properties, asked = collect(changes, {MANAGER: errors.DriverError("forbidden")})
    assert not properties.keys() & {"mac_addresses", "memory_mb", "bmc_firmware_version"}
    assert properties["model"] == "Anvil 9"
    assert asked == [MANAGER]


def test_a_bmc_that_stops_answering_ends_it() -> None:
    with pytest.raises(errors.BMCUnreachable):
        collect(tree={"/nic2": errors.BMCUnreachable("silence")})


def test_a_collection_without_end_is_given_up() -> None:
    endless = {"Members": [link("/nic1")], "Members@odata.nextLink": f"{SYSTEM}/NICs"}
    _, asked = collect(tree={f"{SYSTEM}/NICs": endless})
    assert len(asked) < 30


def test_a_machine_that_changed_has_another_fingerprint() -> None:
    before = inventory.fingerprint(SYSTEM_RESOURCE)
    assert before == inventory.fingerprint({**SYSTEM_RESOURCE, "IndicatorLED": "Lit"})
    for changes in ({"BiosVersion": "2.5"}, {"SerialNumber": "S2"}, {"MemorySummary": None}):
        assert inventory.fingerprint({**SYSTEM_RESOURCE, **changes}) not in (before, "")


def test_a_machine_that_is_off_has_no_fingerprint() -> None:
    assert inventory.fingerprint({**SYSTEM_RESOURCE, "PowerState": "Off", "MemorySummary": None}) == ""
