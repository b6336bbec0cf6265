"""Whose lease is over, by what one process has seen."""

import math

from fakes import Clock
from podium.conductor.fleet.observed import Observed

A, B = 1, 2


class Looker:
    """Looks every 5 s, by default, at leases of 30 s."""

    def __init__(self, interval: float = 5.0) -> None:
        self.clock = Clock(0)
        self.observed = Observed(interval, self.clock)
        self.lengths = {A: 30.0, B: 30.0}

    def look(self, at: float, numbers: dict[int, int], lasts: float = 0.0) -> set[int]:
        """Look from a moment on, with an answer that takes some seconds; who may be ended?"""
        self.clock.now = at + lasts
        over = self.observed.look(at, numbers, self.lengths)
        assert all(numbers[member] == number for member, number in over.items())
        return set(over)

    def looks(self, until: float, numbers: dict[int, int], every: float = 5.0) -> set[int]:
        """Look every few seconds up to a moment; who may be ended at the last look?"""
        found: set[int] = set()
        at = self.clock.now + every
        while at <= until:
            found = self.look(at, numbers)
            at += every
        return found


def test_a_lease_that_stands_still_for_its_length_is_over() -> None:
    it = Looker()
    it.look(0, {A: 7, B: 1})
    assert it.looks(25, {A: 7, B: 1}) == set()
    assert it.look(30, {A: 7, B: 2}) == {A}


def test_a_lease_that_moved_in_either_direction_is_watched_anew() -> None:
    it = Looker()
    it.look(0, {A: 7})
    it.looks(25, {A: 7})
    assert it.look(30, {A: 6}) == set()  # of a database that went back in time
    assert it.looks(55, {A: 6}) == set()
    assert it.look(60, {A: 6}) == {A}


def test_it_counts_from_the_answer_to_the_question() -> None:
    it = Looker()
    it.look(0, {A: 7}, lasts=2.0)
    it.looks(27, {A: 7})
    assert it.look(31.9, {A: 7}, lasts=2.0) == set()
    assert it.look(34, {A: 7}) == {A}


def test_after_a_look_that_failed_all_are_watched_anew() -> None:
    it = Looker()
    it.look(0, {A: 7, B: 1})
    it.looks(25, {A: 7, B: 1})
    it.observed.restart()
    assert it.looks(55, {A: 7, B: 1}) == set()
    assert it.look(60, {A: 7, B: 1}) == {A, B}


def test_after_a_pause_of_this_process_all_are_watched_anew() -> None:
    it = Looker()
    it.look(0, {A: 7})
    it.looks(20, {A: 7})
    assert it.look(40, {A: 7}) == set()
    assert it.looks(65, {A: 7}) == set()
    assert it.look(70, {A: 7}) == {A}


def test_a_look_that_comes_a_little_late_restarts_nothing() -> None:
    it = Looker()
    it.look(0, {A: 7})
    it.looks(10, {A: 7})
    assert it.look(21, {A: 7}) == set()
    assert it.look(31, {A: 7}) == {A}


def test_each_is_ended_by_the_length_that_it_promised() -> None:
    it = Looker()
    it.lengths = {A: 20.0, B: 60.0}
    it.look(0, {A: 1, B: 1})
    assert it.looks(20, {A: 1, B: 1}) == {A}
    assert it.looks(60, {A: 1, B: 1}) == {A, B}


def test_whoever_looks_seldom_waits_for_three_looks() -> None:
    it = Looker(interval=20)
    it.lengths = {A: 6.0}
    it.look(0, {A: 1})
    assert it.look(20, {A: 1}) == set()
    assert it.look(40, {A: 1}) == set()
    assert it.look(60, {A: 1}) == {A}


def test_one_that_was_away_for_a_look_is_new() -> None:
    it = Looker()
    it.look(0, {A: 7})
    it.looks(20, {A: 7})
    it.look(25, {})
    assert it.look(30, {A: 7}) == set()


def test_a_lease_has_moved_when_it_is_not_what_was_seen() -> None:
    it = Looker()
    assert not it.observed.has_moved(A, 7)
    it.look(0, {A: 7})
    assert not it.observed.has_moved(A, 7)
    assert it.observed.has_moved(A, 8)


def test_the_next_lease_that_may_be_over_is_known() -> None:
    it = Looker()
    it.lengths = {A: 30.0, B: 60.0}
    assert it.observed.due == math.inf
    it.look(2, {A: 7, B: 1}, lasts=1.0)
    assert it.observed.due == 33
    it.looks(30, {A: 7, B: 1})
    assert it.look(33, {A: 7, B: 1}) == {A}
    assert it.observed.due == 63  # whether the end of the first succeeds or not
    it.observed.restart()
    assert it.observed.due == math.inf
