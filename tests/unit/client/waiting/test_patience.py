"""How long is waited for what makes no progress, and for what is away."""

import pytest

from podium import errors
from podium.client.waiting.patience import Outage, Patience


def test_waiting_is_given_up_when_nothing_changes_and_goes_on_as_long_as_something_does() -> None:
    now = 0.0
    patience = Patience(10.0, clock=lambda: now)
    assert not patience.ends({"waiting": 3})
    now = 9.0
    assert not patience.ends({"waiting": 2, "begun": 1})
    now = 18.9
    assert not patience.ends({"waiting": 2, "begun": 1})
    now = 19.0
    assert patience.ends({"waiting": 2, "begun": 1})


def test_an_outage_is_told_once_and_ends_once() -> None:
    told: list[str] = []
    outage = Outage(told.append, clock=lambda: 0.0)
    for _ in range(3):
        outage.goes_on(errors.ApiUnavailable("it is away"))
    assert told == ["it is away; waiting for it"]
    assert [outage.ends(), outage.ends()] == [True, False]


def test_an_outage_is_not_waited_out_for_ever() -> None:
    now = 0.0
    outage = Outage(lambda _: None, clock=lambda: now, longest=10.0)
    outage.goes_on(errors.ApiUnavailable("it is away"))
    now = 10.0
    with pytest.raises(errors.ApiUnavailable, match="it is away"):
        outage.goes_on(errors.ApiUnavailable("it is away"))
