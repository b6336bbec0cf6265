"""Times in the format of BMCs: date-time of RFC 3339 (DSP0268), in some BMCs without an offset."""

import datetime
import re
from typing import Any, Final

from podium.drivers.redfish import resources

_LONGEST: Final = 64
_OFFSET: Final = re.compile(r"([+-])(\d{1,2}):?(\d{2})\Z")
_SPACE: Final = re.compile(r"\s+(?=[+-]\d\d:?\d\d\Z|Z\Z)")
_YEARS: Final = range(1902, 9999)  # years with room for any offset


def zone(body: dict[str, Any]) -> datetime.tzinfo:
    """Return the offset in a resource's ``DateTimeLocalOffset``; UTC if it has none."""
    found = _OFFSET.match(resources.text(body, "DateTimeLocalOffset", _LONGEST) or "")
    if found is None:
        return datetime.UTC
    minutes = int(found[2]) * 60 + int(found[3])
    if minutes >= 24 * 60:
        return datetime.UTC
    return datetime.timezone(datetime.timedelta(minutes=-minutes if found[1] == "-" else minutes))


def moment(body: dict[str, Any], key: str, zone: datetime.tzinfo) -> datetime.datetime | None:
    """Return a property as a time; None if it is not a time.

    :param zone: of a time without an offset
    """
    text = resources.text(body, key, _LONGEST) or ""
    try:
        found = datetime.datetime.fromisoformat(_SPACE.sub("", text))
    except ValueError:
        return None
    if found.year not in _YEARS:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)
