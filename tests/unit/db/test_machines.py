"""Which nodes are one machine, on every database, also when two processes enrol at once."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from podium.db import api, machines
from podium.db.engine import Database
from podium.db.models import nodes

pytestmark = pytest.mark.mariadb_long


def enrol(database: Database, **identities: str | None) -> list[tuple[str, str]]:
    """Enrol nodes with these identities by their names, and return those that are one machine."""
    with database.write() as connection:
        api.create_nodes(connection, [row(name, identity) for name, identity in identities.items()])
        return [(one.name, one.other) for one in machines.shared(connection)]


def row(name: str, identity: str | None) -> dict[str, Any]:
    return {"name": name, "driver": "acme", **machines.columns_of(identity)}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("acme:h", "acme:h"),
        ("acme:h#1", "acme:h#1"),
        ("acme:h", "acme:h#1"),
        ("acme:h#1", "acme:h"),
        ("acme:" + "x" * 300, "acme:" + "x" * 300),
        ("acme:" + "x" * 300, "acme:" + "x" * 300 + "#1"),
        ("acme:h#" + "x" * 300, "acme:h"),
    ],
)
def test_a_machine_is_found_again(database: Database, old: str, new: str) -> None:
    assert enrol(database, old=old) == []
    assert enrol(database, new=new) == [("new", "old")]


@pytest.mark.parametrize("pair", [("acme:h", "acme:h"), ("acme:h", "acme:h#1"), ("acme:h#1", "acme:h")])
def test_the_second_of_two_that_are_enrolled_at_once_is_found(
    database: Database, pair: tuple[str, str]
) -> None:
    assert enrol(database, one=pair[0], two=pair[1]) == [("two", "one")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("acme:h#1", "acme:h#2"),
        ("acme:h", "acme:h2"),
        ("acme:h", "acme:h:1"),
        ("acme:h#a", "acme:h#A"),
        ("acme:h", None),
        (None, None),
    ],
)
def test_different_machines_differ(database: Database, old: str | None, new: str | None) -> None:
    assert enrol(database, old=old) == []
    assert enrol(database, new=new, newer=None) == []


def test_a_node_that_moves_to_another_is_found_whichever_is_older(database: Database) -> None:
    enrol(database, first="acme:1", second="acme:2", third="acme:3")
    for mover, to, name in (("first", "acme:2", "second"), ("third", "acme:1", "first")):
        with database.write() as connection:
            (node,) = api.find_nodes(connection, [mover])
            api.update_node(connection, node.id, machines.columns_of(to))
            found = machines.shared(connection, [node.id])
            assert [(one.name, one.other) for one in found] == [(mover, name)]
            connection.rollback()


def test_two_that_move_to_one_place_are_both_found(database: Database) -> None:
    enrol(database, first="acme:1", second="acme:2")
    with database.write() as connection:
        ids = [node.id for node in api.list_nodes(connection)]
        for number in ids:
            api.update_node(connection, number, machines.columns_of("acme:3"))
        found = machines.shared(connection, ids)
    assert [(one.name, one.other) for one in found] == [("first", "second"), ("second", "first")]


def test_of_two_processes_that_enrol_one_machine_at_once_the_second_finds_the_first(
    database: Database, opened: Callable[[str], Database]
) -> None:
    url = database.url.render_as_string(hide_password=False)
    # Both have their row before either has the number of its change; SQLite has one writer at a time.
    inserted = threading.Barrier(1 if database.is_sqlite else 2)
    found: list[tuple[str, str]] = []

    def run(mine: Database, name: str) -> None:
        with mine.write() as connection:
            api.create_nodes(connection, [row(name, "acme:h")], progress=lambda _: inserted.wait(60) and None)
            found.extend((one.name, one.other) for one in machines.shared(connection))

    # New names: MariaDB may still keep, and lock, the rows of the same names that an earlier test had.
    one, two = (f"{name}-{uuid.uuid4()}" for name in ("one", "two"))
    threads = [threading.Thread(target=run, args=(opened(url), name)) for name in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found in ([(one, two)], [(two, one)])


def test_identities_are_written_anew_where_they_have_changed(database: Database) -> None:
    enrol(database, same="acme:same", moved="acme:old", lost="acme:lost", foreign=None)
    with database.write() as connection:
        connection.execute(
            sa.update(nodes).where(nodes.c.name == "foreign").values(driver="other", identity="x")
        )
        now = {"same": "acme:same", "moved": "acme:new#1", "lost": None}
        found = machines.renamed(connection, lambda row: (now[row["name"]], None), ["acme"])
        machines.rename(connection, found)
        listed = api.list_nodes(connection)
    found = {node.name: (node.identity, node.controller) for node in listed}
    assert found == {
        "same": ("acme:same", "acme:same"),
        "moved": ("acme:new#1", "acme:new"),
        "lost": (None, None),
        "foreign": ("x", None),
    }
