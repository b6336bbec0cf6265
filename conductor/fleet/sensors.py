"""What sensors of nodes said last, in memory alone: figures for Prometheus, which keeps their past.

The text is written here rather than by prometheus-client, which takes three seconds of CPU time for the
200,000 samples of 5,000 nodes, and a thread that computes slows down every event loop of the process.
"""

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from podium.conductor.fleet.fleet import Fleet
from podium.drivers.base import SENSOR_KINDS, Node, Sensor

#: Sensors of one node that are kept, and letters of the name of one.
_MOST: Final = 256
_LONGEST_NAME: Final = 128
#: Seconds after which a report is forgotten that no other followed.
_LASTS: Final = 3600.0

#: Lines of the text that are handed on together.
_PIECE: Final = 1000

_STATES: Final = {"OK": 0, "Warning": 1, "Critical": 2}
_STATE: Final = "podium_sensor_state"
#: Of label values, by the text exposition format.
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


#: Name, escaped, kind, value and state of a sensor.
_Sample = tuple[str, str, float | None, int]


@dataclass(frozen=True, slots=True)
class _Report:
    """What a driver told of one node.

    :param at: when, in seconds of the clock
    """

    at: float
    driver: str
    samples: tuple[_Sample, ...]


class Sensors:
    """The last report of each node's sensors, for any thread.

    :param clock: seconds, monotonic
    """

    def __init__(self, fleet: Fleet, clock: Callable[[], float] = time.monotonic) -> None:
        self._fleet = fleet
        self._clock = clock
        self._reports: dict[str, _Report] = {}  # by UUID, the oldest first
        self._lock = threading.Lock()

    def report(self, node: Node, sensors: Sequence[Sensor]) -> None:
        """Take the place of what was told of the node before.

        :raises ValueError: for a kind or a status that there is not
        """
        report = _Report(self._clock(), node.driver, _samples(sensors))
        with self._lock:
            self._reports.pop(node.uuid, None)
            if self._fleet.find(node.uuid) is not None:
                self._reports[node.uuid] = report
            self._forget()

    def text(self) -> Iterator[str]:
        """All of them in Prometheus' text format, which is the same in OpenMetrics but for its end.

        In pieces: what is done with one text of many megabytes is done while every other thread waits.
        """
        current = self._current()
        for kind, unit in SENSOR_KINDS.items():
            name = f"podium_sensor_{kind}_{unit}"
            yield from _family(
                name,
                f"What {kind.replace('_', ' ')} sensors read, in {unit}",
                (
                    f'{name}{{{node},sensor="{sensor}"}} {value}\n'
                    for node, samples in current
                    for sensor, of_kind, value, _ in samples
                    if of_kind == kind and value is not None
                ),
            )
        yield from _family(
            _STATE,
            "0 for OK, 1 for Warning, 2 for Critical, by the hardware's own thresholds",
            (
                f'{_STATE}{{{node},sensor="{sensor}",kind="{kind}"}} {state}\n'
                for node, samples in current
                for sensor, kind, _, state in samples
            ),
        )

    def _current(self) -> list[tuple[str, tuple[_Sample, ...]]]:
        """The labels of each node, as far as they are the same for all its sensors, and what it told."""
        with self._lock:
            self._forget()
            reports = list(self._reports.items())
        found = []
        for uuid, report in reports:
            entry = self._fleet.find(uuid)
            if entry is not None and entry.node.driver == report.driver:
                driver, name = report.driver.translate(_ESCAPES), entry.node.name.translate(_ESCAPES)
                found.append((f'driver="{driver}",node="{name}"', report.samples))
        return found

    def _forget(self) -> None:
        oldest = self._clock() - _LASTS
        while self._reports:
            uuid, report = next(iter(self._reports.items()))
            if report.at > oldest and self._fleet.find(uuid) is not None:
                return
            del self._reports[uuid]


def _samples(sensors: Sequence[Sensor]) -> tuple[_Sample, ...]:
    found: dict[tuple[str, str], _Sample] = {}
    for sensor in sensors[:_MOST]:
        if sensor.kind not in SENSOR_KINDS or sensor.status not in _STATES:
            raise ValueError(f"{sensor} is of no known kind or status: see podium.drivers.base.Sensor")
        name = sensor.name[:_LONGEST_NAME].translate(_ESCAPES)
        value = None if sensor.value is None or not math.isfinite(sensor.value) else float(sensor.value)
        # The first of those with one name: a second sample of a series makes readers drop both.
        found.setdefault((name, sensor.kind), (name, sensor.kind, value, _STATES[sensor.status]))
    return tuple(found.values())


def _family(name: str, help: str, lines: Iterable[str]) -> Iterator[str]:
    left = iter(lines)
    head = f"# HELP {name} {help}\n# TYPE {name} gauge\n"
    while piece := "".join(itertools.islice(left, _PIECE)):
        yield head + piece
        head = ""
