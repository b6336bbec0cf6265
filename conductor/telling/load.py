"""The load of a worker, which shows whether the others could do its work too."""

import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from podium.conductor.sweep.sweeper import SweepFigures

#: Seconds over which the load is averaged; older values count less and less.
_OVER: Final = 60.0


class Load:
    """Averages the CPU time of the process, and the share of the allowed reads that are under way.

    The duration of sweeps shows overload only when it is too late, as they are spread over their interval.

    :param clock: seconds
    :param cpu: seconds of CPU time that the process has used
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock = clock
        self._cpu = cpu
        self._last = clock(), cpu()
        self._averages: dict[str, float] = {}
        self._lock = threading.Lock()

    def look(self, sweeps: Iterable[SweepFigures]) -> dict[str, float]:
        """Return the averages up to now: ``cpu`` and ``reads``, each as a share of what is available.

        :param sweeps: the present figures of each driver's sweep
        """
        reads = max((one.in_flight / one.limit for one in sweeps if one.limit), default=0.0)
        with self._lock:
            now, used = self._clock(), self._cpu()
            passed = now - self._last[0]
            if passed >= 1:
                # There may be several callers: each call counts for the time since the previous call.
                weight = 1 - math.exp(-passed / _OVER)
                self._note("cpu", (used - self._last[1]) / passed, weight)
                self._note("reads", reads, weight)
                self._last = now, used
            return {name: round(value, 4) for name, value in self._averages.items()}

    def _note(self, name: str, value: float, weight: float) -> None:
        before = self._averages.get(name, value)
        self._averages[name] = before + (value - before) * weight
