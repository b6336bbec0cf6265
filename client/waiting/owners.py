"""Which conductors can carry out what is waited for, and whether any of them lives."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from podium.client.calls.operations import Heartbeat, Owner, Prospects
from podium.clocks import boottime

#: Seconds between two looks at the conductors.
_EVERY: Final = 1.0


class OwnersWatch:
    """Watches, for a client that waits, whether somebody lives who can carry out what is left.

    Heartbeats are compared with the database's clock and with those of the last look, and what happens
    between two looks is measured by a clock that nobody sets: no other host's clock counts.
    """

    def __init__(self, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._start = clock()
        self._looked = -math.inf
        self._lived: dict[tuple[Any, ...], float] = {}
        self._heartbeats: dict[str, datetime] = {}
        #: Why nothing more will happen for now, when that is so.
        self.verdict: str | None = None

    def is_due(self) -> bool:
        """Return whether it is time for a look."""
        return self._clock() - self._looked >= _EVERY

    def look(self, found: Prospects) -> None:
        """Find out whether all that is left waits for conductors that do not live."""
        self._looked = now = self._clock()
        timeout = found.heartbeat_timeout
        heard = {one.hostname: self._heard_at(one, timeout, now) for one in found.conductors}
        self._heartbeats = {one.hostname: one.at for one in found.conductors}
        self._lived = {_kind(owner): self._lived_at(owner, heard) for owner in found.owners}
        if self._lived and all(now - at >= timeout for at in self._lived.values()):
            self.verdict = verdict(found.owners, found.conductors, timeout)

    def _heard_at(self, one: Heartbeat, timeout: float, now: float) -> float:
        """When a conductor was last heard of: one whose heartbeat goes on lives, whatever its clock says."""
        if one.at > self._heartbeats.get(one.hostname, one.at):
            return now
        # What lies further ahead than that was written before the database's clock was set back.
        return now - max(one.age, 0.0) if abs(one.age) < timeout else -math.inf

    def _lived_at(self, owner: Owner, heard: Mapping[str, float]) -> float:
        """When one was last heard of who can do it; at least it may have been when this watch began."""
        return max(
            [
                self._lived.get(_kind(owner), self._start),
                *(heard[host] for host in owner.able if host in heard),
            ]
        )


def _kind(owner: Owner) -> tuple[Any, ...]:
    """Return what makes an owner, whoever is able to be it now."""
    return owner.driver, owner.conductor_group, owner.holder, *owner.avoiding


def verdict(owners: Iterable[Owner], known: Iterable[Heartbeat], timeout: float) -> str:
    """Why requests make no progress, in words: who is missing, and who is online instead."""
    missing = "; ".join(sorted(_missing(owner, timeout) for owner in owners))
    online = ", ".join(_described(one) for one in known if one.alive)
    return f"{missing} (online: {online or 'none'})"


def _missing(owner: Owner, timeout: float) -> str:
    """Say that an owner has not been heard of."""
    group = f" and the conductor_group {owner.conductor_group}" if owner.conductor_group else ""
    kind = f"with the driver {owner.driver}{group}"
    if owner.avoiding:
        kind += " that does not avoid the subnet (podium conductor avoided)"
    if owner.holder is not None:
        return (
            f"the conductor {owner.holder}, which has begun it, has not been heard of for {timeout:g} s, nor"
            f" any other {kind}"
        )
    return f"no conductor {kind} has been heard of for {timeout:g} s"


def _described(one: Heartbeat) -> str:
    """A conductor, and whose nodes it has."""
    named = [group or "none" for group in one.groups]
    groups = "" if one.groups == [""] else f" and the conductor_group {', '.join(named)}"
    return f"{one.hostname} with {', '.join(one.drivers)}{groups}"
