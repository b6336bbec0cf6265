"""The times of hardware log entries, whose clock may be off and may have been set meanwhile.

A clock that Podium has set was off by something else before: then it depends on the entry by which of the two
clocks it was written.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from podium.db import api
from podium.db.hardware_reads import HardwareRead

#: Seconds by which a clock of whole seconds, or a measurement, may be off: less is not an offset.
_EXACT: Final = 2.0
#: How far in the future an entry may be because clocks differ.
_FUTURE: Final = timedelta(seconds=60)
_SLACK: Final = timedelta(seconds=_EXACT)


def with_times(connection: sa.Connection, read: HardwareRead, document: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a read of a log with ``at``, in whole seconds, for each entry."""
    clock = api.clock_setting(connection, read.node_uuid)
    read_at = read.finished_at or datetime.now(UTC)
    if clock is None or clock.set_at >= read_at:  # it was set after the log was read
        clock = None
    entries = [
        {**entry, "at": when(entry["clock_at"], document["clock_offset"], read_at, clock)}
        for entry in document["entries"]
    ]
    return {**document, "entries": entries}


def when(
    clock_at: str | None, offset: float | None, read_at: datetime, clock: api.ClockSetting | None
) -> datetime | None:
    """Return the time of an entry, None if it is not certain.

    :param clock_at: the time by the clock of the hardware
    :param offset: seconds that this clock was ahead when the log was read at ``read_at``
    :param clock: when it was set before that
    """
    if clock_at is None or offset is None:
        return None
    shown = datetime.fromisoformat(clock_at).replace(microsecond=0)
    try:
        found = {*_candidates(shown, offset, clock)}
    except OverflowError:
        return None
    fitting = [at for at in found if at <= read_at + _FUTURE]
    return fitting[0] if len(fitting) == 1 else None


def _candidates(shown: datetime, offset: float, clock: api.ClockSetting | None) -> Iterator[datetime]:
    """Yield the possible times: by the clock as it is, and as it was before it was set."""
    now = shown - _ahead(offset)
    if clock is None:
        yield now
        return
    if now >= clock.set_at - _SLACK:
        yield now
    if clock.offset_before is not None:
        before = shown - _ahead(clock.offset_before)
        if before <= clock.set_at + _SLACK:
            yield before


def _ahead(offset: float) -> timedelta:
    return timedelta(seconds=round(offset) if abs(offset) >= _EXACT else 0)
