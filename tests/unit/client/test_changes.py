"""What changes is followed on the database and over HTTP, from any cursor, all of it and once."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from crews import enter
from heads import Head
from podium import conf, errors, states
from podium.api.own import feeds
from podium.client.calls.changes import (
    Change,
    ConductorChange,
    EventChange,
    NodeChange,
    OperationChange,
    Reset,
    Started,
)
from podium.client.local import changes
from podium.client.local.local import Local
from podium.client.podium import AsyncPodium, Podium
from podium.client.remote.server import Server
from podium.db import api, clock, members, news, power, readings
from podium.db.engine import Database
from podium.db.readings import Reading
from podium.db.worker import Worker
from unit.client.conftest import Enrol

C1 = Worker("c1", 0, 1)


def describe(database: Database, node: api.NodeRecord, text: str) -> None:
    with database.write() as connection:
        api.update_node(connection, node.id, {"description": text})


def read(database: Database, node: api.NodeRecord, state: str) -> None:
    with database.write() as connection:
        now = clock.now(connection)
        (now_is,) = api.find_nodes(connection, [node.uuid])
        readings.record_readings(connection, [Reading(node.id, now_is.version, now, state)], C1)


Follow = Callable[..., Generator[Change, None, None]]


@pytest.fixture
def follow(podium: Podium) -> Iterator[Follow]:
    """``follow(...)`` is a stream that has begun."""
    streams: list[Any] = []

    def begin(**how: Any) -> Generator[Change, None, None]:
        stream = podium.changes(**how)
        streams.append(stream)
        if "after" not in how:
            assert isinstance(next(stream), Started)
        return stream

    yield begin
    for stream in streams:
        stream.close()


def test_a_change_of_a_node_is_followed(database: Database, enrol: Enrol, follow: Follow) -> None:
    (node,) = enrol("n1", driver_info={"password": "secret"})
    stream = follow(kinds=["nodes"])
    describe(database, node, "new")
    change = next(stream)
    assert isinstance(change, NodeChange)
    assert (change.node.name, change.node.description, change.gone) == ("n1", "new", False)
    assert change.node.driver_info["password"] == "******"
    read(database, node, states.POWER_ON)
    change = next(stream)
    assert isinstance(change, NodeChange)
    assert change.node.power_state == states.POWER_ON


def test_every_kind_is_followed_and_some_can_be_chosen(
    database: Database, enrol: Enrol, follow: Follow
) -> None:
    (node,) = enrol("n1")
    all_kinds, some = follow(), follow(kinds=["events", "conductors"])
    with database.write() as connection:
        power.ask(connection, api.find_nodes(connection, ["n1"]), states.POWER_ON, who="ada@desk")
    found = [next(all_kinds), next(all_kinds)]
    member = enter(database, "c1")
    read(database, node, states.POWER_ON)
    found += [next(all_kinds) for _ in range(3)]
    assert [type(one) for one in found] == [
        NodeChange,
        OperationChange,
        ConductorChange,
        NodeChange,
        EventChange,
    ]
    assert isinstance(found[1], OperationChange)
    assert found[1].operation.waiting == 1
    assert isinstance(found[2], ConductorChange)
    assert found[2].conductor is not None
    assert (found[2].hostname, found[2].conductor.state) == ("c1", "alive")
    assert isinstance(found[4], EventChange)
    assert (found[4].event.node_name, found[4].event.to_state) == ("n1", states.POWER_ON)
    assert [next(some), next(some)] == [found[2], found[4]]
    with database.write() as connection:
        members.leave(connection, member)
    change = next(some)
    assert isinstance(change, ConductorChange)
    assert change.conductor is not None
    assert change.conductor.state == "gone"


def test_a_stream_goes_on_after_any_message_without_one_missing_or_coming_twice(
    database: Database, enrol: Enrol, follow: Follow
) -> None:
    stream = follow(kinds=["nodes"])
    enrol(*(f"n{number}" for number in range(5)))
    found = [next(stream) for _ in range(5)]
    for at, change in enumerate(found):
        rest = follow(kinds=["nodes"], after=change.cursor)
        assert [next(rest) for _ in found[at + 1 :]] == found[at + 1 :]


def test_many_changes_at_once_come_in_parts(database: Database, enrol: Enrol, follow: Follow) -> None:
    stream = follow(kinds=["nodes"], fields=["name"])
    names = [f"n{number:04}" for number in range(1200)]
    enrol(*names)
    assert [
        change.node.name for change in (next(stream) for _ in names) if isinstance(change, NodeChange)
    ] == names


def test_what_a_list_shows_after_the_beginning_comes_or_was_there(
    database: Database, enrol: Enrol, podium: Podium, follow: Follow
) -> None:
    (node,) = enrol("n1")
    stream = follow(kinds=["nodes"])
    describe(database, node, "new")
    assert [one.description for one in podium.nodes()] == ["new"]
    change = next(stream)
    assert isinstance(change, NodeChange)
    assert change.node.description == "new"


def test_single_entries_of_mappings_are_followed(database: Database, enrol: Enrol, follow: Follow) -> None:
    (node,) = enrol("n1", extra={"rack": "r7", "note": "far away"})
    stream = follow(kinds=["nodes"], fields=["extra.rack", "extra.zone"])
    describe(database, node, "new")
    change = next(stream)
    assert isinstance(change, NodeChange)
    assert change.node.extra == {"rack": "r7"}


def test_conditions_and_fields_are_those_of_lists(database: Database, enrol: Enrol, follow: Follow) -> None:
    one, two = enrol("n1", "n2", extra={"rack": "r7"})
    (three,) = enrol("n3", extra={"rack": "r8"})
    in_rack = follow(kinds=["nodes"], extra={"rack": "r7"}, fields=["description"])
    named = follow(kinds=["nodes", "events"], nodes="n[2-3]", fields=["description"])
    for node in (one, three, two):
        describe(database, node, "new")
    found = [next(in_rack) for _ in range(3)]
    assert [(change.node.name, change.gone) for change in found if isinstance(change, NodeChange)] == [
        ("n1", False),
        ("n3", True),
        ("n2", False),
    ]
    found = [next(named) for _ in range(2)]
    shown = [change.node for change in found if isinstance(change, NodeChange)]
    assert [(node.uuid, node.name, node.description) for node in shown] == [
        (three.uuid, "n3", "new"),
        (two.uuid, "n2", "new"),
    ]


def test_a_node_that_is_deleted_is_gone(database: Database, enrol: Enrol, follow: Follow) -> None:
    (node,) = enrol("n1")
    stream = follow()
    with database.write() as connection:
        api.delete_node(connection, node.id)
    change = next(stream)
    assert isinstance(change, NodeChange)
    assert (change.node.uuid, change.node.name, change.gone) == (node.uuid, "n1", True)


def test_who_was_away_for_too_long_is_told_to_list_again(
    database: Database, enrol: Enrol, follow: Follow
) -> None:
    (node,) = enrol("n1")
    with database.write() as connection:
        news.prune(connection, clock.later(clock.now(connection), 60))
    stream = follow(kinds=["nodes"], after="0")
    change = next(stream)
    assert isinstance(change, Reset)
    assert "list again" in change.reason
    describe(database, node, "new")
    assert isinstance(next(stream), NodeChange)


def test_a_cursor_of_a_newer_database_is_no_cursor_of_this_one(database: Database, follow: Follow) -> None:
    assert isinstance(next(follow(after="999999999")), Reset)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"after": "soon"}, "is no cursor"),
        ({"fields": ["colour"]}, "colour"),
        ({"conductor": "nobody"}, "conductor"),
        ({"nodes": "r[1-"}, "r"),
    ],
)
def test_what_cannot_be_followed_is_refused(podium: Podium, how: dict[str, Any], words: str) -> None:
    with closing(podium.changes(**how)) as stream, pytest.raises(errors.PodiumError, match=words):
        next(stream)


def test_changes_are_followed_in_an_event_loop(
    database: Database, enrol: Enrol, async_podium: Callable[[], AsyncPodium]
) -> None:
    (node,) = enrol("n1")

    async def run() -> list[Change]:
        async with async_podium() as podium:
            stream = podium.changes(kinds=["nodes"], nodes=["n1"])
            found = [await anext(stream)]
            await asyncio.to_thread(describe, database, node, "new")
            found.append(await anext(stream))
            await stream.aclose()
            return found

    first, second = asyncio.run(run())
    assert isinstance(first, Started)
    assert isinstance(second, NodeChange)


def raw(server: Server) -> httpx.Client:
    return httpx.Client(transport=server.transport(), **server.options())


def test_browsers_resume_by_a_header_and_see_messages_with_ids(
    database: Database, enrol: Enrol, server: Server
) -> None:
    (node,) = enrol("n1")
    with database.read() as connection:
        before = news.newest(connection)
    describe(database, node, "new")
    with (
        raw(server) as http,
        http.stream(
            "GET", "/podium/v1/changes?fields=description", headers={"Last-Event-ID": str(before)}
        ) as answer,
    ):
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        found = [next(lines) for _ in range(6)]
    assert found[:2] == ["retry: 2000", ""]
    assert found[2] == "event: nodes"
    assert found[3] == f"id: {before + 1}.0.{node.id}"
    assert '"description":"new"' in found[4]


def test_a_stream_can_be_asked_for_with_a_body_and_its_head_alone(server: Server, database: Database) -> None:
    with raw(server) as http:
        assert http.head("/podium/v1/changes").status_code == 200
        with http.stream("POST", "/podium/v1/changes/query", json={"nodes": ["n1"]}) as answer:
            assert next(answer.iter_lines()) == "retry: 2000"
        assert http.get("/podium/v1/changes", headers={"Last-Event-ID": "x"}).status_code == 400


def test_there_are_so_many_selections_and_no_more(
    server: Server, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_MOST_FEEDS", 1)
    with raw(server) as http, http.stream("GET", "/podium/v1/changes") as first:
        lines = first.iter_lines()  # which ends the stream when nobody has it any longer
        assert next(lines) == "retry: 2000"
        assert http.get("/podium/v1/changes?kinds=nodes").status_code == 503
        with http.stream("GET", "/podium/v1/changes") as second:
            assert second.status_code == 200


def test_a_change_of_credentials_is_followed_while_canaries_are_tried(
    podium: Podium, enrol: Enrol, head: Head, follow: Follow
) -> None:
    enrol("n1", "n2", driver_info={"fake_password": "0ld-hunter"})
    stream = follow(kinds=["operations", "events"])
    podium.set_credentials("n[1-2]", password="n3w-hunter", canaries=1)
    change = next(stream)
    assert isinstance(change, OperationChange)
    assert (change.operation.action, change.operation.held) == ("change credentials", 1)
    head.carry_out({})
    found = [next(stream), next(stream)]
    (event,) = [one.event for one in found if isinstance(one, EventChange)]
    (operation,) = [one.operation for one in found if isinstance(one, OperationChange)]
    assert (event.cause, event.node_name, operation.held, operation.waiting) == ("credentials", "n1", 0, 1)
    assert "hunter" not in repr(found)


def test_a_database_that_is_away_is_told_once_and_so_is_that_it_answers_again(
    config: conf.Config, database: Database, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = enrol("n1")
    said: list[str] = []
    monkeypatch.setattr(changes, "_AGAIN", 0.0)
    with Local(config, warn=said.append) as podium, closing(podium.changes()) as stream:
        assert isinstance(next(stream), Started)
        whole, left = Database.snapshot, [1, 2]

        def snapshot(self: Database) -> Any:
            if left:
                left.pop()
                raise errors.DatabaseUnavailable("no route")
            return whole(self)

        monkeypatch.setattr(Database, "snapshot", snapshot)
        describe(database, node, "x")
        assert isinstance(next(stream), NodeChange)
    assert said == [
        "warning: no route; the changes go on when it answers",
        "the database answers again, and the changes go on",
    ]
