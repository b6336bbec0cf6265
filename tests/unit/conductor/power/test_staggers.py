"""A staggered operation keeps its pace, however the clocks are set."""

from datetime import UTC, datetime, timedelta

import pytest

from podium.conductor.power.staggers import Staggers
from podium.db.beginning import Stagger

ASKED = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Pace:
    """What one operation has reached, in seconds after it was asked for."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.staggers = Staggers(lambda: self.now)

    def reached(self, next_at: float, passed: float) -> float:
        """
        :param next_at: how long after the first the first of those that wait begins, in seconds
        :param passed: seconds since it was asked for, by the database's clock
        """
        found = [Stagger(7, ASKED, ASKED + timedelta(seconds=next_at))]
        reached = self.staggers.reached(found, ASKED + timedelta(seconds=passed))
        return (reached[7] - ASKED).total_seconds()


def test_a_new_operation_begins_at_its_beginning() -> None:
    assert Pace().reached(next_at=0, passed=0.2) == 0


@pytest.mark.parametrize("hours", [-24 * 365 * 56, -1, 0, 1, 24 * 365 * 10])
def test_a_clock_that_is_set_changes_nothing_of_what_goes_on(hours: float) -> None:
    pace = Pace()
    pace.reached(next_at=0, passed=0)
    pace.now += 15
    assert pace.reached(next_at=10, passed=15 + hours * 3600) == 15


@pytest.mark.parametrize(("hours", "reached"), [(-1, 0), (0, 10), (1, 50)])
def test_a_conductor_that_starts_goes_on_where_the_operation_is_or_earlier(
    hours: float, reached: float
) -> None:
    assert Pace().reached(next_at=50, passed=10 + hours * 3600) == reached


def test_what_has_ended_is_forgotten() -> None:
    pace = Pace()
    pace.reached(next_at=0, passed=0)
    assert pace.staggers.reached([], ASKED) == {}
    pace.now += 100
    assert pace.reached(next_at=0, passed=0) == 0
