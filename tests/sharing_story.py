"""Members that share a fleet, with all possible events in any order; see model_members.py.

The rules that must always hold are checked whenever a packet is sent and whenever a second has passed. At
rest, all accepted requests have ended, everything has an owner, and nothing is held.
"""

import contextlib
import functools
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Final
from unittest import mock

import hypothesis
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from model_members import generation, make_world
from model_world import CRASH, LATE, LOST, PAUSE, STALL, SUSPEND, Violation
from podium import states
from podium.db import api, members, power, slots
from podium.db import sharing as plans
from podium.db.models import nodes, power_requests

#: The hosts, and the seconds by which their clocks differ.
HOSTS: Final = {"east": 7200.0, "north": 0.0, "west": -7200.0}
NAMES: Final = ("a", "b", "c", "d")
#: Few, so that a generation is cheap.
SLOTS: Final = 4
HOST: Final = st.sampled_from(sorted(HOSTS))
NODES: Final = st.sets(st.sampled_from(NAMES), min_size=1)
ACTION: Final = st.sampled_from((states.REBOOTING, states.POWER_ON, states.POWER_OFF))
SECONDS: Final = st.integers(1, 25)


class Story(RuleBasedStateMachine):
    """Actions of users, hosts, networks and the database, in any order."""

    def __init__(self, faults: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self._patches = contextlib.ExitStack()
        for module in (slots, plans):
            self._patches.enter_context(mock.patch.object(module, "SLOTS", SLOTS))
        self._folder = tempfile.TemporaryDirectory(prefix="podium-model-")
        self.world = make_world(self._folder.name, HOSTS, faults)
        with self.world.transaction() as connection:
            api.create_nodes(connection, [{"name": name, "driver": "rack"} for name in NAMES])
        for slot, name in enumerate(NAMES):
            self.world.move(name, slot)
        self._asked = 0
        for host in self.world.hosts.values():
            host.start(knows=True)
        self.world.pass_time(6)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @rule(names=NODES, action=ACTION, seconds=st.integers(0, 3))
    def somebody_asks(self, names: set[str], action: str, seconds: int) -> None:
        with self.world.transaction() as connection:
            for node in api.find_nodes(connection, sorted(names)):
                self._asked += 1
                who = f"{self._asked}"
                if power.ask(connection, [node], action, who=who).accepted:
                    self.world.accepted.append(who)
        self.world.pass_time(seconds)

    @rule(
        host=HOST,
        kind=st.sampled_from((CRASH, PAUSE, SUSPEND, STALL)),
        steps=st.integers(1, 30),
        seconds=st.integers(1, 40),
    )
    def a_process_stops(self, host: str, kind: str, steps: int, seconds: int) -> None:
        self.world.hosts[host].fuse = steps, "", kind, seconds
        self.world.pass_time(3)

    @rule(host=HOST, knows=st.booleans())
    def a_process_starts(self, host: str, knows: bool) -> None:
        self.world.hosts[host].start(knows=knows)

    @rule(host=HOST)
    def a_process_is_asked_to_stop(self, host: str) -> None:
        self.world.hosts[host].leaves = True

    @rule(host=HOST, cut=st.booleans())
    def a_cable_is_cut_or_mended(self, host: str, cut: bool) -> None:
        self.world.hosts[host].cut = cut

    @rule(host=HOST, cut=st.booleans())
    def a_heartbeat_hangs_or_goes_on(self, host: str, cut: bool) -> None:
        self.world.hosts[host].heart_is_cut = cut

    @rule(away=st.booleans())
    def the_database_goes_or_comes(self, away: bool) -> None:
        self.world.away = away

    @rule(host=HOST, fate=st.sampled_from((LOST, LATE)), commits=st.integers(1, 6))
    def a_commit_is_not_answered(self, host: str, fate: str, commits: int) -> None:
        self.world.hosts[host].commit = commits, fate
        self.world.pass_time(2)

    @rule(name=st.sampled_from(NAMES), stuck=st.booleans())
    def hardware_is_stuck_or_goes_on(self, name: str, stuck: bool) -> None:
        self.world.machines[name].stuck = stuck

    @rule(host=HOST, is_drained=st.booleans())
    def a_conductor_is_drained_or_not(self, host: str, is_drained: bool) -> None:
        self.world.drain(host, is_drained)

    @rule(name=st.sampled_from(NAMES), slot=st.integers(0, SLOTS - 1))
    def a_node_is_edited(self, name: str, slot: int) -> None:
        self.world.move(name, slot)

    @rule()
    def the_standby_follows(self) -> None:
        self.world.copy()

    @rule()
    def the_standby_is_promoted(self) -> None:
        self.world.promote()

    @rule()
    def all_comes_to_rest(self) -> None:
        self._let_all_go_on()
        for _ in range(30):
            for host in self.world.hosts.values():
                host.start(knows=True)
            self.world.pass_time(5)
            if not (unrest := self._unrest()):
                return
        raise Violation(unrest)

    def _let_all_go_on(self) -> None:
        world = self.world
        world.away = False
        for machine in world.machines.values():
            machine.stuck = False
        for name, host in world.hosts.items():
            host.cut = host.heart_is_cut = False
            host.fuse, host.commit, host.wakes_at = None, None, world.now
            world.drain(name, False)

    def _unrest(self) -> list[str]:
        """Return what is still different from a fleet at rest."""
        world = self.world
        with world.transaction() as connection:
            alive = members.unended(connection)
            newest, settled = generation(connection), members.settled(connection)
            owned = [set(slots.owned(connection, one.name).get(("", "rack"), ())) for one in alive]
        weights = Counter(row.slot for row in world.rows(sa.select(nodes.c.slot)))
        shares = [sum(weights[slot] for slot in its) for its in owned]
        reads = Counter(number for host in world.hosts.values() for number in host.reads())
        unfinished = sa.select(power_requests).where(power_requests.c.finished_at.is_(None))
        held = nodes.c.reservation.is_not(None) | nodes.c.target_power_state.is_not(None)
        asked = {row.requested_by for row in world.rows(sa.select(power_requests))}
        faults = {
            f"members: {alive}": len(alive) != len(HOSTS),
            f"settled is {settled} of {newest}": settled != newest,
            f"owned: {owned}": set().union(*owned) != set(range(SLOTS)),
            f"shares: {shares}": max(shares, default=0) - min(shares, default=0) > max(weights.values()),
            f"read: {reads}": len(reads) != len(NAMES) or set(reads.values()) != {1},
            f"late: {world.late}": bool(world.late),
            f"lost: {world.accepted} {asked}": not asked >= set(world.accepted),
            **{f"unfinished: {row}": True for row in world.rows(unfinished)},
            **{f"held: {row}": True for row in world.rows(sa.select(nodes).where(held))},
        }
        return [words for words, is_so in faults.items() if is_so]

    def teardown(self) -> None:
        with self.open():
            self.all_comes_to_rest()

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Close a story's open resources at its end."""
        try:
            yield
        finally:
            self.world.close()
            self._folder.cleanup()
            self._patches.close()


def run(faults: frozenset[str] = frozenset(), *, examples: int) -> None:
    """Run this many examples. They are the same each time, unless there are many."""
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=25,
        phases=(hypothesis.Phase.generate,),
        report_multiple_bugs=False,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    run_state_machine_as_test(functools.partial(Story, faults), settings=settings)
