"""Filters and pages of nodes: whatever is asked for, the pages are the whole answer, each node once."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doors import Door
from podium.node_ranges import natural

NODES: Final = [
    {
        "name": f"n{number}",
        "driver": "fake-hardware",
        "owner": f"o{number % 2}",
        "resource_class": f"r{number % 3}",
        "description": f"at the {number % 4}",
    }
    for number in range(12)
]
FILTERS: Final = {
    "owner": st.sampled_from(["o0", "o1", "nobody"]),
    "resource_class": st.sampled_from(["r0", "r1", "r2"]),
    "description_contains": st.sampled_from(["the", "3", "%", "_"]),
}
SORTED: Final = ["uuid", "name", "owner", "resource_class", "description", "created_at"]

asked = st.fixed_dictionaries(
    {
        "limit": st.integers(1, 7),
        "sort_key": st.sampled_from(SORTED),
        "sort_dir": st.sampled_from(["asc", "desc"]),
    },
    optional=FILTERS,
)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with Door(tmp_path_factory.mktemp("filters")) as door:
        for node in NODES:
            assert door.http.post("/v1/nodes", json=node).status_code == 201
        yield door


@given(asked)
def test_pages_of_chosen_nodes_are_whole_and_in_order(door: Door, asked: dict[str, Any]) -> None:
    found: list[dict[str, Any]] = []
    url = str(door.http.build_request("GET", "/v1/nodes/detail", params=asked).url)
    while url:
        page = door.http.get(url).json()
        assert len(page["nodes"]) <= asked["limit"]
        found += page["nodes"]
        url = page.get("next", "")
    chosen = [
        node["name"]
        for node in NODES
        if node["owner"] == asked.get("owner", node["owner"])
        and node["resource_class"] == asked.get("resource_class", node["resource_class"])
        and asked.get("description_contains", "") in node["description"]
    ]
    assert sorted(node["name"] for node in found) == sorted(chosen)
    keys = [node[asked["sort_key"]] for node in found]
    order = natural if asked["sort_key"] == "name" else str
    assert keys == sorted(keys, key=order, reverse=asked["sort_dir"] == "desc")
