"""Answers for which all nodes are counted are made once for many who ask."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from podium.api.own.kept import Kept
from podium.client.calls.conductors import GetFreshness
from podium.client.calls.status import GetStatus

Http = Any


class Counting:
    """Counts so many nodes each time that it is asked."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self.times = 0
        self.now = 0.0
        self.kept = Kept(lambda: self.now)

    async def make(self) -> tuple[Any, int]:
        self.times += 1
        return SimpleNamespace(nodes=SimpleNamespace(total=self.nodes)), self.times

    def ask(self) -> int:
        return asyncio.run(self.kept.get(GetStatus(), self.make))[1]


@pytest.mark.parametrize(("nodes", "seconds"), [(100_000, 2.0), (1_000_000, 2.0), (25_000, 0.5)])
def test_an_answer_is_kept_for_longer_the_more_nodes_there_are(nodes: int, seconds: float) -> None:
    counting = Counting(nodes)
    assert counting.ask() == 1
    counting.now = seconds - 0.01
    assert counting.ask() == 1
    counting.now = seconds
    assert counting.ask() == 2


def test_few_nodes_are_counted_each_time() -> None:
    counting = Counting(4999)
    assert (counting.ask(), counting.ask()) == (1, 2)


def test_what_is_counted_while_something_changes_is_not_kept() -> None:
    counting = Counting(100_000)

    async def make() -> tuple[Any, int]:
        counting.kept.forget()
        return await counting.make()

    asyncio.run(counting.kept.get(GetStatus(), make))
    assert counting.ask() == 2
    counting.kept.forget()
    assert counting.ask() == 3


def test_each_question_has_an_answer_of_its_own() -> None:
    counting = Counting(100_000)

    async def fresh() -> tuple[Any, int]:
        return SimpleNamespace(nodes=None), 7

    assert counting.ask() == 1
    assert asyncio.run(counting.kept.get(GetFreshness(), fresh))[1] == 7


def test_the_state_of_a_large_fleet_is_counted_anew_after_a_change(
    http: Http, enrol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.api.own.kept._FEW", 1)
    monkeypatch.setattr("podium.api.own.kept._LONGEST", 1e9)
    enrol("n1", "n2")
    before = http.get("/podium/v1/status")
    assert http.get("/podium/v1/status") == before
    assert http("POST", "/podium/v1/nodes/delete", json={"nodes": "n2"}).status_code == 200
    assert http.get("/podium/v1/status")["nodes"]["total"] == 1
