"""What the gate lets through, by a clock that only moves when told to."""

import math
from dataclasses import replace
from typing import Any

import pytest

from podium.conductor.enforcement.gate import Gate
from podium.conductor.enforcement.groups import sizes_of
from podium.conductor.enforcement.rules import Rules
from podium.conductor.fleet.entry import Entry
from podium.conductor.fleet.reads import Reads
from podium.drivers.base import Node

ON, OFF = "power on", "power off"


def entry(number: int, *, address: str | None = None, driver: str = "still", **more: Any) -> Entry:
    """A node that is wanted on, in a subnet of its own where no address is told."""
    info = {"ipmi_address": address or f"10.{number >> 8}.{number & 255}.1"}
    node = Node(f"uuid{number}", f"n{number}", driver, info, power_state=ON)
    return Entry(number, 1, node, Reads(), **{"wanted": ON, **more})


class Fleet:
    """Nodes and their gate."""

    def __init__(self, count: int = 100, rules: Rules | None = None, **more: Any) -> None:
        self.rules = rules or Rules(force=True)
        self.entries = [entry(number, **more) for number in range(count)]
        self.gate = Gate(self.rules)
        self.gate.settle(30.0)
        self.gate.sizes = sizes_of(self.entries, self.rules)

    def kind(self, number: int, now: float, oldest_read: float = math.inf) -> str:
        self.gate.judge(now)
        return self.gate.verdict(self.entries[number], now, oldest_read).kind

    def text(self, number: int, now: float) -> str | None:
        return self.gate.verdict(self.entries[number], now, math.inf).text

    def turn(self, number: int, now: float, state: str = OFF) -> None:
        """A read finds a node in another state than before."""
        self.gate.changed(self.entries[number], state, now)
        self.read(number, now, state)

    def read(self, number: int, now: float, state: str = OFF) -> None:
        assert self.gate.concerns(self.entries[number], state)
        self.gate.answered(self.entries[number], state, now)

    def vanish(self, number: int, now: float) -> None:
        self.entries[number].reads.note_failure()
        self.gate.failed(self.entries[number], now)

    def ready(self, number: int, now: float = 0.0) -> None:
        """A node is turned and read twice, so that only time is missing."""
        self.turn(number, now)
        self.read(number, now + 5)


def test_nodes_of_a_driver_that_is_read_rarely_wait_until_all_of_them_were_read() -> None:
    fleet = Fleet()
    fleet.ready(1)
    fleet.gate.intervals = {"still": 600.0}
    assert [fleet.kind(1, now) for now in (100.0, 600.0, 605.0)] == ["waiting", "waiting", "go"]


def test_a_state_is_acted_upon_only_once_it_was_read_twice_and_others_had_time_to_change() -> None:
    fleet = Fleet()
    fleet.turn(7, 0.0)
    assert fleet.text(7, 1000.0) == "power off is to be read a second time"
    fleet.read(7, 4.9)
    assert fleet.kind(7, 1000.0) == "waiting"
    fleet.read(7, 5.0)
    assert fleet.text(7, 34.9) == "waits to see whether others change too"
    assert fleet.kind(7, 35.0) == "go"


def test_a_second_read_is_asked_for_as_soon_as_it_counts_and_not_again_at_once() -> None:
    fleet = Fleet()
    fleet.turn(7, 0.0)
    assert [fleet.gate.again(now) for now in (4.0, 5.0, 6.0, 10.0)] == [[], [7], [], [7]]
    fleet.read(7, 10.5)
    assert fleet.gate.again(20.0) == []


def test_nothing_is_done_while_reads_that_began_before_may_tell_of_an_outage() -> None:
    fleet = Fleet()
    fleet.ready(7)
    assert fleet.kind(7, 60.0, oldest_read=34.0) == "waiting"
    assert fleet.kind(7, 60.0, oldest_read=36.0) == "go"


def test_unreachable_is_never_off_and_what_was_read_before_counts_no_more() -> None:
    fleet = Fleet()
    fleet.ready(7)
    fleet.vanish(7, 20.0)
    assert fleet.text(7, 100.0) == "it cannot be read; nothing is done before it answers"
    fleet.entries[7].reads.failing = None
    assert fleet.kind(7, 100.0) == "waiting"
    fleet.read(7, 100.0)
    fleet.read(7, 105.0)
    assert (fleet.kind(7, 134.0), fleet.kind(7, 135.0)) == ("waiting", "go")


