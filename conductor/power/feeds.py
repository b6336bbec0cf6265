"""Switches a machine off and on at its feeds, where its own hardware does not answer any more.

Its feeds are nodes of their own, and may be other conductors': they are switched by operations of their own,
on behalf of whoever asked. All are off for a while before any is switched on again. Whatever happens after
the first was asked to switch off, all are asked to switch on: also by the conductor that goes on if this one
ends.
"""

import asyncio
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from podium import errors, states
from podium.conductor.power.sending import Confirm, Failed
from podium.conductor.rooms.sql import Sql
from podium.db import api, cancelling, operations, power
from podium.db import feeds as statements
from podium.db.api import NodeKey
from podium.db.beginning import Begun
from podium.db.operations import PowerRequest
from podium.pacing import Gaps

#: What a request is given that is carried out at the feeds.
AT: Final = "at"
FEED: Final = "feed"
#: Seconds beyond its timeout in which a feed must have been switched: it may wait for its conductor first.
_GRACE: Final = 30.0
#: Seconds between two looks at the feeds.
_PAUSES: Final = Gaps(0.1, 2.0, growth=1.5)
_WORDS: Final[Mapping[str, str]] = {
    operations.REPLACED: "replaced by a newer request",
    operations.WAITING: "its conductor has not begun",
    operations.BEGUN: "under way still",
}


class Cycled(NamedTuple):
    """How it ended: why it failed, or what was done."""

    error: str | None
    result: str | None = None


class _Switched(NamedTuple):
    """The operations that were asked for, and why feeds were not switched."""

    numbers: Sequence[int]
    problems: Sequence[str]

    @property
    def named(self) -> str:
        """The operations in words."""
        return f"operation {' and '.join(map(str, self.numbers))}"


def is_at_feed(arguments: Mapping[str, Any] | None) -> bool:
    """Whether a request is carried out at the feeds."""
    return arguments is not None and arguments.get(AT) == FEED


class FeedCycle:
    """One machine that is switched off and on at its feeds. Used by the conductor's loop alone.

    :param confirm: has the database confirm that the request is under way here, and note that it was sent
    :param timeout: seconds in which each feed must show its new state
    :param off_for: seconds for which all feeds are off
    """

    def __init__(self, sql: Sql, begun: Begun, confirm: Confirm, *, timeout: float, off_for: float) -> None:
        self._sql = sql
        self._begun = begun
        self._confirm = confirm
        self._timeout = timeout
        self._off_for = off_for
        self._name = begun.node.name

    async def carry_out(self) -> Cycled:
        """Carry out the request, or end what a conductor has begun that has ended.

        :raises podium.errors.DatabaseUnavailable: then it goes on later, as after the end of a conductor
        """
        resumed = self._begun.sent_at is not None
        try:
            keys, were_off = await self._feeds(resumed=resumed)
            if not resumed:
                await self._confirm()
                off = await self._switch_off(keys)
            elif were_off:
                off = _Switched([], [])
            else:
                off = _Switched([], ["its conductor ended before all its feeds were off, as far as is known"])
        except (Failed, errors.NodeConflict) as failure:
            return Cycled(str(failure))
        if not off.problems:
            await asyncio.sleep(self._off_for)
        on = await self._switch_on(keys)
        names = ", ".join(one.name for one in keys)
        if off.problems or on.problems:
            ends = f"all its feeds are on ({on.named})" if not on.problems else ""
            return Cycled("; ".join(filter(None, (*off.problems, ends, *on.problems))))
        before = f" ({off.named})" if off.numbers else ""
        return Cycled(None, f"{names}: off{before}, and on again ({on.named})")

    async def _feeds(self, *, resumed: bool) -> tuple[list[NodeKey], bool]:
        """Return the feeds, and whether all of them are off as far as is known.

        :raises Failed: if they are not to be switched
        """
        number = self._begun.node.id

        def look(connection: sa.Connection) -> tuple[list[NodeKey], bool]:
            found = statements.look(connection, [number]).get(number, [])
            if refused := statements.why_not_switched(found):
                if not resumed:
                    raise Failed(f"{refused}; nothing was switched")
                found = [one for one in found if one.uuid is not None and not one.is_itself]
                if not found:
                    raise Failed(
                        f"its conductor ended, and now {refused}: look whether those that it had are on"
                    )
            keys = api.find_keys(connection, [one.uuid for one in found if one.uuid is not None])
            return keys, all(one.power_state == states.POWER_OFF for one in found)

        return await self._sql.read(look)

    async def _switch_off(self, keys: Sequence[NodeKey]) -> _Switched:
        """Switch all feeds off; those that have not begun in time never do.

        :raises Failed: if one of them does not take it: then none was asked
        """

        def ask(connection: sa.Connection) -> int | None:
            asked = self._ask(connection, keys, states.POWER_OFF)
            if asked.refused:
                raise Failed(f"{'; '.join(asked.refused)}; nothing was switched")
            return asked.operation_id

        number = await self._sql.write(ask)
        assert number is not None
        found = await self._ended([number])
        problems = _problems(found, "off")
        if problems:
            who = self._begun.requested_by
            await self._sql.write(lambda connection: cancelling.cancel(connection, number, who))
        return _Switched([number], problems)

    async def _switch_on(self, keys: Sequence[NodeKey]) -> _Switched:
        """Ask all feeds to switch on, those that are still being switched off as soon as they take it."""
        end, pauses = time.monotonic() + self._timeout + _GRACE, iter(_PAUSES)
        left, numbers, refused = list(keys), [], [""]
        while left:
            asked = await self._sql.write(functools.partial(self._ask, keys=left, action=states.POWER_ON))
            if asked.operation_id is not None:
                numbers.append(asked.operation_id)
            left = [one for one in left if one.id not in asked.accepted]
            refused = [f"its feed {line} (not switched on)" for line in asked.refused]
            if time.monotonic() >= end:
                break
            if left:
                await asyncio.sleep(next(pauses))
        found = await self._ended(numbers)
        return _Switched(numbers, [*_problems(found, "on"), *(refused if left else [])])

    def _ask(self, connection: sa.Connection, keys: Sequence[NodeKey], action: str) -> power.Asked:
        begun = self._begun
        reason = f"{begun.action} of {self._name} at its feeds, operation {begun.operation_id}"
        return power.ask(
            connection, keys, action, who=begun.requested_by, reason=reason, timeout=begun.timeout
        )

    async def _ended(self, numbers: Sequence[int]) -> list[PowerRequest]:
        """Return the requests of operations once all have ended, or it takes too long."""
        end, pauses = time.monotonic() + self._timeout + _GRACE, iter(_PAUSES)
        while True:
            found = await self._sql.read(
                lambda connection: [
                    one for number in numbers for one in operations.requests_of(connection, number)
                ]
            )
            if time.monotonic() >= end or not any(one.state in operations.UNFINISHED for one in found):
                return found
            await asyncio.sleep(next(pauses))


def _problems(found: Sequence[PowerRequest], where: str) -> list[str]:
    """Why feeds were not switched."""
    return [
        f"its feed {one.node_name} was not switched {where}: {_WORDS.get(one.state, one.error)}"
        for one in found
        if one.state != operations.DONE
    ]
