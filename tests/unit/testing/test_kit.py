"""The kit as a whole: its imports, and how it makes drivers."""

import subprocess
import sys

import pytest

from podium.drivers.fake import FakeDriver
from podium.drivers.ipmi.driver import IPMIDriver
from podium.testing import make_driver, make_node


def test_the_kit_does_without_the_packages_of_the_tests() -> None:
    text = "import podium.testing, sys; sys.exit('pytest' in sys.modules or 'hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], timeout=50).returncode == 0


def test_a_driver_is_made_with_the_options_that_the_test_gives() -> None:
    driver = make_driver(IPMIDriver, "ipmi", command_retry_timeout=2.0)
    assert (driver.options.command_retry_timeout, driver.options.retransmit_interval) == (2.0, 0.5)


def test_a_node_is_a_drivers_only_if_the_test_says_whose() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'driver'"):
        make_node(name="n1")  # type: ignore[call-arg]
    driver = make_driver(FakeDriver, "nowhere")
    assert make_node(driver, name="n1") == make_node("nowhere", name="n1")
    assert make_node(driver).driver == "nowhere"
