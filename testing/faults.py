"""Wraps a driver so that its hardware misbehaves, for tests of code that uses drivers."""

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self, TypeVar

from podium import errors, states
from podium.drivers import base, push
from podium.testing.making import call
from podium.testing.manager import FakeManager

#: The power state that is read from a node with the fault ``garbage``.
GARBAGE: Final = "\x00 not a power state"

_OPPOSITE: Final = {states.POWER_ON: states.POWER_OFF, states.POWER_OFF: states.POWER_ON}


_Faults = TypeVar("_Faults", bound="Faults")


class Faults(base.Driver):
    """A driver whose methods fail for some nodes. It supports what the wrapped driver does, and its actions.

    Each fault is an attribute of the same name: a set of node names (``slow``: a dict of seconds by node
    name), which a test may change at any time. Periodic tasks are not wrapped: they are marked methods of
    the driver's own class.

    :param hang: reads and changes never end, until they are cancelled
    :param slow: reads and changes are delayed by that many seconds
    :param refused: reads and changes raise :class:`podium.errors.AuthenticationRefused`
    :param wrong_state: reads of the power state return on for off, and off for on
    :param garbage: reads return something that is not a valid answer
    :param lie: changes are accepted, but change nothing
    """

    def __new__(cls, driver: base.Driver, **_: Any) -> Self:
        return super().__new__(_able(cls, type(driver)))

    def __init__(
        self,
        driver: base.Driver,
        *,
        hang: Iterable[str] = (),
        slow: Mapping[str, float] | None = None,
        refused: Iterable[str] = (),
        wrong_state: Iterable[str] = (),
        garbage: Iterable[str] = (),
        lie: Iterable[str] = (),
    ) -> None:
        super().__init__(driver.name, driver.options)
        self.driver = driver
        self.hang = set(hang)
        self.slow = dict(slow or {})
        self.refused = set(refused)
        self.wrong_state = set(wrong_state)
        self.garbage = set(garbage)
        self.lie = set(lie)

    async def start(self, manager: base.Manager | None = None) -> None:
        await call(self.driver.start, *push.start_arguments(self.driver, manager or FakeManager()))

    async def close(self) -> None:
        await call(self.driver.close)

    def validate(self, node: base.Node) -> None:
        self.driver.validate(node)

    async def get_power_state(self, node: base.Node) -> str:
        state = await self._read(node, self.driver.get_power_state)
        return _OPPOSITE.get(state, state) if node.name in self.wrong_state else str(state)

    async def set_power_state(self, node: base.Node, target: str) -> None:
        await self._change(node, self.driver.set_power_state, target)

    async def _read(self, node: base.Node, method: Callable[..., Any], *given: Any) -> Any:
        await self._obstruct(node)
        return GARBAGE if node.name in self.garbage else await call(method, node, *given)

    async def _change(self, node: base.Node, method: Callable[..., Any], *given: Any) -> Any:
        await self._obstruct(node)
        return None if node.name in self.lie else await call(method, node, *given)

    async def _obstruct(self, node: base.Node) -> None:
        if node.name in self.hang:
            await asyncio.Event().wait()
        if node.name in self.slow:
            await asyncio.sleep(self.slow[node.name])
        if node.name in self.refused:
            raise errors.AuthenticationRefused(f"node {node.name} refuses the login, as the test asked")


def _able(kind: type[_Faults], inside: type[base.Driver]) -> type[_Faults]:
    """Make a subclass with a driver's declarations, and with its methods that do not concern power."""
    body: dict[str, Any] = {
        name: getattr(inside, name) for name in ("properties", "needs_api", "login", "supported_power_states")
    }
    if inside.inject_nmi is not base.Driver.inject_nmi:
        body["inject_nmi"] = _wrapped(inside, "inject_nmi")
    for word, needed in base.ABILITIES.items():
        if base.can(inside, word):
            body |= {name: _wrapped(inside, name) for name in needed}
    body |= {one.method: _wrapped(inside, one.method) for one in base.driver_actions(inside).values()}
    return type(kind.__name__, (kind,), {"__doc__": inside.__doc__, **body})


def _wrapped(inside: type[base.Driver], name: str) -> Callable[..., Any]:
    pass_on = Faults._read if name.startswith(("get_", "check_")) else Faults._change

    @functools.wraps(getattr(inside, name))
    async def method(self: Faults, node: base.Node, *given: Any, **arguments: Any) -> Any:
        return await pass_on(self, node, functools.partial(getattr(self.driver, name), **arguments), *given)

    return method
