"""The reads from hardware that users can request, and the form in which the answers are stored."""

import functools
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from podium import errors, states
from podium.conductor.rooms.calls import is_async
from podium.db.hardware_reads import MOST_BYTES
from podium.drivers import base
from podium.drivers.node import is_known
from podium.wording import printable, safe_repr, safe_str

Scrubbed = Callable[[str], str]
Arguments = Mapping[str, Any]
Document = dict[str, Any]

#: Longest name of a sensor, and longest term of the hardware's own, in characters.
_LONGEST_NAME: Final = 128
_LONGEST_WORD: Final = 32
#: Longest text about a login, in characters, and the most remarks.
_LONGEST_TEXT: Final = 300
_MOST_REMARKS: Final = 10
#: The most entries of a page of a log, and the longest message and raw data of an entry.
_MOST_ENTRIES: Final = 1000
_LONGEST_MESSAGE: Final = 1000
_LONGEST_RAW: Final = 256
#: Bytes of an answer in addition to its entries.
_BESIDE_ENTRIES: Final = 200
#: An id that is a number is never masked: it is not a secret, even if a secret has the same digits.
_NUMBERS: Final = re.compile(r"[0-9]{1,10}|0x[0-9a-fA-F]{1,8}")
_ONLY_READ: Final = "the driver cannot try a login: this proves only that a read works"
_THRESHOLDS: Final = tuple(base.Thresholds.__dataclass_fields__)


class Kind(NamedTuple):
    """Something that can be read.

    :param method: returns the driver's method, or raises DriverError if it has none
    :param shown: returns the method's result as a JSON object without secrets
    :param called: returns the method's arguments other than the node
    :param repeats: whether the read is repeated after it gave way to a power change of the node
    :param offset: the part of the answer that is the number of seconds by which the hardware's clock is ahead
    """

    method: Callable[[base.Driver], Callable[..., Any]]
    shown: Callable[[Any, Arguments, Scrubbed], Document]
    called: Callable[[Arguments], tuple[Any, ...]] = lambda _: ()
    repeats: bool = True
    offset: str | None = None


def _able(driver: base.Driver, ability: str, what: str) -> None:
    if not base.can(driver, ability):
        raise errors.DriverError(f"the driver {driver.name} cannot read {what}")


def _sensors_of(driver: base.Driver) -> Callable[..., Any]:
    _able(driver, "sensors", "sensors")
    return driver.get_sensors


def _sensors(found: Any, _: Arguments, scrubbed: Scrubbed) -> Document:
    if not isinstance(found, list | tuple):
        raise errors.DriverError(f"get_sensors returned a {type(found).__name__}, not a list of sensors")
    return {"sensors": [_sensor(one, scrubbed) for one in found]}


def _sensor(one: Any, scrubbed: Scrubbed) -> Document:
    if not is_known(one):
        raise errors.DriverError(f"get_sensors returned {safe_repr(one, scrubbed)}, which is no known sensor")
    return {
        "name": _line(one.name, _LONGEST_NAME, scrubbed),
        "kind": one.kind,
        "value": _number(one.value),
        "unit": base.SENSOR_KINDS[one.kind],
        "status": one.status,
        "thresholds": _thresholds(one.thresholds),
    }


def _thresholds(found: Any) -> Document | None:
    if not isinstance(found, base.Thresholds):
        return None
    limits = {name: _number(getattr(found, name)) for name in _THRESHOLDS}
    return None if all(limit is None for limit in limits.values()) else limits


def _boot_device_of(driver: base.Driver) -> Callable[..., Any]:
    _able(driver, "boot device", "what a machine boots from")
    return driver.get_boot_device


def _boot_device(found: Any, _: Arguments, scrubbed: Scrubbed) -> Document:
    if not isinstance(found, base.Boot) or not isinstance(found.chosen, base.BootDevice):
        raise errors.DriverError(
            f"get_boot_device returned {safe_repr(found, scrubbed)}, which is no podium.drivers.base.Boot"
        )
    chosen, supported = found.chosen, found.supported
    if not isinstance(supported, list | tuple | set | frozenset):
        raise errors.DriverError(f"get_boot_device supports {safe_repr(supported, scrubbed)}, not a list")
    return {
        "device": None if chosen.device is None else _line(chosen.device, _LONGEST_WORD, scrubbed),
        "persistent": bool(chosen.persistent),
        "mode": chosen.mode if chosen.mode in base.BOOT_MODES else None,
        "supported": [device for device in base.BOOT_DEVICES if device in supported],
    }


def _log_of(driver: base.Driver) -> Callable[..., Any]:
    _able(driver, "log", "a log")
    return driver.get_log


def _limit(arguments: Arguments) -> int:
    return max(1, min(int(arguments["limit"]), _MOST_ENTRIES))


def _page(arguments: Arguments) -> tuple[str | None, str | None, int]:
    return arguments["before"], arguments["after"], _limit(arguments)


