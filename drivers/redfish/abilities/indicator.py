"""The LED by which people find a machine: ``LocationIndicatorActive`` (DSP2046) or ``IndicatorLED``.

Redfish has no LED that goes out by itself, so the driver switches off those that are lit for a time.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from oslo_log import log

from podium import errors
from podium.drivers.base import Node
from podium.drivers.redfish import resources
from podium.drivers.redfish.abilities.change import change, is_of_value
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.http.client import Refused, Response
from podium.drivers.redfish.machine.walk import Walk
from podium.drivers.redfish.system import System

LOG = log.getLogger(__name__)

_NEWER: Final = "LocationIndicatorActive"
_OLDER: Final = "IndicatorLED"
_WALK: Final = (16, 8.0)  # maximum requests to find the chassis, and seconds
_CHASSIS: Final = 4
_PAUSES: Final = (0.0, 5.0, 30.0, 120.0, 600.0)
_LEAVING: Final = 1.0  # seconds for switching one off when its node goes elsewhere


async def show(system: System, *, lit: bool) -> None:
    """Switch the LED of a system on or off; that of its chassis if the system has none that can be changed.

    :raises podium.errors.Unsupported: the BMC shows no LED
    :raises podium.errors.DriverError: it does not answer, or refuses
    """
    response = await system.resource()
    refusal = await _show(system, system.path, response, lit)
    if refusal is None:
        return
    walk = Walk(system.bmc, *_WALK, places=system.places)
    for path in await walk.related(response.body, "Chassis", "Chassis", _CHASSIS):
        try:
            found = await system.bmc.get(path)
        except ENDS:
            raise
        except errors.DriverError:
            continue
        another = await _show(system, path, found, lit)
        if another is None:
            return
        refusal = another if isinstance(refusal, errors.Unsupported) else refusal
    raise refusal


async def _show(system: System, path: str, found: Response, lit: bool) -> errors.DriverError | None:
    """Switch the LED of one resource on or off; return why that is not possible."""
    refusal: Refused | None = None
    for properties in _forms(found.body, lit):
        try:
            await change(system.bmc, path, found, properties)
            return None
        except Refused as refused:
            if not is_of_value(refused):
                raise
            refusal = refusal or refused
    none = f"BMC {system.bmc.target} shows no LED by which {system.path} could be found"
    return refusal or errors.Unsupported(none)


def _forms(body: dict[str, Any], lit: bool) -> list[dict[str, Any]]:
    """Return the possible requests, the best first; empty for a resource without an LED."""
    forms: list[dict[str, Any]] = [{_NEWER: lit}] if _NEWER in body else []
    if resources.text(body, _OLDER) is not None or f"{_OLDER}@Redfish.AllowableValues" in body:
        listed = resources.member(body, f"{_OLDER}@Redfish.AllowableValues", list) or []
        words = ("Blinking", "Lit") if lit else ("Off",)
        forms += [{_OLDER: word} for word in words if not listed or word in listed]
    return forms


class Indicators:
    """LEDs that are lit for a time.

    :param find: returns the system of a node that is in use
    :param pauses: seconds before each attempt to switch one off
    """

    def __init__(self, find: Callable[[Node], System | None], pauses: Sequence[float] = _PAUSES) -> None:
        self._find = find
        self._pauses = pauses
        self._lit: dict[str, tuple[Node, asyncio.Task[None]]] = {}  # by UUID

    async def show(self, node: Node, system: System, seconds: float | None) -> None:
        """Light the LED of a node for this many seconds, or until switched off for None; 0 switches it off.

        :raises podium.errors.DriverError: as :func:`show`; then nothing has changed
        """
        await show(system, lit=seconds != 0)
        if (before := self._lit.pop(node.uuid, None)) is not None:
            before[1].cancel()
        if seconds:
            task = asyncio.create_task(self._end(node, seconds), name=f"LED of {node.name}")
            self._lit[node.uuid] = node, task

    async def leave(self, node: Node) -> None:
        """Switch off at once what is lit for a time: nobody here will do so later."""
        lit = self._lit.pop(node.uuid, None)
        system = self._find(node)
        if lit is None:
            return
        lit[1].cancel()
        try:
            async with asyncio.timeout(_LEAVING):
                if system is not None:
                    await show(system, lit=False)
        except (errors.DriverError, TimeoutError) as failure:
            self._give_up(node, failure)

    async def close(self) -> None:
        """:meth:`leave` all nodes."""
        await asyncio.gather(*(self.leave(node) for node, _ in list(self._lit.values())))

    async def _end(self, node: Node, seconds: float) -> None:
        await asyncio.sleep(seconds)
        failure: errors.DriverError | None = None
        for pause in self._pauses:
            await asyncio.sleep(pause)
            system = self._find(node)
            if system is None:
                break
            try:
                await show(system, lit=False)
                failure = None
                break
            except errors.DriverError as again:
                failure = again
        if failure is not None:
            self._give_up(node, failure)
        self._lit.pop(node.uuid, None)

    def _give_up(self, node: Node, failure: Exception) -> None:
        LOG.warning(
            "the LED of node %s stays lit; podium node identify --off puts it out: %s",
            node.name,
            errors.one_line(failure),
        )
