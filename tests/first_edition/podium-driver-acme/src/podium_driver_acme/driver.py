"""The driver ``acme``. podium.drivers.base describes each method."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from oslo_config import cfg
from podium import errors, states
from podium.drivers import base
from podium.drivers.context import RunContext

from podium_driver_acme.controller import Client

_REQUESTS: Final = {states.POWER_ON: "on", states.POWER_OFF: "off", states.REBOOTING: "cycle"}
_READINGS: Final = {"on": states.POWER_ON, "off": states.POWER_OFF}


class AcmeDriver(base.Driver):
    """Acme machines."""

    #: The driver_info of a node.
    properties: ClassVar[Mapping[str, base.Property]] = {
        "acme_address": base.Property("host name or address of the controller", required=True),
        "acme_password": base.Property("password of the controller", secret=True, default=""),
    }
    #: The options in the group [acme] of the config file.
    options: Any = (cfg.FloatOpt("timeout", default=5, min=0.01, max=50, help="Seconds for an answer."),)
    supported_power_states = tuple(_REQUESTS)

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self.client = Client()  # opens nothing yet: the other methods run in another thread

    async def close(self) -> None:
        await self.client.close()

    def identity(self, node: base.Node) -> str:
        return f"acme:{self.endpoint(node)}"

    def endpoint(self, node: base.Node) -> str:
        """Nodes behind one controller have one endpoint, so that one conductor speaks to it."""
        address: str = self.parse_driver_info(node)["acme_address"]
        return address.lower()

    async def get_power_state(self, node: base.Node) -> str:
        answer = await self._ask(node, "power?")
        if answer not in _READINGS:
            raise errors.DriverError(f"the controller's answer cannot be understood: {answer!r}")
        return _READINGS[answer]

    async def set_power_state(self, node: base.Node, target: str) -> None:
        if target not in _REQUESTS:
            raise errors.UnsupportedPowerState(f"Acme machines do not know {target!r}")
        await self._ask(node, _REQUESTS[target])

    @base.node_periodic_task(spacing=60)
    async def check_fans(self, node: base.Node, manager: base.Manager, context: RunContext) -> None:
        """Report the health of one node; the conductor calls this for each node, for many at a time."""
        fans = await self._ask(node, "fans?")
        health = base.Health("OK") if fans == "ok" else base.Health("Critical", (f"fans: {fans}",))
        manager.report_health(node, health)

    @base.driver_periodic_task(spacing=300)
    async def forget_gone(self, manager: base.Manager, context: RunContext) -> None:
        """Forget the controllers of nodes that are no longer enrolled."""
        self.client.keep({str(node.driver_info.get("acme_address")) for node in manager.nodes(self)})

    async def _ask(self, node: base.Node, request: str) -> str:
        """Send a request to a node's controller, and raise Podium's error for each way to fail."""
        info = self.parse_driver_info(node)
        address, timeout = info["acme_address"], self.options.timeout
        try:
            async with asyncio.timeout(timeout):
                return await self.client.ask(address, info["acme_password"], request)
        except TimeoutError:
            raise errors.BMCUnreachable(f"{address} did not answer within {timeout:g} s") from None
        except PermissionError:
            raise errors.AuthenticationRefused(f"{address} refused acme_password") from None
        except OSError as error:
            raise errors.BMCUnreachable(f"{address} cannot be reached: {error}") from error
