"""What is wrong with the fields of a call is said with what is possible instead."""

from typing import Any

import pytest

from podium import errors
from podium.client.calls import wire
from podium.client.calls.call import Call
from podium.client.calls.changes import FollowChanges
from podium.client.calls.nodes import ListNodes
from podium.client.calls.operations import AskPower

_STATES = "error, none, power off, power on"
_KINDS = "conductors, events, nodes, operations"


@pytest.mark.parametrize(
    ("call", "values", "text"),
    [
        (ListNodes, {"power_state": "on"}, f"power_state: 'on' is none of {_STATES}"),
        (FollowChanges, {"kinds": ["nodes", "x"]}, f"kinds[1]: 'x' is none of {_KINDS}"),
        (
            AskPower,
            {"action": "power on", "where": {"power_state": "on"}},
            f"where.power_state: 'on' is none of {_STATES}",
        ),
        (ListNodes, {"extra": {"a": 1}}, "extra[...]: expected str, got int"),
    ],
)
def test_a_wrong_choice_is_refused_with_the_values_there_are(
    call: type[Call[Any]], values: dict[str, Any], text: str
) -> None:
    with pytest.raises(errors.BadRequest) as raised:
        wire.made(call, values, texts=False)
    assert str(raised.value) == text


def test_a_wrong_action_is_refused_with_the_actions_there_are() -> None:
    with pytest.raises(
        errors.BadRequest, match="^action: 'on' is none of .*inject nmi, power cycle, power off, "
    ):
        wire.made(AskPower, {"action": "on"}, texts=False)


def test_a_long_wrong_choice_is_cut_and_the_values_are_not() -> None:
    with pytest.raises(errors.BadRequest, match=f"none of {_STATES}$") as raised:
        wire.made(ListNodes, {"power_state": "x" * 1000}, texts=True)
    assert len(str(raised.value)) < 200


def test_a_list_of_choices_takes_commas_and_repetition() -> None:
    pairs = [("kinds", "nodes,operations"), ("kinds", "events"), ("nodes", "a[1,2],b")]
    found = wire.made(FollowChanges, wire.of_query(FollowChanges, pairs), texts=True)
    assert (found.kinds, found.nodes) == (["nodes", "operations", "events"], ["a[1,2],b"])
