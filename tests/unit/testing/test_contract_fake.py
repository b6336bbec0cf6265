"""The fake driver keeps the contract."""

from podium.drivers import base
from podium.drivers.fake import FakeDriver
from podium.testing import DriverContract, make_node


class TestFakeDriver(DriverContract):
    driver_class = FakeDriver
    driver_name = "fake"
    driver_info = {"fake_password": "secret"}

    def make_silent_node(self) -> base.Node:
        return make_node("fake", {"fake_failure_rate": 1}, name="silent")
