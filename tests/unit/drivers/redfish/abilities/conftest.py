"""The redfish driver before BMCs on loopback: simulated ones, and ones that say what a test wants."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from peers import PATIENCE
from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.simulator.nodes import address_range
from podium.simulator.redfish.bmc import Settings
from podium.simulator.redfish.server import RedfishSimulator
from podium.testing import make_driver, make_node

BMC = "127.21.9.3"
SYSTEM = "/redfish/v1/Systems/1"
INFO = {"redfish_username": "admin", "redfish_password": "podium-sim", "redfish_verify_ca": False}


class Stage:
    """The driver, started, and a node before it.

    :param bmc: the simulator, or the BMC of the test
    """

    def __init__(self, bmc: Any, url: str, info: dict[str, Any]) -> None:
        self.bmc = bmc
        self.driver: Any = make_driver(RedfishDriver, "redfish", connect_timeout=PATIENCE)
        self.node: base.Node = make_node("redfish", {**INFO, "redfish_address": url, **info})

    @property
    def machine(self) -> Any:
        """The first machine behind the simulated BMC."""
        return self.bmc.machine(BMC)

    async def boot_device(self) -> base.BootDevice:
        found: base.Boot = await self.driver.get_boot_device(self.node)
        return found.chosen

    async def choose(self, *boot: Any) -> base.BootDevice:
        """Have it boot from something else, and read what came of that."""
        await self.driver.set_boot_device(self.node, base.BootDevice(*boot))
        return await self.boot_device()


async def _use(stage: Stage, use: Callable[[Stage], Awaitable[None]]) -> None:
    await stage.driver.start()
    try:
        await use(stage)
    finally:
        await stage.driver.close()


def _run(main: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.fixture
def simulated() -> Callable[..., None]:
    """``simulated("fault fault", use)`` runs ``use(stage)`` before a simulated BMC with these faults."""

    def run(
        faults: str,
        use: Callable[[Stage], Awaitable[None]],
        systems: int = 1,
        log_entries: int = 512,
        **info: Any,
    ) -> None:
        async def main() -> None:
            placed = [f"{fault}:1" for fault in faults.split()]
            settings = Settings(systems=systems, log_entries=log_entries)
            async with RedfishSimulator(
                address_range(BMC, 1), settings=settings, placed=placed, tls=False
            ) as sim:
                await _use(Stage(sim, sim.url(BMC), info), use)

        _run(main)

    return run


@pytest.fixture
def documented(http_bmc: Any) -> Callable[..., None]:
    """``documented(use, {path: resource})`` runs ``use(stage)`` before a BMC that also has these resources.

    What is given for the system, or a resource that is there, is added to it.
    """

    def run(use: Callable[[Stage], Awaitable[None]], resources: dict[str, dict[str, Any]]) -> None:
        async def main() -> None:
            async with http_bmc(None) as bmc:
                for path, resource in resources.items():
                    bmc.resources[path] = {"@odata.id": path, **bmc.resources.get(path, {}), **resource}
                login = {"redfish_username": bmc.user, "redfish_password": bmc.password}
                url = f"http://{bmc.host}:{bmc.port}"
                await _use(Stage(bmc, url, {**login, "redfish_system_id": "1"}), use)

        _run(main)

    return run
