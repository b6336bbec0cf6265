"""How many machines of a domain are begun within a time, whoever begins them and however clocks are set."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from podium import states
from podium.db import clock, models, power, power_limits
from podium.db.engine import Database
from podium.db.power_limits import Limits, Room

pytestmark = pytest.mark.mariadb_long

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ON, OFF = states.POWER_ON, states.POWER_OFF
Enrol = Callable[..., list[Any]]
Contend = Callable[..., BaseException | None]


class Beginners:
    """Members that begin machines of a rack; ``now`` is the database's clock."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self.database = database
        self.limits = limits
        self.now = NOON

    def begin(self, count: int = 1, *, after: float = 0.0, rack: str = "r7") -> int:
        """How many of some that are begun find room."""
        self.now += timedelta(seconds=after)
        with self.database.write() as connection:
            room = power_limits.lock(connection, self.limits)
            admitted = sum(room.admit(ON, {"rack": rack}, 1) for _ in range(count))
            power_limits.save(connection, self.limits, room)
        self.wait = room.wait
        return admitted

    def kept(self) -> int:
        with self.database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(models.power_starts)) or 0


@pytest.fixture
def rack(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beginners]:
    made = Beginners(database, {"r7": (2, 10.0), "hall": (3, 600.0)})
    monkeypatch.setattr(clock, "now", lambda _connection: made.now)
    yield made


def test_no_more_machines_of_a_domain_are_begun_than_its_window_allows(rack: Beginners) -> None:
    assert [rack.begin(), rack.begin(after=4), rack.begin(after=1)] == [1, 1, 0]
    assert rack.wait == 5
    assert [rack.begin(3, after=5), rack.wait] == [1, 4]
    assert [rack.begin(3, after=4), rack.kept()] == [1, 2]


def test_what_is_begun_at_once_counts_as_well(rack: Beginners) -> None:
    assert [rack.begin(5), rack.wait, rack.begin(5, after=9)] == [2, 10, 0]
    assert [rack.begin(5, after=1), rack.kept()] == [2, 2]


@pytest.mark.parametrize("seconds", [30, 3600, 10 * 365 * 86_400])
def test_a_clock_that_is_set_ahead_opens_a_domain_once(rack: Beginners, seconds: float) -> None:
    assert rack.begin(5) == 2
    assert [rack.begin(5, after=seconds), rack.begin(5, after=9)] == [2, 0]
    assert rack.begin(5, after=1) == 2


@pytest.mark.parametrize("seconds", [1, 30, 3600, 20 * 365 * 86_400])
def test_a_clock_that_is_set_back_holds_a_domain_up_once(rack: Beginners, seconds: float) -> None:
    assert rack.begin(5) == 2
    assert rack.begin(5, after=-seconds) == 0
    assert rack.wait <= 11
    assert rack.begin(5, after=11) == 2


def test_who_only_looks_is_not_held_up_by_what_lies_ahead(rack: Beginners) -> None:
    rack.begin(5)
    rack.now -= timedelta(hours=1)
    with rack.database.read() as connection:
        assert power_limits.look(connection, rack.limits).admit(ON, {"rack": "r7"}, 1)
    assert rack.begin(5) == 0
    with rack.database.read() as connection:
        assert not power_limits.look(connection, rack.limits).admit(ON, {"rack": "r7"}, 1)


def test_of_two_members_that_begin_at_once_one_counts_after_the_other(
    rack: Beginners, contend: Contend
) -> None:
    admitted: list[bool] = []

    def begin(connection: sa.Connection) -> None:
        room = power_limits.lock(connection, rack.limits)
        admitted.extend(room.admit(ON, {"rack": "r7"}, 1) for _ in range(2))
        power_limits.save(connection, rack.limits, room)

    assert contend(begin, begin) is None
    assert admitted == [True, True, False, False]


def test_a_machine_waits_for_all_of_its_domains_and_counts_in_none_until_then() -> None:
    room = Room({"r7": (1, 10.0), "feed": (1, 30.0)}, {"feed": [0.0]})
    assert not room.admit(ON, {"rack": "r7", "power_domain": "feed"}, 1)
    assert room.wait == 30
    assert room.admit(ON, {"rack": "r7"}, 1)
    assert room.admitted == ["r7"]


def test_only_what_ends_in_power_on_counts_and_only_in_domains_that_have_a_limit() -> None:
    room = Room({"12": (1, 10.0)}, {"12": [0.0]})
    for action in (ON, states.REBOOTING, states.SOFT_REBOOTING):
        assert not room.admit(action, {"rack": "r7", "power_domain": 12}, 1)
        assert room.admit(action, {"rack": "r7", "name": "12"}, 1)
    assert room.admit(OFF, {"rack": "12"}, 1)
    assert Room({}, {}).admit(ON, {"rack": "12"}, 1)


def test_a_staggered_operation_has_the_pace_that_was_asked_for(database: Database, enrol: Enrol) -> None:
    nodes = enrol("n1", "n2", "n3", "n4", "n5", "n6")
    with database.write() as connection:
        asked = power.ask(connection, nodes[:5], OFF, who="me", stagger=(2, 60.0))
        power.ask(connection, nodes[5:], OFF, who="me")
        paces = power_limits.paces(connection, [asked.operation_id or 0, 999], {})
        assert paces == {f"operation:{asked.operation_id}": (2, 60.0)}
    room = Room(paces, {})
    assert [room.admit(OFF, {}, asked.operation_id or 0) for _ in range(3)] == [True, True, False]
    assert (room.wait, room.admit(OFF, {}, 99)) == (60.0, True)


def test_what_was_begun_long_ago_is_forgotten(rack: Beginners) -> None:
    rack.begin(2)
    rack.begin(1, after=86_400, rack="hall")
    with rack.database.write() as connection:
        power_limits.prune(connection, rack.now - timedelta(hours=1))
    assert rack.kept() == 1
