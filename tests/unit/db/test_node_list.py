import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest

from podium import states
from podium.db import clock, node_list
from podium.db.api import create_nodes
from podium.db.engine import Database
from podium.drivers import base

pytestmark = pytest.mark.mariadb_long

_OK = {"status": "OK", "reasons": []}


def names(database: Database, **conditions: Any) -> list[str]:
    with database.read() as connection:
        return [row["name"] for row in node_list.select_nodes(connection, ["name"], **conditions)]


def test_a_health_counts_as_long_as_its_report_lasts(database: Database) -> None:
    with database.write() as connection:
        now = clock.now(connection)
        reported = {
            "fresh": (_OK, now - timedelta(seconds=60), 3600.0),
            "frail": ({**_OK, "status": "Warning"}, now, 3600.0),
            "lasting": (_OK, None, None),
            "outdated": (_OK, now - timedelta(seconds=60), 30.0),
            "ahead": (_OK, now + timedelta(seconds=3600), 3600.0),
            "never": (None, None, None),
        }
        rows = [
            {"name": name, "driver": "fake", "health": health, "health_checked_at": at, "health_lasts": lasts}
            for name, (health, at, lasts) in reported.items()
        ]
        create_nodes(connection, rows)
    assert names(database, health="ok") == ["fresh", "lasting"]
    assert names(database, health="warning") == ["frail"]
    assert names(database, health="none") == ["ahead", "never", "outdated"]


@pytest.mark.parametrize("typed, reported", states.HEALTHS.items())
def test_what_a_driver_reports_is_found_by_the_word_that_people_type(
    database: Database, typed: str, reported: str
) -> None:
    health = dataclasses.asdict(base.Health(reported))
    with database.write() as connection:
        create_nodes(connection, [{"name": "n1", "driver": "fake", "health": health}])
    assert {word: names(database, health=word) for word in states.HEALTHS} == {
        word: ["n1"] if word == typed else [] for word in states.HEALTHS
    }
    with database.read() as connection:
        assert node_list.healths(connection) == {(typed, False): 1}


def test_only_none_at_all_is_every_node(database: Database) -> None:
    with database.write() as connection:
        create_nodes(connection, [{"name": "n1", "driver": "fake"}])
    assert (names(database, wanted=None), names(database, wanted=[])) == (["n1"], [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("r7", "r7"),
        ("R7", None),
        ("ä ☃", "ä ☃"),
        ("7", "7"),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (None, None),
        ("", ""),
        ('"\\', '"\\'),
    ],
)
def test_nodes_are_found_by_the_texts_of_entries(database: Database, value: Any, text: str | None) -> None:
    key = "rack's.place [1]"
    others = {"none": {}, "other": {key: "r8"}, "elsewhere": {"rack": value}, "null": {"a": "\0"}}
    with database.write() as connection:
        create_nodes(connection, [{"name": "here", "driver": "fake", "extra": {key: value}}])
        create_nodes(
            connection, [{"name": one, "driver": "fake", "extra": its} for one, its in others.items()]
        )
    assert names(database, extra={key: "r7" if text is None else text}) == ([] if text is None else ["here"])


def test_all_entries_must_be_there(database: Database) -> None:
    with database.write() as connection:
        create_nodes(connection, [{"name": "n1", "driver": "fake", "extra": {"rack": "r7", "row": 1}}])
    assert names(database, extra={"rack": "r7", "row": "1"}) == ["n1"]
    assert names(database, extra={"rack": "r7", "row": "2"}) == []


def test_single_entries_are_read_as_json_whatever_they_are(database: Database) -> None:
    values = {
        "text": 'r7 "東" \\ \n é',
        "empty": "",
        "number": 4711,
        "share": 0.1,
        "truth": True,
        "lie": False,
        "nothing": None,
        "list": [1, {"a": "b"}],
        "mapping": {"inside": [True, None], "": 1},
        "odd key, with. signs": "there",
        "json": "[1, 2]",
    }
    with database.write() as connection:
        node = {"name": "n1", "driver": "fake", "extra": values, "properties": {"text": "another"}}
        create_nodes(connection, [node])
    shown = [*(f"extra.{key}" for key in values), "properties.text", "extra.missing"]
    with database.read() as connection:
        (row,) = node_list.select_nodes(connection, shown, sealed=True)
    read = {name: None if text is None else json.loads(text) for name, text in row.items()}
    expected = {f"extra.{key}": value for key, value in values.items()}
    assert read == {**expected, "properties.text": "another", "extra.missing": None}
    assert (row["extra.nothing"], row["extra.missing"]) == ("null", None)
