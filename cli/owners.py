"""Which conductors can carry out what is waited for, and whether any of them lives."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from podium.clocks import boottime
from podium.db import conductors, operations
from podium.db.conductors import ConductorRecord, is_fresh

#: Seconds between two looks at the conductors while a command waits.
_EVERY: Final = 1.0


class Owner(NamedTuple):
    """A conductor that must live for some requests to end: one of a kind, or the one that has begun.

    What one has begun that is gone is taken over by any that serves the node.
    """

    driver: str
    group: str
    host: str | None
    avoiding: frozenset[str]

    def may_be(self, one: ConductorRecord) -> bool:
        """Whether this conductor is one that is meant."""
        serves = one.serves(self.driver, self.group) and one.hostname not in self.avoiding
        return one.hostname == self.host or serves

    def missing(self, timeout: float) -> str:
        """Say that it has not been heard of."""
        group = f" and the conductor_group {self.group}" if self.group else ""
        kind = f"with the driver {self.driver}{group}"
        if self.avoiding:
            kind += " that does not avoid the subnet (podium conductor avoided)"
        if self.host is not None:
            return (
                f"the conductor {self.host}, which has begun it, has not been heard of for {timeout:g} s, nor"
                f" any other {kind}"
            )
        return f"no conductor {kind} has been heard of for {timeout:g} s"


class OwnersWatch:
    """Watches, for a command that waits, whether somebody lives who can carry out what is left.

    Heartbeats are compared with the database's clock and with those of the last look, and what happens
    between two looks is measured by a clock that nobody sets: no other host's clock counts.

    :param number: of the operation
    :param timeout: seconds, ``[conductor] heartbeat_timeout``; for so long one may be starting
    """

    def __init__(self, number: int, timeout: float, clock: Callable[[], float] = boottime) -> None:
        self._number = number
        self._timeout = timeout
        self._clock = clock
        self._start = self._looked = clock()
        self._lived: dict[Owner, float] = {}
        self._heartbeats: dict[str, datetime] = {}
        #: Why nothing more will happen for now, when that is so.
        self.verdict: str | None = None

    def look(self, connection: sa.Connection) -> None:
        """Find out whether all that is left waits for conductors that do not live."""
        now = self._clock()
        if now - self._looked < _EVERY:
            return
        self._looked = now
        left = [Owner(*row) for row in operations.unfinished_owners(connection, self._number)]
        known = conductors.list_conductors(connection)
        heard = {one.hostname: self._heard_at(one, now) for one in known}
        self._heartbeats = {one.hostname: one.heartbeat_at for one in known}
        lived = {owner: self._lived_at(owner, known, heard) for owner in left}
        self._lived = lived
        if left and all(now - at >= self._timeout for at in lived.values()):
            self.verdict = verdict(left, known, self._timeout)

    def _heard_at(self, one: ConductorRecord, now: float) -> float:
        """When a conductor was last heard of: one whose heartbeat goes on lives, whatever its clock says."""
        if one.heartbeat_at > self._heartbeats.get(one.hostname, one.heartbeat_at):
            return now
        return now - max(one.age, 0.0) if is_fresh(one.age, self._timeout) else -math.inf

    def _lived_at(self, owner: Owner, known: Iterable[ConductorRecord], heard: Mapping[str, float]) -> float:
        """When one was last heard of who can do it; at least it may have been when this watch began."""
        able = [heard[one.hostname] for one in known if owner.may_be(one)]
        return max([self._lived.get(owner, self._start), *able])


def verdict(owners: Iterable[Owner], known: Iterable[ConductorRecord], timeout: float) -> str:
    """Why requests make no progress, in words: who is missing, and who is online instead."""
    missing = "; ".join(sorted(owner.missing(timeout) for owner in owners))
    online = ", ".join(described(one) for one in known if one.is_alive(timeout))
    return f"{missing} (online: {online or 'none'})"


def described(one: ConductorRecord) -> str:
    """A conductor, and whose nodes it has."""
    named = [group or "none" for group in one.groups]
    groups = "" if one.groups == [""] else f" and the conductor_group {', '.join(named)}"
    return f"{one.hostname} with {', '.join(one.drivers)}{groups}"
