"""The fake driver keeps the contract."""

from podium.drivers.fake import FakeDriver
from podium.testing import DriverContract


class TestFakeDriver(DriverContract):
    driver_class = FakeDriver
    driver_name = "fake"
    driver_info = {"fake_password": "secret"}
