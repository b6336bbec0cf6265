"""Failures that nobody waits for are counted, and logged once in a while."""

import pytest

from fakes import Clock
from podium import errors
from podium.conductor.rooms.faults import Faults


def unchanged(text: str) -> str:
    return text


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_failures_of_one_kind_are_logged_once_in_ten_minutes_and_all_are_counted(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    faults = Faults("acme", clock)
    for seconds in (0, 1, 598, 1):
        clock.advance(seconds)
        faults.note("failed", f"node_added for n{seconds}", raised(KeyError("x")), unchanged)
    faults.note("failed", "node_added for n9", raised(ValueError("y")), unchanged)
    assert caplog.messages == [
        "Driver acme: node_added for n0 failed: KeyError: 'x'",
        "Driver acme: node_added for n1 failed: KeyError: 'x'",
        "Driver acme: node_added for n9 failed: ValueError: y",
    ]
    assert faults.counts == {"failed": 5}


def test_a_fault_of_the_driver_has_its_traceback_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults("acme")

    def hide(text: str) -> str:
        return text.replace("hunter2", "***")

    faults.note("failed", "the task watch", raised(KeyError("hunter2")), hide)
    faults.note("failed", "the task watch", raised(errors.BMCUnreachable("hunter2: no answer")), hide)
    first, second = caplog.records
    assert first.exc_info is not None
    assert second.exc_info is None
    assert "hunter2" not in caplog.text
    assert "***: no answer" in caplog.text
