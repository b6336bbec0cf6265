"""What events hint at, how soon that is read, and how long a stream may be silent."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import errors, states
from podium.drivers.redfish.events.hints import Habit, Hint, Pace, Urgency, hints

HOME = "/redfish/v1/Systems/1"
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)
FIELDS = ("MessageId", "EventType", "OriginOfCondition", "Severity", "MessageSeverity", "@odata.id")


def event(**entry: Any) -> bytes:
    return json.dumps({"@odata.type": "#Event.v1_7_0.Event", "Events": [entry]}).encode()


def only(data: bytes) -> Hint:
    (hint,) = hints(data)
    return hint


@pytest.mark.parametrize(
    ("origin", "name", "urgency"),
    [
        (HOME, "ResourceEvent.1.3.ResourcePoweredOff", Urgency.POWER),
        (HOME, "ResourceEvent.1.3.ResourceChanged", Urgency.NAMED),
        (f"{HOME}/", "ResourceEvent.1.3.ResourceChanged", Urgency.NAMED),
        (f"{HOME}/Processors/1", "ResourceEvent.1.3.ResourceChanged", Urgency.VAGUE),
        (f"{HOME}#/Boot", "ResourceEvent.1.3.ResourceChanged", Urgency.VAGUE),
        (None, "IDRAC.2.8.SYS1001", Urgency.VAGUE),
        (None, "iLOEvents.3.2.ServerPoweredOn", Urgency.POWER),
        ("/redfish/v1/Chassis/1", "ResourceEvent.1.3.ResourcePoweredOff", Urgency.POWER),
        ("/redfish/v1/SessionService/Sessions/7", "ResourceEvent.1.3.ResourceCreated", Urgency.NONE),
        ("/redfish/v1/Systems/10", "ResourceEvent.1.3.ResourcePoweredOff", Urgency.NONE),
        ("/redfish/v1/Systems/2/Memory/1", "ResourceEvent.1.3.ResourceChanged", Urgency.NONE),
    ],
)
def test_an_event_is_as_urgent_as_it_is_near_to_the_systems_power(
    origin: str | None, name: str, urgency: Urgency
) -> None:
    link = {"@odata.id": origin} if origin else None
    assert only(event(MessageId=name, OriginOfCondition=link)).urgency(HOME) is urgency
    assert only(event(MessageId=name, OriginOfCondition=origin)).urgency(HOME) is urgency


@pytest.mark.parametrize(
    ("entry", "concerned"),
    [
        ({"MessageId": "ResourceEvent.1.3.ResourceStatusChangedOK", "OriginOfCondition": HOME}, True),
        (
            {
                "MessageId": "X.1.0.FanGone",
                "Severity": "Critical",
                "OriginOfCondition": "/redfish/v1/Chassis/1/Fans/2",
            },
            True,
        ),
        ({"EventType": "StatusChange"}, True),
        (
            {
                "MessageId": "ResourceEvent.1.3.ResourceStatusChangedOK",
                "OriginOfCondition": "/redfish/v1/Systems/2",
            },
            False,
        ),
        (
            {"MessageId": "ResourceEvent.1.3.ResourceChanged", "Severity": "OK", "OriginOfCondition": HOME},
            False,
        ),
    ],
)
def test_an_event_on_health_concerns_the_system_unless_it_is_anothers(
    entry: dict[str, Any], concerned: bool
) -> None:
    assert only(event(**entry)).concerns_health(HOME) is concerned


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ResourceEvent.1.3.ResourcePoweringOff", states.POWER_OFF),
        ("ResourceEvent.1.3.ResourcePoweredOn", states.POWER_ON),
        ("CrayAlerts.1.0.ResourcePowerStateChanged", None),
        ("Other.1.0.LightTurnedOff", None),
    ],
)
def test_what_an_event_says_of_the_power_is_kept_as_an_expectation(name: str, expected: str | None) -> None:
    assert only(event(MessageId=name)).expected == expected


@pytest.mark.parametrize(
    ("origin", "urgency"),
    [
        (f"https://192.0.2.9:8443{HOME}", Urgency.NAMED),
        (f"//bmc.example{HOME}/", Urgency.NAMED),
        (f"https://bmc.example{HOME}/Memory/1", Urgency.VAGUE),
        ("https://bmc.example/redfish/v1/Chassis/1", Urgency.NONE),
        ("Systems/1", Urgency.VAGUE),
        ("[", Urgency.VAGUE),
    ],
)
def test_an_origin_counts_by_its_path_and_one_without_may_be_anything(origin: str, urgency: Urgency) -> None:
    assert only(event(MessageId="X.1.0.Changed", OriginOfCondition=origin)).urgency(HOME) is urgency


def test_an_event_whose_texts_are_damaged_is_a_hint_all_the_same() -> None:
    data = event(MessageId="X.1.0.Changed", Message="?", OriginOfCondition=HOME).replace(b"?", b"\xff\x01\t")
    assert only(data + b"\0").urgency(HOME) is Urgency.NAMED


def test_telemetry_and_heartbeats_hint_at_nothing() -> None:
    assert hints(b'{"@odata.type": "#MetricReport.v1_4_2.MetricReport", "MetricValues": []}') == []
    assert hints(event(MessageId="HeartbeatEvent.1.0.RedfishServiceFunctional")) == []


def test_what_is_no_json_is_an_error() -> None:
    for nonsense in (b"<html>", b'{"Events":', b"[" * 100_000, b"\xff"):
        with pytest.raises(errors.DriverError, match="no JSON"):
            hints(nonsense)


def test_an_endless_event_is_read_only_in_part() -> None:
    entries = [{"OriginOfCondition": f"/redfish/v1/Systems/{number}"} for number in range(10_000)]
    assert len(hints(json.dumps({"Events": entries}).encode())) == 256


@given(JSON | st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON)).map(lambda found: {"Events": found}))
def test_json_of_any_shape_is_read(document: Any) -> None:
    for hint in hints(json.dumps(document).encode()):
        hint.urgency(HOME)
        hint.concerns_health(HOME)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b'{"Events": [' + tail))
def test_any_bytes_are_hints_or_an_error_of_the_drivers_own(data: bytes) -> None:
    with contextlib.suppress(errors.DriverError):
        hints(data)


def test_hints_that_come_to_nothing_are_read_at_growing_gaps() -> None:
    pace, now, reads = Pace(), 0.0, 0
    while now < 600:
        now += pace.delay(now, Urgency.VAGUE)
        pace.was_read(now, changed=False)
        reads += 1
    assert reads < 20
    assert pace.delay(now, Urgency.VAGUE) == pytest.approx(60)
    assert pace.delay(now, Urgency.POWER) == pytest.approx(2)


def test_a_hint_that_was_right_is_followed_by_others_at_once() -> None:
    pace = Pace()
    for _ in range(10):
        pace.was_read(0, changed=False)
    pace.was_read(1000, changed=True)
    assert pace.delay(1000, Urgency.VAGUE) == pytest.approx(0.3)
    assert pace.delay(1001, Urgency.VAGUE) == 0


def test_a_system_that_was_quiet_is_read_at_once() -> None:
    pace = Pace()
    for _ in range(10):
        pace.was_read(0, changed=False)
    assert pace.delay(121, Urgency.VAGUE) == 0


def test_the_habit_of_a_regular_heartbeat_is_learned() -> None:
    habit = Habit(0, doubt=1)
    for now in (1, 31, 61):
        habit.heard(now, beat=True)
        assert habit.allowed is None
    habit.heard(91.5, beat=True)
    assert habit.allowed == pytest.approx(91.5)
    habit.heard(100, beat=False)  # an event, after which the heart may begin anew
    habit.heard(121, beat=True)
    assert habit.allowed == pytest.approx(91.5)


def test_comments_without_a_rhythm_are_no_habit() -> None:
    habit = Habit(0, doubt=1)
    for now in (1, 2, 60, 61, 200, 210):
        habit.heard(now, beat=True)
        assert habit.allowed is None


def test_a_fast_heart_may_stop_for_a_while_and_a_doubted_one_for_longer() -> None:
    allowed = []
    for doubt in (1, 4):
        habit = Habit(0, doubt)
        for now in range(1, 6):
            habit.heard(now, beat=True)
        allowed.append(habit.allowed)
    assert allowed == [15, 60]
