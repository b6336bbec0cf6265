"""Waits for the end of an operation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from podium.client.calls.operations import GetOperation, GetProspects, Operation
from podium.client.waiting.owners import OwnersWatch
from podium.client.waiting.patience import Outage, Patience
from podium.client.waiting.steps import AWAY, Steps
from podium.clocks import boottime

#: Seconds between two polls: short at first, later a fiftieth of the time waited.
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 1.0
_NOTHING_ENDED: Final = "no node has finished for a long time; the operation goes on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """The state of an operation when the waiting ended.

    :param given_up: why the waiting ended early; None if all of the operation has ended
    """

    operation: Operation
    given_up: str | None = None

    @property
    def reached(self) -> bool:
        """Whether every node reached the requested state."""
        return self.operation.done == self.operation.nodes


def until_ended(
    number: int,
    *,
    timeout: float | None = None,
    seen: Callable[[Operation], object],
    tell: Callable[[str], None],
    clock: Callable[[], float] = boottime,
) -> Steps[Waited]:
    """Wait until all of an operation has ended, or no living conductor can do the rest.

    :param timeout: seconds after which waiting ends in any case
    :param seen: called with the operation each time it is read
    :param tell: called with a line when the database or podium-api becomes unavailable; waiting continues
    """
    began, patience, owners = clock(), None, OwnersWatch(clock)
    outage = Outage(tell, clock)
    while True:
        try:
            found = yield GetOperation(number)
            prospects = (yield GetProspects(number)) if owners.is_due() else None
        except AWAY as fault:
            if timeout is not None and clock() - began >= timeout:
                raise
            outage.goes_on(fault)
        else:
            if outage.ends():  # no progress or report was possible in that time
                patience, owners = None, OwnersWatch(clock)
            seen(found)
            if not found.unfinished:
                return Waited(operation=found)
            if prospects is not None:
                owners.look(prospects)
                patience = patience or Patience(prospects.patience, clock)
            if owners.verdict:
                return Waited(operation=found, given_up=f"{owners.verdict}; it stays requested")
            if patience is not None and patience.ends(found):
                return Waited(operation=found, given_up=_NOTHING_ENDED)
            if timeout is not None and clock() - began >= timeout:
                return Waited(
                    operation=found, given_up=f"it has not ended after {timeout:g} s; the operation goes on"
                )
        yield min(max(_FIRST_PAUSE, (clock() - began) / 50), _LONGEST_PAUSE)
