"""Pages of nodes as the API shows them, on each kind of database."""

import json
from typing import Any

import pytest

from podium import errors
from podium.db import node_pages
from podium.db.engine import Database
from podium.db.node_pages import CONDUCTOR, SORTABLE, Wanted
from power_requests import C1

pytestmark = pytest.mark.mariadb_long

INSTANCE = "99999999-2222-3333-4444-555555555555"


def names(database: Database, wanted: Wanted, **page: Any) -> list[str]:
    with database.read() as connection:
        found = node_pages.page(connection, wanted, ("name",), **{"limit": 100, **page})
    return [name for (name,) in found]


@pytest.mark.parametrize("descending", [False, True])
def test_pages_by_any_column_have_each_node_once(database: Database, enrol: Any, descending: bool) -> None:
    names = [f"n{number}" for number in range(7, 14)]
    for number, name in enumerate(names):
        filled = {"owner": f"o{number % 2}", "instance_uuid": None, "retired": True} if number % 3 else {}
        enrol(name, **filled)
    for key in SORTABLE:
        found: list[tuple[Any, ...]] = []
        while len(found) < 7:
            with database.read() as connection:
                rows = node_pages.page(
                    connection,
                    Wanted(),
                    ("uuid", "name", key),
                    limit=2,
                    marker=found[-1][0] if found else None,
                    sort_key=key,
                    descending=descending,
                )
            assert len(rows) == min(3, 7 - len(found)), key
            found += rows[:2]
        assert {name for _, name, _ in found} == {*names}, key
        values = [value for _, _, value in found if value is not None]
        in_order = names if key == "name" else sorted(values)
        assert values == (in_order[::-1] if descending else in_order), key


@pytest.mark.parametrize(
    "wanted, found",
    [
        (Wanted(), ["a", "b", "c"]),
        (Wanted(equal={"owner": "o1", "maintenance": False}), ["a"]),
        (Wanted(among={"shard": ["s1", "s2"]}), ["a", "b"]),
        (Wanted(filled={"shard": False}), ["c"]),
        (Wanted(filled={"instance_uuid": True}), ["b"]),
        (Wanted(retired=True), ["c"]),
        (Wanted(retired=False), ["a", "b"]),
        (Wanted(contains="BROKEN"), ["c"]),
        (Wanted(contains="%"), []),
        (Wanted(project="o1"), ["a", "b"]),
        (Wanted(conductor=C1.host), ["a", "b", "c"]),
        (Wanted(conductor="nobody"), []),
    ],
)
def test_only_nodes_that_meet_the_conditions_are_in_the_pages(
    database: Database, enrol: Any, two_members: None, wanted: Wanted, found: list[str]
) -> None:
    enrol("a", owner="o1", shard="s1")
    enrol("b", lessee="o1", instance_uuid=INSTANCE, shard="s2")
    enrol("c", retired=True, description="a broken fan")
    assert names(database, wanted) == found


def test_a_row_has_the_texts_of_its_values_and_the_host_of_its_conductor(
    database: Database, enrol: Any, two_members: None
) -> None:
    (node,) = enrol("n1", extra={"rack": [1, "é"]})
    with database.read() as connection:
        row = node_pages.one(connection, "n1", ("extra", "record", CONDUCTOR))
        assert node_pages.one(connection, node.uuid, ("extra", "record", CONDUCTOR)) == row
    extra, record, conductor = row
    assert json.loads(extra) == {"rack": [1, "é"]}
    assert record is None
    assert conductor == C1.host


def test_what_is_not_there_is_not_found(database: Database) -> None:
    with database.read() as connection:
        with pytest.raises(errors.NodeNotFound, match="ghost"):
            node_pages.one(connection, "ghost", ("id",))
        with pytest.raises(errors.NodeNotFound, match=INSTANCE):
            node_pages.page(connection, Wanted(), ("id",), limit=1, marker=INSTANCE)