def test_an_error_is_no_more_a_reason_to_switch_a_node_than_silence_is() -> None:
    fleet = Fleet()
    fleet.read(7, 0.0, "error")
    assert fleet.gate.cases() == []
    fleet.ready(7, 10.0)
    fleet.read(7, 30.0, "error")
    assert fleet.kind(7, 100.0) == "waiting"


def test_a_node_that_is_as_wanted_again_is_left_alone() -> None:
    fleet = Fleet()
    fleet.ready(7)
    fleet.turn(7, 20.0, ON)
    assert fleet.gate.cases() == []
    assert not fleet.gate.concerns(fleet.entries[7], ON)


def test_a_node_of_which_nothing_was_ever_asked_is_never_switched() -> None:
    fleet = Fleet(wanted=None)
    assert not fleet.gate.concerns(fleet.entries[7], OFF)


@pytest.mark.parametrize(
    ("policy", "force", "enforced"),
    [("enforce", False, True), (None, True, True), (None, False, False), ("record", True, False)],
)
def test_a_nodes_own_policy_is_heeded_before_the_usual_one(
    policy: str | None, force: bool, enforced: bool
) -> None:
    fleet = Fleet(1, Rules(force=force), policy=policy)
    fleet.read(0, 0.0)
    assert bool(fleet.gate.cases()) is enforced


@pytest.mark.parametrize(("wanted", "found", "enforced"), [(OFF, ON, False), (ON, OFF, True)])
def test_a_node_that_is_never_switched_off_is_only_switched_on(
    wanted: str, found: str, enforced: bool
) -> None:
    fleet = Fleet(1, wanted=wanted, policy="enforce", stays_on=True)
    fleet.read(0, 0.0, found)
    assert bool(fleet.gate.cases()) is enforced


def test_a_node_that_changes_too_often_is_left_alone_until_it_was_quiet() -> None:
    fleet = Fleet()
    for number in range(4):
        now = 100.0 * number
        fleet.entries[7] = replace(fleet.entries[7], version=number)  # it was switched back meanwhile
        fleet.turn(7, now)
        fleet.read(7, now + 5)
        assert fleet.kind(7, now + 40) == ("flapping" if number == 3 else "go")
    assert fleet.kind(7, 300.0 + 3600) == "flapping"
    assert fleet.kind(7, 300.0 + 3601) == "go"


def test_a_change_that_is_told_again_before_it_is_written_is_one_change() -> None:
    fleet = Fleet()
    for now in range(0, 60, 5):
        fleet.turn(7, float(now))
    assert fleet.kind(7, 100.0) == "go"


def test_changes_that_are_far_apart_are_no_flapping() -> None:
    fleet = Fleet()
    for number in range(8):
        fleet.turn(7, 1300.0 * number, OFF if number % 2 == 0 else ON)
    fleet.turn(7, 1300.0 * 8)
    fleet.read(7, 1300.0 * 8 + 5)
    assert fleet.kind(7, 1300.0 * 8 + 40) == "go"


def test_what_failed_is_tried_again_after_growing_times() -> None:
    fleet = Fleet()
    fleet.ready(7)
    now, pauses = 35.0, []
    for _ in range(4):
        assert fleet.kind(7, now) == "go"
        fleet.gate.tried(7, now)
        began = now
        fleet.read(7, now + 1)
        fleet.read(7, now + 6)
        while fleet.kind(7, now) != "go":
            now += 1
        pauses.append(now - began)
    assert pauses == [36, 60, 120, 240]


def test_a_dry_run_tells_what_would_be_done() -> None:
    fleet = Fleet(100, Rules(force=True, dry_run=True))
    fleet.ready(7)
    assert fleet.kind(7, 40.0) == "dry run"
    assert fleet.text(7, 40.0) == "would be switched to power on"


