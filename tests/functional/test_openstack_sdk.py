"""openstacksdk's own functional tests of bare metal, against podium-api and a conductor.

Of its 96 tests 44 pass. The others are about what Podium has not: allocations, port groups, volumes, deploy
templates, runbooks and inspection rules.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Final

import peers
from doors import Door
from rounds import ROUNDS, only_long

SUITE: Final = Path(__file__).parents[1] / "openstack_suite.py"
#: Seconds for all of them.
PATIENCE: Final = 140 * ROUNDS
CLOUDS: Final = """\
clouds:
  podium:
    auth_type: none
    auth: {endpoint: "%s"}
    has_compute: false
    has_image: false
"""
#: What each of the tests takes for its user.
USERS: Final = ("DEMO_CLOUD", "DEMO_CLOUD_ALT", "OPERATOR_CLOUD", "SYSTEM_ADMIN_CLOUD")
PASSING: Final = """\
test_chassis.TestBareMetalChassis.test_chassis_create_get_delete
test_chassis.TestBareMetalChassis.test_chassis_negative_non_existing
test_chassis.TestBareMetalChassis.test_chassis_patch
test_chassis.TestBareMetalChassis.test_chassis_update
test_chassis.TestBareMetalChassisFields.test_chassis_fields
test_conductor.TestBareMetalConductor.test_list_get_conductor
test_driver.TestBareMetalDriver.test_driver_negative_non_existing
test_driver.TestBareMetalDriver.test_fake_hardware_get
test_driver.TestBareMetalDriver.test_fake_hardware_list
test_driver.TestBareMetalDriverDetails.test_fake_hardware_get
test_driver.TestBareMetalDriverDetails.test_fake_hardware_list_details
test_node.TestBareMetalNode.test_maintenance
test_node.TestBareMetalNode.test_maintenance_via_update
test_node.TestBareMetalNode.test_node_create_get_delete
test_node.TestBareMetalNode.test_node_create_in_available
test_node.TestBareMetalNode.test_node_create_in_enroll_provide
test_node.TestBareMetalNode.test_node_create_in_enroll_provide_by_name
test_node.TestBareMetalNode.test_node_list_update_delete
test_node.TestBareMetalNode.test_node_negative_non_existing
test_node.TestBareMetalNode.test_node_patch
test_node.TestBareMetalNode.test_node_power_state
test_node.TestBareMetalNode.test_node_update
test_node.TestBareMetalNode.test_node_update_by_name
test_node.TestBareMetalNode.test_node_validate
test_node.TestBareMetalNodeFields.test_node_fields
test_node.TestBareMetalNodeInstanceName.test_node_instance_name
test_node.TestBareMetalNodeInstanceName.test_node_instance_name_query
test_node.TestBareMetalNodeInstanceName.test_node_instance_name_with_instance_info
test_node.TestBareMetalNodeListFirmware.test_list_firmware
test_node.TestBareMetalVif.test_node_vif_attach_detach
test_node.TestBareMetalVif.test_node_vif_negative
test_node.TestBareMetalVirtualMedia.test_node_vmedia_attach_detach
test_node.TestBareMetalVirtualMedia.test_node_vmedia_negative
test_node.TestNodeRetired.test_retired
test_node.TestNodeRetired.test_retired_in_available
test_node.TestTraits.test_add_remove_node_trait
test_node.TestTraits.test_set_node_traits
test_port.TestBareMetalPort.test_port_create_get_delete
test_port.TestBareMetalPort.test_port_list
test_port.TestBareMetalPort.test_port_list_update_delete
test_port.TestBareMetalPort.test_port_negative_non_existing
test_port.TestBareMetalPort.test_port_patch
test_port.TestBareMetalPort.test_port_update
test_port.TestBareMetalPortFields.test_port_fields
"""


def run_suite(folder: Path, door: Door) -> dict[str, tuple[str, str]]:
    """Return what came of each test, and its traceback."""
    python = peers.require_in("openstack", "python")
    clouds = folder / "clouds.yaml"
    clouds.write_text(CLOUDS % door.url)
    environment = {
        "OS_CLIENT_CONFIG_FILE": str(clouds),
        "OS_CLOUD": "podium",
        "OS_TEST_TIMEOUT": "120",
        **{f"OPENSTACKSDK_{user}": "podium" for user in USERS},
    }
    with (folder / "suite.log").open("wb") as log:
        subprocess.run(
            [python, SUITE, folder / "results"],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            timeout=PATIENCE,
            check=True,
        )
    lines = map(json.loads, (folder / "results").read_text().splitlines())
    return {name: (outcome, text) for name, outcome, text in lines}


@only_long
def test_the_tests_of_openstacksdk_pass_or_find_a_clean_404(tmp_path: Path) -> None:
    peers.require_in("openstack", "python")
    with Door(tmp_path) as door, door.conductor:
        found = run_suite(tmp_path, door)
    lost = {name: found.get(name) for name in PASSING.split() if found.get(name) != ("passed", "")}
    assert lost == {}
    unclean = {
        name: text
        for name, (outcome, text) in found.items()
        if outcome == "failed" and "NotFoundException: 404" not in text
    }
    assert unclean == {}
