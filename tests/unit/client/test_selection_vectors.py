"""What is chosen by a text, by SQL and by the page, which evaluates what the server has read."""

import json
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
import pytest

from fakes import joined
from peers import PATIENCE
from podium import conf, errors, node_ranges
from podium.client.calls.nodes import ListNodes
from podium.client.local.local import Local
from podium.client.podium import Podium
from podium.db import clock
from podium.db.engine import Database
from podium.db.selection.fields import ENTRIES, FIELDS
from podium.db.selection.parsing import parse
from podium.db.worker import Worker
from read_nodes import create_nodes
from rounds import ROUNDS, SEED

_VECTORS = json.loads((Path(__file__).parents[2] / "selection_vectors.json").read_text())
_PAGE: Final = Path(__file__).parents[1] / "page" / "choosing.js"
#: Parts of random conditions: fields, each with values.
_VALUES: Final = {
    "name owner driver reservation": "none r1n01 n1 'r*' '?1*' physics '' fake c9/0@9",
    "power_policy last_error": "none enforce ignore 'i*' '*10*' ''",
    "conductor": "none c1 c2 'c*' '*1'",
    "power_state wanted_power_state": "none on off error",
    "health": "none ok warning critical",
    "maintenance retired failing unhealthy unserved would_enforce": "yes no",
    "power_failures clock_offset slot": "none 0 3 3600.25 -60.5",
    "age": "none 0 10 5m 2h 1w",
    "power_checked_at power_changed_at": "none 2021-01-01 2024-06-01T12:00:00Z 2026-01-01",
    "extra.rack extra.text extra.units extra.flag extra.a.b properties.memory_mb properties.cpus": (
        "none r1 '*' 'r*' 2 2.5 5 64 1e2 true five"
    ),
}


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


def on_the_page(podium: Podium, node: str, texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of the nodes that the page chooses, by the conditions.

    :param node: the program
    """
    read = [podium.check_selection(where=text) for text in texts]
    assert [one.fault for one in read] == [None] * len(texts)
    fields = sorted({"uuid", "name"}.union(*(one.columns for one in read)))
    rows = [*podium.nodes(fields=fields)]
    now = podium.status().at.timestamp() * 1000
    asked = msgspec.json.encode({"rows": rows, "now": now, "given": read})
    done = subprocess.run([node, _PAGE], input=asked, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return dict(zip(texts, json.loads(done.stdout), strict=True))


def test_the_page_chooses_the_same_nodes(fleet: Podium, require_peer: Callable[[str], str]) -> None:
    cases = {case["text"]: case["names"] for case in _VECTORS["where"]}
    assert on_the_page(fleet, require_peer("node"), [*cases]) == cases


@pytest.mark.parametrize("by_default", [True, False])
def test_the_page_chooses_the_same_nodes_by_any_conditions(
    fleet: Podium, config: conf.Config, require_peer: Callable[[str], str], by_default: bool
) -> None:
    config.set_override("force_power_state_during_sync", by_default, group="conductor")
    random = Random(f"{SEED} {by_default}")
    texts = {_any(random, 3) for _ in range(300 * ROUNDS)}
    understood = [text for text in sorted(texts) if fleet.check_selection(where=text).fault is None]
    assert len(understood) > 150 * ROUNDS
    for text, names in on_the_page(fleet, require_peer("node"), understood).items():
        assert names == [node.name for node in fleet.nodes(where=text, fields=["name"])], text


def _any(random: Random, depth: int) -> str:
    """Return an expression; not all can be understood."""
    kind = random.randrange(5)
    if depth and kind == 0:
        return f"not ({_any(random, depth - 1)})"
    if depth and kind < 3:
        return f"({_any(random, depth - 1)} {random.choice(('and', 'or'))} {_any(random, depth - 1)})"
    fields, values = random.choice([*_VALUES.items()])
    field, value, other = random.choice(fields.split()), *random.choices(values.split(), k=2)
    operators = (FIELDS.get(field) or ENTRIES[field.partition(".")[0]]).kind.operators
    if "=" in operators and random.randrange(6) == 0:
        return f"{field} in ({value}, {other})"
    return f"{field}{random.choice(operators)}{value}"


def test_the_page_compares_no_entry_that_may_be_secret(
    podium: Podium, database: Database, require_peer: Callable[[str], str]
) -> None:
    with database.write() as connection:
        create_nodes(
            connection,
            [
                {"name": "a", "driver": "ipmi", "driver_info": {"ipmi_port": 6230, "ipmi_password": "guess"}},
                {"name": "b", "driver": "ipmi", "driver_info": {}},
                {"name": "c", "driver": "fake", "driver_info": {"ipmi_port": 6230}},
            ],
        )
    assert on_the_page(
        podium,
        require_peer("node"),
        [f"driver_info.ipmi_port{rest}" for rest in ("=6230", "!=6230", "=none", "~'*'", ">5")],
    ) == {
        "driver_info.ipmi_port=6230": ["a"],
        "driver_info.ipmi_port!=6230": ["b", "c"],
        "driver_info.ipmi_port=none": ["b"],
        "driver_info.ipmi_port~'*'": [],
        "driver_info.ipmi_port>5": ["a"],
    }


def test_what_conductors_change_is_said_to_change(podium: Podium) -> None:
    texts = ("failing", "not unserved", "name=a or failing", "age>5m", "conductor=c1", "extra.rack=r1")
    assert [podium.check_selection(where=text).changes for text in texts] == [True] * 3 + [False] * 3


def test_names_are_read_as_what_they_stand_for(podium: Podium) -> None:
    assert podium.check_selection(nodes=["r1n[01-02],r2*", "n7"]).names == ["r1n01", "r1n02", "r2*", "n7"]


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
