"""Requests, sweeps, faults, crashes and recoveries in any order, against a simple model of the hardware.

The conductor's own pieces run over a database and machines that are this file's. A crash throws the pieces
away, at any step that they take; database and machines stay. At rest, what the ledger says, what the database
holds and what the machines did have to be the same story.
"""

import asyncio
import contextlib
import itertools
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from fakes import PATIENCE, Pieces, all_slots, joined, until
from machines import Connection, Fuse, Machine, RackDriver
from podium import errors, states
from podium.conductor.power.actions import PowerActions
from podium.conductor.power.carrying import Timeouts
from podium.conductor.rooms import context as contexts
from podium.db import api, cancelling, leftovers, members, operations, power
from podium.db.engine import Database
from podium.db.models import nodes, power_events, power_requests
from podium.db.worker import Worker
from rounds import ROUNDS
from templates import write_sqlite

NAMES: Final = ("a", "b", "c")
PEOPLE: Final = ("ann@desk", "bob@lab")
#: Seconds that a request may take, and from one sweep to the next.
TIMEOUT: Final = 0.2
INTERVAL: Final = 0.01
SOME: Final = st.sets(st.sampled_from(NAMES), min_size=1)
ACTION: Final = st.sampled_from((states.REBOOTING, states.POWER_ON, states.POWER_OFF, states.POWER_CYCLE))
FAULT: Final = st.sampled_from(("silent", "refuses", "lies", "late", "forgetful"))

_T = TypeVar("_T")


