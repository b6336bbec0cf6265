"""How results of many nodes are told in few lines."""

from datetime import UTC, datetime
from typing import Any

import pytest

from podium import node_ranges
from podium.cli import outcomes
from podium.client.calls.operations import Request


def row(name: str, state: Any, error: str | None = None, action: str = "power on") -> Request:
    return Request(
        id=1,
        node_name=name,
        node_uuid="",
        action=action,
        state=state,
        not_before=datetime(2026, 1, 2, tzinfo=UTC),
        holder=None,
        begun_at=None,
        sent_at=None,
        finished_at=None,
        power_state="power on" if state == "done" and action == "power on" else None,
        error=error,
    )


def test_nodes_of_one_outcome_are_told_as_one_and_failures_last() -> None:
    rows = [
        row("n1", "failed", "refused"),
        row("n2", "done"),
        row("n3", "done"),
        row("n4", "waiting"),
        row("n5", "begun"),
        row("n6", "replaced"),
        row("n7", "cancelled", "cancelled by ada@desk"),
        row("n8", "done", action="inject nmi"),
    ]
    assert list(outcomes.folded(rows).items()) == [
        ("n[2-3]", "power on"),
        ("n8", "inject nmi accepted"),
        ("n6", "replaced by a newer request"),
        ("n7", "cancelled by ada@desk"),
        ("n4", "not begun yet"),
        ("n5", "under way"),
        ("n1", "failed: refused"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("BMC 10.0.0.7:623: refused", "BMC 10.0.0.8:623: refused", "refused"),
        ("10.0.0.7: no answer", "10.0.0.8: no answer", "no answer"),
        ("10.0.0.7 refused", "10.0.0.8 refused", "refused"),
        ("BMC 10.0.0.7:623 is silent", "BMC 10.0.0.8:6230 is silent", "BMC is silent"),
        ("BMC [fe80::7]:623 is silent", "BMC [fe80::8]:623 is silent", "BMC is silent"),
        ("BMC a.example:623 is silent", "BMC b.example:623 is silent", "BMC is silent"),
        (
            "on, but: BMC 10.0.0.7:623 is silent",
            "on, but: BMC 10.0.0.8:623 is silent",
            "on, but: BMC is silent",
        ),
        ("no way to 10.0.0.7", "no way to 10.0.0.8", "no way to its address"),
    ],
)
def test_failures_that_differ_by_the_nodes_address_are_one(one: str, other: str, told: str) -> None:
    rows = [row("n1", "failed", one), row("n2", "failed", other)]
    assert outcomes.folded(rows) == {"n[1-2]": f"failed: {told}"}


def test_the_failure_of_a_single_node_keeps_its_address() -> None:
    rows = [row("n1", "failed", "BMC 10.0.0.7:623 is silent"), row("n2", "failed", "refused")]
    assert outcomes.folded(rows) == {"n1": "failed: BMC 10.0.0.7:623 is silent", "n2": "failed: refused"}


def test_failures_that_differ_by_more_than_an_address_stay_apart() -> None:
    rows = [row("n1", "failed", "10.0.0.7: busy"), row("n2", "failed", "10.0.0.8: silent")]
    assert len(outcomes.folded(rows)) == 2


def test_refusals_of_one_kind_are_one_line() -> None:
    lines = ["n1: taken: by ada", "n2: taken: by ada", "n3: taken: by bob"]
    assert node_ranges.folded_lines(lines) == ["n[1-2]: taken: by ada", "n3: taken: by bob"]


def test_the_last_nodes_are_named_once_when_none_of_them_ends_for_a_while() -> None:
    now = 0.0
    standstill = outcomes.Standstill(lambda: now)
    heard = []
    for now, left in (
        (0.0, 40),
        (9.0, 40),
        (10.0, 4),
        (14.0, 4),
        (15.0, 4),
        (30.0, 4),
        (31.0, 3),
        (40.0, 3),
        (50.0, 0),
    ):
        if standstill.begins(left):
            heard.append((now, left))
    assert heard == [(15.0, 4), (40.0, 3)]
