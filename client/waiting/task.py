"""Waits for the answers of conductors to a command to a task."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from podium.client.calls.tasks import GetTaskCommands, TaskAsked, TaskCommand, TaskCommands, TaskConductor
from podium.client.waiting.patience import Outage, Patience
from podium.client.waiting.steps import AWAY, Steps

_PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The result of a command.

    :param answers: of each worker, by conductor
    :param missing: why waiting for other conductors ended
    """

    answers: Mapping[str, Sequence[TaskCommand]]
    missing: Mapping[str, str]


def until_answered(
    asked: TaskAsked,
    *,
    timeout: float,
    tell: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
) -> Steps[Answered]:
    """Wait until each conductor has answered, or is no longer alive.

    :param timeout: seconds after which waiting for the others ends
    :param tell: called with a line when the database or podium-api becomes unavailable; waiting continues
    """
    watch, end, outage = _Watch(asked), clock() + timeout, Outage(tell, clock)
    while True:
        is_late = clock() >= end
        try:
            found = yield GetTaskCommands(watch.numbers)
        except AWAY as fault:
            if is_late:
                raise
            outage.goes_on(fault)
        else:
            if outage.ends():  # no answer was possible in that time
                watch.forgive()
            watch.look(found, f"not finished after {timeout:g} s" if is_late else None)
            if not watch.waits:
                return Answered(answers=watch.answers, missing=watch.missing)
        yield _PAUSE


class _Watch:
    """Watches the conductors that received the command."""

    def __init__(self, asked: TaskAsked) -> None:
        self._asked = asked.commands
        self._silences: dict[str, Patience] = {}
        self.answers: dict[str, Sequence[TaskCommand]] = {}
        self.missing: dict[str, str] = {}

    @property
    def waits(self) -> list[str]:
        """The conductors that are still to answer."""
        return [host for host in self._asked if host not in self.answers and host not in self.missing]

    @property
    def numbers(self) -> list[int]:
        """The numbers of the commands to them."""
        return [number for host in self.waits for number in self._asked[host]]

    def forgive(self) -> None:
        """Restart the measurement of how long conductors have been silent."""
        self._silences.clear()

    def look(self, found: TaskCommands, late: str | None) -> None:
        """Record who has answered, and who will not.

        :param late: why all waiting has ended
        """
        known = {one.hostname: one for one in found.conductors}
        for host in self.waits:
            its = [one for one in found.commands if one.conductor == host]
            if len(its) < len(self._asked[host]) or host not in known:
                self.missing[host] = f"failed: the conductor {host} ended before it answered"
            elif all(one.finished_at for one in its):
                self.answers[host] = its
            elif reason := self._reason(known[host], found.heartbeat_timeout):
                self.missing[host] = reason
            elif late:
                self.missing[host] = f"{late}; {host} goes on with it"

    def _reason(self, one: TaskConductor, limit: float) -> str | None:
        """Return why a silent conductor is not waited for; None while it is."""
        if not one.online:
            return f"failed: the conductor {one.hostname} ended before it answered"
        # It was alive at the start, and is alive while its heartbeat advances, however clocks are set.
        if self._silences.setdefault(one.hostname, Patience(limit)).ends(one.heartbeat_at):
            return f"failed: the conductor {one.hostname} has not been heard of for {limit:g} s"
        return None
