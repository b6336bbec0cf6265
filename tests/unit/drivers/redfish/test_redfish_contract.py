"""The redfish driver keeps the contract, before simulated BMCs."""

import contextlib
import re
from collections.abc import AsyncIterator

import pytest

from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.simulator.nodes import address_range
from podium.simulator.redfish.server import RedfishSimulator
from podium.testing import DriverContract, make_node
from promises import meets_silence

SILENT, REFUSING = "127.21.7.31", "127.21.7.32"


class TestRedfishDriver(DriverContract):
    driver_class = RedfishDriver
    driver_name = "redfish"
    driver_info = {
        "redfish_address": "https://127.21.7.1",
        "redfish_username": "admin",
        "redfish_password": "podium-sim",
        "redfish_verify_ca": False,
    }
    port = 443
    patience = 40.0

    @pytest.fixture(autouse=True)
    def _waits(self, request: pytest.FixtureRequest) -> None:
        """Have it wait long for what answers, on a busy machine, and not for what is silent."""
        silent = {"read_timeout": 1.0, "command_timeout": 2.0}
        busy = {"connect_timeout": 30.0, "read_timeout": 30.0, "command_timeout": 30.0}
        self.driver_options = silent if meets_silence(request.node.name) else busy  # type: ignore[misc]

    @contextlib.asynccontextmanager
    async def hardware(self) -> AsyncIterator[None]:
        faults = (f"dead:{SILENT}", f"wrong-password:{REFUSING}")
        async with RedfishSimulator(address_range("127.21.7.1", 32), placed=faults) as simulator:
            self.port, self.simulator = simulator.port, simulator
            yield

    async def fill_log(self, driver: base.Driver, node: base.Node) -> None:
        (address,) = re.findall(r"//([\d.]+)", node.driver_info["redfish_address"])
        self.simulator.add_event({"message": "Something happened."}, 130, address)

    def make_node(self, name: str = "node1") -> base.Node:
        return self._at(f"127.21.7.{name.removeprefix('node')}", name)

    def make_silent_node(self) -> base.Node:
        return self._at(SILENT, "silent")

    def make_refusing_node(self) -> base.Node:
        return self._at(REFUSING, "refusing")

    def _at(self, address: str, name: str) -> base.Node:
        info = {**self.driver_info, "redfish_address": f"https://{address}:{self.port}"}
        return make_node(self.driver_name, info, name=name)
