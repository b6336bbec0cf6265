"""Hardware that misbehaves: a driver around another, for tests of what stands above drivers."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from podium import errors, states
from podium.drivers import base
from podium.testing.making import call

#: What a node with the fault ``garbage`` answers.
GARBAGE: Final = "\x00 not a power state"

_OPPOSITE: Final = {states.POWER_ON: states.POWER_OFF, states.POWER_OFF: states.POWER_ON}


class Faults(base.Driver):
    """A driver whose power methods fail for some nodes; the rest goes to the driver inside.

    The faults are sets, and a dict, of node names as attributes of the same names, which a test may change
    at any time. Periodic tasks are not taken over: they are marked methods of the driver's own class.

    :param hang: reads and changes that never end, until they are cancelled
    :param slow: seconds by which reads and changes are late
    :param refused: reads and changes that raise :class:`podium.errors.AuthenticationRefused`
    :param wrong_state: reads that answer on for off and off for on
    :param garbage: reads that answer no power state
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

    async def start(self) -> None:
        await call(self.driver.start)

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

    async def _obstruct(self, node: base.Node) -> None:
        if node.name in self.hang:
            await asyncio.Event().wait()
        if node.name in self.slow:
            await asyncio.sleep(self.slow[node.name])
        if node.name in self.refused:
            raise errors.AuthenticationRefused(f"node {node.name} refuses the login, as the test asked")
