"""The sensors in one resource, in either of Redfish's two models.

Source of the properties: DSP0268, schemas ``Sensor``, ``EnvironmentMetrics``, ``ThermalMetrics`` and ``Fan``
of the newer model, ``Thermal`` and ``Power`` of the older one.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from podium.drivers import base
from podium.drivers.redfish import resources

_MAX_NAME: Final = 96
_MAX_IDENTIFIER: Final = 24
_NAMES: Final = ("Name", "DeviceName", "FanName")  # of resources, of excerpts, of early services
_IDENTIFIERS: Final = ("MemberId", "Id")
_HEALTHS: Final = frozenset({"OK", "Warning", "Critical"})
_NOT_FITTED: Final = frozenset({"Absent", "Disabled"})
_SILENT: Final = frozenset({"UnavailableOffline", "StandbyOffline", "Deferring"})
_PERCENT: Final = "percent"
_KIND_OF_TYPE: Final = {
    "Temperature": "temperature",
    "Rotational": "fan",
    "Power": "power",
    "Voltage": "voltage",
    "Current": "current",
    "Percent": _PERCENT,
}
# Units by the Unified Code for Units of Measure, for a sensor that does not give its type.
_KIND_OF_UNIT: Final = {
    "Cel": "temperature",
    "RPM": "fan",
    "{rev}/min": "fan",
    "W": "power",
    "V": "voltage",
    "A": "current",
    "%": _PERCENT,
}
# A threshold's name here, in the newer and in the older model, and the status beyond it.
_THRESHOLDS: Final = (
    ("fatal", "Fatal", "Fatal", "Critical"),
    ("critical", "Critical", "Critical", "Critical"),
    ("caution", "Caution", "NonCritical", "Warning"),
)


class Reading(NamedTuple):
    """The reading of one sensor.

    :param identifier: distinguishes it from others of the same name; may be empty
    :param kind: one of podium.drivers.base.SENSOR_KINDS
    :param is_fitted: whether there is anything to read; a bay may be empty
    :param thresholds: None if it has none
    """

    name: str
    identifier: str
    kind: str
    value: float | None
    status: str
    is_fitted: bool
    thresholds: base.Thresholds | None = None


def of_sensors(sensors: Iterable[dict[str, Any]]) -> list[Reading]:
    """Return the readings of Sensor resources, without those of kinds that Podium does not know."""
    return [
        _reading(sensor, kind, resources.number(sensor, "Reading"))
        for sensor in sensors
        if (kind := _kind(sensor))
    ]


def of_thermal(thermal: dict[str, Any]) -> list[Reading]:
    """Return the temperatures and fans of a Thermal resource."""
    found = [
        _reading(entry, "temperature", resources.number(entry, "ReadingCelsius"))
        for entry in resources.objects(thermal, "Temperatures")
    ]
    for fan in resources.objects(thermal, "Fans"):
        kind = "fan_share" if fan.get("ReadingUnits") == "Percent" else "fan"
        key = "Reading" if "Reading" in fan else "ReadingRPM"
        found.append(_reading(fan, kind, resources.number(fan, key)))
    return found


def of_power(power: dict[str, Any]) -> list[Reading]:
    """Return the power, supplies and voltages of a Power resource."""
    found = [
        _reading(control, "power", resources.number(control, "PowerConsumedWatts"), "Power consumption")
        for control in resources.objects(power, "PowerControl")
    ]
    for supply in resources.objects(power, "PowerSupplies"):
        found.append(_reading(supply, "power", _output(supply), "Power supply"))
        volts = resources.number(supply, "LineInputVoltage")
        if volts is not None:
            read = _reading(supply, "voltage", volts, "Power supply")
            found.append(read._replace(name=f"{read.name} input", thresholds=None))
    found += [
        _reading(entry, "voltage", resources.number(entry, "ReadingVolts"))
        for entry in resources.objects(power, "Voltages")
    ]
    return found


def of_environment(metrics: dict[str, Any]) -> list[Reading]:
    """Return the power, temperature and fans in the sensor excerpts of EnvironmentMetrics."""
    found = []
    for key, kind, name in (
        ("PowerWatts", "power", "Power consumption"),
        ("TemperatureCelsius", "temperature", "Temperature"),
    ):
        excerpt = resources.part(metrics, key)
        if excerpt:
            found.append(_reading(excerpt, kind, resources.number(excerpt, "Reading"), name))
    fans = resources.objects(metrics, "FanSpeedsPercent")
    return found + [_fan(fan, fan) for fan in fans]


def of_temperatures(metrics: dict[str, Any]) -> list[Reading]:
    """Return the temperatures in the sensor excerpts of ThermalMetrics."""
    return [
        _reading(excerpt, "temperature", resources.number(excerpt, "Reading"))
        for excerpt in resources.objects(metrics, "TemperatureReadingsCelsius")
    ]


def of_fans(fans: Iterable[dict[str, Any]]) -> list[Reading]:
    """Return the readings of Fan resources."""
    return [_fan(fan, resources.part(fan, "SpeedPercent")) for fan in fans]


def _fan(fan: dict[str, Any], speed: dict[str, Any]) -> Reading:
    rpm = resources.number(speed, "SpeedRPM")
    if rpm is not None:
        return _reading(fan, "fan", rpm, "Fan")
    return _reading(fan, "fan_share", resources.number(speed, "Reading"), "Fan")


def _kind(sensor: dict[str, Any]) -> str | None:
    kind = _KIND_OF_TYPE.get(resources.line(sensor.get("ReadingType")))
    kind = kind or _KIND_OF_UNIT.get(resources.line(sensor.get("ReadingUnits")))
    if kind != _PERCENT:
        return kind
    # Loads and humidity are also percentages.
    words = (resources.line(sensor.get("PhysicalContext")), _first(sensor, _NAMES, _MAX_NAME))
    return "fan_share" if "fan" in " ".join(words).lower() else None


def _output(supply: dict[str, Any]) -> float | None:
    """Return the input of a power supply or, if that is missing, its output."""
    for key in ("PowerInputWatts", "PowerOutputWatts", "LastPowerOutputWatts"):
        watts = resources.number(supply, key)
        if watts is not None:
            return watts
    return None


def _reading(entry: dict[str, Any], kind: str, value: float | None, name: str = "Sensor") -> Reading:
    """:param name: for a sensor without a name"""
    status = resources.part(entry, "Status")
    state, health = (resources.line(status.get(key)) for key in ("State", "Health"))
    if state in _SILENT:
        value = None
    thresholds = _thresholds(entry)
    return Reading(
        name=_first(entry, _NAMES, _MAX_NAME) or name,
        identifier=_first(entry, _IDENTIFIERS, _MAX_IDENTIFIER),
        kind=kind,
        value=value,
        status=health if health in _HEALTHS else _beyond(thresholds, value),
        is_fitted=state not in _NOT_FITTED,
        thresholds=thresholds if thresholds != base.Thresholds() else None,
    )


def _first(entry: dict[str, Any], keys: tuple[str, ...], limit: int) -> str:
    return next(filter(None, (resources.text(entry, key, limit) for key in keys)), "")


def _thresholds(entry: dict[str, Any]) -> base.Thresholds:
    newer_ones, found = resources.part(entry, "Thresholds"), {}
    for name, newer, older, _ in _THRESHOLDS:
        for side in ("Lower", "Upper"):
            limit = resources.number(resources.part(newer_ones, f"{side}{newer}"), "Reading")
            limit = resources.number(entry, f"{side}Threshold{older}") if limit is None else limit
            # Firmware without that threshold sends 0; no real one is an upper limit of 0.
            found[f"{side.lower()}_{name}"] = None if side == "Upper" and not limit else limit
    return base.Thresholds(**found)


def _beyond(thresholds: base.Thresholds, value: float | None) -> str:
    """Return the status of a sensor by its thresholds, if the BMC itself reports none."""
    for name, _, _, status in _THRESHOLDS:
        if value is None:
            break
        upper, lower = getattr(thresholds, f"upper_{name}"), getattr(thresholds, f"lower_{name}")
        if (upper is not None and value > upper) or (lower is not None and value < lower):
            return status
    return "OK"