class Story(RuleBasedStateMachine):
    """What people, hardware and fate do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="podium-model-")
        file = Path(self._folder.name, "podium.sqlite")
        write_sqlite(file)
        self._url = f"sqlite:///{file}"
        self._machines = {name: Machine() for name in NAMES}
        self._accepted = 0
        self._operations: list[int] = []
        self._looked_after: set[str] = set()
        self._runner = asyncio.Runner()
        self._member = Worker("here", 0, 0)
        self._do(self._start())
        self.it.enrol(*({"name": name, "driver": "rack", "driver_info": {}} for name in NAMES))

    def _do(self, what: Coroutine[Any, Any, _T]) -> _T:
        return self._runner.run(what)

    async def _start(self) -> None:
        self._fuse = Fuse()
        database = Database(self._url)
        self.sql = Connection(database, self._fuse)
        self._member = Worker("here", 0, self._member.incarnation + 1)
        self.it = Pieces(database, [RackDriver(self._machines, self._fuse)], self.sql, self._member)
        await asyncio.to_thread(self.it.rooms["rack"].open, PATIENCE)
        timeouts = Timeouts(TIMEOUT, TIMEOUT)
        parts = self.sql, self.it.fleet, self.it.rooms, self.it.recorder
        self.actions = PowerActions(
            *parts, worker=self._member, timeouts=timeouts, note_read=self.it.sync.take_of_change
        )
        with database.write() as connection:
            for one in members.unended(connection):
                members.leave(connection, one.name)
        joined(database, self._member, drivers=["rack"])
        while await self.sql.write(leftovers.take_back):
            pass
        await self.it.fleet.begin(self.sql, all_slots("rack"))

    async def _kill(self) -> None:
        """End the process where it is; nothing of it is written or sent any more."""
        self._fuse.left = 0
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await asyncio.to_thread(self.it.rooms["rack"].close, PATIENCE)
        self.sql.close()

    async def _crash(self) -> None:
        await self._kill()
        await self._start()

    @rule(names=SOME, action=ACTION, who=st.sampled_from(PEOPLE))
    def somebody_asks(self, names: set[str], action: str, who: str) -> None:
        with self.it.database.write() as connection:
            rows = api.find_nodes(connection, sorted(names))
            reserved = {row.name for row in rows if row.reservation is not None}
            asked = power.ask(connection, rows, action, who=who)
        assert len(asked.refused) == len(reserved), "refused is who has a request under way, and nobody else"
        self._accepted += len(asked.accepted)
        if asked.operation_id is not None:
            self._operations.append(asked.operation_id)

    @rule(which=st.integers(0, 3), who=st.sampled_from(PEOPLE))
    def somebody_cancels(self, which: int, who: str) -> None:
        if which < len(self._operations):
            with self.it.database.write() as connection:
                cancelling.cancel(connection, self._operations[-1 - which], who)

    @rule(name=st.sampled_from(NAMES))
    def somebody_presses_the_button(self, name: str) -> None:
        self._machines[name].turn(not self._machines[name].on)

    @rule(names=SOME, action=ACTION, who=st.sampled_from(PEOPLE), fault=FAULT)
    def somebody_asks_of_bad_hardware(self, names: set[str], action: str, who: str, fault: str) -> None:
        for name in names:
            self._machines[name].fault = fault
        self.somebody_asks(names, action, who)
        self._do(self._work())

    @rule(name=st.sampled_from(NAMES), fault=FAULT | st.none())
    def hardware_changes_its_mood(self, name: str, fault: str | None) -> None:
        self._machines[name].fault = fault

    @rule(name=st.sampled_from(NAMES))
    def hardware_is_silent_for_long(self, name: str) -> None:
        self._machines[name].fault = "silent"
        for _ in range(4):
            self._do(self._sweep(is_written=True))

    @rule(name=st.sampled_from(NAMES), is_theirs=st.booleans())
    def somebody_looks_after_a_machine(self, name: str, is_theirs: bool) -> None:
        values = {"maintenance": is_theirs, "maintenance_reason": None, "fault": None, "power_failures": 0}
        (row,) = self._rows(sa.select(nodes).where(nodes.c.name == name))
        with contextlib.suppress(errors.NodeConflict), self.it.database.write() as connection:
            api.update_node(connection, row.id, values)
            (self._looked_after.add if is_theirs else self._looked_after.discard)(name)

    @invariant()
    def maintenance_by_a_person_stays(self) -> None:
        held = sa.select(nodes.c.name).where(nodes.c.maintenance, nodes.c.fault.is_(None))
        assert {row.name for row in self._rows(held)} == self._looked_after

    @rule(away=st.booleans())
    def the_database_goes_or_comes(self, away: bool) -> None:
        self.sql.away = away

    @rule()
    def the_conductor_looks(self) -> None:
        self._do(self._look())

    async def _look(self) -> bool:
        try:
            await self.it.fleet.refresh(self.sql)
            await self.actions.poll()
        except errors.DatabaseUnavailable:
            return False
        return True

    @rule()
    def the_conductor_works(self) -> None:
        self._do(self._work())

    async def _work(self) -> None:
        if await self._look():
            await self.actions.drain(PATIENCE)
        await self.it.recorder.flush()

    @rule(is_written=st.booleans())
    def the_conductor_sweeps(self, is_written: bool) -> None:
        self._do(self._sweep(is_written))

    async def _sweep(self, is_written: bool) -> None:
        await self._look()
        await self.it.sync.sweep(INTERVAL, contexts.new(), at_once=True)
        if is_written:
            await self.it.recorder.flush()

    @rule()
    def the_conductor_is_killed(self) -> None:
        self._do(self._crash())

    @rule(names=SOME, action=ACTION, who=st.sampled_from(PEOPLE), steps=st.integers(1, 12))
    def the_conductor_is_killed_at_its_work(self, names: set[str], action: str, who: str, steps: int) -> None:
        self.somebody_asks(names, action, who)
        self._do(self._work_until(steps))

    async def _work_until(self, steps: int) -> None:
        self._fuse.left = steps
        work = asyncio.create_task(self._work())
        await until(lambda: work.done() or self._fuse.blown)
        await self._crash()

    @rule()
    def all_comes_to_rest(self) -> None:
        self._do(self._rest())
        self._check()

    async def _rest(self) -> None:
        self.sql.away = False
        for machine in self._machines.values():
            machine.fault, machine.outdated = None, 0
        for _ in range(20):
            await self._work()
            if not self._unfinished():
                break
        for name in list(self._looked_after):
            self.somebody_looks_after_a_machine(name, False)
        for _ in range(2):
            await self._sweep(is_written=True)

    def _unfinished(self) -> bool:
        going = power_requests.c.state.in_((operations.WAITING, operations.BEGUN))
        return bool(self._rows(sa.select(power_requests.c.id).where(going)))

    def _rows(self, query: sa.Select[Any]) -> list[Any]:
        with self.it.database.read() as connection:
            return list(connection.execute(query))

    def _check(self) -> None:
        requests = self._rows(sa.select(power_requests).order_by(power_requests.c.id))
        assert len(requests) == self._accepted, "a request that was accepted is there for ever"
        assert all(one.finished_at for one in requests), "and has ended"
        for row in self._rows(sa.select(nodes)):
            mine = [one for one in requests if one.node_id == row.id]
            self._check_node(row, mine)
            self._check_ledger(row, mine)

    def _check_node(self, row: Any, mine: list[Any]) -> None:
        machine = self._machines[row.name]
        assert row.power_state == (states.POWER_ON if machine.on else states.POWER_OFF)
        assert (row.target_power_state, row.power_request_id) == (None, None)
        assert (row.reservation, row.reserved_for) == (None, None)
        assert not row.maintenance, "a fault goes when the hardware answers"
        begun = [one for one in mine if one.state in (operations.DONE, operations.FAILED)]
        reboots = [one for one in begun if one.action == states.REBOOTING]
        assert machine.reboots <= len(reboots), "no reboot is done twice"
        assert machine.needless == [], "nothing is switched to what it is known to be"
        assert all(one.begun_at for one in begun)
        assert all(one.error for one in mine if one.state == operations.FAILED)

    def _check_ledger(self, row: Any, mine: list[Any]) -> None:
        query = sa.select(power_events).where(power_events.c.node_uuid == row.uuid)
        events = self._rows(query.order_by(power_events.c.id))
        assert events[0].from_state is None
        assert all(one.to_state == two.from_state for one, two in itertools.pairwise(events))
        assert events[-1].to_state == row.power_state
        told = Counter(one.operation_id for one in events if one.cause == "request")
        done = {one.operation_id for one in mine if one.state == operations.DONE}
        ended = done | {one.operation_id for one in mine if one.state == operations.FAILED}
        assert done <= told.keys() <= ended
        # A reboot that failed with its machine off may still bring it on.
        assert all(times <= (1 if number in done else 2) for number, times in told.items())
        people = {one.operation_id: one.requested_by for one in mine}
        assert all(one.who == people[one.operation_id] for one in events if one.cause == "request")

    def teardown(self) -> None:
        try:
            self.all_comes_to_rest()
        finally:
            self._do(self._kill())
            self._runner.close()
            self._folder.cleanup()


@pytest.mark.long
def test_any_interleaving_ends_in_agreement() -> None:
    shrunk = (hypothesis.Phase.shrink,) if ROUNDS > 1 else ()  # which takes minutes
    settings = hypothesis.settings(
        max_examples=6 if ROUNDS == 1 else 10 * ROUNDS,
        stateful_step_count=20,
        phases=(hypothesis.Phase.generate, *shrunk),
        report_multiple_bugs=False,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    run_state_machine_as_test(Story, settings=settings)
