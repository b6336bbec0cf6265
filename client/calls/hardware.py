"""What is read from the hardware of a node while the caller waits, by the conductor that owns it.

Readers may ask: nothing changes, and Ironic's readers may read hardware as well. The hardware is spared: a
read gives way to power changes, and whoever asks while one is under way for the node has its answer. It is no
GET nevertheless, so that no cache answers, and no program that only follows links asks.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Generic, TypeAlias, TypeVar

import msgspec

from podium.client.calls.call import Call, Record

T = TypeVar("T")

#: Less than the 60 seconds after which podium-api, and who waits for it, gives up.
Wait: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=50)]
_Named: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class AskHardware(Call[T], Generic[T], frozen=True):
    """Something that the owning conductor reads; ``kind`` is what. The answer is a :class:`ReadRecord`."""

    method = "POST"
    role = "reader"
    kind: ClassVar[str]

    node: _Named
    wait: Wait = 40.0


class ReadRecord(Record, frozen=True, kw_only=True):
    """What was read from hardware.

    :param node: its name or UUID, as it was asked for
    :param read_at: when the last of it was read
    :param conductor: who read it
    """

    node: str
    node_uuid: str
    read_at: datetime
    conductor: str


class SensorReading(Record, frozen=True, kw_only=True):
    """One sensor.

    :param kind: temperature, fan, fan_share, power, voltage or current
    :param value: None if the sensor has no reading at present
    :param unit: celsius, rpm, percent, watts, volts or amperes
    :param status: OK, Warning or Critical, by the hardware's own thresholds
    """

    name: str
    kind: str
    value: float | None
    unit: str
    status: str


class Sensors(ReadRecord, frozen=True, kw_only=True):
    """What the sensors of a node measure."""

    sensors: list[SensorReading]


class ReadSensors(AskHardware[Sensors], frozen=True):
    """Read the sensors of a node now; its conductor asks the hardware.

    :param node: its name or UUID
    :param wait: seconds to wait for the answer
    """

    path = "/podium/v1/nodes/{node}/sensors"
    kind = "sensors"
