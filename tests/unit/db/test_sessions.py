"""Sessions of the page, on every kind of database."""

from typing import Any

import pytest

from podium.db import clock, sessions, tokens
from podium.db.engine import Database
from podium.db.sessions import MOST, Limits

LIMITS = Limits(idle=3600, life=7200)


class Time:
    def __init__(self) -> None:
        self.passed = 0.0


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The database's clock goes on by what is added to ``time.passed``."""
    found, real = Time(), clock.now
    monkeypatch.setattr(clock, "now", lambda connection: clock.later(real(connection), found.passed))
    return found


def begin(database: Database, secret: str, name: str = "rita", **how: Any) -> None:
    with database.write() as connection:
        sessions.begin(connection, name, secret, LIMITS, **{"login": "line", **how})


def find(database: Database, secret: str) -> Any:
    with database.read() as connection:
        return sessions.valid(connection, secret, LIMITS)


def note(database: Database, secret: str, idle: float) -> None:
    number = find(database, secret).id
    with database.write() as connection:
        sessions.note_use(connection, number, idle, LIMITS)


def test_a_session_is_found_by_its_secret_alone(database: Database) -> None:
    begin(database, "one")
    begin(database, "two", "otto", login="other")
    found = find(database, "one")
    assert (found.name, found.login, found.role) == ("rita", "line", None)
    assert find(database, "two").name == "otto"
    assert find(database, "One") is None


def test_a_session_lasts_from_the_last_use_that_was_written_down(database: Database, time: Time) -> None:
    begin(database, "one")
    time.passed += 3000
    note(database, "one", idle=600)
    note(database, "one", idle=900)  # from another window, which was told of less
    time.passed += 2900
    assert find(database, "one").idle == pytest.approx(3500, abs=60)
    time.passed += 200
    assert find(database, "one") is None


def test_a_session_that_is_over_cannot_be_brought_back(database: Database, time: Time) -> None:
    begin(database, "one")
    number = find(database, "one").id
    time.passed += 3700
    with database.write() as connection:
        sessions.note_use(connection, number, 0, LIMITS)
    assert find(database, "one") is None


def test_a_session_has_a_longest_life(database: Database, time: Time) -> None:
    begin(database, "one")
    for _ in range(2):
        time.passed += 3500
        note(database, "one", idle=0)
    time.passed += 300
    assert find(database, "one") is None


def test_a_session_from_the_future_does_not_count(database: Database, time: Time) -> None:
    time.passed = 86_400
    begin(database, "one")
    time.passed = 0
    assert find(database, "one") is None


def test_a_session_of_a_token_is_over_with_the_token(database: Database, time: Time) -> None:
    for name, seconds in (("kept", None), ("short", 60.0), ("revoked", None)):
        with database.write() as connection:
            tokens.create(connection, name, "operator", name, who="ada", seconds=seconds)
            token = tokens.valid(connection, name)
        assert token is not None
        begin(database, f"of {name}", f"token:{name}", login=None, token=token.id)
    with database.write() as connection:
        tokens.revoke(connection, "revoked", "ada")
    assert find(database, "of revoked") is None
    assert find(database, "of short").role == "operator"
    time.passed += 61
    assert find(database, "of short") is None
    assert find(database, "of kept").role == "operator"


def test_the_idlest_session_of_a_user_with_too_many_is_ended(database: Database, time: Time) -> None:
    begin(database, "other", "otto")
    for number in range(MOST):
        begin(database, str(number))
        time.passed += 1
    note(database, "0", idle=0)
    begin(database, "new")
    assert find(database, "1") is None
    assert all(find(database, one) for one in ("0", "2", "new", "other"))


def test_an_ended_session_is_not_found(database: Database) -> None:
    begin(database, "one")
    begin(database, "two")
    number = find(database, "one").id
    for _ in range(2):
        with database.write() as connection:
            sessions.end(connection, number)
    assert find(database, "one") is None
    assert find(database, "two") is not None
