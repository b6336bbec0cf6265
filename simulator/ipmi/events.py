"""Events for the log of a simulated BMC, as users and tests write them.

    {"sensor": "CPU1 Temp", "offset": 9}                    an upper critical threshold was crossed
    {"sensor": "CPU1 Temp", "offset": 9, "ended": true}     it no longer is
    {"record": "0100c10000005ea202000102030405ff"}           any 16 bytes

Section and table numbers are those of the IPMI v2.0 specification, revision 1.1.
"""

import difflib
from collections.abc import Mapping
from typing import Any, Final

from podium import errors
from podium.simulator import sensors
from podium.simulator.faults import Faults
from podium.simulator.ipmi.event_log import RECORD, SYSTEM_EVENT

_OFFSETS: Final = range(16)
_FORMS: Final = 'an event is {"sensor": NAME, "offset": 0 to 15, "ended": true or false} or {"record": HEX}'


def record(event: Mapping[str, Any], *, on: bool, faults: Faults) -> tuple[bytes, bool]:
    """Return a record (table 32-1) without its ID, and whether it has its own time.

    :param on: whether the machine is on; the reading in an event depends on it
    :raises podium.errors.ConfigError: if the event has no known form
    """
    match dict(event):
        case {"record": str(digits), **rest} if not rest:
            return _bytes(digits), True
        case {"sensor": str(name), "offset": int(offset), **rest} if rest.keys() <= {"ended"}:
            ended = rest.get("ended", False)
            if not isinstance(ended, bool) or offset not in _OFFSETS:
                raise errors.ConfigError(_FORMS)
            _check(name)
            body = sensors.event(name, offset, ended=ended, on=on, faults=faults)
            return bytes((0, 0, SYSTEM_EVENT)) + bytes(4) + body, False
    raise errors.ConfigError(_FORMS)


def _bytes(digits: str) -> bytes:
    try:
        record = bytes.fromhex(digits)
    except ValueError:
        record = b""
    if len(record) != RECORD:
        raise errors.ConfigError(f"the record {digits!r} is not {RECORD} bytes in hexadecimal")
    return record


def _check(name: str) -> None:
    if name not in sensors.NAMES:
        near = difflib.get_close_matches(name, sensors.NAMES, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sensors.NAMES)}"
        raise errors.ConfigError(f"there is no sensor {name!r}; {hint}")
