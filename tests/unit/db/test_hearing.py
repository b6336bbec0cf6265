"""A change is heard of at once where the database tells of it, and found all the same where it does not."""

import threading
from typing import Any, cast

import pytest

from podium import errors
from podium.db.hearing import Hearing


class Time(threading.Event):
    """A clock, and an event that nobody sets: waiting for it takes no time but the clock's."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return self.is_set()


class Server:
    """Stands for database and listener.

    :ivar news: when there will be notifications
    """

    def __init__(self, time: Time) -> None:
        self.time = time
        self.news: list[float] = []
        self.is_up = self.can_notify = True
        self.connections = 0

    def listen(self, _channel: str) -> "Server | None":
        if not self.can_notify:
            return None
        if not self.is_up:
            raise errors.DatabaseUnavailable("away")
        self.connections += 1
        return self

    def wait(self, seconds: float) -> bool:
        if not self.is_up:
            raise errors.DatabaseUnavailable("away")
        end = self.time.now + seconds
        if self.news and self.news[0] <= end:
            self.time.now = max(self.time.now, self.news[0])
            self.news = [at for at in self.news if at > self.time.now]
            return True
        self.time.now = end
        return False

    def close(self) -> None:
        pass


class Listening:
    def __init__(self) -> None:
        self.time = Time()
        self.server = Server(self.time)
        self.hearing = Hearing(cast(Any, self.server), self.time, lambda: self.time.now)

    def looks(self, until: float, changed_at: float = -1.0) -> list[float]:
        """When it looks until a time, in calls of a second each, as a conductor does that is idle."""
        found: list[float] = []
        while self.time.now < until:
            end = self.time.now + 1.0
            while self.time.now < end:
                if self.hearing.wait(0.2, end):
                    self.hearing.note_look()
                    self.hearing.note_found(found != [] and found[-1] < changed_at <= self.time.now)
                    found.append(round(self.time.now, 6))
        return found


@pytest.fixture
def it() -> Listening:
    return Listening()


def test_where_nothing_is_told_it_looks_all_the_time(it: Listening) -> None:
    it.server.can_notify = False
    assert it.looks(1.0) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])


def test_who_is_told_looks_rarely_and_at_once_when_there_is_something(it: Listening) -> None:
    it.server.news = [4.5]
    assert it.looks(6.0) == [0.0, 2.0, 4.0, 4.5]


def test_many_changes_share_a_look(it: Listening) -> None:
    it.server.news = [1.0 + part / 100 for part in range(60)]
    assert len(it.looks(1.7)) == 5


def test_a_change_of_which_nothing_was_told_makes_it_look_often_until_it_hears_again(it: Listening) -> None:
    it.server.news = [8.1]
    looks = it.looks(11.9, changed_at=3.0)
    assert [look for look in looks if look < 4.5] == pytest.approx([0.0, 2.0, 4.0, 4.2, 4.4])
    assert [look for look in looks if look > 8.05] == [8.2, 10.2]


def test_a_connection_that_broke_is_opened_again_and_looked_for_what_was_missed(it: Listening) -> None:
    assert it.looks(3.0) == [0.0, 2.0]
    it.server.is_up = False
    assert it.looks(4.0)[0] == 3.0
    it.server.is_up = True
    assert it.looks(20.0)
    assert it.server.connections == 2
    it.server.news = [20.5]
    assert 20.5 in it.looks(21.0)


def test_a_server_that_refuses_is_not_asked_all_the_time(it: Listening) -> None:
    it.server.is_up = False
    assert len(it.looks(4.0)) >= 19
    it.server.is_up = True
    it.looks(12.0)
    assert it.server.connections == 1
