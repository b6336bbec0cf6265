"""Carries out the requested power changes: begins many at once, and records the outcome of each."""

import asyncio
import concurrent.futures
import functools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from oslo_context.context import RequestContext
from oslo_log import log

from podium import errors, states
from podium.clocks import boottime
from podium.conductor.fleet.entry import node_of
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.fleet.lease import Lease
from podium.conductor.power.carrying import Carrying, Timeouts, nodes_of
from podium.conductor.power.confirmations import Confirmations
from podium.conductor.power.promotion import Promotion
from podium.conductor.power.quotas import Quotas, Target
from podium.conductor.power.staggers import Staggers
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.sql import Sql
from podium.db import beginning, operations, power_limits
from podium.db import clock as clocks
from podium.db.beginning import Begun, Due
from podium.db.outcomes import Outcome
from podium.db.power_limits import Limits, Room
from podium.db.worker import Worker

LOG = log.getLogger(__name__)

_T = TypeVar("_T")

#: The fewest requests that are listed at once: requests that must wait may come before others that need not.
_PAGE: Final = 2000
#: Seconds that an abandoned call may take to return before its node is handed to another member.
_RETURN: Final = 10.0


class PowerActions:
    """The requested power changes of every driver's nodes. Only the conductor's loop may use it.

    :param worker: the worker that reserves the nodes
    :param note_read: called in the driver's room for each read that a change makes, with the driver, the
        node's number, and the answer or the error
    :param limits: how many nodes of a domain all members together may switch on within a period
    :param lease: this conductor's lease; without it nothing is sent
    :param clock: seconds, monotonic
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        rooms: Mapping[str, DriverRoom],
        recorder: Recorder,
        *,
        worker: Worker,
        timeouts: Timeouts,
        note_read: Callable[[str, int, Any, Exception | None], object],
        limits: Limits | None = None,
        lease: Lease | None = None,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._rooms = rooms
        self._recorder = recorder
        self._worker = worker
        self._lease = lease
        self._limits = limits or {}
        self._paces: Limits = {}  # of staggered operations
        self._quotas = Quotas(rooms)
        self._now = sql.now
        self._clock = clock
        self._staggers = Staggers(clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unfinished = True
        self._next_due: float | None = None  # a time of the clock
        self._confirmations = Confirmations(sql, worker)
        self._sent: dict[int, int] = {}  # the nodes of confirmed requests, by request
        self._carrying = Carrying(
            sql,
            fleet,
            rooms,
            confirmations=self._confirmations,
            sent=self._sent,
            timeouts=timeouts,
            note_read=note_read,
            lease=lease,
            worker=worker,
        )
        hold = lease.length if lease else 0.0
        self._promotion = Promotion(
            sql, fleet, recorder, worker=worker, lease=hold, sent=self._sent, clock=clock
        )

    @property
    def unfinished(self) -> bool:
        """Whether the last :meth:`poll` may have left requests that are due by now."""
        later = self._next_due
        is_due = later is not None and later <= self._clock()
        return self._unfinished or is_due or self._quotas.has_room_again or self._promotion.is_pending

    @property
    def idle(self) -> bool:
        """Whether no node is taken, and nothing will begin unless somebody requests it."""
        return not (len(self._fleet.taken) or self._unfinished or self._next_due)

    async def poll(self) -> None:
        """Begin every request that is due and has room.

        :raises podium.errors.DatabaseUnavailable: the database cannot be read; the requests stay in it
        """
        self._unfinished = True
        await self._promotion.settle()
        if self._promotion.holds():
            return
        self._quotas.look()
        free = {name: room for name in self._rooms if (room := self._quotas.room(name))}
        is_full, more, last = len(free) < len(self._rooms), False, 0
        while open_ := [name for name in free if free[name]]:
            # The list includes the requests under way.
            limit = max(sum(free.values()) + len(self._fleet.taken), _PAGE)
            find = functools.partial(self._due, drivers=open_, limit=limit, after=last)
            found, self._next_due, domains = await self._sql.read(find)
            chosen, others_wait = self._choose(found, free, domains)
            if chosen:
                await self._begin(chosen)
            more = more or others_wait
            if len(found) < limit:
                break
            last = found[-1].request_id
        else:
            more = True
        self._unfinished = more or is_full

    def _due(
        self, connection: sa.Connection, drivers: Sequence[str], limit: int, after: int
    ) -> tuple[list[Due], float | None, Room]:
        """Find the requests that can begin, oldest first, and when the next of the others can.

        :returns: both, and how many more nodes the power domains admit
        """
        staggered = beginning.staggered(connection)
        self._paces = power_limits.paces(connection, [one.operation_id for one in staggered], self._paces)
        reached = self._staggers.reached(staggered, clocks.now(connection)) if staggered else {}
        asked = self._clock()
        found = beginning.due(connection, self._worker, drivers, reached, limit=limit, after=after)
        seconds = beginning.next_due(connection, self._worker, drivers, reached)
        room = power_limits.look(connection, {**self._limits, **self._paces})
        return found, None if seconds is None else asked + seconds, room

    def _choose(self, found: Sequence[Due], free: dict[str, int], room: Room) -> tuple[list[Due], bool]:
        """Choose requests with room in their driver and power domain; also return whether others wait."""
        chosen: list[Due] = []
        more, ahead = False, Counter[Target]()
        accounts: set[tuple[int, Target]] = set()
        for row in found:
            if not self._fleet.taken.is_free(row.id):
                continue
            # If the fleet does not show the request yet, the change would look as if somebody else had
            # switched the node.
            if not (free[row.driver] or row.at_feed) or not self._is_shown(row):
                more = True
                continue
            target = row.driver, row.endpoint
            if row.action == states.CHANGE_CREDENTIALS and row.endpoint is not None:
                if (row.operation_id, target) in accounts:  # it begins together with the other request
                    continue
                accounts.add((row.operation_id, target))
            # Feeds wait for each other: a feed that waited for another one to end would never begin.
            if not row.at_feed and not self._quotas.admits(target, ahead[target]):
                continue
            if row.state != operations.BEGUN and not room.admit(row.action, row.extra, row.operation_id):
                continue
            if not row.at_feed:
                ahead[target] += 1
                free[row.driver] -= 1
            chosen.append(row)
        self._wait_for(room)
        return chosen, more

    def _wait_for(self, room: Room) -> None:
        """Poll again when there is room for the requests that were held back."""
        if room.wait:
            allowed = self._clock() + room.wait
            self._next_due = min(allowed, self._next_due or allowed)

    def _is_shown(self, row: Due) -> bool:
        if row.reservation == self._worker:  # this member holds it, whoever owns the slot now
            return True
        entry = self._fleet.get(row.id)
        return entry is not None and (
            row.state == operations.BEGUN or entry.node.target_power_state == row.action
        )

    async def _begin(self, chosen: Sequence[Due]) -> None:
        taken = {row.id for row in chosen if self._fleet.taken.take(row.id)}
        numbers = [row.request_id for row in chosen]
        begun: Sequence[Begun] = ()
        try:
            begun, room = await self._sql.write(lambda connection: self._reserve(connection, numbers))
            self._wait_for(room)
        finally:
            self._fleet.taken.free(taken - {one.node.id for one in begun})
        for one in begun:
            if not operations.is_at_feed(one.arguments):
                self._quotas.begin(_target(one))
            for other in one.others:
                self._fleet.taken.take(other.node.id)
            if one.sent_at is not None:
                self._sent.update(nodes_of(one))
            request = contexts.new()
            task = asyncio.get_running_loop().create_task(
                self._carry_out(one, request),
                name=f"power {one.node.name}",
                context=contexts.carrying(request),
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _reserve(self, connection: sa.Connection, numbers: Sequence[int]) -> tuple[Sequence[Begun], Room]:
        """Begin requests; also return how many more nodes the power domains admit after that."""
        limits = {**self._limits, **self._paces}
        room = power_limits.lock(connection, limits)
        if self._promotion.holds():  # this connection may have revealed the new server
            return (), room
        begun = beginning.begin(connection, numbers, self._worker, self._now(), room if limits else None)
        power_limits.save(connection, limits, room)
        return begun, room

    async def drain(self, seconds: float) -> None:
        """Wait for the changes under way; the next run resumes the changes that take longer.

        Feeds that are off are switched on, even if they are waiting for other feeds.
        """
        self._carrying.is_stopping = True
        if self._tasks:
            LOG.info("Waiting up to %.0f s for %d changes under way", seconds, len(self._tasks))
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()

    async def _carry_out(self, begun: Begun, context: RequestContext) -> None:
        node, ended = begun.node, False
        try:
            found = await self._carrying.outcome(begun, context)
            if self._lease is not None and self._lease.ended:
                return  # the node's new owner continues
            if self._fleet.is_lost(node.id) and not await self._has_left(begun, context):
                return
            action = _named(begun)
            if found.error is None:
                did = action if found.result is None else f"{action} ({found.result})"
                LOG.info("%s: %s done, asked for by %s", node.name, did, begun.requested_by)
            else:
                LOG.error("%s: %s failed: %s", node.name, action, found.error)
            at, run = self._now(), context.request_id
            self._recorder.add_outcomes(
                Outcome(number, request, self._worker, at, log_request_id=run, **found._asdict())
                for request, number in nodes_of(begun).items()
            )
            ended = True
            for number in nodes_of(begun).values():
                self._fleet.taken.note_over(number)
            await self._recorder.write_outcomes()
        except errors.DatabaseUnavailable:
            pass  # the recorder tries again
        except errors.MemberEnded:
            pass  # the conductor notices that itself
        except concurrent.futures.CancelledError:
            LOG.warning(
                "%s: %s was cut off with its driver's room, and stays asked for", node.name, begun.action
            )
        finally:
            if not operations.is_at_feed(begun.arguments):
                self._quotas.end(_target(begun))
            for request in nodes_of(begun):
                self._sent.pop(request, None)
            if not ended:  # otherwise the node is released once the fleet shows the outcome
                self._fleet.taken.free(nodes_of(begun).values())

    async def _has_left(self, begun: Begun, context: RequestContext) -> bool:
        """Wait until no call to a node and no session with it is left; return whether that succeeded."""
        room, now = self._rooms[begun.node.driver], time.monotonic()
        nodes = [node_of(one.node, now) for one in (begun, *begun.others)]
        left = asyncio.wrap_future(room.start(lambda: room.leave(nodes), context).future)
        await asyncio.wait([left], timeout=_RETURN)
        return left.done()


def _target(begun: Begun) -> Target:
    return begun.node.driver, begun.node.endpoint


def _named(begun: Begun) -> str:
    """The requested action, with the name of a driver's own action."""
    own = (begun.arguments or {}).get("own")
    return begun.action if own is None else f"{begun.action} {own['name']}"
