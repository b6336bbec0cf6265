"""The ipmi driver keeps the contract, before simulated BMCs."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

import pytest

from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver
from podium.simulator.bmc import Settings
from podium.simulator.faults import HEALTHY
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator
from podium.testing import DriverContract, make_node
from promises import meets_silence

EVENTS = (
    bytes.fromhex("0000020000000020000401010159615f"),
    bytes.fromhex("0000c1000000005e2a00010203040506"),
    bytes.fromhex("0000e00102030405060708090a0b0c0d"),
    bytes.fromhex("0000020000000020000408306f03ffff"),
)
SILENT, REFUSING = "127.20.7.31", "127.20.7.32"


class TestIPMIDriver(DriverContract):
    driver_class = IPMIDriver
    driver_name = "ipmi"
    driver_info = {"ipmi_address": "127.20.7.1", "ipmi_username": "admin", "ipmi_password": "secret"}
    driver_options: ClassVar[Mapping[str, Any]] = {"retransmit_interval": 0.2}
    port = 623
    patience = 40.0

    @pytest.fixture(autouse=True)
    def _waits(self, request: pytest.FixtureRequest) -> None:
        """Have it wait long for what answers, on a busy machine, and not for what is silent."""
        seconds = 1.0 if meets_silence(request.node.name) else 30.0
        self.driver_options = {**self.driver_options, "command_retry_timeout": seconds}  # type: ignore[misc]

    @contextlib.asynccontextmanager
    async def hardware(self) -> AsyncIterator[None]:
        addresses = address_range("127.20.7.1", 32)
        faults = (f"dead:{SILENT}", f"wrong-password:{REFUSING}")
        async with Simulator(addresses, settings=Settings(password=b"secret"), placed=faults) as simulator:
            self.port, self.simulator = simulator.port, simulator
            yield

    def make_node(self, name: str = "node1") -> base.Node:
        return self._at(f"127.20.7.{name.removeprefix('node')}", name)

    def make_silent_node(self) -> base.Node:
        return self._at(SILENT, "silent")

    def make_refusing_node(self) -> base.Node:
        return self._at(REFUSING, "refusing")

    async def fill_log(self, driver: base.Driver, node: base.Node) -> None:
        for record in EVENTS:
            self.simulator.bmc(node.driver_info["ipmi_address"]).events.add(record, HEALTHY)

    def _at(self, address: str, name: str) -> base.Node:
        info = {**self.driver_info, "ipmi_address": address, "ipmi_port": self.port}
        return make_node(self.driver_name, info, name=name)
