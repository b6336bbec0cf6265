"""What drivers are told of their nodes, in which order, and how ``start`` is called."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from fakes import StillDriver
from podium.drivers import base, push
from podium.testing import FakeManager, make_node

NODE = make_node("still", {"address": "a"}, name="n1")
MOVED = replace(NODE, driver_info={"address": "b"})


def calls(news: push.News) -> list[str]:
    """What is due, all of it, called and returned."""
    made = []
    while (due := news.next()) is not None:
        name, node = due
        made.append(f"{name} {node.name} at {node.driver_info.get('address')}")
        news.done(node)
    return made


def told(*changes: base.Node, names: Sequence[str] = (push.ADDED, push.CHANGED, push.REMOVED)) -> push.News:
    """The news of a driver that knows of a node, which has changed so since."""
    news = push.News(names)
    news.note(NODE, True)
    calls(news)
    for node in changes:
        news.note(node, True)
    return news


def test_a_node_is_added_once_and_changed_when_what_people_see_of_it_changes() -> None:
    news = push.News([push.ADDED, push.CHANGED])
    news.note(NODE, True)
    assert calls(news) == ["node_added n1 at a"]
    for node in (NODE, replace(NODE, power_state="power on", properties={"cpus": 4}, as_of=5.0)):
        news.note(node, True)
        assert calls(news) == []
    for node in (MOVED, replace(MOVED, name="n2"), replace(MOVED, name="n2", maintenance=True)):
        news.note(node, True)
        assert calls(news) == [f"node_changed {node.name} at b"]


def test_what_changed_several_times_before_it_was_told_is_told_once() -> None:
    assert calls(told(replace(NODE, name="x"), MOVED)) == ["node_changed n1 at b"]
    assert calls(told(MOVED, NODE)) == []


def test_a_node_that_was_gone_is_removed_before_it_is_added_again() -> None:
    news = told()
    news.note(NODE, False)
    news.note(MOVED, True)
    assert calls(news) == ["node_removed n1 at a"]
    news.note_released(NODE.uuid)
    assert calls(news) == ["node_added n1 at b"]


def test_a_node_that_came_and_went_before_it_was_told_is_not_told() -> None:
    news = push.News([push.ADDED, push.REMOVED])
    news.note(NODE, True)
    news.note(NODE, False)
    assert calls(news) == []


def test_a_driver_without_node_changed_is_told_of_other_hardware_as_of_another_node() -> None:
    names = (push.ADDED, push.REMOVED)
    assert calls(told(MOVED, names=names)) == ["node_removed n1 at a", "node_added n1 at b"]
    assert calls(told(replace(NODE, maintenance=True), names=names)) == []
    assert calls(told(MOVED, names=[push.ADDED])) == ["node_added n1 at b"]


def test_a_node_has_one_call_at_a_time_and_others_do_not_wait_for_it() -> None:
    news, other = told(MOVED), make_node("still", {"address": "c"}, name="n2")
    assert news.next() == (push.CHANGED, MOVED)
    news.note(NODE, False)
    news.note(other, True)
    assert calls(news) == ["node_added n2 at c"]
    assert news.is_known(NODE.uuid)
    news.done(NODE)
    assert calls(news) == ["node_removed n1 at b"]
    assert not news.is_known(NODE.uuid)


def test_a_node_that_left_twice_comes_back_when_it_was_released_twice() -> None:
    news = told()
    for here in (False, True, False, True):
        news.note(NODE, here)
    assert calls(news) == ["node_removed n1 at a"]
    news.note_released(NODE.uuid)
    assert calls(news) == []
    news.note_released(NODE.uuid)
    assert calls(news) == ["node_added n1 at a"]


def test_a_node_that_is_released_during_a_call_waits_for_the_end_of_that() -> None:
    news = told()
    news.note(NODE, False)
    assert news.next() == (push.REMOVED, NODE)
    news.note(NODE, True)
    news.note_released(NODE.uuid)
    assert news.next() is None
    news.done(NODE)
    assert calls(news) == ["node_added n1 at a"]


class Plain(StillDriver):
    async def start(self) -> None: ...


class Pushed(StillDriver):
    def start(self, manager: base.Manager) -> None: ...


class Optional(StillDriver):
    async def start(self, manager: base.Manager | None = None) -> None: ...


class Managed(StillDriver):
    async def start(self, manager: str = "of the library") -> None: ...


class Timed(StillDriver):
    async def start(self, timeout: float = 5) -> None: ...


class Passing(Plain):
    async def start(self, *args: Any, **kwargs: Any) -> None:
        await super().start(*args, **kwargs)


@pytest.mark.parametrize(
    ("kind", "given"),
    [(StillDriver, 0), (Plain, 0), (Pushed, 1), (Optional, 1), (Managed, 0), (Timed, 0), (Passing, 0)],
)
def test_start_receives_the_manager_where_it_has_a_parameter_for_it(
    kind: type[StillDriver], given: int
) -> None:
    manager, driver = FakeManager(), kind()
    assert push.start_arguments(driver, manager) == (manager,) * given
    assert list(push.misfits(driver)) == []


def test_a_start_that_cannot_be_called_is_named_with_how_it_is_called() -> None:
    class Wrong(StillDriver):
        async def start(self, manager: base.Manager, timeout: float) -> None: ...

    assert list(push.misfits(Wrong())) == [
        "start cannot be called: it is start(self) or start(self, manager)"
    ]
