"""A command that waits ends when nobody lives who could carry out what it waits for."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

import entries
from heads import Head
from podium import conf
from podium.client.local.local import Local
from podium.client.podium import Podium
from podium.client.waiting.owners import OwnersWatch
from podium.db import clock, members
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import leases

Enrol = Callable[..., list[NodeRecord]]

TIMEOUT = 60


class Watched:
    """An operation that is waited for, and a clock."""

    def __init__(self, database: Database, podium: Podium) -> None:
        self.database = database
        self.now = 1000.0
        self._podium = podium
        self._watch = OwnersWatch(clock=lambda: self.now)

    def after(self, seconds: float) -> str | None:
        self.now += seconds
        self._watch.look(self._podium.prospects(1))
        return self._watch.verdict


@pytest.fixture
def local(config: conf.Config, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Podium]:
    with database.read() as connection:
        now = clock.now(connection)
    monkeypatch.setattr(clock, "now", lambda _: now)  # ages grow by what is said, however long a test takes
    config.set_override("heartbeat_timeout", TIMEOUT, group="conductor")
    with Local(config) as found:
        yield found


@pytest.fixture
def watched(database: Database, local: Podium, enrol: Enrol) -> Watched:
    enrol("n1", "n2")
    local.power("power on", "n[1-2]")
    return Watched(database, local)


def heard_of(database: Database, seconds_ago: float, host: str = "head", **values: Any) -> None:
    """Enter a conductor whose last heartbeat was so long ago."""
    with database.write() as connection:
        for one in members.unended(connection):
            if one.host == host:
                members.leave(connection, one.name)
        (member,) = entries.enter(connection, host, **values)
        at = clock.now(connection) - timedelta(seconds=seconds_ago)
        mine = leases.c.member_id == member.incarnation
        connection.execute(sa.update(leases).where(mine).values(renewed_at=at))


def test_a_conductor_that_has_never_been_is_waited_for_as_long_as_one_may_be_silent(watched: Watched) -> None:
    assert watched.after(59.0) is None
    assert watched.after(1.0) == "no conductor with the driver fake has been heard of for 60 s (online: none)"


def test_one_that_ended_long_ago_is_none(watched: Watched) -> None:
    heard_of(watched.database, 86400.0)
    assert watched.after(59.0) is None
    assert watched.after(1.0) is not None


def test_one_that_dies_meanwhile_counts_until_it_has_been_silent_for_long(watched: Watched) -> None:
    heard_of(watched.database, 0.0)
    assert watched.after(30.0) is None  # just heard of, by the database's clock
    heard_of(watched.database, 61.0)
    assert watched.after(59.0) is None
    assert watched.after(1.5) is not None


def test_one_that_lives_is_waited_for_for_ever(watched: Watched) -> None:
    for _ in range(20):
        heard_of(watched.database, 10.0)
        assert watched.after(30.0) is None


def test_one_whose_clock_was_set_does_not_count_as_dead_at_once(watched: Watched) -> None:
    heard_of(watched.database, -3600.0)
    assert watched.after(2.0) is None
    heard_of(watched.database, 0.0)
    assert watched.after(59.0) is None


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
def test_one_that_is_heard_of_again_and_again_lives_whatever_its_clock_says(
    watched: Watched, ahead: float
) -> None:
    for look in range(10):
        heard_of(watched.database, -ahead - 30.0 * look)
        assert watched.after(30.0) is None
    assert watched.after(59.0) is None
    assert watched.after(1.5) is not None


@pytest.mark.parametrize(
    ("there", "online"),
    [
        ({"drivers": ("ipmi", "redfish")}, "head with ipmi, redfish"),
        ({"group": "rack9"}, "head with fake and the conductor_group rack9"),
    ],
)
def test_one_with_another_driver_or_group_is_named_but_is_not_enough(
    watched: Watched, there: dict[str, Any], online: str
) -> None:
    heard_of(watched.database, 1.0, **there)
    assert watched.after(30.0) is None
    assert watched.after(30.0) == (
        f"no conductor with the driver fake has been heard of for 60 s (online: {online})"
    )


def test_a_group_that_nobody_has_is_named(database: Database, local: Podium, enrol: Enrol) -> None:
    enrol("n1", conductor_group="rack9")
    local.power("power on", "n1")
    watched = Watched(database, local)
    heard_of(database, 1.0)
    verdict = watched.after(60.0)
    assert verdict is not None
    assert verdict.startswith(
        "no conductor with the driver fake and the conductor_group rack9 has been heard"
    )


def test_what_was_begun_needs_the_conductor_that_began_it_or_one_that_takes_over(
    watched: Watched, head: Head
) -> None:
    heard_of(watched.database, 61.0)
    head.begin(2)
    heard_of(watched.database, 1.0, "other", group="rack9")
    assert watched.after(59.0) is None
    assert watched.after(1.0) == (
        "the conductor head, which has begun it, has not been heard of for 60 s, nor any other with the"
        " driver fake (online: other with fake and the conductor_group rack9)"
    )


def test_what_was_begun_is_waited_for_while_another_can_take_it_over(watched: Watched, head: Head) -> None:
    heard_of(watched.database, 61.0)
    head.begin(2)
    for _ in range(5):
        heard_of(watched.database, 1.0, "other")
        assert watched.after(30.0) is None


def test_a_further_group_or_a_fallback_is_enough(watched: Watched) -> None:
    for service in ({"groups": ("rack9", "")}, {"groups": ("rack9",), "fallback": ("",)}):
        for _ in range(4):
            heard_of(watched.database, 1.0, **service)
            assert watched.after(30.0) is None


def test_as_long_as_a_part_can_end_it_is_waited_for(watched: Watched, head: Head) -> None:
    heard_of(watched.database, 61.0)
    head.begin(1)
    for _ in range(10):
        heard_of(watched.database, 1.0, "other")
        assert watched.after(30.0) is None
