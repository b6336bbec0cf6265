"""``podium node sensors``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from podium.cli.hardware.reading import Reading
from podium.cli.showing.tables import Form
from podium.client.calls.call import plain
from podium.client.calls.hardware import SensorReading, Thresholds
from podium.client.calls.hardware import Sensors as SensorsRead
from podium.client.podium import Podium

_COLUMNS: Final = ("node", "name", "kind", "value", "unit", "status", "thresholds")
#: The words for levels of thresholds: those of a status where there is one.
_BEYOND: Final[Mapping[str, str]] = {"caution": "Warning", "critical": "Critical", "fatal": "Fatal"}


class Sensors(Reading[SensorsRead]):
    """Read the sensors of nodes now.

    The conductors that own the nodes ask their hardware, which may take some seconds. A sensor without a
    current reading has no value. Its thresholds are those of the hardware: the readings below and above which
    its status changes. A power change of a node takes precedence. The exit status is 1 if the sensors of any
    node could not be read.
    """

    column_names = _COLUMNS
    form = Form("sensors", by=("node",), dropped=("kind", "thresholds"), prose=("thresholds",))

    def read(self, podium: Podium, node: str, wait: float) -> SensorsRead:
        return podium.sensors(node, wait=wait)

    def rows(self, name: str, found: SensorsRead, *, for_people: bool) -> Iterable[Sequence[Any]]:
        return [_row(name, sensor, for_people=for_people) for sensor in found.sensors]


def _row(node: str, sensor: SensorReading, *, for_people: bool) -> list[Any]:
    shown: dict[str, Any] = {"node": node, **plain(sensor)}
    if for_people:
        if sensor.thresholds is not None:
            shown["thresholds"] = _in_words(sensor.thresholds)
        if sensor.value is None and sensor.status == "OK":
            shown["status"] = None  # without a reading, OK means nothing
    return [shown[column] for column in _COLUMNS]


def _in_words(thresholds: Thresholds) -> str:
    """Return thresholds in words, such as ``Warning <5 >38, Critical >42``."""
    parts = []
    for level, word in _BEYOND.items():
        limits = (
            f"{sign}{limit:g}"
            for sign, side in (("<", "lower"), (">", "upper"))
            if (limit := getattr(thresholds, f"{side}_{level}")) is not None
        )
        if text := " ".join(limits):
            parts.append(f"{word} {text}")
    return ", ".join(parts)
