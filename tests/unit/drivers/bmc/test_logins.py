"""A BMC that refuses logins is left alone before it locks the account."""

import logging

import pytest

from podium import errors
from podium.drivers.bmc import logins as module
from podium.drivers.bmc.logins import NONE_REFUSED, Refusals, RefusedLogins

REFUSAL = errors.AuthenticationRefused("BMC bmc7 has another\npassword; check ipmi_password")


def refused(times: int, now: float = 100.0) -> RefusedLogins:
    logins = NONE_REFUSED
    for _ in range(times):
        logins = logins.one_more("bmc7", now, 600, REFUSAL)
    return logins


@pytest.mark.parametrize("times", [0, 1])
def test_a_bmc_that_refused_a_few_logins_may_be_tried_again(times: int) -> None:
    logins = refused(times)
    logins.check(100.0, 600)
    assert not logins.is_left_alone(100.0)


def test_after_the_second_refusal_a_bmc_is_left_alone_for_the_interval(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    logins = refused(2)
    with pytest.raises(errors.AuthenticationRefused, match="after 2 refused logins in a row.* 600 s"):
        logins.check(699.9, 600)
    logins.check(700.0, 600)
    assert caplog.messages == [
        "BMC bmc7 refused 2 logins in a row: left alone for 600 s, because BMCs lock accounts"
    ]


def test_another_refusal_after_the_interval_begins_it_anew() -> None:
    logins = refused(2).one_more("bmc7", 700.0, 600, REFUSAL)
    assert logins.is_left_alone(1299.9) and not logins.is_left_alone(1300.0)


def test_the_reason_of_the_last_refusal_stays_and_does_not_change_while_the_bmc_is_left_alone() -> None:
    logins = refused(2)
    told = set()
    for now in (100.0, 101.0, 699.0):
        with pytest.raises(errors.AuthenticationRefused) as left:
            logins.check(now, 600)
        told.add(str(left.value))
    assert told == {
        "BMC bmc7 has another password; check ipmi_password; after 2 refused logins in a row,"
        " whatever the password, the BMC is left alone for 600 s, or until driver_info changes"
    }


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_how_long_a_bmc_is_left_alone_is_known() -> None:
    watch = Watch()
    refusals = Refusals(watch, 600)
    for _ in range(2):
        refusals.count("bmc7 admin", "bmc7", REFUSAL)
    watch.now = 400.0
    with pytest.raises(errors.AuthenticationRefused) as left:
        refusals.check("bmc7 admin")
    assert left.value.wait == 200.0
    refusals.check("bmc7 operator")


def test_a_right_login_starts_the_count_anew() -> None:
    refusals = Refusals(Watch(), 600)
    for _ in range(3):
        refusals.count("bmc7 admin", "bmc7", REFUSAL)
        refusals.clear("bmc7 admin")
    refusals.check("bmc7 admin")


def test_after_a_correction_one_login_is_tried_and_no_more() -> None:
    refusals = Refusals(Watch(), 600)
    for _ in range(2):
        refusals.count("bmc7 admin", "bmc7", REFUSAL)
    refusals.once_more("bmc7 admin")
    refusals.check("bmc7 admin")
    refusals.count("bmc7 admin", "bmc7", REFUSAL)
    assert refusals.is_left_alone("bmc7 admin")


def test_only_so_many_accounts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 100)
    refusals = Refusals(Watch(), 600)
    for number in range(101):
        refusals.count(number, "bmc7", REFUSAL)
    assert refusals.of(0) is NONE_REFUSED
    assert refusals.of(100).count == 1
