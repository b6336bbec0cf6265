"""Which nodes are due for the first call of a task."""

import time
from dataclasses import replace
from typing import Any

import pytest

from fakes import Clock
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.reads import Reads
from podium.conductor.tasks.newcomers import Newcomers
from podium.testing import make_node


class Nodes(dict[int, Entry]):
    """Entries by number, and how often one was looked up."""

    looks = 0

    def get(self, number: int, default: Any = None) -> Any:
        self.looks += 1
        return super().get(number, default)


def entry(number: int = 1, **columns: Any) -> Entry:
    return Entry(number, 1, make_node("acme", name=f"n{number}", **columns), Reads())


class Waiting:
    """Newcomers among nodes that the task may be called for as the test says."""

    def __init__(self, *entries: Entry) -> None:
        self.nodes: Any = Nodes({one.number: one for one in entries})
        self.barred: set[int] = set()
        self.clock = Clock()
        self.newcomers = Newcomers(self.nodes, "acme", lambda one: one.number not in self.barred, self.clock)
        self.newcomers.add(list(self.nodes))

    def read(self, one: Entry) -> None:
        one.reads.checked = self.clock()

    def due(self) -> list[int]:
        found = [one.number for one in self.newcomers.due()]
        for number in found:
            self.newcomers.discard(number)
        return found


def test_a_node_is_due_once_its_power_was_read() -> None:
    waiting = Waiting(one := entry())
    assert (waiting.due(), waiting.newcomers.awaited) == ([], True)
    waiting.read(one)
    assert (waiting.due(), len(waiting.newcomers)) == ([1], 0)


def test_a_node_is_due_once_its_power_could_not_be_read() -> None:
    waiting = Waiting(one := entry())
    one.reads.note_failure()
    assert waiting.due() == [1]


def test_what_others_have_read_before_does_not_count() -> None:
    one = replace(entry(), since=time.monotonic(), reads=Reads(checked=Clock().now - 500, failures=3))
    waiting = Waiting(one)
    assert waiting.due() == []
    one.reads.note_failure()
    assert waiting.due() == [1]


@pytest.mark.parametrize("kept_out", [{"maintenance": True}, {"policy": "ignore"}])
def test_a_node_that_is_not_read_is_not_waited_for(kept_out: dict[str, Any]) -> None:
    policy = kept_out.pop("policy", None)
    assert Waiting(replace(entry(**kept_out), policy=policy)).due() == [1]


def test_a_node_that_is_never_read_is_due_when_no_other_was_read_for_a_minute() -> None:
    waiting = Waiting(entry(1), two := entry(2))
    waiting.clock.advance(59)
    waiting.read(two)
    assert waiting.due() == [2]
    waiting.clock.advance(59)
    assert waiting.due() == []
    waiting.clock.advance(2)
    assert waiting.due() == [1]


def test_a_node_that_the_task_must_not_be_called_for_waits_until_it_may() -> None:
    waiting = Waiting(one := entry())
    waiting.barred = {1}
    waiting.read(one)
    assert (waiting.due(), waiting.newcomers.awaited, len(waiting.newcomers)) == ([], False, 1)
    assert not waiting.newcomers.look_again()
    waiting.barred = set()
    assert waiting.newcomers.look_again()
    assert (waiting.due(), len(waiting.newcomers)) == ([1], 0)


def test_a_node_that_was_due_and_was_not_called_waits_on() -> None:
    waiting = Waiting(one := entry())
    waiting.read(one)
    assert [found.number for found in waiting.newcomers.due()] == [1]
    assert waiting.due() == []
    assert waiting.newcomers.look_again()
    assert waiting.due() == [1]


@pytest.mark.parametrize("driver", ["acme", "other"])
def test_a_node_that_is_gone_or_has_another_driver_is_forgotten(driver: str) -> None:
    waiting = Waiting(one := entry())
    if driver == "acme":
        del waiting.nodes[1]
    else:
        waiting.nodes[1] = replace(one, node=make_node(driver))
    assert (waiting.due(), len(waiting.newcomers)) == ([], 0)


def test_a_look_goes_through_a_part_of_a_large_fleet_and_the_next_ones_through_the_rest() -> None:
    waiting = Waiting(*map(entry, range(20_000)))
    waiting.nodes.looks = 0
    waiting.due()
    assert waiting.nodes.looks <= 20_000 / 16
    for one in waiting.nodes.values():
        waiting.read(one)
    found = [number for _ in range(200) for number in waiting.due()]
    assert sorted(found) == list(range(20_000))
