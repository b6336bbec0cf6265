"""Leaves nodes to another conductor: ends the calls to them, and has the driver close its connections."""

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from oslo_log import log

from podium import errors
from podium.conductor.rooms.visit import Visit
from podium.drivers import base

LOG = log.getLogger(__name__)

#: Seconds within which calls may return on their own: most do, and a cancelled call may cost a session.
_PATIENCE: Final = 0.25
#: Seconds between two checks of calls under way.
_LOOK: Final = 0.01
#: Seconds to wait for drivers, see podium.drivers.base.Driver.release.
_RELEASE: Final = 2.0
#: Nodes that are released together, and the pause in seconds before the next nodes.
_AT_ONCE, _PAUSE = 200, 0.01


async def end_visits(held: Mapping[str, Visit], nodes: Iterable[base.Node]) -> None:
    """Return when no call to these nodes is under way, which may take forever. Runs in the room's loop.

    The caller ensures that no call to them begins meanwhile.

    :param held: the visits that have taken a node, by its UUID
    """
    clock = asyncio.get_running_loop().time
    end, left = clock() + _PATIENCE, [node.uuid for node in nodes]
    while left := [uuid for uuid in left if uuid in held]:
        if clock() >= end:
            for uuid in left:
                held[uuid].withdraw()
        await asyncio.sleep(_LOOK)


async def release(driver: base.Driver, nodes: Sequence[base.Node], call: Callable[..., Any]) -> None:
    """Have a driver release nodes, and wait a limited time for that. Runs in the room's loop.

    :param call: calls a method of the driver
    """
    if not nodes or type(driver).release is base.Driver.release:
        return
    failures: list[str] = []

    async def release_one(node: base.Node) -> None:
        try:
            await call(driver.release, node)
        except Exception as error:
            failures.append(f"{node.name}: {errors.one_line(error)}")

    def release_all(nodes: Sequence[base.Node]) -> None:
        end = time.monotonic() + _RELEASE
        for node in nodes:
            if time.monotonic() > end:
                break
            try:
                driver.release(node)
            except Exception as error:
                failures.append(f"{node.name}: {errors.one_line(error)}")

    tasks: set[asyncio.Future[None]] = set()
    if inspect.iscoroutinefunction(driver.release):
        for place, node in enumerate(nodes, start=1):
            tasks.add(asyncio.ensure_future(release_one(node)))
            if place % _AT_ONCE == 0:
                await asyncio.sleep(_PAUSE)
    else:
        tasks.add(asyncio.ensure_future(call(release_all, nodes)))
    _, late = await asyncio.wait(tasks, timeout=_RELEASE)
    for task in late:
        task.cancel()
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    if failures or late:
        first = failures[0] if failures else "it takes too long"
        LOG.warning(
            "Driver %s did not release %d of %d nodes; %s",
            driver.name,
            max(len(failures), len(late)),
            len(nodes),
            first,
        )
