"""Carries out the power changes that were asked for: reserve, switch, read until it is true, write down."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from oslo_context.context import RequestContext
from oslo_log import log

from podium import errors, masking, states
from podium.conductor import context as contexts
from podium.conductor.fleet import Fleet, node_of
from podium.conductor.recorder import Recorder
from podium.conductor.room import DriverRoom
from podium.conductor.sql import Sql
from podium.db import fleet as statements
from podium.db.fleet import Outcome
from podium.db.models import utcnow
from podium.drivers.base import Node

LOG = log.getLogger(__name__)

#: Power changes of one driver at the same time.
_AT_ONCE: Final = 128


class PowerActions:
    """The requested power changes of every driver's nodes.

    :param holder: what reservations are made in the name of: the conductor's host name
    :param timeout: seconds until a change that cannot be seen in the hardware counts as failed
    :param now: the wall clock
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        recorder: Recorder,
        *,
        holder: str,
        timeout: float,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._rooms = rooms
        self._recorder = recorder
        self._holder = holder
        self._timeout = timeout
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()
        self._count: Counter[str] = Counter()
        self._unfinished = True

    @property
    def unfinished(self) -> bool:
        """Whether there may be requests that the last :meth:`poll` did not begin."""
        return self._unfinished or bool(self._tasks)

    async def poll(self) -> None:
        """Begin every request that there is room for.

        :raises podium.errors.DatabaseUnavailable: when it cannot be asked; the requests stay there
        """
        self._unfinished = True
        free = [name for name in self._rooms if self._count[name] < _AT_ONCE]
        if not free:
            return
        rows, more = await self._sql.read(lambda connection: self._asked(connection, free))
        for row in rows:
            if row.id in self._fleet.busy or self._count[row.driver] >= _AT_ONCE:
                continue
            self._fleet.busy.add(row.id)
            self._count[row.driver] += 1
            request = contexts.new()
            task = asyncio.get_running_loop().create_task(
                self._carry_out(row, request), name=f"power {row.name}", context=contexts.carrying(request)
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._unfinished = more or len(free) < len(self._rooms)

    def _asked(self, connection: sa.Connection, drivers: Sequence[str]) -> tuple[list[sa.Row[Any]], bool]:
        """Nodes with a request that can be begun, the oldest first, and whether there are more."""
        group, share = self._fleet.group, self._fleet.share
        found = statements.requested(connection, group, drivers, self._holder)
        mine = [row.id for row in found if row.id not in self._fleet.busy and share(row.uuid)]
        rows = {row.id: row for row in statements.load(connection, mine[:_AT_ONCE])}
        return [rows[number] for number in mine if number in rows], len(mine) > _AT_ONCE

    async def drain(self, seconds: float) -> None:
        """Wait for the changes under way; those that take longer stay asked for."""
        if self._tasks:
            LOG.info("Waiting up to %.0f s for %d power changes under way", seconds, len(self._tasks))
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()

    async def _carry_out(self, row: sa.Row[Any], request: RequestContext) -> None:
        begun = False
        try:
            begun = await self._sql.write(
                lambda connection: statements.reserve(connection, row.id, row.version, self._holder)
            )
            if not begun:
                return
            room = self._rooms[row.driver]
            run = room.start(lambda: switch(room, node_of(row), self._timeout), request)
            state, error = await asyncio.wrap_future(run.future)
            if error is None:
                LOG.info("%s: %s, asked for by %s", row.name, state, row.power_requested_by)
            else:
                LOG.error("%s: %s failed: %s", row.name, row.target_power_state, error)
            self._recorder.add_outcome(
                Outcome(row.id, self._holder, self._now(), state, error, request.request_id)
            )
            await self._recorder.flush()
        except errors.DatabaseUnavailable:
            pass  # not begun, as far as is known: asked for still
        finally:
            self._count[row.driver] -= 1
            if not begun:  # otherwise the recorder frees the node, once the outcome is written
                self._fleet.busy.discard(row.id)


async def switch(room: DriverRoom, node: Node, timeout: float) -> tuple[str | None, str | None]:
    """Bring a node to its ``target_power_state``; runs inside the driver's room.

    :param timeout: seconds until the hardware must show it
    :returns: the last state read, or None, and why it failed, or None
    """
    loop = asyncio.get_running_loop()
    target, end = node.target_power_state or "", loop.time() + timeout
    state, problem, pause = None, None, 0.1
    driver = room.driver
    try:
        driver.validate(node)
        if target not in driver.supported_power_states:
            raise errors.UnsupportedPowerState(
                f"driver {driver.name} cannot do {target}, only {', '.join(driver.supported_power_states)}"
            )
        await room.command(timeout, node, driver.set_power_state, target, urgent=True)
    except Exception as error:
        return None, _words(error, node, room)
    while True:
        try:
            left = max(end - loop.time(), 1.0)
            state = await room.command(left, node, driver.get_power_state, urgent=True)
            problem = None if state in states.READINGS else f"{state!r} is no power state"
        except Exception as error:
            problem = _words(error, node, room)
        if state == states.REACHED.get(target) and problem is None:
            return state, None
        if loop.time() + pause > end:
            break
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 2.0)
    seen = f"the last read failed: {problem}" if problem else f"it is {state}"
    return (None if problem else state), f"{target} was accepted, but {timeout:g} s later {seen}"


def _words(error: Exception, node: Node, room: DriverRoom) -> str:
    text = errors.one_line(error)
    if not isinstance(error, errors.DriverError | TimeoutError):
        text = f"fault of the driver {node.driver}: {text}"
    return masking.scrub(text, node.driver_info, room.secret)
