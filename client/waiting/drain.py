"""Waits until a drained conductor has nothing left."""

from collections.abc import Callable
from typing import Final

from podium.client.calls.drains import GetDrain
from podium.client.waiting.patience import Outage
from podium.client.waiting.steps import AWAY, Steps
from podium.clocks import boottime

#: Seconds between two polls: short at first, later a fiftieth of the time waited.
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 1.0
#: Seconds between two reports about what is left.
_NEWS: Final = 10.0


def until_handed_over(
    hostname: str,
    *,
    timeout: float,
    left: Callable[[int], object],
    tell: Callable[[str], None],
    clock: Callable[[], float] = boottime,
) -> Steps[bool]:
    """Wait until others have everything that a conductor had; return whether they do.

    :param timeout: seconds after which waiting ends
    :param left: called from time to time with the number of nodes that it still has
    :param tell: called with a line when the database or podium-api becomes unavailable; waiting continues
    """
    began = told = clock()
    outage = Outage(tell, clock)
    while True:
        now = clock()
        is_news = now - told >= _NEWS
        try:
            found = yield GetDrain(hostname, count=is_news)
        except AWAY as fault:
            outage.goes_on(fault)
        else:
            outage.ends()
            if found.done:
                return True
            if is_news:
                told = now
                left(found.nodes)
        if now - began >= timeout:
            return False
        yield min(max(_FIRST_PAUSE, (now - began) / 50), _LONGEST_PAUSE)
