"""Which conductors can carry out the rest of an operation, and whether any of them is alive."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from podium.client.calls.operations import Heartbeat, Owner, Prospects
from podium.clocks import boottime

#: Seconds between two checks of the conductors.
_EVERY: Final = 1.0


class OwnersWatch:
    """Watches, for a waiting client, whether a conductor is alive that can carry out the rest.

    Heartbeats are compared with the database's clock and with those of the last check, and the time between
    two checks is measured by a clock that is never set: no other host's clock is used.
    """

    def __init__(self, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._start = clock()
        self._looked = -math.inf
        self._lived: dict[tuple[Any, ...], float] = {}
        self._heartbeats: dict[str, datetime] = {}
        #: Why nothing more will happen for now; None while something may.
        self.verdict: str | None = None

    def is_due(self) -> bool:
        """Return whether the next check is due."""
        return self._clock() - self._looked >= _EVERY

    def look(self, found: Prospects) -> None:
        """Find out whether everything left waits for conductors that are not alive."""
        self._looked = now = self._clock()
        timeout = found.heartbeat_timeout
        heard = {one.hostname: self._heard_at(one, timeout, now) for one in found.conductors}
        self._heartbeats = {one.hostname: one.at for one in found.conductors}
        self._lived = {_kind(owner): self._lived_at(owner, heard) for owner in found.owners}
        if self._lived and all(now - at >= timeout for at in self._lived.values()):
            self.verdict = verdict(found.owners, found.conductors, timeout)

    def _heard_at(self, one: Heartbeat, timeout: float, now: float) -> float:
        """Return when a conductor was last heard from: it is alive while its heartbeat advances."""
        if one.at > self._heartbeats.get(one.hostname, one.at):
            return now
        # A heartbeat further ahead than that was written before the database's clock was set back.
        return now - max(one.age, 0.0) if abs(one.age) < timeout else -math.inf

    def _lived_at(self, owner: Owner, heard: Mapping[str, float]) -> float:
        """Return when an able conductor was last heard from; at the earliest when this watch began."""
        return max(
            [
                self._lived.get(_kind(owner), self._start),
                *(heard[host] for host in owner.able if host in heard),
            ]
        )


def _kind(owner: Owner) -> tuple[Any, ...]:
    """Return what identifies an owner, whichever conductors are able to be it now."""
    return owner.driver, owner.conductor_group, owner.holder, *owner.avoiding


def verdict(owners: Iterable[Owner], known: Iterable[Heartbeat], timeout: float) -> str:
    """Explain in words why requests make no progress: who is missing, and who is online instead."""
    missing = "; ".join(sorted(_missing(owner, timeout) for owner in owners))
    online = ", ".join(_described(one) for one in known if one.alive)
    return f"{missing} (online: {online or 'none'})"


def _missing(owner: Owner, timeout: float) -> str:
    """Describe an owner that has not been heard from."""
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
    """Describe a conductor, and whose nodes it owns."""
    named = [group or "none" for group in one.groups]
    groups = "" if one.groups == [""] else f" and the conductor_group {', '.join(named)}"
    return f"{one.hostname} with {', '.join(one.drivers)}{groups}"
