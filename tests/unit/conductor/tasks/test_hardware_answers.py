"""Whatever drivers return, answers to reads are JSON that any database holds, or one error in words."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import errors
from podium.client.calls import hardware
from podium.conductor.tasks.hardware_answers import KINDS
from podium.db.hardware_reads import MOST_BYTES
from podium.drivers import base

PAGE = {"before": None, "after": None, "limit": 1000}
SHOWN = {"node": "n1", "node_uuid": "u", "read_at": datetime(2026, 3, 1, tzinfo=UTC), "conductor": "c1/0@1"}
ANSWERS = {
    "sensors": hardware.Sensors,
    "boot device": hardware.BootDevices,
    "log": hardware.LogEntries,
    "clock": hardware.Clock,
}


class Odd:
    """Something that cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no")

    __repr__ = __str__


anything = st.one_of(
    *(st.none(), st.booleans(), st.floats(), st.text(max_size=200), st.binary(max_size=300)),
    st.integers(min_value=-(10**400), max_value=10**400),
    st.builds(Odd),
    st.lists(st.sampled_from([*base.BOOT_DEVICES, 7, None]), max_size=4),
)


def nearly(given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What is asked for, or something else."""
    return st.one_of(given, given, given, anything)


@st.composite
def entry(draw: st.DrawFn) -> Any:
    """An entry of a log that a driver has made, and changed in ways that Python does not forbid."""
    at = st.none() | st.datetimes(timezones=st.just(UTC))
    status = st.sampled_from(["OK", "Warning", "Critical"])
    found = base.LogEntry(str(draw(st.integers(0, 30))), draw(at), draw(status), draw(st.text()))
    for name in draw(st.sets(st.sampled_from(["id", "at", "message", "sensor", "raw"]), max_size=2)):
        object.__setattr__(found, name, draw(anything))
    return found


limits = st.builds(base.Thresholds, *(anything for _ in range(6)))
sensor = st.builds(base.Sensor, anything, st.sampled_from([*base.SENSOR_KINDS]), anything, thresholds=limits)
logs = st.builds(base.Log, nearly(st.lists(nearly(entry()), max_size=6)), anything, anything)
boots = st.builds(base.Boot, nearly(st.builds(base.BootDevice, anything, anything, anything)), anything)


@given(
    found=st.one_of(
        *(st.tuples(st.just("sensors"), nearly(st.lists(nearly(sensor), max_size=3))),),
        *(st.tuples(st.just("boot device"), nearly(boots)), st.tuples(st.just("log"), nearly(logs))),
    )
)
def test_any_answer_is_json_that_callers_understand_or_an_error_in_words(found: tuple[str, Any]) -> None:
    kind, value = found
    try:
        shown = KINDS[kind].shown(value, PAGE, lambda text: text.replace("0", "*"))
    except errors.DriverError as error:
        assert str(error)
        return
    text = json.dumps(shown, allow_nan=False)
    assert "\\u0000" not in text and len(text) <= MOST_BYTES
    text.encode()
    msgspec.convert({**json.loads(text), **SHOWN}, ANSWERS[kind])


@pytest.mark.parametrize("value", [math.inf, math.nan, 10**400, "7", None, b"7"])
def test_a_value_that_is_no_number_is_no_reading(value: Any) -> None:
    (shown,) = KINDS["sensors"].shown([base.Sensor("Inlet", "temperature", value)], {}, str)["sensors"]
    assert shown["value"] is None
