"""Machines in memory, with faults on request: to try Podium, to test it, to learn how a driver is written."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from oslo_config import types
from oslo_context import context as oslo_context

from podium import errors, states
from podium.drivers import base

_HEALTH: Final = ("OK", "Warning", "Critical")


class FakeDriver(base.Driver):
    """Machines in memory, with latency, failures and wrong answers on request."""

    properties: ClassVar[Mapping[str, base.Property]] = {
        "fake_latency": base.Property(
            "seconds that every answer takes", default=0.0, type=types.Float(min=0, max=3600)
        ),
        "fake_failure_rate": base.Property(
            "share of calls that end without an answer, 0 to 1", default=0.0, type=types.Float(min=0, max=1)
        ),
        "fake_refuse": base.Property("refuse every power change", default=False, type=types.Boolean()),
        "fake_wrong_state": base.Property(
            "answer every read with this, whatever the state",
            type=types.String(choices=sorted(states.READINGS)),
        ),
        "fake_health": base.Property(
            f"what check_status reports: {', '.join(_HEALTH)}",
            default="OK",
            type=types.String(choices=_HEALTH),
        ),
        "fake_password": base.Property("not used; shows how a secret is masked", secret=True),
    }
    supported_power_states = tuple(sorted(states.TARGETS))

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self._powered: dict[str, bool] = {}

    async def get_power_state(self, node: base.Node) -> str:
        info = await self._answer(node)
        if info["fake_wrong_state"]:
            return str(info["fake_wrong_state"])
        known = node.power_state == states.POWER_ON  # what the database knew when this daemon started
        return states.POWER_ON if self._powered.get(node.uuid, known) else states.POWER_OFF

    async def set_power_state(self, node: base.Node, target: str) -> None:
        info = await self._answer(node)
        if info["fake_refuse"]:
            raise errors.DriverError("fake_refuse is set: the power change was refused")
        self._powered[node.uuid] = states.REACHED[target] == states.POWER_ON

    @base.driver_periodic_task(spacing=60)
    async def check_status(self, manager: base.Conductor, context: oslo_context.RequestContext) -> None:
        """Report how each machine fares, as its driver_info says, and forget machines that are gone."""
        nodes = manager.nodes(self)
        for node in nodes:
            try:
                status = self.parse_driver_info(node)["fake_health"]
            except errors.InvalidDriverInfo:
                continue  # the read of its power state tells; the others are checked all the same
            reasons = () if status == "OK" else ("fake_health says so",)
            manager.report_health(node, base.Health(status, reasons))
        gone = self._powered.keys() - {node.uuid for node in nodes}
        for uuid in gone:
            del self._powered[uuid]

    async def _answer(self, node: base.Node) -> dict[str, Any]:
        info = self.parse_driver_info(node)
        if info["fake_latency"]:
            await asyncio.sleep(info["fake_latency"])
        if random.random() < info["fake_failure_rate"]:
            raise errors.BMCUnreachable("fake_failure_rate struck: no answer")
        return info
