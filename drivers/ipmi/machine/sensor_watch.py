"""The state of a machine's sensors between the inquiries in which they are read.

An inquiry is short, so a walk over many records or sensors of a slow BMC continues in the next one.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from oslo_log import log

from podium import errors
from podium.drivers import base
from podium.drivers.ipmi.lan import commands
from podium.drivers.ipmi.lan.client import Connection
from podium.drivers.ipmi.lan.inquiry import Inquiry
from podium.drivers.ipmi.machine import repository, sdr, sensors

LOG = log.getLogger(__name__)

_HOUR: Final = 3600.0  # seconds
_NO_SENSORS: Final = sdr.Repository(())


class SensorWatch:
    """The state of one BMC's sensors; for a healthy machine, little more than a reference to its records.

    Callers of a method hold :attr:`lock`: nodes may share a BMC.
    """

    __slots__ = (
        "_clock_due", "_faults", "_measured", "_place", "_repository", "_trouble", "_version", "_walk",
        "fingerprint", "lock",
    )  # fmt: skip

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        #: The machine's fingerprint, see :mod:`podium.drivers.ipmi.machine.identity`; None until it was read.
        self.fingerprint = ""
        self._clock_due = 0.0
        self._version: bytes | None = None
        self._repository: sdr.Repository | None = None
        self._walk: repository.Walk | None = None
        self._place = 0  # among the watched sensors, of the one to read next
        self._faults: dict[int, commands.Fault] = {}  # by place
        self._measured: list[base.Sensor] = []  # of a round that is not finished
        self._trouble: str | None = None

    @classmethod
    def of(cls, connection: Connection) -> "SensorWatch":
        """Return the watch of a connection."""
        if not isinstance(connection.learned, cls):
            connection.learned = cls()
        return connection.learned

    async def faults(self, inquiry: Inquiry, version: bytes | None, powered: bool) -> list[commands.Fault]:
        """Read as many sensors as the time allows; return the known faults.

        :param version: what the repository reported about itself; None for a BMC without one
        :param powered: whether the machine is on
        :raises podium.errors.DriverError: the BMC fell silent, or its records cannot be read
        """
        records = await self._records(inquiry, version) or _NO_SENSORS
        for _ in records.watched:
            self._place %= len(records.watched)
            sensor = records.watched[self._place]
            await self._look_at(inquiry, sensor, powered)
            self._place += 1
            if not inquiry.more():
                break
        return self.known

    @property
    def known(self) -> list[commands.Fault]:
        """The faults that were found last."""
        return [self._faults[place] for place in sorted(self._faults)]

    async def _look_at(self, inquiry: Inquiry, sensor: sdr.Sensor, powered: bool) -> None:
        reading = await sensors.read(inquiry, sensor)
        found = reading and sensors.fault(sensor, reading, powered)
        if reading and found:
            rank, reason = found
            self._faults[self._place] = rank, reason + await sensors.threshold(inquiry, sensor, reading)
        else:
            self._faults.pop(self._place, None)

    async def measured(
        self, inquiry: Inquiry, version: bytes | None, powered: bool
    ) -> list[base.Sensor] | None:
        """Read as many sensors as the time allows; return all sensors after the last one, None before.

        :raises podium.errors.DriverError: the BMC fell silent, or its records cannot be read
        """
        records = await self._records(inquiry, version)
        if records is None:
            return None
        for sensor in records.measuring[len(self._measured) :]:
            reading = await sensors.read(inquiry, sensor)
            self._measured.append(sensors.measured(sensor, reading, powered))
            if not inquiry.more():
                break
        if len(self._measured) < len(records.measuring):
            return None
        found, self._measured = self._measured, []
        return found

    async def all_measured(
        self, begin: Callable[[], Inquiry], version: bytes | None, powered: bool
    ) -> list[base.Sensor]:
        """Read all sensors now, after their records if these are not known.

        :param begin: begins each of as many inquiries as needed
        :returns: with the thresholds that the BMC has now, as far as the time of one inquiry allows; the
            others have those of their records
        :raises podium.errors.DriverError: the BMC fell silent, or its records cannot be read
        """
        records, inquiry = await self.records(begin, version), begin()
        readings = [await sensors.read(inquiry, sensor) for sensor in records.measuring]
        inquiry, found = begin(), []
        for sensor, reading in zip(records.measuring, readings, strict=True):
            if inquiry.late:
                limits = sensors.decode_thresholds(sensor, sensor.thresholds)
            else:
                limits = await sensors.thresholds(inquiry, sensor)
            found.append(sensors.measured(sensor, reading, powered, limits))
        return found

    async def records(self, begin: Callable[[], Inquiry], version: bytes | None) -> sdr.Repository:
        """Return the BMC's sensors; their records are read now if they are not known.

        :param begin: begins each of as many inquiries as needed
        :raises podium.errors.DriverError: the BMC fell silent, or its records cannot be read
        """
        if version is None:
            return _NO_SENSORS
        again = True
        while self._repository is None or self._version != version:
            try:
                await self._records(begin(), version)
            except errors.BMCUnreachable:  # perhaps it only does not answer requests for a whole record
                if not again:
                    raise
                again = False
        return self._repository

    def clock_is_due(self, now: float) -> bool:
        """Whether the BMC's clock was not read for an hour; after this call it counts as read.

        :param now: seconds, monotonic
        """
        due = now >= self._clock_due
        if due:
            self._clock_due = now + _HOUR
        return due

    def note(self, trouble: str | None) -> None:
        """Log why the sensors are not watched, if the reason is new."""
        if trouble is not None and trouble != self._trouble:
            LOG.warning("Sensors are not watched: %s", trouble)
        self._trouble = trouble

    async def _records(self, inquiry: Inquiry, version: bytes | None) -> sdr.Repository | None:
        """Return the BMC's sensors; None while there was no time to read all of its records."""
        if version is None:
            return _NO_SENSORS
        if self._repository is not None and self._version == version:
            return self._repository
        if self._walk is None or self._walk.version != version:
            self._walk = repository.Walk(version)
        try:
            found = await self._walk.go_on(inquiry)
        except repository.Broken:
            self._walk = None
            raise
        if found is not None:
            self._repository, self._version, self._walk = found, version, None
            self._place, self._faults, self._measured = 0, {}, []
        return self._repository
