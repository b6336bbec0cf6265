"""Checks whether this worker works. If it does not, it must not renew its lease, so that others get its
nodes.

A single bad driver does not count: its nodes would wait for it in any worker.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

from oslo_log import log

from podium.clocks import boottime

LOG = log.getLogger(__name__)


class Sign(NamedTuple):
    """One sign of life.

    :param fault: the failure without the sign, in words
    :param seconds: for how long the sign may be missing
    :param is_there: whether the sign is there now
    """

    fault: str
    seconds: float
    is_there: Callable[[], bool]


class Vigil:
    """Checks signs of life, in the thread of the heartbeat.

    :param loop: the conductor's loop, which must respond
    :param patience: seconds within which the loop must respond
    :param signs: additional signs
    :param clock: seconds
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        patience: float,
        signs: Iterable[Sign] = (),
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._answered = True
        self._signs = [Sign("its event loop does not turn", patience, self._has_answered), *signs]
        self._missing: dict[str, float] = {}
        self._told: str | None = None

    def works(self) -> bool:
        """Whether this worker works, as far as can be seen; called at each heartbeat."""
        now, faults = self._clock(), []
        for sign in self._signs:
            if sign.is_there():
                self._missing.pop(sign.fault, None)
            elif now - self._missing.setdefault(sign.fault, now) >= sign.seconds:
                faults.append(sign.fault)
        fault = "; ".join(faults) or None
        if fault != self._told:
            self._told = fault
            if fault:
                LOG.error("This worker leaves its nodes to others unless it recovers: %s", fault)
            else:
                LOG.warning("This worker works again")
        return fault is None

    def _has_answered(self) -> bool:
        has = self._answered
        if has:
            self._answered = False
            with contextlib.suppress(RuntimeError):  # the loop has ended, and so has this worker
                self._loop.call_soon_threadsafe(self._answer)
        return has

    def _answer(self) -> None:
        self._answered = True
