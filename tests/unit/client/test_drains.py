"""Conductors that are drained, forgotten and kept from subnets, on the database and over HTTP."""

from collections.abc import Callable, Sequence
from itertools import count

import httpx
import pytest
import sqlalchemy as sa

from crews import enter, settle
from podium import errors
from podium.api.callers import Role
from podium.client.podium import Podium
from podium.client.remote.server import Server
from podium.db import drains, members, roster
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import members as members_table
from podium.db.worker import Worker
from served import Everybody

Enrol = Callable[..., list[NodeRecord]]


@pytest.fixture
def workers(database: Database, enrol: Enrol, monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """Two conductors that share four nodes, and beat every few milliseconds of a clock that looks move."""
    monkeypatch.setattr("podium.client.local.forgetting.boottime", count(0.0, 0.002).__next__)
    enrol("n1", "n2", "n3", "n4")
    found = [enter(database, "c1"), enter(database, "c2")]
    settle(database, *found)
    with database.write() as connection:
        connection.execute(sa.update(members_table).values(interval=0.02))
    return found


def states(database: Database) -> dict[str, str]:
    with database.read() as connection:
        return {crew.hostname: crew.state for crew in roster.roster(connection).crews}


def test_a_drain_and_its_end_say_whether_they_changed_anything(
    podium: Podium, database: Database, workers: list[Worker], warnings: list[str]
) -> None:
    assert [podium.drain("c1").changed, podium.drain("c1").changed] == [True, False]
    assert states(database) == {"c1": "draining", "c2": "alive"}
    assert [podium.undrain("c1").changed, podium.undrain("c1").changed] == [True, False]
    assert warnings == []


def test_a_drain_that_leaves_nodes_without_anybody_is_refused_or_warned_of(
    podium: Podium, database: Database, workers: list[Worker], warnings: list[str]
) -> None:
    with database.write() as connection:
        members.leave(connection, workers[1])
    with pytest.raises(errors.Conflict, match="nobody else serves the nodes with the driver fake; start"):
        podium.drain("c1")
    assert podium.drain("c1", force=True).unserved == ["the nodes with the driver fake"]
    assert warnings == ["warning: nobody else serves the nodes with the driver fake, which stay with c1"]


def test_the_progress_of_a_drain_is_shown_and_counted(
    podium: Podium, database: Database, workers: list[Worker]
) -> None:
    podium.drain("c1")
    before = podium.drain_progress("c1", count=True)
    assert not before.done and before.nodes
    assert podium.drain_progress("c1").nodes is None
    settle(database, *workers)
    after = podium.drain_progress("c1", count=True)
    assert (after.done, after.nodes) == (True, 0)


def test_a_drain_is_waited_for(podium: Podium, database: Database, workers: list[Worker]) -> None:
    podium.drain("c1")
    told: list[object] = []
    assert podium.wait_for_drain("c1", timeout=0, left=told.append, tell=told.append) is False
    settle(database, *workers)
    assert podium.wait_for_drain("c1", timeout=0, left=told.append, tell=told.append) is True
    assert told == []


def test_the_workers_of_a_silent_conductor_are_ended_once_that_was_confirmed(
    podium: Podium, database: Database, workers: list[Worker]
) -> None:
    with pytest.raises(errors.NeedsConfirmation, match="c1 gives no sign of life"):
        podium.forget("c1")
    assert states(database)["c1"] == "alive"
    assert podium.forget("c1", confirmed=True).ended == 1
    assert states(database)["c1"] == "gone"
    assert podium.forget("c1").removed
    assert states(database) == {"c2": "alive"}
    with pytest.raises(errors.NotFound, match="there is no conductor c1; there are: c2"):
        podium.forget("c1")


def test_a_conductor_that_lives_is_not_forgotten(
    podium: Podium, workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    observe, beats = drains.observe, count(2)

    def beat(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, int]:
        members.renew(connection, workers[0], next(beats))
        return observe(connection, numbers)

    monkeypatch.setattr(drains, "observe", beat)
    with pytest.raises(errors.Conflict, match="c1 lives: it gave a sign of life just now"):
        podium.forget("c1", confirmed=True)


def test_forgetting_that_was_sent_again_neither_ends_nor_removes_more(
    server: Server, database: Database, workers: list[Worker]
) -> None:
    with httpx.Client(transport=server.transport(), base_url="http://podium") as client:

        def forget(key: str) -> object:
            path, headers = "/podium/v1/conductors/c1/forget", {"Idempotency-Key": key}
            return client.post(path, json={"confirmed": True}, headers=headers).json()

        ended = {"ended": 1, "removed": False}
        assert [forget("a"), forget("a")] == [ended, ended]
        assert states(database)["c1"] == "gone"
        removed = {"ended": 0, "removed": True}
        assert [forget("b"), forget("b")] == [removed, removed]


def test_a_subnet_is_avoided_listed_and_given_back(
    podium: Podium, workers: list[Worker], warnings: list[str]
) -> None:
    found = podium.avoid("c1", "10.0.1.0/24")
    assert (found.subnet, found.changed, found.nodes, found.unserved) == ("10.0.1.0/24", True, 0, 0)
    assert not podium.avoid("c1", "10.0.1.0/24").changed
    assert [(one.hostname, one.subnet, one.nodes) for one in podium.avoided()] == [("c1", "10.0.1.0/24", 0)]
    assert podium.unavoid("c1", "10.0.1.0/24").changed
    assert not podium.unavoid("c1", "10.0.1.0/24").changed
    assert list(podium.avoided()) == [] and warnings == []


def test_what_is_no_subnet_is_refused_with_the_one_around_it(podium: Podium, workers: list[Worker]) -> None:
    with pytest.raises(errors.BadRequest, match=r"did you mean 10\.0\.1\.0/24\?"):
        podium.avoid("c1", "10.0.1.7/24")


def test_an_unknown_conductor_is_named_with_those_that_are_known(
    podium: Podium, workers: list[Worker]
) -> None:
    asks: list[Callable[[], object]] = [
        lambda: podium.drain("c9"),
        lambda: podium.undrain("c9"),
        lambda: podium.drain_progress("c9"),
        lambda: podium.avoid("c9", "10.0.1.0/24"),
        lambda: podium.unavoid("c9", "10.0.1.0/24"),
    ]
    for ask in asks:
        with pytest.raises(errors.NotFound, match="there is no conductor c9; there are: c1, c2"):
            ask()


@pytest.mark.parametrize("podium", ["remote"], indirect=True)
def test_an_operator_takes_no_conductor_out_of_service(
    podium: Podium, workers: list[Worker], everybody: Everybody
) -> None:
    everybody.role = Role.OPERATOR
    asks: list[Callable[[], object]] = [
        lambda: podium.drain("c1"),
        lambda: podium.undrain("c1"),
        lambda: podium.forget("c1", confirmed=True),
        lambda: podium.avoid("c1", "10.0.1.0/24"),
        lambda: podium.unavoid("c1", "10.0.1.0/24"),
    ]
    for ask in asks:
        with pytest.raises(errors.NotAllowed, match="this needs admin"):
            ask()
