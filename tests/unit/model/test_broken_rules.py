"""Each rule of docs/conductors.md is needed: a story that ends well ends badly without it."""

from collections.abc import Callable
from typing import Final

import pytest

import model_members
import model_world
from model_world import PAUSE, STALL, SUSPEND, Violation
from podium import states
from rounds import only_long
from sharing_story import Story


def _two_are_left(story: Story) -> None:
    """The one in the west leaves; the others have two nodes each."""
    story.world.hosts["west"].leaves = True
    story.world.pass_time(6)


def _node_of(story: Story, host: str) -> str:
    """A node that a host reads."""
    numbers = {row.id: row.name for row in story.world.rows(model_members.NODES)}
    return numbers[min(story.world.hosts[host].reads())]


def a_call_does_not_return(story: Story) -> None:
    story.hardware_is_stuck_or_goes_on(_node_of(story, "east"), True)
    story.a_conductor_is_drained_or_not("east", True)
    story.world.pass_time(5)


def a_slot_comes_back(story: Story) -> None:
    """North waits for a slot that east has not given up, and goes back to east, which never noticed."""
    _two_are_left(story)
    east, north = story.world.hosts["east"], story.world.hosts["north"]
    east.stop(STALL, 8)
    story.a_conductor_is_drained_or_not("east", True)
    story.world.pass_time(3)
    north.fuse = 1, "knows its slots", PAUSE, 6
    story.a_conductor_is_drained_or_not("north", True)
    story.world.pass_time(1)
    story.a_conductor_is_drained_or_not("east", False)
    story.world.hosts["west"].start(knows=True)
    story.a_conductor_is_drained_or_not("west", True)
    story.world.pass_time(8)


def all_go_on(story: Story) -> None:
    story.all_comes_to_rest()


def an_answer_takes_long(story: Story) -> None:
    """The answer to a renewal comes late; then a call to a node hangs, and so does its connection."""
    east, name = story.world.hosts["east"], _node_of(story, "east")
    story.hardware_is_stuck_or_goes_on(name, True)
    east.fuse = 1, "learns that it is renewed", PAUSE, 12
    while not east.stopped:
        story.world.pass_time(1)
    story.somebody_asks({name}, states.REBOOTING, 0)
    while east.stopped:
        story.world.pass_time(1)
    east.heart_is_cut = True
    story.world.pass_time(9)
    story.hardware_is_stuck_or_goes_on(name, False)
    story.world.pass_time(2)


def a_suspended_member_is_ended_by_one_that_does_no_more(story: Story) -> None:
    _two_are_left(story)
    _suspend_before_a_command(story)
    story.world.hosts["north"].stop(STALL, 60)
    story.world.pass_time(35)


def a_suspended_member_is_ended(story: Story) -> None:
    _suspend_before_a_command(story)
    story.world.pass_time(35)


def _suspend_before_a_command(story: Story) -> None:
    east = story.world.hosts["east"]
    east.fuse = 1, "confirms", SUSPEND, 30
    story.somebody_asks({_node_of(story, "east")}, states.REBOOTING, 0)
    while not east.stopped:
        story.world.pass_time(1)


def the_database_forgets_a_generation(story: Story) -> None:
    """A slot went from east to north, which no longer looks; the database only knows that it is east's."""
    _two_are_left(story)
    story.the_standby_follows()
    story.a_conductor_is_drained_or_not("east", True)
    story.world.pass_time(5)
    story.world.hosts["north"].stop(STALL, 10)
    story.the_standby_is_promoted()
    story.world.pass_time(12)


STORIES: Final[dict[str, Callable[[Story], None]]] = {
    model_world.NO_GENERATION_CHECK: a_call_does_not_return,
    model_world.ACKNOWLEDGES_FIRST: a_call_does_not_return,
    model_world.SLOTS_FIRST: a_slot_comes_back,
    model_world.WALL_CLOCK: all_go_on,
    model_world.FROM_THE_ANSWER: an_answer_takes_long,
    model_world.NO_GUARD: a_suspended_member_is_ended_by_one_that_does_no_more,
    model_world.NO_CONFIRMATION: a_suspended_member_is_ended,
    model_world.NO_TIMELINE: the_database_forgets_a_generation,
}


@only_long
@pytest.mark.parametrize("fault", STORIES)
def test_a_broken_rule_is_noticed(fault: str) -> None:
    story = Story(frozenset({fault}))
    with story.open(), pytest.raises(Violation):
        STORIES[fault](story)


@only_long
@pytest.mark.parametrize("tell", dict.fromkeys(STORIES.values()), ids=lambda tell: tell.__name__)
def test_with_all_rules_the_same_story_ends_well(tell: Callable[[Story], None]) -> None:
    story = Story()
    with story.open():
        tell(story)
        story.all_comes_to_rest()