def test_many_that_vanish_together_freeze_all_enforcement() -> None:
    fleet = Fleet()
    fleet.ready(7)
    for number in range(20, 29):
        fleet.vanish(number, 20.0)
    assert fleet.kind(7, 35.0) == "go"  # with this one they are a tenth, which is allowed
    fleet.vanish(30, 36.0)
    assert fleet.kind(7, 36.0) == "frozen"
    assert fleet.text(7, 36.0) == ("frozen: 11 of 100 nodes of the fleet changed or vanished within 300 s")


def test_many_that_answer_a_wrong_state_together_freeze_all_enforcement() -> None:
    fleet = Fleet(1000)
    for number in range(300):
        fleet.turn(number, 0.1 * number)
        fleet.read(number, 0.1 * number + 5)
    assert {fleet.kind(number, 36.0) for number in range(300)} == {"frozen"}


def test_changes_of_which_each_is_long_over_freeze_nothing() -> None:
    fleet = Fleet()
    for number in range(30):
        fleet.vanish(number, 40.0 * number)
    fleet.gate.judge(1200.0)
    assert fleet.gate.frozen is None
    assert fleet.gate.disturbed == 7


def test_nodes_that_never_answered_have_not_vanished() -> None:
    fleet = Fleet(20)
    fleet.entries = [one.with_node(replace(one.node, power_state=None)) for one in fleet.entries]
    for number in range(10):
        fleet.vanish(number, 20.0)
    fleet.gate.judge(21.0)
    assert (fleet.gate.disturbed, fleet.gate.frozen) == (0, None)


def test_a_node_that_vanishes_again_and_again_counts_once() -> None:
    fleet = Fleet()
    for now in range(100):
        fleet.entries[7].reads.failing = None
        fleet.vanish(7, float(now))
    fleet.gate.judge(100.0)
    assert fleet.gate.frozen is None


def test_a_subnet_or_driver_that_fails_freezes_too() -> None:
    fleet = Fleet(1000)
    fleet.entries = [entry(number, address=f"10.1.{number // 20}.{number % 20}") for number in range(1000)]
    fleet.gate.sizes = sizes_of(fleet.entries, fleet.rules)
    for number in (40, 41, 42):
        fleet.vanish(number, 0.0)
    fleet.gate.judge(1.0)
    assert fleet.gate.frozen == (
        "3 of 20 nodes in 10.1.2.0/24 changed or vanished within 300 s",
        1.0,
    )


def test_two_of_a_small_group_are_no_outage_and_three_are() -> None:
    fleet = Fleet(5)
    for number in range(2):
        fleet.vanish(number, 0.0)
    fleet.gate.judge(1.0)
    assert fleet.gate.frozen is None
    fleet.vanish(3, 2.0)
    fleet.gate.judge(3.0)
    assert fleet.gate.frozen is not None


def frozen(rules: Rules | None = None) -> Fleet:
    fleet = Fleet(100, rules)
    for number in range(30):
        fleet.vanish(number, 0.0)
    fleet.gate.judge(10.0)
    assert fleet.gate.frozen is not None
    return fleet


def test_a_freeze_ends_by_itself_once_the_window_is_calm() -> None:
    fleet = frozen()
    fleet.gate.judge(300.0)
    assert fleet.gate.frozen is not None
    fleet.gate.judge(310.0)
    assert fleet.gate.frozen is None


def test_a_freeze_goes_on_while_nodes_still_vanish() -> None:
    fleet = frozen()
    for number in (40, 41):
        fleet.vanish(number, 305.0)
    fleet.gate.judge(310.0)
    assert fleet.gate.frozen is not None
    fleet.gate.judge(340.0)
    assert fleet.gate.frozen is None


def test_a_freeze_that_a_person_ends_does_not_begin_again_because_of_what_was() -> None:
    fleet = frozen()
    fleet.gate.forgive()
    fleet.gate.judge(11.0)
    assert fleet.gate.frozen is None


def test_a_freeze_of_before_a_restart_lasts_for_a_window_at_least() -> None:
    fleet = Fleet()
    fleet.gate.freeze("as before", 0.0)
    fleet.gate.judge(299.0)
    assert fleet.gate.frozen == ("as before", 0.0)
    fleet.gate.judge(300.0)
    assert fleet.gate.frozen is None
