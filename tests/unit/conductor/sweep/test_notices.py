import pytest

from podium.conductor.sweep.notices import Notices


def test_a_rack_that_goes_dark_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    notices = Notices()
    for number in range(1, 41):
        notices.failed(f"r1n{number:02}", f"BMC 10.0.0.{number}:623 does not answer within 10 s")
    notices.failed("r2n01", "BMC 10.0.1.1:623 refuses the user name")
    notices.log()
    assert caplog.messages == [
        "r1n[01-40]: power cannot be read: BMC does not answer within 10 s",
        "r2n01: power cannot be read: BMC 10.0.1.1:623 refuses the user name",
    ]
    notices.log()
    assert len(caplog.messages) == 2


def test_many_reasons_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    notices = Notices()
    for number in range(1, 9):
        notices.failed(f"n{number}", "broken" + "!" * number)
    notices.log()
    assert len(caplog.messages) == 6
    assert caplog.messages[-1] == "n[6-8]: power cannot be read, for 3 more reasons"


def test_a_member_that_may_have_ended_claims_no_change(caplog: pytest.LogCaptureFixture) -> None:
    is_safe = False
    notices = Notices(lambda: is_safe)
    for _ in range(3):
        notices.changed("r1n1", "power on", "power off")
        notices.failed("r1n2", "no answer")
        notices.recovered("r1n3")
        notices.log()
    assert caplog.messages == []
    is_safe = True
    notices.log()
    assert caplog.messages == [
        "r1n1: power on -> power off, changed by someone else",
        "r1n2: power cannot be read: no answer",
    ]
