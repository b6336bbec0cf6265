from typing import Any

import pytest

from ironics import recorded, uuid
from podium import conf
from podium.client.enrolling import from_ironic
from podium.client.enrolling.catalog import Catalog
from podium.client.enrolling.from_ironic import Translated
from podium.db.ironic import IronicNode, read_nodes
from podium.db.urls import parse_url


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> IronicNode:
    """A node of the driver ipmi."""
    file = recorded(tmp_path_factory.mktemp("ironic"))
    return read_nodes(parse_url(f"sqlite:///{file}"))[0]


def translated(node: IronicNode, vendors: bool = False, **changes: Any) -> Translated:
    catalog = Catalog(conf.load([], prog="podium"), pytest.fail)
    return from_ironic.translate(node._replace(**changes), catalog, vendors=vendors)


def faults(node: IronicNode, vendors: bool = False, **changes: Any) -> list[str]:
    return translated(node, vendors, **changes).faults


def test_settings_that_are_not_for_power_are_left_out(node: IronicNode) -> None:
    found = translated(node)
    assert found.row["driver_info"] == {
        "ipmi_address": "192.0.2.1",
        "ipmi_username": "admin",
        "ipmi_password": "bmc-secret-1",
        "ipmi_port": "6230",
        "ipmi_cipher_suite": "3",
    }
    assert found.unused == ["deploy_kernel", "deploy_ramdisk", "ipmi_bridging", "ipmi_force_boot_device"]


@pytest.mark.parametrize(
    ("hardware_type", "interface", "driver"),
    [
        ("ipmi", "ipmitool", "ipmi"),
        ("ipmi", None, "ipmi"),
        ("redfish", "redfish", "redfish"),
        ("fake-hardware", "ipmitool", "ipmi"),  # which Ironic allows, of all types
    ],
)
def test_the_power_interface_decides_about_the_driver(
    node: IronicNode, hardware_type: str, interface: str | None, driver: str
) -> None:
    assert translated(node, driver=hardware_type, power_interface=interface).row["driver"] == driver


def test_the_hardware_types_of_vendors_are_taken_if_that_is_wanted(node: IronicNode) -> None:
    for hardware_type, interface, driver in (
        ("idrac", "idrac-redfish", "redfish"),
        ("idrac", "redfish", "redfish"),
        ("intel-ipmi", "ipmitool", "ipmi"),
        ("irmc", "ipmitool", "ipmi"),
    ):
        changes = {"driver": hardware_type, "power_interface": interface}
        (fault,) = faults(node, **changes)
        assert fault.startswith(f"its hardware type is {hardware_type}; --vendor-types takes it")
        assert translated(node, vendors=True, **changes).row["driver"] == driver
    for hardware_type, interface in (
        ("ilo", "ilo"),
        ("idrac", "idrac-wsman"),
        ("manual-management", "agent"),
        ("manual-management", "fake"),
        ("pxe_ipmitool", None),
    ):
        changes = {"driver": hardware_type, "power_interface": interface}
        (fault,) = faults(node, vendors=True, **changes)
        assert f"no driver for the hardware type {hardware_type}" in fault


def test_what_podium_would_do_harm_to_is_not_taken(node: IronicNode) -> None:
    bridged = {**node.driver_info, "ipmi_bridging": "single"}
    old = {**node.driver_info, "ipmi_protocol_version": 1.5}
    assert ["another machine" in one for one in faults(node, driver_info=bridged)] == [True]
    assert ["ipmi_protocol_version" in one for one in faults(node, driver_info=old)] == [True]
    assert ["conductor ironic-1" in one for one in faults(node, reservation="ironic-1")] == [True]


def test_provision_states_without_deployment_are_taken(node: IronicNode) -> None:
    for state in ("enroll", "manageable", "available", "active"):
        assert translated(node, provision_state=state).columns["provision_state"] == state
    assert translated(node, provision_state=None).columns["provision_state"] == "available"
    for state in ("verifying", "clean failed", "wait call-back", "deploy failed", "rescue", "error"):
        assert [state in one for one in faults(node, provision_state=state)] == [True]


def test_a_node_without_a_name_has_its_uuid_for_one(node: IronicNode) -> None:
    assert translated(node, name=None).row["name"] == uuid(1)


def test_maintenance_of_people_stays_and_that_of_ironics_conductor_ends(node: IronicNode) -> None:
    theirs = translated(node, maintenance=True, maintenance_reason="noisy")
    assert (theirs.row["maintenance"], theirs.columns["maintenance_reason"]) == (True, "noisy")
    own = translated(node, maintenance=True, maintenance_reason="max retries", fault="power failure")
    assert (own.row["maintenance"], own.columns["maintenance_reason"]) == (False, None)
    cleaning = translated(node, maintenance=True, maintenance_reason="cleaning", fault="clean failure")
    assert (cleaning.row["maintenance"], cleaning.columns["maintenance_reason"]) == (True, "cleaning")


def test_the_root_of_the_redfish_service_is_not_part_of_the_address(node: IronicNode) -> None:
    for given, taken in (
        ("https://bmc:8443/redfish/v1/", "https://bmc:8443"),
        ("bmc/redfish/v1", "bmc"),
        ("https://bmc/proxy/redfish/v1", "https://bmc/proxy"),  # which the driver refuses
        ("https://bmc", "https://bmc"),
    ):
        info = {"redfish_address": given, "redfish_system_id": "redfish/v1/Systems/1"}
        found = translated(node, driver="redfish", power_interface="redfish", driver_info=info)
        assert found.row["driver_info"] == {
            "redfish_address": taken,
            "redfish_system_id": "/redfish/v1/Systems/1",
        }
