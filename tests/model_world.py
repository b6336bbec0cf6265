"""A world for members that share a fleet: time and machines are a model, the database is real.

Nothing here waits. Time passes only on request.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from podium import errors, states
from podium.db import api, drains, members, models
from podium.db.engine import Database
from podium.db.models import conductors, power_requests
from podium.db.models import members as members_table
from podium.db.operations import BEGUN
from podium.db.worker import Worker
from templates import write_sqlite

if TYPE_CHECKING:
    from model_changes import Change
    from model_members import Process

#: Seconds.
LEASE: Final = 15.0
INTERVAL: Final = 3.0
LOOK: Final = 10.0
PATIENCE: Final = 12.0

#: How a process may stop: permanently; with its clock running; with its clock; except for its heartbeat.
CRASH, PAUSE, SUSPEND, STALL = "crash", "pause", "suspend", "stall"
#: How a commit may fail: it is carried out without an answer, or carried out later.
LOST, LATE = "lost", "late"

#: The rules that a faulty member breaks.
NO_GENERATION_CHECK = "a gained slot begins at once"
ACKNOWLEDGES_FIRST = "acknowledges before it has given up"
WALL_CLOCK = "judges leases by the wall clock"
FROM_THE_ANSWER = "counts a renewal from its answer"
NO_GUARD = "writes without looking whether it has ended"
NO_CONFIRMATION = "sends without asking the database"
SLOTS_FIRST = "asks for its slots before it asks what has settled"
NO_TIMELINE = "does not notice that the database went back in time"

#: Ends the turn of the yielding steps. After any other step, they may continue at once.
WAIT: Final = "wait"
Steps = Generator[str, None, None]


class Violation(AssertionError):
    """A rule that must hold for every member, at any time."""


@dataclass
class Machine:
    """A machine, and who switched it for which request."""

    on: bool = False
    stuck: bool = False  # a call does not return, and has no effect until it does
    sends: list[tuple[float, Worker]] = field(default_factory=list)


class World:
    """The database, the machines and the time.

    :param hosts: names of hosts that may run members, see model_members.make_world
    :param faults: rules that all members break
    """

    def __init__(self, folder: str, hosts: Iterable[str], faults: frozenset[str]) -> None:
        self.now = 0.0
        self.faults = faults
        self.away = False
        self.timeline = 1
        self.late: list[tuple[float, Callable[[sa.Connection], object]]] = []
        self.machines: defaultdict[str, Machine] = defaultdict(Machine)
        self.accepted: list[str] = []
        #: The number of reboots by requester. Each request has a different requester.
        self.reboots: Counter[str] = Counter()
        self.renewed: dict[int, float] = {}  # by the holders' clocks
        self.moved: dict[int, float] = {}  # when nodes were edited or went back in time, by number
        #: Requesters whose packet may have been sent twice, as documented.
        self.excused: set[str] = set()
        self._file = Path(folder, "podium.sqlite")
        self._copy: bytes | None = None
        write_sqlite(self._file)
        self._open()
        with self.transaction() as connection:
            for name in hosts:
                row = {"hostname": name, "workers": 1, "started_at": clock_now()}
                connection.execute(sa.insert(conductors).values(row))
        self.hosts: dict[str, Process] = {}

    def _open(self) -> None:
        self._database = Database(f"sqlite:///{self._file}")
        self._connection = self._database.engine.connect()

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
        self._database.dispose()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Open a transaction. All transactions share one connection, which saves most of the time."""
        with self._connection.begin():
            yield self._connection

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        """Query the database, regardless of who can reach it."""
        with self.transaction() as connection:
            return list(connection.execute(query))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and run all processes."""
        for _ in range(round(seconds)):
            self.now += 1
            due = [one for one in self.late if one[0] <= self.now]
            self.late = [one for one in self.late if one[0] > self.now]
            for _, transaction in due:
                with contextlib.suppress(errors.PodiumError), self.transaction() as connection:
                    transaction(connection)
            for process in self.hosts.values():
                process.live()
            self.check_readers()

    def drain(self, host: str, is_drained: bool) -> None:
        """Drain a host, or let it take nodes again."""
        with self.transaction() as connection:
            (drains.drain if is_drained else drains.undrain)(connection, host)

    def move(self, name: str, slot: int) -> None:
        """Edit a node to move it to another slot, unless it is reserved."""
        with contextlib.suppress(errors.NodeConflict), self.transaction() as connection:
            (node,) = api.find_nodes(connection, [name])
            api.update_node(connection, node.id, {"slot": slot})
            self.moved[node.id] = self.now

    def _slots(self) -> set[tuple[int, int]]:
        """Return the slot of each node."""
        return {(row.id, row.slot) for row in self.rows(sa.select(models.nodes.c.id, models.nodes.c.slot))}

    def copy(self) -> None:
        """Copy the database for a standby. Later commits are lost if it is promoted."""
        self.close()
        self._copy = self._file.read_bytes()
        self._open()

    def promote(self) -> None:
        """Set the database back to the copy."""
        if self._copy is None:
            return
        slots = self._slots()
        self.close()
        self._file.write_bytes(self._copy)
        self._open()
        self.late.clear()
        self.moved |= dict.fromkeys((number for number, _ in slots ^ self._slots()), self.now)
        self.timeline += 1
        query = sa.select(power_requests.c.requested_by, power_requests.c.sent_at)
        known = {row.requested_by: row.sent_at for row in self.rows(query)}
        self.accepted = [one for one in self.accepted if one in known]
        under_way = {who for process in self.hosts.values() for who in process.sent}
        self.excused |= {who for who in self.reboots if known.get(who) is None} - under_way

    def send(self, change: "Change", command: str, is_excused: bool) -> None:
        """Deliver a packet to a machine.

        :param is_excused: whether the sender was stopped between the database's answer and the packet
        """
        begun, worker = change.begun, change.worker
        machine = self.machines[begun.node.name]
        query = sa.select(power_requests.c.holder, power_requests.c.state, members_table.c.ended_at)
        query = query.join_from(
            power_requests, members_table, members_table.c.id == worker.incarnation, isouter=True
        )
        found = self.rows(query.where(power_requests.c.requested_by == begun.requested_by))
        is_rightful = [(row.holder, row.state, row.ended_at) for row in found] == [(worker, BEGUN, None)]
        others = [one for at, one in machine.sends if at >= change.confirmed_at and one != worker]
        if not is_excused and (others or not (is_rightful or change.timeline != self.timeline)):
            raise Violation(
                f"{worker} sends {command} to {begun.node.name}, which is not its own: {found} {others}"
            )
        machine.sends.append((self.now, worker))
        if command == states.REBOOTING:
            self.reboots[begun.requested_by] += 1
            if is_excused:
                self.excused.add(begun.requested_by)
            if self.reboots[begun.requested_by] > 1 and begun.requested_by not in self.excused:
                raise Violation(f"{worker} reboots {begun.node.name} once more")
        machine.on = command != states.POWER_OFF

    def check_readers(self) -> None:
        """Check that each node has at most one reader, not counting processes that are cut off."""
        alive = {member.name for member in self._unended()}
        readers: defaultdict[int, list[Worker]] = defaultdict(list)
        for process in self.hosts.values():
            if process.worker in alive and not process.is_cut_off:
                for number in process.reads():
                    if process.looked_at > self.moved.get(number, -1):
                        readers[number].append(process.worker)
        if several := {name: them for name, them in readers.items() if len(them) > 1}:
            raise Violation(f"read by several: {several}")

    def _unended(self) -> list[members.Member]:
        with self.transaction() as connection:
            return members.unended(connection)


def clock_now() -> datetime:
    """Return a time for display."""
    return models.utcnow()
