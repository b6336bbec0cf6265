"""What the page must choose as well: the same nodes for the same texts, and the same faults."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes import joined
from podium import conf, errors, node_ranges
from podium.client.calls.nodes import ListNodes
from podium.client.local.local import Local
from podium.client.podium import Podium
from podium.db import clock
from podium.db.engine import Database
from podium.db.selection.parsing import parse
from podium.db.worker import Worker
from read_nodes import create_nodes

_VECTORS = json.loads((Path(__file__).parents[2] / "selection_vectors.json").read_text())


def _row(node: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return a node for the database."""

    def value(given: Any) -> Any:
        match given:
            case {"ago": seconds}:
                return now - timedelta(seconds=seconds)
            case {"at": text}:
                return datetime.fromisoformat(text).astimezone(UTC)
        return given

    row = {name: value(given) for name, given in node.items()}
    if "health" in row:
        row["health"] = {"status": row["health"], "reasons": []}
    return row


@pytest.fixture
def fleet(database: Database, config: conf.Config) -> Podium:
    joined(database, Worker("c1", 0, 1), drivers=["fake"])
    with database.write() as connection:
        now = clock.now(connection)
        create_nodes(connection, [_row(node, now) for node in _VECTORS["nodes"]])
    return Local(config)


def test_conditions_choose_these_nodes(fleet: Podium) -> None:
    for case in _VECTORS["where"]:
        found = fleet.ask(ListNodes(where=case["text"], fields=["name"]))
        assert [node.name for node in found.items] == case["names"], case["text"]


@pytest.mark.parametrize("by_default", [True, False])
def test_a_client_learns_what_conditions_depend_on_besides_the_nodes(
    podium: Podium, config: conf.Config, database: Database, by_default: bool
) -> None:
    config.set_override("force_power_state_during_sync", by_default, group="conductor")
    joined(database, Worker("c1", 0, 1), drivers=["fake"])
    found = podium.check_selection(nodes="r1n[01-40]", where="failing or would_enforce")
    assert (found.fault, found.members, found.enforced_by_default) == (None, ["c1/0@1"], by_default)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"where": "owner=a and colour=red"}, "where: there is no field colour"),
        ({"where": "extra.password=geheim"}, "extra.password is, or has, a secret"),
        ({"nodes": "r1n[3-1]"}, "r1n[3-1] is not a range of nodes"),
    ],
)
def test_what_no_node_can_be_chosen_by_is_checked(podium: Podium, given: dict[str, str], fault: str) -> None:
    assert str(podium.check_selection(**given).fault).startswith(fault)


def test_a_wrong_condition_has_this_fault_at_this_place() -> None:
    for case in _VECTORS["faults"]:
        with pytest.raises(errors.NotUnderstood) as caught:
            parse(case["text"])
        reason, *place = str(caught.value).split("\n")
        assert reason == f"where: {case['fault']}", case["text"]
        if place and "..." not in place[0]:
            start, end = case["at"]
            assert place[1].index("^") - 2 == start, case["text"]
            assert place[1].count("^") == max(1, end - start), case["text"]


def test_ranges_stand_for_these_names() -> None:
    for case in _VECTORS["ranges"]:
        assert node_ranges.expand([case["text"]]) == case["names"], case["text"]


def test_a_wrong_range_has_this_fault() -> None:
    for case in _VECTORS["wrong ranges"]:
        with pytest.raises(errors.NotUnderstood) as caught:
            node_ranges.expand([case["text"]])
        assert str(caught.value) == case["fault"], case["text"]
