"""Hardware that misbehaves: wraps a driver, for tests of what uses drivers."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from podium import errors, states
from podium.drivers import base, push
from podium.testing.making import call
from podium.testing.manager import FakeManager

#: The power state that is read from a node with the fault ``garbage``.
GARBAGE: Final = "\x00 not a power state"

_OPPOSITE: Final = {states.POWER_ON: states.POWER_OFF, states.POWER_OFF: states.POWER_ON}


class Faults(base.Driver):
    """A driver whose power methods fail for some nodes. All other calls go to the driver inside.

    Each fault is an attribute of the same name, a set of node names (``slow``: a dict), which a test may
    change at any time. Periodic tasks are not wrapped: they are marked methods of the driver's own class.

    :param hang: reads and changes never end, until they are cancelled
    :param slow: reads and changes are late by so many seconds
    :param refused: reads and changes raise :class:`podium.errors.AuthenticationRefused`
    :param wrong_state: reads return on for off and off for on
    :param garbage: reads return no power state
    """

    def __init__(
        self,
        driver: base.Driver,
        *,
        hang: Iterable[str] = (),
        slow: Mapping[str, float] | None = None,
        refused: Iterable[str] = (),
        wrong_state: Iterable[str] = (),
        garbage: Iterable[str] = (),
    ) -> None:
        super().__init__(driver.name, driver.options)
        self.driver = driver
        self.properties = driver.properties  # type: ignore[misc]  # on the class, but for this wrapper
        self.supported_power_states = driver.supported_power_states  # type: ignore[misc]
        self.hang = set(hang)
        self.slow = dict(slow or {})
        self.refused = set(refused)
        self.wrong_state = set(wrong_state)
        self.garbage = set(garbage)

    async def start(self, manager: base.Manager | None = None) -> None:
        await call(self.driver.start, *push.start_arguments(self.driver, manager or FakeManager()))

    async def close(self) -> None:
        await call(self.driver.close)

    def validate(self, node: base.Node) -> None:
        self.driver.validate(node)

    async def get_power_state(self, node: base.Node) -> str:
        await self._obstruct(node)
        if node.name in self.garbage:
            return GARBAGE
        state = str(await call(self.driver.get_power_state, node))
        return _OPPOSITE.get(state, state) if node.name in self.wrong_state else state

    async def set_power_state(self, node: base.Node, target: str) -> None:
        await self._obstruct(node)
        await call(self.driver.set_power_state, node, target)

    async def inject_nmi(self, node: base.Node) -> None:
        await self._obstruct(node)
        await call(self.driver.inject_nmi, node)

    async def get_sensors(self, node: base.Node) -> Sequence[base.Sensor]:
        await self._obstruct(node)
        found: Sequence[base.Sensor] = await call(self.driver.get_sensors, node)
        return found

    async def _obstruct(self, node: base.Node) -> None:
        if node.name in self.hang:
            await asyncio.Event().wait()
        if node.name in self.slow:
            await asyncio.sleep(self.slow[node.name])
        if node.name in self.refused:
            raise errors.AuthenticationRefused(f"node {node.name} refuses the login, as the test asked")
