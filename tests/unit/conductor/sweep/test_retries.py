import pytest

from podium.conductor.sweep.retries import Retries


def longest(low: float, high: float) -> float:
    return high


def shortest(low: float, high: float) -> float:
    return low


@pytest.mark.parametrize(
    ("failures", "gap"), [(1, 4.0), (2, 8.0), (3, 16.0), (4, 32.0), (5, 64.0), (6, 64.0), (1000, 64.0)]
)
def test_gaps_double_from_a_sixteenth_of_the_interval_up_to_all_of_it(failures: int, gap: float) -> None:
    retries = Retries(longest)
    retries.add(7, failures, 100.0, 64.0)
    assert retries.take_due(100.0 + gap - 0.01) == []
    assert retries.take_due(100.0 + gap) == [7]
    assert 7 not in retries


def test_gaps_differ_so_that_a_rack_that_went_dark_is_not_tried_all_at_once() -> None:
    early, late = Retries(shortest), Retries(longest)
    for retries in (early, late):
        retries.add(1, 1, 0.0, 64.0)
    assert early.take_due(3.0) == [1]
    assert late.take_due(3.0) == []


def test_a_node_that_answered_is_not_tried_again() -> None:
    retries = Retries(longest)
    retries.add(1, 1, 0.0, 64.0)
    retries.add(2, 1, 0.0, 64.0)
    retries.forget(1)
    assert retries.take_due(1000.0) == [2]


def test_a_node_waits_until_it_is_due() -> None:
    retries = Retries(lambda low, high: high)
    retries.add(1, 1, 100.0, 160.0)
    assert [retries.waits(1, now) for now in (100.0, 109.9, 110.0)] == [True, True, False]
    assert not retries.waits(2, 100.0)


def test_a_node_that_failed_again_meanwhile_is_tried_once() -> None:
    retries = Retries(longest)
    retries.add(1, 1, 0.0, 64.0)
    retries.add(1, 2, 0.0, 64.0)
    assert retries.take_due(4.0) == []
    assert retries.take_due(8.0) == [1]
    assert retries.take_due(1000.0) == []


def test_no_more_are_tried_at_a_time_than_may_be_and_none_is_forgotten() -> None:
    retries = Retries(longest)
    for number in range(5):
        retries.add(number, 1, float(number), 16.0)
    assert retries.take_due(100.0, 2) == [0, 1]
    assert retries.take_due(100.0, 0) == []
    assert retries.take_due(100.0, 9) == [2, 3, 4]


def test_an_interval_of_nothing_does_not_make_retries_without_a_pause() -> None:
    retries = Retries(shortest)
    retries.add(1, 1, 0.0, 0.0)
    assert retries.take_due(0.7) == []
    assert retries.take_due(0.75) == [1]
