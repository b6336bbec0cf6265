"""The freeze that all members share, and the counts of the other members.

A member that counts too many disturbed nodes freezes enforcement for the whole fleet in the database and logs
this. The freeze ends when a member counts few, or when a person requests it. Before a member switches
nodes back, it asks all others for their counts, and waits until each that has not ended has answered.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from oslo_log import log

from podium.conductor.enforcement.gate import Gate
from podium.conductor.enforcement.outage import added
from podium.conductor.rooms.sql import Sql
from podium.db import enforcement
from podium.db.enforcement import Counted, Group, Standing
from podium.db.worker import Worker

LOG = log.getLogger(__name__)


class Freeze:
    """Exchanges freezes and counts between this member's gate and the other members.

    Every ``now`` is in seconds of the gate's clock.

    :param member: this member
    """

    def __init__(self, sql: Sql, gate: Gate, member: Worker) -> None:
        self._sql = sql
        self._gate = gate
        self._member = member
        self._standing = Standing()
        self._pulse: int | None = None  # at the last look
        self._since: datetime | None = None  # when the freeze that operators see began
        self._others: Sequence[Counted] = ()
        self._ended: dict[int, float] = {}  # by member, when it was first seen to have ended
        self._asked_at = 0.0  # when the newest question of any member was seen
        self._answered = 0
        self._saved: tuple[Mapping[str, Group], float, Standing] | None = None
        self._sizes = gate.sizes  # the sizes that were last written
        self._question: int | None = None  # this member's open question, and its nodes
        self._for: frozenset[int] = frozenset()

    @property
    def is_asked(self) -> bool:
        """Whether a member has asked for this member's counts and has no answer yet."""
        return self._standing.asked > self._answered

    @property
    def is_alone(self) -> bool:
        """Whether no other member is known."""
        return not self._others

    @property
    def longest_round(self) -> float:
        """The seconds in which the slowest of the other members reads all its nodes."""
        return max((one.round for one in self._others if not one.has_ended), default=0.0)

    @property
    def _is_concerned(self) -> bool:
        return self._gate.disturbed > 0 or bool(self._gate.cases())

    async def resume(self, now: float) -> None:
        """Join the freeze, if there is one.

        :raises podium.errors.DatabaseUnavailable: the database cannot be read
        """
        found = self._standing = await self._sql.read(enforcement.standing)
        self._asked_at = now
        if found.frozen_at is not None:
            self._gate.freeze(found.frozen_reason or "", now)
            self._since = found.frozen_at
            LOG.error("Enforcement is frozen as it was before the start: %s", found.frozen_reason)

    async def look(self, now: float, pulse: int) -> None:
        """Read the freezes, thaws, questions and counts of other members.

        :param pulse: the number of the newest change
        :raises podium.errors.DatabaseUnavailable: the database cannot be read
        """
        concerned = self._gate.frozen is not None or self._is_concerned
        if pulse == self._pulse and not concerned:
            return

        def statement(connection: sa.Connection) -> tuple[Standing, Sequence[Counted]]:
            found = enforcement.standing(connection)
            if not concerned:
                return found, self._others
            return found, enforcement.others(connection, self._member, found.thaws)

        found, self._others = await self._sql.read(statement)
        self._pulse = pulse
        if found.asked != self._standing.asked:
            self._asked_at = now
        if found.thaws != self._standing.thaws:
            self._gate.forgive()
            self._end("podium conductor thaw asked for it")
        elif found.frozen_at is None and self._since is not None:
            self._gate.thaw()
            self._end("few nodes change any more")
        elif found.frozen_at is not None and self._since is None:
            self._gate.freeze(found.frozen_reason or "", now)
            self._begin(found.frozen_at, found.frozen_reason or "")
        self._standing = found
        self._gate.add_others(self._total(self._others, now) if concerned else {})

    async def follow(self, now: float, seconds: float, oldest_read: float) -> None:
        """Write what this member's gate has decided, and its counts.

        :param seconds: the seconds in which this member reads every node
        :param oldest_read: when the oldest read under way began
        :raises podium.errors.DatabaseUnavailable: nothing can be written; the next call tries again
        """
        frozen = self._gate.frozen
        if frozen is not None and self._since is None:
            since = self._sql.now()
            await self._sql.write(lambda connection: enforcement.freeze(connection, since, frozen[0]))
            self._begin(since, frozen[0])
        elif frozen is None and self._since is not None:
            await self._sql.write(enforcement.thaw)
            self._end("few nodes change any more")
        told = self._saved is not None and any(group.disturbed for group in self._saved[0].values())
        sizes = self._gate.sizes
        if self._is_concerned or self.is_asked or told or sizes is not self._sizes:
            # The counts answer a question once all reads that were under way when it came have ended.
            answered = self._standing.asked if oldest_read >= self._asked_at else self._answered
            saved = self._gate.counts(now), seconds, self._standing._replace(asked=answered)
            if saved != self._saved:
                await self._sql.write(lambda connection: enforcement.save(connection, self._member, *saved))
                self._saved, self._answered = saved, answered
            self._sizes = sizes

    async def answered(self, numbers: Collection[int]) -> frozenset[int]:
        """Those of the nodes to switch back for which all other members were asked and have answered.

        :raises podium.errors.DatabaseUnavailable: the question cannot be written
        """
        if all(one.has_ended for one in self._others):
            self._question = None
            return frozenset(numbers)
        if self._question is None:
            self._for = frozenset(numbers)
            self._question = await self._sql.write(enforcement.ask)
            return frozenset()
        if not _have_answered(self._others, self._question):
            return frozenset()
        self._question = None
        return self._for.intersection(numbers)

    def permits(self, connection: sa.Connection, now: float) -> bool:
        """Whether nodes may be switched back in this transaction, by the counts of all members."""
        found = enforcement.standing(connection)
        others = enforcement.others(connection, self._member, found.thaws)
        # A member that has entered since the question has not counted yet.
        if found.frozen_at is not None or not _have_answered(others, 0):
            return False
        self._gate.add_others(self._total(others, now))
        self._gate.judge(now)
        return self._gate.frozen is None

    def _total(self, others: Sequence[Counted], now: float) -> dict[str, Group]:
        """The sum of all other members' counts; for members that ended, their last counts, for one window."""
        total = added(*(one.groups or {} for one in others if not one.has_ended))
        mine = self._gate.sizes
        for one in others:
            if one.has_ended:
                since = self._ended.setdefault(one.member, now)
                if one.groups is not None and now - since <= self._gate.rules.correlated_window:
                    # Others read its nodes by now, or will soon, and include them in their sizes.
                    total = added(
                        {
                            name: group._replace(size=0) if name in total or name in mine else group
                            for name, group in one.groups.items()
                        },
                        total,
                    )
        return total

    def _begin(self, since: datetime, reason: str) -> None:
        self._since = since
        LOG.error(
            "Enforcement is frozen, no node is switched back: %s; it goes on by itself once few nodes"
            " change, or by podium conductor thaw",
            reason,
        )

    def _end(self, why: str) -> None:
        if self._since is not None:
            LOG.warning("Enforcement goes on: %s", why)
        self._since = None


def _have_answered(others: Sequence[Counted], question: int) -> bool:
    return all(one.has_ended or (one.groups is not None and one.answered >= question) for one in others)
