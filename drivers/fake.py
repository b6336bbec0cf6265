"""Machines in memory, with faults on request: to try Podium, to test it, to learn how a driver is written."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from oslo_config import types

from podium import errors, states
from podium.drivers import base
from podium.drivers.context import RunContext

_HEALTH: Final = ("OK", "Warning", "Critical")


@dataclass(slots=True)
class _Machine:
    """What a node's driver_info asks for, converted once, and the power that was switched here."""

    driver_info: Mapping[str, Any]
    latency: float
    failure_rate: float
    refuse: bool
    wrong_state: str | None
    health: str
    powered: bool | None


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
        "fake_address": base.Property(
            "address of a controller that several machines may share; by default each is its own"
        ),
        "fake_password": base.Property("not used; shows how a secret is masked", secret=True),
    }
    supported_power_states = tuple(sorted(states.TARGETS))

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self._machines: dict[str, _Machine] = {}
        self._interrupts = 0

    def endpoint(self, node: base.Node) -> str:
        """The controller, or the machine itself."""
        address = self.parse_driver_info(node)["fake_address"]
        return address.strip().lower() if address else node.uuid

    async def get_power_state(self, node: base.Node) -> str:
        machine = self._machine(node)
        if machine.latency or machine.failure_rate:
            await _suffer(machine)
        if machine.wrong_state:
            return machine.wrong_state
        if machine.powered is None:  # what the database knew when this daemon started
            return states.POWER_ON if node.power_state == states.POWER_ON else states.POWER_OFF
        return states.POWER_ON if machine.powered else states.POWER_OFF

    async def set_power_state(self, node: base.Node, target: str) -> None:
        machine = self._machine(node)
        await _suffer(machine)
        if machine.refuse:
            raise errors.DriverError("fake_refuse is set: the power change was refused")
        machine.powered = states.REACHED[target] == states.POWER_ON

    async def inject_nmi(self, node: base.Node) -> None:
        """Count it, in the statistics."""
        machine = self._machine(node)
        await _suffer(machine)
        if machine.refuse:
            raise errors.DriverError("fake_refuse is set: the interrupt was refused")
        self._interrupts += 1

    async def get_sensors(self, node: base.Node) -> list[base.Sensor]:
        """The air, and what the machine takes: more while it is on."""
        is_on = await self.get_power_state(node) == states.POWER_ON
        return [
            base.Sensor("Inlet", "temperature", 21.0),
            base.Sensor("Fan 1", "fan", 4200.0 if is_on else None),
            base.Sensor("Input", "power", 180.0 if is_on else 9.0),
        ]

    def statistics(self) -> Mapping[str, float]:
        """How many NMIs were injected."""
        return {"interrupts": self._interrupts}

    @base.driver_periodic_task(spacing=60)
    async def check_status(self, manager: base.Manager, context: RunContext) -> None:
        """Report the health that each machine's driver_info asks for, and forget machines that are gone."""
        nodes = manager.nodes(self)
        for node in nodes:
            try:
                status = self._machine(node).health
            except errors.InvalidDriverInfo:
                continue  # the read of its power state reports this; the others are checked all the same
            reasons = () if status == "OK" else ("fake_health says so",)
            manager.report_health(node, base.Health(status, reasons))
        gone = self._machines.keys() - {node.uuid for node in nodes}
        for uuid in gone:
            del self._machines[uuid]

    def _machine(self, node: base.Node) -> _Machine:
        machine = self._machines.get(node.uuid)
        if machine is not None and machine.driver_info is node.driver_info:
            return machine
        info = self.parse_driver_info(node)
        machine = self._machines[node.uuid] = _Machine(
            node.driver_info,
            latency=info["fake_latency"],
            failure_rate=info["fake_failure_rate"],
            refuse=info["fake_refuse"],
            wrong_state=info["fake_wrong_state"],
            health=info["fake_health"],
            powered=None if machine is None else machine.powered,
        )
        return machine


class FakeHardware(FakeDriver):
    """The same under the name of Ironic's driver, for clients and tests that know it by that."""

    #: What Ironic's driver of this name is made of. Nothing but the power is anything that could be done.
    interfaces: ClassVar[Mapping[str, str]] = {
        "boot": "fake",
        "deploy": "fake",
        "management": "fake",
        "network": "noop",
        "power": "fake",
    }
    #: What its machines are said to boot from.
    boot_devices = ("pxe",)


async def _suffer(machine: _Machine) -> None:
    if machine.latency:
        await asyncio.sleep(machine.latency)
    if random.random() < machine.failure_rate:
        raise errors.BMCUnreachable("the machine does not answer: fake_failure_rate struck")
