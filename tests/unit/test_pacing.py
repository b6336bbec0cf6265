"""Gaps that grow and a rate that many share, by a clock that the test holds."""

import itertools

import pytest

from podium.pacing import Allowance, Gaps, oldest_allowed


def test_gaps_grow_up_to_the_longest() -> None:
    gaps = Gaps(1.0, 5.0)
    assert [gaps[place] for place in (0, 1, 2, 3, 4, 1_000_000)] == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_gaps_can_be_taken_one_after_the_other() -> None:
    found = list(itertools.islice(iter(Gaps(0.1, 2.0, growth=1.5)), 9))
    assert found == pytest.approx([0.1, 0.15, 0.225, 0.3375, 0.50625, 0.759375, 1.1390625, 1.70859375, 2.0])


def test_a_longest_gap_that_is_shorter_than_the_first_holds() -> None:
    assert Gaps(10.0, 3.0)[0] == 3.0


def test_so_many_are_allowed_in_a_second_and_no_more_after_a_pause() -> None:
    allowance = Allowance(10)
    assert [allowance.take(100.0) for _ in range(11)] == [True] * 10 + [False]
    assert [allowance.take(100.35) for _ in range(4)] == [True] * 3 + [False]
    assert [allowance.take(3700.0) for _ in range(11)] == [True] * 10 + [False]


def test_all_that_are_allowed_can_be_taken_and_the_rest_of_one_is_kept() -> None:
    allowance = Allowance(2.5)
    assert [allowance.take_all(now) for now in (0.0, 0.2, 0.4, 60.0)] == [2, 1, 0, 2]


def test_a_rate_of_less_than_one_a_second_allows_one_at_a_time() -> None:
    allowance = Allowance(0.1, most=1.0)
    assert [allowance.take_all(now) for now in (0.0, 9.0, 10.5, 100.0)] == [1, 0, 1, 1]


def test_a_rate_of_nothing_allows_nothing() -> None:
    assert not Allowance(0).take(1000.0)


def test_what_is_read_less_often_may_be_older() -> None:
    assert [oldest_allowed(120, interval) for interval in (None, 20, 45, 600)] == [120, 120, 150, 1260]
