"""Restores the wanted power state of nodes that somebody else switched, if that is the operator's policy.

The gate decides which nodes may be switched back. Each such switch is an ordinary request in the ledger, in
the conductor's name. The gate's verdicts are written to the rows of the nodes and to the log. A freeze
applies to all members.
"""

import asyncio
import functools
import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

import sqlalchemy as sa
from oslo_context.context import RequestContext
from oslo_log import log

from podium.conductor.enforcement.freeze import Freeze
from podium.conductor.enforcement.gate import Gate
from podium.conductor.enforcement.groups import sizes_of
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.fleet import Fleet
from podium.conductor.recording.recorder import Recorder
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.sql import Sql
from podium.db import cancelling, changes, outcomes, power
from podium.db import fleet as statements
from podium.db.bulk import chunks
from podium.db.figures import EnforcementFigures
from podium.db.worker import Worker
from podium.node_ranges import fold_for_log

LOG = log.getLogger(__name__)

#: Seconds between two checks of the nodes that differ; longer if there are very many of them.
_PAUSE: Final = 1.0
_LOOKS: Final = 10_000  # nodes a second
#: Seconds between two counts of the nodes in each group, while nodes are enrolled and changed.
_COUNT_PAUSE: Final = 30.0
#: The most nodes for which one transaction makes requests.
_MOST_AT_ONCE: Final = 1000
#: The most operations that are cancelled when a freeze begins; older operations have begun by then.
_MOST_OPERATIONS: Final = 100


class Sweeps(Protocol):
    """What enforcement uses of the sweeps, which report to its gate. A higher layer implements it."""

    @property
    def gate(self) -> Gate:
        """The gate to which the reads are reported."""

    @property
    def round(self) -> float:
        """Seconds within which every node is read."""

    @property
    def oldest_read(self) -> float:
        """When the oldest read under way began, by the monotonic clock; infinity if there is none."""

    def read_now(self, entries: Iterable[Entry], request: RequestContext) -> None:
        """Read some nodes at once."""


