"""Members that share a fleet. Time, machines and network are a model; the SQL statements are real.

A member works in small steps. At each step its process may be stopped, temporarily or permanently, with or
without its clock.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import sqlalchemy as sa

from model_changes import Change
from model_world import (
    ACKNOWLEDGES_FIRST,
    CRASH,
    FROM_THE_ANSWER,
    INTERVAL,
    LATE,
    LEASE,
    LOOK,
    LOST,
    NO_GENERATION_CHECK,
    NO_GUARD,
    NO_TIMELINE,
    PATIENCE,
    PAUSE,
    SLOTS_FIRST,
    STALL,
    SUSPEND,
    WAIT,
    WALL_CLOCK,
    Steps,
    World,
    clock_now,
)
from podium import errors
from podium.conductor.fleet.lease import Lease, SharedLeases
from podium.conductor.fleet.observed import Observed
from podium.db import beginning, changes, leftovers, members, restoring, slots
from podium.db.changes import Pulse
from podium.db.models import change_counter, leases, nodes, power_requests
from podium.db.models import members as members_table
from podium.db.operations import BEGUN
from podium.db.outcomes import Outcome
from podium.db.worker import Worker

_T = TypeVar("_T")


class Process:
    """A worker process on a host, which may be restarted.

    :param offset: seconds by which its clock differs
    """

    def __init__(self, world: World, host: str, offset: float) -> None:
        self.world = world
        self.host = host
        self.is_up = False
        self.stopped: str | None = None
        self.wakes_at = 0.0
        self.stops = self.suspensions = 0
        self.cut = self.heart_is_cut = False
        #: When it stops: after how many steps, with which name (or any), how, and for how many seconds.
        self.fuse: tuple[int, str, str, float] | None = None
        self.commit: tuple[int, str] | None = None
        self.timeline = 0
        self._offset = offset
        self._stood_since: float | None = None
        self._forget()

    def _forget(self) -> None:
        self.worker: Worker | None = None
        self.looked_at = 0.0
        self.lease: Lease | None = None
        self.leaves = False
        self._begun: set[int] = set()  # slots
        self.reading: set[int] = set()
        self.changes: dict[int, Change] = {}
        self.sent: dict[str, beginning.Begun] = {}
        self._shared = SharedLeases(1)
        self._heart: Steps | None = None
        self._main: Steps | None = None
        self._number = 1
        self._beats_at = self._looks_at = -1e9
        self._pulse: Pulse | None = None
        self._observed = Observed(INTERVAL, self.clock)
        self._quiet_until = -1e9
        self._ended: list[tuple[float, Outcome]] = []
        self._owes = False  # whether it must rewrite its sent requests

    def clock(self) -> float:
        """Return its CLOCK_BOOTTIME, as a hypervisor may distort it."""
        return (self.world.now if self._stood_since is None else self._stood_since) + self._offset

    def reads(self) -> set[int]:
        """Return the nodes that it may call now."""
        if not self.is_up or self.stopped in (PAUSE, SUSPEND):
            return set()
        return self.reading | {one.begun.node.id for one in self.changes.values() if one.is_reading}

    @property
    def is_cut_off(self) -> bool:
        """Whether it has not caught up yet with a database that went back in time."""
        return self._owes or self.timeline != self.world.timeline

    # Events from outside

    def start(self, *, knows: bool) -> None:
        """Start the process, if it does not run.

        :param knows: whether it can detect that its predecessor is gone
        """
        if not self.is_up:
            self._forget()
            self.is_up = True
            self._is_sure = knows

    def stop(self, kind: str, seconds: float) -> None:
        """Stop the process, temporarily or permanently."""
        self.fuse = None
        if kind == CRASH:
            if self.is_cut_off:
                self.world.excused |= self.sent.keys()
            self.is_up, self.stopped = False, None
            self._wake_clock()
            self._forget()
            return
        self.stopped, self.wakes_at = kind, self.world.now + seconds
        self.stops += 1
        if kind == SUSPEND:
            self.suspensions += 1
            self._stood_since = self.world.now

    def _wake_clock(self) -> None:
        if self._stood_since is not None:
            self._offset -= self.world.now - self._stood_since
            self._stood_since = None

    def live(self) -> None:
        """Run for a second."""
        if not self.is_up:
            return
        if self.stopped and self.world.now >= self.wakes_at:
            self._wake_clock()
            self.stopped = None
        if self._is_overdue():
            self.stop(CRASH, 0)  # by its master process
            self.start(knows=True)
        if self.stopped in (PAUSE, SUSPEND):
            return
        try:
            self._go_on()
        except errors.MemberEnded:
            if self.lease is not None:
                self.lease.end()
            self.stop(CRASH, 0)
            self.start(knows=True)

    def _is_overdue(self) -> bool:
        is_over = self._shared.calls[0] > 0 and self.clock() >= self._shared.until[0]
        return is_over and self.stopped != SUSPEND

    def _go_on(self) -> None:
        # The threads run in any order. In this order, a command may be sent before the heartbeat has
        # noticed anything.
        for thread in (self._change, self._keep_alive, self._conduct):
            if self.is_up and self.stopped not in (PAUSE, SUSPEND):
                thread()

    def _keep_alive(self) -> None:
        if self.worker is not None and self._heart is None and self.clock() >= self._beats_at:
            self._heart = self._beat()
        if self._heart is not None and self._turn(self._heart):
            self._heart = None

    def _conduct(self) -> None:
        if self.stopped == STALL:
            return
        if self._main is None:
            self._main = self._look() if self.worker is not None else self._enter()
        if self._turn(self._main):
            self._main = None

    def _change(self) -> None:
        for number, change in list(self.changes.items()):
            if self.stopped or not self.is_up:
                return
            try:
                is_over = self._turn(change.steps)
            except errors.NodeConflict:
                is_over = True
                self.sent.pop(change.begun.requested_by, None)
            if is_over:
                self.changes.pop(number, None)

    def _turn(self, steps: Steps) -> bool:
        """Run steps until they wait. Returns whether they are finished."""
        for step in steps:
            if self.fuse is not None and self.fuse[1] in ("", step):
                left, name, kind, seconds = self.fuse
                self.fuse = left - 1, name, kind, seconds
                if left <= 1:
                    self.stop(kind, seconds)
                    return False
            if step == WAIT:
                return False
        return True

    # The database

    def read(self, statement: Callable[[sa.Connection], _T]) -> _T:
        """Read from the database."""
        self._reach()
        with self.world.transaction() as connection:
            return statement(connection)

    def write(
        self, statement: Callable[[sa.Connection], _T], *, is_guarded: bool = True, is_again: bool = False
    ) -> _T:
        """Write to the database, if this member has not ended.

        :param is_again: whether it rewrites what the database has lost, which has priority
        """
        self._reach()
        if self._owes and is_guarded and not is_again:
            raise errors.DatabaseUnavailable("something else is to be written before")
        worker = self.worker

        def transaction(connection: sa.Connection) -> _T:
            if is_guarded and NO_GUARD not in self.world.faults:
                assert worker is not None
                members.guard(connection, worker)
            return statement(connection)

        fate = self._fate()
        if fate == LATE:
            self.world.late.append((self.world.now + LEASE / 2, transaction))
            raise errors.DatabaseUnavailable("the answer is late")
        with self.world.transaction() as connection:
            result = transaction(connection)
        if fate == LOST:
            raise errors.DatabaseUnavailable("the answer is lost")
        return result

    def _fate(self) -> str | None:
        if self.commit is None:
            return None
        left, fate = self.commit
        self.commit = (left - 1, fate) if left > 1 else None
        return None if left > 1 else fate

    def _reach(self) -> None:
        if self.world.away or self.cut:
            raise errors.DatabaseUnavailable("no connection")
        if self.timeline != self.world.timeline:
            self.timeline = self.world.timeline
            if self.worker is not None and NO_TIMELINE not in self.world.faults:
                self._observed.restart()
                self._quiet_until = self.clock() + LEASE
                self._owes, self._pulse = True, None
                raise errors.DatabaseUnavailable("the connection is closed")

    # The member's work

    def _enter(self) -> Steps:
        service = members.Service(self.host, ("rack",), ("",), (), LEASE, INTERVAL, "1", "f")
        yield "enters"
        since = self.clock()
        try:
            if self._is_sure:
                mine = sa.select(leases.c.member_id, leases.c.number).where(leases.c.host == self.host)
                seen = self.read(lambda connection: {row[0]: row[1] for row in connection.execute(mine)})
                self._end(seen)
            self.worker = self.write(
                lambda connection: members.enter(connection, self.host, 0, service), is_guarded=False
            )
        except errors.ConductorAlreadyRunning:
            with contextlib.suppress(errors.DatabaseUnavailable):
                self._observe(self.clock(), self.read(members.standing))
            return
        except errors.DatabaseUnavailable:
            self._observed.restart()
            return
        self._is_sure = False
        self.lease = Lease(self.worker, LEASE, since, clock=self.clock, shared=self._shared)

    def _beat(self) -> Steps:
        worker, lease = self.worker, self.lease
        assert worker is not None
        assert lease is not None
        self._number += 1
        number, since = self._number, self.clock()
        self._beats_at = since + INTERVAL
        yield "renews"
        try:
            if self.heart_is_cut:
                raise errors.DatabaseUnavailable("its own connection hangs")
            found = self.write(lambda connection: members.renew(connection, worker, number), is_guarded=False)
        except errors.DatabaseUnavailable:
            self._observed.restart()
            self._beats_at = since + 1
            return
        yield "learns that it is renewed"
        if found is None:
            raise errors.MemberEnded("its lease is gone")
        seen = dict(found)
        if not self._owes:
            lease.renew(self.clock() if FROM_THE_ANSWER in self.world.faults else since)
        self.world.renewed[worker.incarnation] = self.clock()
        del seen[worker.incarnation]
        yield "ends others"
        with contextlib.suppress(errors.DatabaseUnavailable):
            self._observe(since, seen)

    def _observe(self, began: float, seen: Mapping[int, int]) -> None:
        over = self._observed.look(began, seen, dict.fromkeys(seen, LEASE))
        if WALL_CLOCK in self.world.faults:
            renewed, now = self.world.renewed, self.clock()
            over = {one: number for one, number in seen.items() if now - renewed.get(one, now) >= LEASE}
        if over:
            self._end(over)

    def _end(self, over: Mapping[int, int]) -> None:
        self.write(lambda connection: members.end(connection, over, self.worker, "over"), is_guarded=False)

    def _look(self) -> Steps:
        try:
            yield from self._look_once()
        except errors.DatabaseUnavailable:
            return

    def _look_once(self) -> Steps:
        worker = self.worker
        assert worker is not None
        if self._owes:
            yield "writes again"
            self._write_again(worker)
            self._owes = False
        pulse = self.read(changes.pulse)
        if pulse == self._pulse and self.clock() < self._looks_at:
            return
        is_planned = self._pulse is not None and self._pulse.rosters == pulse.rosters
        newest = self.read(generation)
        yield "knows the generation"
        if SLOTS_FIRST in self.world.faults:
            owned = self.read(lambda connection: slots.owned(connection, worker))
            yield "knows its slots"
        settled = self.read(members.settled)
        yield "knows what has settled"
        if SLOTS_FIRST not in self.world.faults:
            owned = self.read(lambda connection: slots.owned(connection, worker))
            yield "knows its slots"
        mine = owned.get(("", "rack"), {})
        rows, asked = self.read(lambda connection: connection.execute(NODES).all()), self.world.now
        if ACKNOWLEDGES_FIRST in self.world.faults:
            self.write(lambda connection: members.acknowledge(connection, worker, newest))
            yield "has acknowledged"
        free = [row for row in rows if row.reservation in (None, worker)]
        self._begun &= mine.keys()
        lost = self.reading - {row.id for row in free if row.slot in self._begun}
        yield from self._end_visits(lost)
        self.reading -= lost
        self.looked_at = asked
        yield "has given up"
        if self.read(lambda connection: _acknowledged(connection, worker)) < newest:
            self.write(lambda connection: members.acknowledge(connection, worker, newest))
            yield "has acknowledged"
        if not is_planned or self.clock() >= self._looks_at:
            self._looks_at = self.clock() + LOOK
            self.write(slots.make_generation)
            yield "has planned"
        is_quiet = self.clock() < self._quiet_until
        if not is_quiet:
            is_checked = NO_GENERATION_CHECK not in self.world.faults
            self._begun |= {slot for slot, since in mine.items() if since <= settled or not is_checked}
        self.reading |= {row.id for row in free if row.slot in self._begun}
        yield "reads what is its own"
        if not is_quiet:
            yield from self._begin(worker)
        if self.leaves:
            yield from self._leave(worker, bool(mine))
        if not is_quiet:
            self._pulse = pulse

    def _end_visits(self, lost: set[int]) -> Steps:
        """Wait for calls to lost nodes to return. Calls that do not return are not stopped."""
        names = {row.name for row in self.world.rows(NODES) if row.id in lost}
        end = self.clock() + PATIENCE
        while any(self.world.machines[name].stuck for name in names):
            yield WAIT
            if self.clock() >= end:
                raise errors.MemberEnded("a call to a node that is lost does not return")
        yield "has ended its visits"

    def _begin(self, worker: Worker) -> Steps:
        self.write(leftovers.take_back)
        yield "has taken back"
        found = self.read(lambda connection: beginning.due(connection, worker, ["rack"], limit=100))
        numbers = [row.request_id for row in found if row.request_id not in self.changes]
        if not numbers or self.leaves:
            return
        yield "knows what is due"
        begun = self.write(lambda connection: beginning.begin(connection, numbers, worker, clock_now()))
        yield "has begun"
        for one in begun:
            self.changes.setdefault(one.request_id, Change(self, one))

    def _write_again(self, worker: Worker) -> None:
        """Rewrite this member's sent requests for a database that has lost them."""
        sent = {begun.request_id: begun.node.id for begun in self.sent.values()}
        ended = [one for at, one in self._ended if at >= self.world.now - LEASE]
        self.write(lambda connection: restoring.restore(connection, worker, sent, ended), is_again=True)
        mine = power_requests.c.state == BEGUN, power_requests.c.holder == worker
        rows = self.read(lambda connection: connection.execute(_ASKERS.where(*mine)).all())
        again = {row.requested_by for row in rows}
        self.world.excused |= self.sent.keys() - again
        self.sent = {who: begun for who, begun in self.sent.items() if who in again}
        for number, change in list(self.changes.items()):
            if change.begun.requested_by not in self.sent:
                del self.changes[number]

    def note_end(self, end: Outcome) -> None:
        """Remember the outcome of a change for as long as the database may lose it."""
        self._ended = [one for one in self._ended if one[0] >= self.world.now - LEASE]
        self._ended.append((self.world.now, end))

    def _leave(self, worker: Worker, has_slots: bool) -> Steps:
        yield "leaves"
        self.write(lambda connection: members.announce_leave(connection, worker))
        if not has_slots and not self.changes:
            yield "has left"
            self.write(lambda connection: members.leave(connection, worker), is_guarded=False)
            self.stop(CRASH, 0)


_ASKERS: Final = sa.select(power_requests.c.requested_by)
NODES: Final = sa.select(nodes.c.id, nodes.c.name, nodes.c.slot, nodes.c.reservation)


def generation(connection: sa.Connection) -> int:
    """Return the newest generation."""
    return int(connection.scalars(sa.select(change_counter.c.generation)).one())


def _acknowledged(connection: sa.Connection, worker: Worker) -> int:
    mine = members_table.c.id == worker.incarnation
    return int(connection.scalar(sa.select(members_table.c.acknowledged).where(mine)) or 0)


def make_world(folder: str, hosts: Mapping[str, float], faults: frozenset[str]) -> World:
    """Create a world in which each host may run a member.

    :param hosts: the seconds by which the hosts' clocks differ
    """
    world = World(folder, hosts, faults)
    world.hosts.update({name: Process(world, name, offset) for name, offset in hosts.items()})
    return world
