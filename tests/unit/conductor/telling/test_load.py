"""How busy a worker is, averaged."""

import pytest

from podium.conductor.sweep.sweeper import SweepFigures
from podium.conductor.telling.load import Load


class Times:
    """Seconds that pass, and those of them in which the process uses a core."""

    def __init__(self) -> None:
        self.now, self.used = 100.0, 5.0

    def load(self) -> Load:
        return Load(lambda: self.now, lambda: self.used)

    def go_on(self, seconds: float, used: float) -> None:
        self.now += seconds
        self.used += used


def sweep(in_flight: int, limit: int) -> SweepFigures:
    return SweepFigures(in_flight=in_flight, limit=limit, lingering=0, queued=0, retrying=0)


def test_it_is_the_part_of_a_core_and_of_the_reads_that_are_allowed() -> None:
    times = Times()
    load = times.load()
    times.go_on(5, 2)
    assert load.look([sweep(50, 200), sweep(3, 4)]) == {"cpu": 0.4, "reads": 0.75}


def test_nothing_is_known_before_a_second_has_passed() -> None:
    times = Times()
    load = times.load()
    times.go_on(0.5, 0.5)
    assert load.look([]) == {}


def test_a_moment_counts_little_and_what_lasts_counts_in_full() -> None:
    times = Times()
    load = times.load()
    times.go_on(60, 0)
    load.look([])
    times.go_on(5, 5)
    assert 0 < load.look([])["cpu"] < 0.1
    for _ in range(100):
        times.go_on(5, 5)
        last = load.look([])
    assert last["cpu"] == pytest.approx(1, abs=0.01)


def test_readers_that_ask_at_once_get_the_same_answer() -> None:
    times = Times()
    load = times.load()
    times.go_on(5, 2)
    assert load.look([]) == load.look([sweep(9, 9)])
