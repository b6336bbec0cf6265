"""Pages are in natural order, on each kind of database, and beside programs that know nothing of it."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from podium.db import api, likely_names, name_keys, node_list, schema
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.models import nodes
from podium.node_ranges import natural

Enrol = Callable[..., list[NodeRecord]]

_NAMES = [
    *(
        "n10",
        "n2",
        "n1",
        "n01",
        "n001",
        "N2",
        "N10",
        "n",
        "n-1",
        "n.1",
        "n_1",
        "n1a",
        "n10a",
        "n1-2",
        "n1-10",
        "2",
        "10",
    ),
    *("1" * 255, "1" * 254, "1a" * 127 + "1", "1a" * 127 + "0", "a" * 255, "r2n10", "r10n2", "r2n9"),
]


def pages(database: Database, limit: int, gone: Callable[[str], object] = lambda name: None) -> list[str]:
    """The names of all nodes, a few at a time; the last of them is ``gone`` before more are asked for."""
    found: list[str] = []
    after: str | None = None
    while True:
        with database.read() as connection:
            rows = node_list.select_nodes(connection, ["name"], limit=limit, after=after)
            if not rows:
                return found
            found += [row["name"] for row in rows]
            after = name_keys.place(connection, found[-1])
        gone(found[-1])


def forgetting(database: Database) -> Callable[[str], object]:
    """Return what deletes a node."""

    def forget(name: str) -> None:
        with database.write() as connection:
            (node,) = api.find_keys(connection, [name])
            api.delete_node(connection, node.id)

    return forget


@pytest.mark.parametrize("limit", [2, 100])
def test_pages_are_in_natural_order(database: Database, enrol: Enrol, limit: int) -> None:
    enrol(*_NAMES)
    assert pages(database, limit) == sorted(_NAMES, key=natural)


def test_a_page_begins_where_a_node_was_that_is_gone(database: Database, enrol: Enrol) -> None:
    enrol(*_NAMES)
    assert pages(database, 3, forgetting(database)) == sorted(_NAMES, key=natural)


def test_a_renamed_node_gets_another_place(database: Database, enrol: Enrol) -> None:
    first, *_ = enrol("n1", "n9", "n10")
    with database.write() as connection:
        api.update_node(connection, first.id, {"name": "n11"})
    assert pages(database, 100) == ["n9", "n10", "n11"]


def as_before(database: Database) -> None:
    """What a program does to nodes that knows nothing of keys: it enrols n3 and n2, and n10 becomes n1."""
    of_new = nodes.c.name.in_(["n2", "n3"])
    with database.write() as connection:
        connection.execute(sa.update(nodes).where(of_new).values(name_key=""))
        connection.execute(sa.update(nodes).where(nodes.c.name == "n10").values(name="n1"))


def test_nodes_of_an_older_program_are_in_the_pages_once(database: Database, enrol: Enrol) -> None:
    enrol("n10", "n3", "n9", "n2", "n20")
    as_before(database)
    assert [pages(database, limit) for limit in (1, 2, 100)] == [["n3", "n2", "n9", "n1", "n20"]] * 3


def test_no_node_is_lost_where_one_of_an_older_program_was_that_is_gone(
    database: Database, enrol: Enrol
) -> None:
    enrol("n10", "n3", "n9", "n2", "n20", "n1a")
    as_before(database)
    assert pages(database, 1, forgetting(database)) == ["n3", "n2", "n1a", "n9", "n1", "n20"]


def test_no_node_is_lost_when_an_upgrade_puts_one_into_its_place_between_two_pages(
    database: Database, enrol: Enrol
) -> None:
    enrol("n10", "n3", "n9", "n2", "n20", "n1a")
    as_before(database)
    found = pages(database, 2, lambda _: schema.upgrade(database))
    assert found[:2] == ["n3", "n2"]
    assert {*found} == {"n1", "n2", "n3", "n9", "n20", "n1a"}


def test_the_next_upgrade_puts_nodes_of_an_older_program_into_their_places(
    database: Database, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_keys, "_MOST_ROWS", 2)
    enrol("n10", "n3", "n9", "n2", "n20")
    as_before(database)
    schema.upgrade(database)
    assert pages(database, 2) == ["n1", "n2", "n3", "n9", "n20"]


def test_names_that_differ_in_zeros_and_capitals_are_found(database: Database, enrol: Enrol) -> None:
    enrol("r1n01", "r1n02", "R2N5", "n07", "n007")
    with database.read() as connection:
        assert likely_names.hint(connection, ["r1n1", "R1N2", "r2n5"]) == "; did you mean R2N5,r1n[01-02]?"
        assert likely_names.hint(connection, ["r1n1", "r1n3"]) == ""
        assert likely_names.hint(connection, ["n7"]) == ""