class Enforcement:
    """Switches nodes back if the gate allows it. For the conductor's loop, except for ``figures``.

    :param member: this member
    :param clock: the monotonic clock of the rooms' loops, in seconds
    """

    def __init__(
        self,
        sql: Sql,
        fleet: Fleet,
        recorder: Recorder,
        sync: Sweeps,
        *,
        member: Worker,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sql = sql
        self._fleet = fleet
        self._recorder = recorder
        self._sync = sync
        self._gate = sync.gate
        self._freeze = Freeze(sql, sync.gate, member)
        self._clock = clock
        self._looked = self._counted = -math.inf
        self._counted_of: tuple[int, int, Rules] | None = None
        self._texts: dict[int, str] = {}
        self._operations: deque[int] = deque(maxlen=_MOST_OPERATIONS)
        self._kinds: Counter[str] = Counter()
        self._enforced = 0

    @property
    def figures(self) -> EnforcementFigures:
        """The numbers of nodes that were switched back and, by reason, were not; whether it is frozen."""
        return EnforcementFigures(
            is_frozen=self._gate.frozen is not None,
            enforced=self._enforced,
            waiting=self._kinds["waiting"],
            unreachable=self._kinds["unreachable"],
            frozen=self._kinds["frozen"],
            flapping=self._kinds["flapping"],
            dry_run=self._kinds["dry run"],
            disturbed=self._gate.disturbed,
        )

    def apply(self, rules: Rules) -> None:
        """Apply the rules of the config file."""
        self._gate.rules = rules

    async def resume(self) -> None:
        """Continue from an earlier run, with its freeze and the texts in the nodes' rows.

        :raises podium.errors.DatabaseUnavailable: the database cannot be read
        """
        await self._freeze.resume(self._clock())
        self.note(self._fleet.entries())

    def note(self, gained: Iterable[Entry]) -> None:
        """Note the texts in the rows of nodes that this conductor has gained."""
        self._texts |= {one.number: one.enforcement for one in gained if one.enforcement}

    async def poll(self) -> None:
        """Request that nodes be switched back; to be called at least about once a second.

        :raises podium.errors.DatabaseUnavailable: nothing can be written; the next call tries again
        """
        now = self._clock()
        pause = max(_PAUSE, len(self._gate.cases()) / _LOOKS)
        if now - self._looked < pause:
            return
        self._looked = now
        await self._freeze.look(now, self._fleet.seen)
        self._gate.settle(max(self._sync.round, self._freeze.longest_round))
        if self._gate.rules.force or self._fleet.enforced or self._freeze.is_asked:
            await self._count(now)
        elif self._freeze.is_alone and self._gate.sizes:
            self._gate.sizes, self._counted_of = {}, None
        self._read_again(now)
        await self._restore_all(self._look(now))
        await self._freeze.follow(now, self._sync.round, self._sync.oldest_read)
        if self._gate.frozen is not None:
            await self._take_back()

    async def _restore_all(self, go: Mapping[tuple[str, str], Sequence[Entry]]) -> None:
        """Switch nodes back, grouped by their state and the wanted state, once all other members agree."""
        numbers = [entry.number for entries in go.values() for entry in entries]
        agreed = await self._freeze.answered(numbers) if numbers else ()
        for (state, wanted), entries in go.items():
            for chunk in chunks([entry for entry in entries if entry.number in agreed], _MOST_AT_ONCE):
                await self._restore(state, wanted, chunk)

    async def _count(self, now: float) -> None:
        """Count the nodes of each group if the numbers may have changed."""
        of = self._fleet.seen, len(self._fleet), self._gate.rules
        if of != self._counted_of and now - self._counted >= _COUNT_PAUSE:
            entries, self._counted_of, self._counted = self._fleet.entries(), of, now
            self._gate.sizes = await asyncio.to_thread(sizes_of, entries, self._gate.rules)

    def _read_again(self, now: float) -> None:
        entries = [entry for number in self._gate.again(now) if (entry := self._fleet.get(number))]
        self._sync.read_now(entries, contexts.new())

    def _look(self, now: float) -> dict[tuple[str, str], list[Entry]]:
        """Judge every node that differs, and record why it is left alone.

        :returns: the nodes to switch back, by their state and the wanted state
        """
        # First, so that everything reported so far is counted before any node is switched.
        self._gate.judge(now)
        oldest = self._sync.oldest_read
        kinds: Counter[str] = Counter()
        texts: dict[int, str] = {}
        go: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        for number, state in self._gate.cases():
            entry = self._fleet.get(number)
            if entry is None or not self._differs(entry, state):
                self._gate.drop(number)
            elif entry.node.target_power_state is None and number not in self._fleet.taken:
                verdict = self._gate.verdict(entry, now, oldest)
                if verdict.kind == "go":
                    go[state, entry.wanted or ""].append(entry)
                else:
                    kinds[verdict.kind] += 1
                if verdict.text is not None:
                    texts[number] = verdict.text
        for number in self._texts.keys() | texts.keys():
            if texts.get(number) != self._texts.get(number) and self._fleet.get(number) is not None:
                self._recorder.add_enforcement(number, texts.get(number))
        self._texts, self._kinds = texts, kinds
        return go

    def _differs(self, entry: Entry, state: str) -> bool:
        """Whether a node that was found in this state should still be in another."""
        return (
            self._gate.rules.enforce(entry)
            and not entry.node.maintenance
            and entry.wanted not in (None, state)
        )

    async def _restore(self, state: str, wanted: str, entries: Sequence[Entry]) -> None:
        reason = f"{outcomes.ENFORCED}: it was {state}, wanted is {wanted}"
        versions = {entry.number: entry.version for entry in entries}

        def ask(connection: sa.Connection) -> power.Asked | None:
            # First: from here on nobody else can freeze, or make a request that this request would replace.
            changes.next_change(connection)
            if not self._freeze.permits(connection, self._clock()):
                return None
            rows = statements.load(connection, list(versions))
            same = [row for row in rows if row.version == versions[row.id] and row.target_power_state is None]
            return power.ask(connection, same, wanted, who=outcomes.ENFORCER, reason=reason)

        asked = await self._sql.write(ask)
        if asked is None:
            return
        now = self._clock()
        for number in asked.accepted:
            self._gate.tried(number, now)
        if asked.operation_id is not None:
            self._operations.append(asked.operation_id)
            names = {entry.number: entry.node.name for entry in entries}
            LOG.warning(
                "%s: %s, which nobody asked for; switched to %s again",
                fold_for_log([names[number] for number in asked.accepted]),
                state,
                wanted,
            )
        self._enforced += len(asked.accepted)

    async def _take_back(self) -> None:
        """Cancel requests from before the freeze that have not begun."""
        while self._operations:
            number = self._operations[0]
            await self._sql.write(functools.partial(_cancel, number=number))
            self._operations.popleft()


def _cancel(connection: sa.Connection, number: int) -> None:
    cancelling.cancel(connection, number, outcomes.ENFORCER)
