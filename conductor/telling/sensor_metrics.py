"""The metrics of sensors, in the text format of Prometheus.

The text is written here rather than by prometheus-client, which takes three seconds of CPU time for the
200,000 samples of 5,000 nodes, and a thread that computes slows down every event loop of the process.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from podium.conductor.fleet.sensors import Sensors
from podium.drivers.base import SENSOR_KINDS

#: Lines of the text that are yielded together.
_PIECE: Final = 1000
_STATE: Final = "podium_sensor_state"
#: The escapes of label values in the text exposition format.
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def text(sensors: Sensors) -> Iterator[str]:
    """The samples of all nodes; the same text is valid in OpenMetrics, except for its end.

    Yields pieces, because every other thread waits while a text of many megabytes is processed.
    """
    current = [
        (_labels(node.driver, node.name), [(_escaped(one.name), one) for one in samples])
        for node, samples in sensors.current()
    ]
    for kind, unit in SENSOR_KINDS.items():
        name = f"podium_sensor_{kind}_{unit}"
        yield from _family(
            name,
            f"What {kind.replace('_', ' ')} sensors read, in {unit}",
            (
                f'{name}{{{node},sensor="{sensor}"}} {one.value}\n'
                for node, samples in current
                for sensor, one in samples
                if one.kind == kind and one.value is not None
            ),
        )
    yield from _family(
        _STATE,
        "0 for OK, 1 for Warning, 2 for Critical, by the hardware's own thresholds",
        (
            f'{_STATE}{{{node},sensor="{sensor}",kind="{one.kind}"}} {one.state}\n'
            for node, samples in current
            for sensor, one in samples
        ),
    )


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES)


def _labels(driver: str, node: str) -> str:
    return f'driver="{_escaped(driver)}",node="{_escaped(node)}"'


def _family(name: str, help: str, lines: Iterable[str]) -> Iterator[str]:
    left = iter(lines)
    head = f"# HELP {name} {help}\n# TYPE {name} gauge\n"
    while piece := "".join(itertools.islice(left, _PIECE)):
        yield head + piece
        head = ""
