"""The conductor's idea of the database's time, between two questions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from podium.conductor.rooms.clock import DatabaseClock
from podium.db import clock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Told:
    """A clock whose database says what it is told, and whose seconds pass when told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 50.0  # since the machine was started
        self.database = NOON
        self.delay = 0.0  # of the answer
        monkeypatch.setattr(clock, "now", self._answer)
        self.clock = DatabaseClock(lambda: NOON - timedelta(days=1), lambda: self.passed)

    def _answer(self, _connection: object) -> datetime:
        self.passed += self.delay
        return self.database

    def ask(self) -> None:
        connection: Any = None
        assert self.clock.ask(connection) == self.database


def test_it_counts_on_by_itself_from_what_the_database_said(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    assert told.clock() == NOON - timedelta(days=1)
    told.ask()
    told.passed += 7.5
    assert told.clock() == NOON + timedelta(seconds=7.5)


def test_an_answer_that_took_long_moves_only_a_clock_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.ask()
    told.passed += 10
    told.delay = 2.0
    told.database = NOON + timedelta(seconds=10.5)  # when it arrives it is between that and 2 seconds more
    told.ask()
    assert told.clock() == NOON + timedelta(seconds=12)
    told.database = NOON + timedelta(seconds=20)
    told.ask()
    assert told.clock() == NOON + timedelta(seconds=20)


def test_it_follows_the_database_when_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    for moment in (NOON + timedelta(hours=1), datetime(1970, 1, 1, tzinfo=UTC), NOON):
        told.database = moment
        told.ask()
        assert told.clock() == moment


def test_a_moment_has_its_age_also_from_before_the_machine_was_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told(monkeypatch)
    told.ask()
    assert told.clock.seconds_of(NOON - timedelta(seconds=10)) == 40
    assert told.clock.seconds_of(NOON - timedelta(seconds=3600)) == -3550
    assert told.clock.seconds_of(NOON + timedelta(seconds=1)) == 50
    assert told.clock.seconds_of(NOON + timedelta(hours=1)) is None
