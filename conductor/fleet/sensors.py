"""The last readings of each node's sensors. They are kept in memory only; Prometheus keeps the history."""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from podium.clocks import boottime
from podium.conductor.fleet.fleet import Fleet
from podium.drivers.base import SENSOR_KINDS, Node, Sensor

#: The most sensors kept for one node, and the longest name of a sensor in characters.
_MOST: Final = 256
_LONGEST_NAME: Final = 128
#: Seconds after which a report is forgotten if no other followed.
_LASTS: Final = 3600.0

_STATES: Final = {"OK": 0, "Warning": 1, "Critical": 2}


class Sample(NamedTuple):
    """The reading of one sensor.

    :param kind: one of podium.drivers.base.SENSOR_KINDS
    :param value: None without a reading
    :param state: 0 for OK, 1 for Warning, 2 for Critical
    """

    name: str
    kind: str
    value: float | None
    state: int


@dataclass(frozen=True, slots=True)
class _Report:
    """The last report of one node.

    :param at: the time of the report, in seconds of the clock
    """

    at: float
    driver: str
    samples: tuple[Sample, ...]


class Sensors:
    """The last report of each node's sensors, for any thread.

    :param clock: seconds, of a clock that nobody sets
    """

    def __init__(self, fleet: Fleet, clock: Callable[[], float] = boottime) -> None:
        self._fleet = fleet
        self._clock = clock
        self._reports: dict[str, _Report] = {}  # by UUID, the oldest first
        self._lock = threading.Lock()

    def report(self, node: Node, sensors: Sequence[Sensor], *, is_current: bool = True) -> None:
        """Replace the last report of a node.

        :param is_current: whether it is from the node's present hardware; otherwise the report is ignored
        :raises ValueError: the kind or the status of a sensor is unknown
        """
        report = _Report(self._clock(), node.driver, _samples(sensors))
        with self._lock:
            entry = self._fleet.find(node.uuid)
            if is_current and entry is not None and entry.node.driver == node.driver:
                self._reports.pop(node.uuid, None)
                self._reports[node.uuid] = report
            self._forget()

    def current(self) -> list[tuple[Node, tuple[Sample, ...]]]:
        """The nodes with a report, as they are now, and the samples of each."""
        with self._lock:
            self._forget()
            reports = list(self._reports.items())
        found = []
        for uuid, report in reports:
            entry = self._fleet.find(uuid)
            if entry is not None and entry.node.driver == report.driver:
                found.append((entry.node, report.samples))
        return found

    def _forget(self) -> None:
        oldest = self._clock() - _LASTS
        while self._reports:
            uuid, report = next(iter(self._reports.items()))
            if report.at > oldest and self._fleet.find(uuid) is not None:
                return
            del self._reports[uuid]


def _samples(sensors: Sequence[Sensor]) -> tuple[Sample, ...]:
    found: dict[tuple[str, str], Sample] = {}
    for sensor in sensors[:_MOST]:
        if sensor.kind not in SENSOR_KINDS or sensor.status not in _STATES:
            raise ValueError(f"{sensor} is of no known kind or status: see podium.drivers.base.Sensor")
        name = sensor.name[:_LONGEST_NAME]
        value = None if sensor.value is None or not math.isfinite(sensor.value) else float(sensor.value)
        # Only the first sensor of a name: a second sample in a series makes readers drop both.
        found.setdefault((name, sensor.kind), Sample(name, sensor.kind, value, _STATES[sensor.status]))
    return tuple(found.values())
