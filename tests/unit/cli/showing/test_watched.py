"""What is seen of nodes that somebody watches."""

import io
from typing import Any

from podium.cli.showing.screen import Screen
from podium.cli.showing.watched import Watched
from podium.client.calls.changes import NodeChange
from podium.client.calls.nodes import Node


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def node(name: str, state: str | None = "power on", **fields: Any) -> Node:
    plain = {
        "target_power_state": None,
        "power_changed_at": None,
        "maintenance": False,
        "health": None,
        "last_error": None,
    }
    return Node(uuid=f"uuid-{name}", name=name, power_state=state, **{**plain, **fields})


def changed(name: str, state: str | None = "power on", *, gone: bool = False, **fields: Any) -> NodeChange:
    return NodeChange(cursor="1", node=node(name, state, **fields), gone=gone)


def screen(lines: int = 24, columns: int = 80, *, colours: bool = False) -> Screen:
    return Screen(io.StringIO(), columns, lines, colours, "…")


def watched(clock: Clock, *names: str) -> Watched:
    found = Watched(clock)
    assert found.begin([node(name) for name in names]) == []
    return found


def test_all_nodes_are_shown_in_natural_order_below_how_many_are_in_which_state() -> None:
    found = Watched(Clock())
    found.begin([node("n10"), node("n2", "power off"), node("n1")])
    summary, head, *lines = found.lines(screen())
    assert summary == "3 nodes: 1 power off, 2 power on"
    assert head.split()[:2] == ["name", "power_state"]
    assert [line.split()[0] for line in lines] == ["n1", "n2", "n10"]


def test_what_changed_is_marked_for_ten_seconds() -> None:
    clock = Clock()
    found = watched(clock, "n1", "n2")
    assert [one.node.name for one in found.take(changed("n2", "power off"))] == ["n2"]
    assert [line[:5] for line in found.lines(screen())[2:]] == ["  n1 ", "> n2 "]
    clock.now += 11
    assert [line[:5] for line in found.lines(screen())[2:]] == ["  n1 ", "  n2 "]


def test_what_is_marked_is_bold_where_there_are_colours() -> None:
    found = watched(Clock(), "n1")
    found.take(changed("n1", "power off"))
    line = found.lines(screen(colours=True))[2]
    assert line.startswith("\x1b[1m> n1")
    assert "\x1b[0m\x1b[1m" in line  # the state has a colour, after which the rest is bold again


def test_a_node_that_is_as_it_was_is_no_change() -> None:
    found = watched(Clock(), "n1")
    assert found.take(changed("n1")) == []
    assert found.lines(screen())[2].startswith("  n1")


def test_a_node_that_comes_is_shown_and_one_that_goes_is_for_ten_seconds() -> None:
    clock = Clock()
    found = watched(clock, "n1")
    assert [one.gone for one in found.take(changed("n2"))] == [False]
    assert [one.gone for one in found.take(changed("n1", gone=True))] == [True]
    assert [line.split()[1:3] for line in found.lines(screen())[2:]] == [["n1", "gone"], ["n2", "power"]]
    clock.now += 11
    assert [line.split()[0] for line in found.lines(screen())[2:]] == ["n2"]
    assert found.lines(screen())[0] == "1 node: 1 power on"


def test_nothing_is_kept_of_nodes_that_are_gone_though_nothing_is_drawn() -> None:
    clock = Clock()
    found = watched(clock, "n1")
    for number in range(100):
        clock.now += 1
        found.take(changed(f"m{number}"))
        assert [one.gone for one in found.take(changed(f"m{number}", gone=True))] == [True]
        assert found.take(changed(f"m{number}", gone=True)) == []
    assert len(found._entries) + len(found._gone) <= 12


def test_a_node_that_was_never_among_those_that_are_watched_does_not_go() -> None:
    found = watched(Clock(), "n1")
    assert found.take(changed("n9", gone=True)) == []
    assert len(found.lines(screen())) == 3


def test_of_more_nodes_than_lines_those_are_shown_that_changed_last() -> None:
    clock = Clock()
    found = watched(clock, *(f"n{number}" for number in range(100)))
    for name in ("n70", "n80"):
        clock.now += 1
        found.take(changed(name, "power off"))
    summary, _, *lines = found.lines(screen(lines=7))
    assert [line.split()[1 if line[0] == ">" else 0] for line in lines] == ["n80", "n70", "n0", "n1"]
    assert summary == "100 nodes: 2 power off, 98 power on; 96 that changed before these are not shown"


def test_a_list_that_is_read_again_has_what_was_missed() -> None:
    found = watched(Clock(), "n1", "n2")
    seen = found.begin([node("n1"), node("n3")])
    assert [(one.node.name, one.gone) for one in seen] == [("n2", True), ("n3", False)]


def test_what_is_to_be_said_stands_below_until_something_changes() -> None:
    clock = Clock()
    found = watched(clock, "n1")
    found.note("warning: the database is away")
    clock.now += 3
    assert found.lines(screen())[-1] == "3 s ago: warning: the database is away"
    found.take(changed("n1", "power off"))
    assert found.lines(screen())[-1].startswith("> n1")


def test_every_line_fits_eighty_columns() -> None:
    found = Watched(Clock())
    found.begin(
        [node("n1", last_error="it does not answer " * 9, health=None, target_power_state="rebooting")]
    )
    found.note("warning: " + "x" * 200)
    assert max(map(len, found.lines(screen()))) <= 80