def _log(found: Any, arguments: Arguments, scrubbed: Scrubbed) -> Document:
    if not isinstance(found, base.Log) or not isinstance(found.entries, list | tuple):
        raise errors.DriverError(
            f"get_log returned {safe_repr(found, scrubbed)}, which is no podium.drivers.base.Log"
        )
    newest = found.entries[-_limit(arguments) :]
    for one in newest:
        if not isinstance(one, base.LogEntry):
            raise errors.DriverError(f"get_log returned an entry {safe_repr(one, scrubbed)}, which is none")
    together = "\n".join(text for one in newest for text in _texts(one))
    if scrubbed(together) == together:  # there may be secrets of 100,000 nodes to search for
        scrubbed = str
    offset, size = _number(found.clock_offset), _BESIDE_ENTRIES
    shown: dict[str, Document] = {}  # by id, the newest first
    for one in reversed(newest):
        line = _log_line(one, scrubbed)
        if shown.get(line["id"], line) != line:
            raise errors.DriverError(f"get_log returned two entries with the id {line['id']}")
        size += len(json.dumps(line)) + 2
        if size > MOST_BYTES:
            break
        shown[line["id"]] = line
    more = bool(found.more) or len(newest) < len(found.entries) or size > MOST_BYTES
    if more and not shown:  # otherwise callers would ask for the rest forever
        raise errors.DriverError("get_log returned no entry, although there are more")
    return {"entries": [*reversed(shown.values())], "more": more, "clock_offset": offset}


def _texts(entry: base.LogEntry) -> tuple[str, ...]:
    raw = entry.raw.decode(errors="replace") if isinstance(entry.raw, bytes) else entry.raw
    return safe_str(entry.id), safe_str(entry.message), safe_str(entry.sensor), safe_str(raw)


def _log_line(entry: base.LogEntry, scrubbed: Scrubbed) -> Document:
    its_id, message, sensor, raw = _texts(entry)
    return {
        "id": its_id if _NUMBERS.fullmatch(its_id) else _line(its_id, _LONGEST_NAME, scrubbed),
        "clock_at": _time(entry.at),
        "severity": entry.severity,
        "message": _line(message, _LONGEST_MESSAGE, scrubbed),
        "sensor": None if entry.sensor is None else _line(sensor, _LONGEST_NAME, scrubbed),
        "raw": _raw(entry.raw, raw, scrubbed),
    }


def _raw(found: bytes | str, text: str, scrubbed: Scrubbed) -> str | None:
    """Return what the hardware sent as text; None if it is empty, or if the bytes contain a secret."""
    if isinstance(found, bytes):
        return found[:_LONGEST_RAW].hex() if found and scrubbed(text) == text else None
    return _line(text, _LONGEST_MESSAGE, scrubbed) or None


def _time(found: Any) -> str | None:
    """Return a time as text; None if the value is not a time."""
    try:
        return found.astimezone(UTC).isoformat() if isinstance(found, datetime) else None
    except (AttributeError, ValueError, OverflowError):
        return None


def _clock_of(driver: base.Driver) -> Callable[..., Any]:
    """Return a function that reads the clock, and how far it is ahead of this host's in mid-call."""
    _able(driver, "clock", "a clock")
    method: Callable[..., Any] = driver.get_clock

    def compared(found: Any, began: float) -> float:
        try:
            return base.clock_offset(found) + (time.monotonic() - began) / 2
        except (TypeError, ValueError) as cause:
            raise errors.DriverError(f"get_clock returned no time: {cause}") from None

    if is_async(method):

        @functools.wraps(method)
        async def measured(node: base.Node) -> float:
            began = time.monotonic()
            return compared(await method(node), began)
    else:

        @functools.wraps(method)
        def measured(node: base.Node) -> Any:
            began = time.monotonic()
            return compared(method(node), began)

    return measured


def _clock(found: float, _: Arguments, __: Scrubbed) -> Document:
    return {"offset": found}


def _login_of(driver: base.Driver) -> Callable[..., Any]:
    return driver.check_login if base.checks_login(driver) else driver.get_power_state


def _login(found: Any, _: Arguments, scrubbed: Scrubbed) -> Document:
    if isinstance(found, str):  # the driver cannot try a login
        found = base.LoginReport(None, None, found, remarks=(_ONLY_READ,))
    if not isinstance(found, base.LoginReport) or found.power_state not in states.READINGS:
        raise errors.DriverError(f"the answer to a login is {safe_repr(found, scrubbed)}, which is none")

    def shown(text: Any) -> str | None:
        return None if text is None else _line(text, _LONGEST_TEXT, scrubbed)

    return {
        "username": shown(found.username),
        "privilege": shown(found.privilege),
        "protocol": shown(found.protocol),
        "power_state": found.power_state,
        "remarks": [_line(one, _LONGEST_TEXT, scrubbed) for one in found.remarks[:_MOST_REMARKS]],
    }


def _line(text: Any, longest: int, scrubbed: Scrubbed) -> str:
    return printable(scrubbed(safe_str(text)))[:longest]


def _number(found: Any) -> float | None:
    try:
        number = float(found) if isinstance(found, int | float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


KINDS: Final[Mapping[str, Kind]] = {
    "sensors": Kind(_sensors_of, _sensors),
    "boot device": Kind(_boot_device_of, _boot_device),
    "log": Kind(_log_of, _log, _page, offset="clock_offset"),
    "clock": Kind(_clock_of, _clock, offset="offset"),
    # If it were repeated, the hardware would count a refused login twice.
    "login": Kind(_login_of, _login, repeats=False),
}
