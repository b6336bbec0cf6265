"""Reads the sensors around a system, wherever its chassis has them.

In the newer of Redfish's two models every sensor is a resource; in the older one a resource has all
temperatures and fans and another all of the power. Many sensors in one answer are the least work for a BMC,
so these resources are looked for first. A walk remembers where it found something, and the next walks go
nowhere else.
"""

import sys
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple

from podium.drivers import base
from podium.drivers.redfish import resources
from podium.drivers.redfish.machine import readings
from podium.drivers.redfish.machine.readings import Reading
from podium.drivers.redfish.machine.walk import Place, Places, Walk, linked

_MAX_SENSORS: Final = 256
_MAX_ONE_BY_ONE: Final = 48
_MAX_CHASSIS: Final = 4
_WALKS_REMEMBERED: Final = 500  # a chassis may get something new
_WALKS_REMEMBERED_NEW: Final = 10  # after a search that was cut, or had another result than the last


class _Kind(NamedTuple):
    """A kind of place: the chassis's link to it, what its sensors measure, and how it is read."""

    link: str
    measures: frozenset[str]
    read: Callable[[Walk, str], Awaitable[list[Reading]]]


async def sensors(walk: Walk, system: str, places: Places) -> list[base.Sensor]:
    """Read a system's sensors, at most 256 of them, each with a unique name.

    :param system: the system's path
    :param places: the system's places, which the walk updates
    :raises podium.errors.DriverError: the BMC does not answer, refuses the login or is busy
    """
    places.walks_left -= 1
    if places.found and places.walks_left >= 0:
        return _named(await _read(walk, places))
    return _named(await _search(walk, system, places))


async def _search(walk: Walk, system: str, places: Places) -> list[Reading]:
    """Visit places as long as one may have something that no earlier one had."""
    found: list[Reading] = []
    useful: list[Place] = []
    for number, chassis in enumerate(await _chassis(walk, system)):
        known: set[str] = set()
        for index, kind in enumerate(_KINDS):
            path = linked(chassis, kind.link)
            if not path or kind.measures <= known:
                continue
            new = _new(await kind.read(walk, path), known)
            if new:
                # Most machines of a fleet are alike: their paths are stored once.
                useful.append(Place(number, index, sys.intern(path)))
                found += new
    is_new = walk.was_cut or places.found != tuple(useful)  # a starting BMC shows its parts gradually
    places.found = tuple(useful)
    places.walks_left = _WALKS_REMEMBERED_NEW if is_new else _WALKS_REMEMBERED
    return found


async def _chassis(walk: Walk, system: str) -> list[dict[str, Any]]:
    """Return the chassis of a system, and those around them that contain no other system."""
    paths = await walk.related(await walk.read(system), "Chassis", "Chassis", _MAX_CHASSIS)
    found = {path: await walk.look(path) for path in paths}
    for chassis in list(found.values()):
        path = linked(chassis, "Links", "ContainedBy")
        if path and path not in found:
            around = await walk.look(path)
            systems = resources.objects(resources.part(around, "Links"), "ComputerSystems")
            if [linked(entry) for entry in systems] == [system]:
                found[path] = around
    return list(found.values())


async def _read(walk: Walk, places: Places) -> list[Reading]:
    """Visit the known places. If a place has nothing any more, the next walk searches everywhere."""
    found: list[Reading] = []
    known: dict[int, set[str]] = {}
    for place in places.found:
        new = _new(await _KINDS[place.kind].read(walk, place.path), known.setdefault(place.chassis, set()))
        if not new:
            places.walks_left = 0
        found += new
    return found


def _new(found: list[Reading], known: set[str]) -> list[Reading]:
    """Return the readings that are not known yet, and add them to the known ones."""
    new = [reading for reading in found if _measure(reading) not in known]
    known.update(map(_measure, new))
    return new


def _measure(reading: Reading) -> str:
    return "fan" if reading.kind == "fan_share" else reading.kind


def _named(found: Iterable[Reading]) -> list[base.Sensor]:
    """Return sensors with unique names: shared names get the identifier, or a number, added.

    A sensor that is not fitted is left out but keeps its name, so that no other name changes when it comes or
    goes.
    """
    sensors: list[base.Sensor] = []
    taken: dict[str, int] = {}
    for reading in found:
        name = reading.name
        if name in taken and reading.identifier:
            name = f"{reading.name} {reading.identifier}"
        while name in taken:
            taken[reading.name] += 1
            name = f"{reading.name} {taken[reading.name]}"
        taken[name] = 1
        if reading.is_fitted and len(sensors) < _MAX_SENSORS:
            sensor = base.Sensor(name, reading.kind, reading.value, reading.status, reading.thresholds)
            sensors.append(sensor)
    return sensors


async def _all_sensors(walk: Walk, path: str) -> list[Reading]:
    if not await walk.expand():
        return []
    return readings.of_sensors(await walk.members(path, _MAX_SENSORS, one_by_one=False))


async def _each_sensor(walk: Walk, path: str) -> list[Reading]:
    return [] if await walk.expand() else readings.of_sensors(await walk.members(path, _MAX_ONE_BY_ONE))


async def _thermal(walk: Walk, path: str) -> list[Reading]:
    return readings.of_thermal(await walk.look(path))


async def _power(walk: Walk, path: str) -> list[Reading]:
    return readings.of_power(await walk.look(path))


async def _environment(walk: Walk, path: str) -> list[Reading]:
    return readings.of_environment(await walk.look(path))


async def _subsystem(walk: Walk, path: str) -> list[Reading]:
    thermal = await walk.look(path)
    found = readings.of_temperatures(await walk.follow(thermal, "ThermalMetrics"))
    fans = linked(thermal, "Fans")
    return found + (readings.of_fans(await walk.members(fans, _MAX_ONE_BY_ONE)) if fans else [])


_AIR: Final = frozenset({"temperature", "fan"})
_ENERGY: Final = frozenset({"power", "voltage"})
_KINDS: Final = (
    _Kind("Sensors", _AIR | _ENERGY, _all_sensors),
    _Kind("Thermal", _AIR, _thermal),
    _Kind("Power", _ENERGY, _power),
    _Kind("ThermalSubsystem", _AIR, _subsystem),
    _Kind("EnvironmentMetrics", _AIR | {"power"}, _environment),
    _Kind("Sensors", frozenset({"temperature"}), _each_sensor),
)
