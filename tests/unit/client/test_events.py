"""Power events, asked on the database and over HTTP."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from podium import errors
from podium.client.calls.events import FollowEvents, ListEvents, ListHistory
from podium.client.podium import Podium
from podium.client.waiting.following import Following
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import power_events, utcnow
from podium.db.worker import Worker

Enrol = Callable[..., list[NodeRecord]]
Happen = Callable[..., None]


@pytest.fixture
def happen(database: Database) -> Happen:
    """``happen("n1", ago=5)`` is an event of a node, a few seconds ago; ``id`` is its number."""

    def insert(name: str, *, ago: float = 0, **columns: Any) -> None:
        with database.write() as connection:
            (node,) = api.find_keys(connection, [name])
            values = {"node_uuid": node.uuid, "node_name": name, "at": utcnow() - timedelta(seconds=ago)}
            values |= {"cause": "request", "from_state": "power on", "to_state": "power off", **columns}
            connection.execute(sa.insert(power_events).values(**values))

    return insert


def test_an_event_says_who_changed_what_and_why(podium: Podium, enrol: Enrol, happen: Happen) -> None:
    (node,) = enrol("n1")
    happen("n1", who="eva@desk", reason="fan", operation_id=7, request_id="req-1", writer=Worker("here", 1))
    (event,) = podium.events()
    assert (event.id, event.node_name, event.node_uuid) == (1, "n1", node.uuid)
    assert (event.from_state, event.to_state, event.cause) == ("power on", "power off", "request")
    assert (event.who, event.reason, event.operation_id, event.request_id) == ("eva@desk", "fan", 7, "req-1")
    assert (event.conductor, event.worker) == ("here", "here/1")
    assert event.at.utcoffset() == timedelta(0)


def test_events_are_chosen_by_node_age_cause_and_number(podium: Podium, enrol: Enrol, happen: Happen) -> None:
    enrol("n1", "n2", "n3")
    happen("n1", ago=7200)
    happen("n2", cause="out-of-band")
    happen("n3")

    def names(**chosen: Any) -> list[str]:
        return [event.node_name for event in podium.events(**chosen)]

    assert names(nodes="n[1-2]") == ["n1", "n2"]
    assert names(since=3600.0) == ["n2", "n3"]
    assert names(cause="request") == ["n1", "n3"]
    assert names(newest=2) == ["n2", "n3"]
    assert names(newest=1, nodes="n[1-2]", cause="request") == ["n1"]
    assert names(newest=1, cause="fault") == []
    assert names(min_severity="warning") == ["n2"]
    assert names(min_severity="info", newest=2) == ["n2", "n3"]
    assert names(min_severity="warning", cause="request") == []


def test_events_have_pages(podium: Podium, enrol: Enrol, happen: Happen) -> None:
    enrol("n1")
    for _ in range(5):
        happen("n1")
    first = podium.ask(ListEvents(newest=4, limit=3))
    happen("n1")
    rest = podium.ask(ListEvents(newest=4, limit=3, marker=first.next))
    assert [[event.id for event in page.items] for page in (first, rest)] == [[2, 3, 4], [5, 6]]
    assert rest.next is None


def test_the_history_of_a_node_outlives_it(
    podium: Podium, enrol: Enrol, happen: Happen, database: Database
) -> None:
    first, _ = enrol("n1", "n2")
    for name in ("n1", "n2", "n1"):
        happen(name)
    with database.write() as connection:
        api.delete_node(connection, first.id)
    for node in ("n1", first.uuid):
        assert [event.id for event in podium.history(node)] == [1, 3]
    assert [event.id for event in podium.ask(ListHistory("n1", newest=1)).items] == [3]


@pytest.mark.parametrize("call", [ListEvents(["n1", "n[7-8]"]), ListHistory("n7"), FollowEvents("n7")])
def test_a_node_that_never_was_is_an_error(podium: Podium, enrol: Enrol, call: Any) -> None:
    enrol("n1")
    with pytest.raises(errors.NodeNotFound, match="neither a node nor an event has the name or UUID n"):
        podium.ask(call)


class Follower:
    """Follows events, with a clock."""

    def __init__(self, podium: Podium, *arguments: Any) -> None:
        self.now = 0.0
        self._podium = podium
        self._following = Following(*arguments, clock=lambda: self.now)
        assert self.look() == []

    def look(self) -> list[int]:
        return [event.id for event in self._following.take(self._podium.ask(self._following.look()))]


def test_following_sees_what_comes_after_its_beginning_once(
    podium: Podium, enrol: Enrol, happen: Happen
) -> None:
    enrol("n1")
    happen("n1")
    follower = Follower(podium)
    assert follower.look() == []
    happen("n1")
    happen("n1")
    assert [follower.look(), follower.look()] == [[2, 3], []]


def test_following_sees_events_that_are_committed_out_of_order(
    podium: Podium, enrol: Enrol, happen: Happen
) -> None:
    enrol("n1")
    happen("n1", id=1)
    happen("n1", id=4)
    follower = Follower(podium)
    happen("n1", id=3)
    happen("n1", id=9)
    assert follower.look() == [3, 9]
    happen("n1", id=7)
    assert follower.look() == [7]
    follower.now = 29.0
    happen("n1", id=2)
    happen("n1", id=6)
    assert [follower.look(), follower.look()] == [[2, 6], []]


def test_a_number_that_was_passed_over_is_looked_for_once_more_after_an_outage_and_then_forgotten(
    podium: Podium, enrol: Enrol, happen: Happen
) -> None:
    enrol("n1")
    follower = Follower(podium)
    happen("n1", id=5)
    assert follower.look() == [5]
    happen("n1", id=2)
    follower.now = 3600.0
    assert follower.look() == [2]
    happen("n1", id=3)
    assert follower.look() == []


def test_following_keeps_to_the_nodes_and_the_cause_asked_for(
    podium: Podium, enrol: Enrol, happen: Happen, database: Database
) -> None:
    _, second, _ = enrol("n1", "n2", "n3")
    follower = Follower(podium, "n[2-3]", "request")
    with database.write() as connection:
        api.update_node(connection, second.id, {"name": "n9"})
    happen("n1")
    happen("n9")
    happen("n3", cause="fault")
    happen("n3")
    assert [follower.look(), follower.look()] == [[2, 4], []]


def test_following_keeps_to_the_severity_asked_for(podium: Podium, enrol: Enrol, happen: Happen) -> None:
    enrol("n1")
    following = Following(min_severity="error")
    following.take(podium.ask(following.look()))
    for cause in ("request", "out-of-band", "failed request", "fault"):
        happen("n1", cause=cause)
    looks = [following.take(podium.ask(following.look())) for _ in range(2)]
    assert [[event.cause for event in found] for found in looks] == [["failed request", "fault"], []]


def test_following_says_which_events_it_does_not_return_any_more(
    podium: Podium, enrol: Enrol, happen: Happen
) -> None:
    enrol("n1")
    happen("n1", id=3)
    happen("n1", id=5)
    following = Following()
    following.take(podium.ask(following.look()))
    assert [number for number in range(1, 8) if following.has_passed(number)] == [3, 5]
