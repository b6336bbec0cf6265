"""What feeds say about the power of a machine."""

from typing import Any

import pytest

from podium.db import feed_words
from podium.db.feed_words import Feed


def on(name: str, watts: float | None = None, **more: Any) -> Feed:
    return Feed(name, f"uuid of {name}", "power on", 20.0, watts, **more)


def off(name: str, age: float = 20.0) -> Feed:
    return Feed(name, f"uuid of {name}", "power off", age, 0.0)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], None),
        ([on("p1", 160.0), on("p2", 152.4)], "its feeds draw 312 W: it is on"),
        ([on("p1", 30.0)], "its feed draws 30 W: it is on"),
        ([on("p1", 5.0), on("p2", 4.0)], "its feeds draw 9 W: it may be off"),
        ([on("p1", 0.0), on("p2", 0.0)], "its feeds draw nothing"),
        ([on("p1"), on("p2")], "its feeds do not say what they draw"),
        ([on("p1")], "its feed does not say what it draws"),
        ([on("p1", 4.0), on("p2")], "its feeds do not say what they draw"),
        ([on("p1", 160.0), on("p2")], "its feeds draw at least 160 W: it is on"),
        ([off("p1")], "its feed p1 is off"),
        ([off("p1"), off("p2")], "its feeds p1 and p2 are off"),
        ([off("p1"), on("p2", 160.0)], "its feed p1 is off; its other feed draws 160 W: it is on"),
        ([off("p1"), on("p2", 0.0)], "its feed p1 is off; its other feed draws nothing"),
    ],
)
def test_what_feeds_deliver_says_whether_a_machine_is_on(found: list[Feed], words: str | None) -> None:
    assert feed_words.in_words(found) == words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([on("p1", 300.0, others=("r1n08",))], "its feed p1 also feeds r1n08"),
        ([off("p1"), on("p2", 9.0, others=[f"n{i}" for i in range(5)])],
         "its feed p2 also feeds n0, n1, n2 and 2 more"),
        ([Feed("p9"), on("p1", 300.0)], "its feed p9 is no node"),
        ([on("n1", 300.0, is_itself=True)], "its feed n1 is the node itself"),
    ],
)  # fmt: skip
def test_nothing_follows_from_feeds_that_are_not_the_machines_alone(found: list[Feed], words: str) -> None:
    assert feed_words.in_words(found) == words


def test_a_feed_that_was_off_long_ago_is_not_called_off() -> None:
    assert feed_words.in_words([off("p1", age=7200.0)]) == "its feed draws nothing"


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, []),
        ([], []),
        ("", []),
        (["p1", "p2", "p1"], ["p1", "p2"]),
        ("p1, p2,", ["p1", "p2"]),
        ({"a": 1}, ['{"a": 1}']),
        ([7, None, "p1"], ["7", "null", "p1"]),
        (["a\nb"], ["a b"]),
        (["x" * 300], ["x" * 63 + "…"]),
        (["p"] * 17, ["list of 17 names, more than 16,"]),
    ],
)
def test_whatever_a_node_names_is_a_list_of_names(value: Any, names: list[str]) -> None:
    assert feed_words.named({"power_feeds": value}) == names
