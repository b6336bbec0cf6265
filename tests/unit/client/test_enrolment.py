"""Nodes enrolled and exported, on the database and over HTTP."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium import errors
from podium.cli import node_file
from podium.client.calls.call import ABSENT
from podium.client.calls.enrolment import ExportNodes, Null
from podium.client.enrolling import plain_rows
from podium.client.podium import Podium
from podium.db import api, chassis
from podium.db.api import NodeRecord
from podium.db.engine import Database

Enrol = Callable[..., list[NodeRecord]]

_CHASSIS = "99999999-2222-3333-4444-555555555555"
_BMC = {"ipmi_address": "192.0.2.1", "ipmi_port": "6230", "ipmi_password": "0123456"}


def ipmi(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "driver": "ipmi", "driver_info": _BMC, **more}


def fake(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": name, "driver": "fake", **more} for name in names]


def enrolled(database: Database) -> dict[str, NodeRecord]:
    with database.read() as connection:
        return {node.name: node for node in api.list_nodes(connection)}


def test_nodes_are_enrolled_with_what_belongs_to_them(
    podium: Podium, database: Database, warnings: list[str]
) -> None:
    port = {"address": "52:54:00:12:34:56", "pxe_enabled": False}
    row = ipmi("n1", extra={"rack": "r7"}, owner="lab", ports=[port], chassis_uuid=_CHASSIS)
    done = podium.enrol_nodes([row, *fake("n2")], [{"uuid": _CHASSIS, "description": "left"}])
    assert (done.enrolled, done.unchanged) == (2, 0)
    found = enrolled(database)["n1"]
    assert found.driver_info == {**_BMC, "ipmi_port": 6230}
    assert (found.extra, found.owner, found.chassis_uuid) == ({"rack": "r7"}, "lab", _CHASSIS)
    assert ["nothing happens to n1 until" in line for line in warnings] == [True, False]


def test_faults_name_their_places_and_nothing_is_enrolled(podium: Podium, database: Database) -> None:
    rows = [*fake("n1", "a b"), {"name": "n3"}, "text", *fake("n5", driver_info={"fake_latncy": 1})]
    with pytest.raises(errors.InvalidNode) as refused:
        podium.enrol_nodes([*rows, *fake("c d")])
    assert [fault[:45] for fault in refused.value.faults] == [
        "node 2 (a b): name 'a b' is not a host name: ",
        "node 3 (n3): driver is missing",
        "node 4 (no name): it is text, not a mapping w",
        "node 5 (n5): driver_info has no property fake",
        "node 6 (c d): name 'c d' is not a host name: ",
    ]
    assert enrolled(database) == {}


def test_a_name_that_is_taken_is_refused(podium: Podium, enrol: Enrol) -> None:
    enrol("n1")
    with pytest.raises(errors.NodeExists) as refused:
        podium.enrol_nodes(fake("n1", "n2"))
    assert list(refused.value.faults) == ["name n1 is already enrolled"]


def test_nodes_that_are_the_same_are_left_alone_if_that_is_wanted(podium: Podium) -> None:
    podium.enrol_nodes(fake("n1"))
    done = podium.enrol_nodes(fake("n1", "n2"), keep=True)
    assert (done.enrolled, done.unchanged) == (1, 1)
    with pytest.raises(errors.InvalidNode, match="it is enrolled already, and differs in owner"):
        podium.enrol_nodes(fake("n1", owner="lab"), keep=True)


def test_a_machine_is_enrolled_once_unless_it_is_forced(podium: Podium, warnings: list[str]) -> None:
    podium.enrol_nodes([ipmi("n1")])
    with pytest.raises(errors.InvalidNode, match=r"node 1 \(n2\): by its address it is the same machine"):
        podium.enrol_nodes([ipmi("n2")])
    del warnings[:]
    podium.enrol_nodes([ipmi("n2")], force=True)
    assert warnings[0] == "warning: n2: by its address it is the same machine as n1"


def test_a_word_for_nothing_is_refused_where_the_driver_takes_it_for_a_value(podium: Podium) -> None:
    row = {"name": "n1", "driver": "ipmi", "driver_info": {**_BMC, "ipmi_username": None}}
    with pytest.raises(errors.InvalidNode, match="ipmi_username is null: put it in quotes"):
        podium.enrol_nodes([row], nulls=[Null(1, "driver_info", "null", "ipmi_username")])
    assert podium.enrol_nodes([row]).enrolled == 1


def of_file(tmp_path: Path, text: str) -> plain_rows.Rows:
    file = tmp_path / "nodes.yaml"
    file.write_text(text)
    given = node_file.read(str(file), lambda _share: None)
    return plain_rows.nodes(given.nodes, given.nodes)


def test_texts_of_a_file_stay_texts(podium: Podium, database: Database, tmp_path: Path) -> None:
    info = "{ipmi_address: 192.0.2.1, ipmi_password: 0123456, ipmi_port: 6230, ipmi_username: no}"
    found = of_file(
        tmp_path,
        f"nodes:\n- name: 007\n  driver: ipmi\n  driver_info: {info}\n  owner: 1.50\n"
        "  properties: {size: 1.50, on: yes, count: 7, none: ~, deep: [0x1F, 1e3]}\n  retired: yes\n",
    )
    assert found.faults == []
    json.dumps(found.rows)
    podium.enrol_nodes(found.rows, nulls=found.nulls)
    node = enrolled(database)["007"]
    assert (node.driver_info["ipmi_password"], node.driver_info["ipmi_username"]) == ("0123456", "no")
    assert (node.driver_info["ipmi_port"], node.owner, node.retired) == (6230, "1.50", True)
    size = {"size": "1.50", "on": "yes", "count": 7, "none": None, "deep": ["0x1F", "1e3"]}
    assert node.properties == size


def test_what_json_has_no_form_for_is_named_with_its_place(tmp_path: Path) -> None:
    rows = "- {name: n1, driver: fake, extra: {when: !!timestamp 2024-01-01}}\n- {name: n2, driver: fake}\n"
    faults = of_file(tmp_path, f"nodes:\n{rows}").faults
    assert faults == ["node 1 (n1): extra: a date cannot be saved: put it in quotes"]


def test_words_for_nothing_are_sent_beside_the_nodes(tmp_path: Path) -> None:
    found = of_file(tmp_path, "nodes:\n- {name: ~, driver: ipmi, driver_info: {a: null, b: }, extra: ~}\n")
    assert found.rows == [
        {"name": None, "driver": "ipmi", "driver_info": {"a": None, "b": None}, "extra": None}
    ]
    assert found.nulls == [Null(1, "name", "~"), Null(1, "driver_info", "null", "a")]


@pytest.fixture
def exportable(podium: Podium, database: Database) -> Podium:
    with database.write() as connection:
        chassis.create(connection, {"uuid": _CHASSIS, "description": "left", "extra": {"api_token": "x"}})
        other = {"uuid": _CHASSIS.replace("9", "8"), "description": None, "extra": {}}
        chassis.create(connection, other)
    ports = [{"address": "52:54:00:12:34:56", "extra": {"password": "geheim"}}]
    podium.enrol_nodes([ipmi("n3", chassis_uuid=_CHASSIS, ports=ports), *fake("n1", "n2")])
    return podium


def names(items: list[Any]) -> list[str]:
    return [one.chassis["uuid"][:4] if one.node is ABSENT else one.node["name"] for one in items]


def test_nodes_are_exported_with_ports_and_chassis_and_without_secrets(exportable: Podium) -> None:
    found = [*exportable.export_nodes()]
    assert names(found) == ["n1", "n2", "n3", "9999", "8888"]
    assert found[2].node["driver_info"]["ipmi_password"] == "******"
    assert found[2].node["ports"][0]["extra"] == {"password": "******"}
    assert found[3].chassis["extra"] == {"api_token": "******"}


def test_named_nodes_are_exported_with_their_chassis_alone(exportable: Podium) -> None:
    assert names([*exportable.export_nodes("n[2-3]")]) == ["n2", "n3", "9999"]
    assert names([*exportable.export_nodes(["n2"])]) == ["n2"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("wanted", "all_of"), [(None, 5), (("n3", "n1"), 3)])
def test_pages_of_an_export_have_everything_once(
    exportable: Podium, limit: int, wanted: tuple[str, ...] | None, all_of: int
) -> None:
    found: list[Any] = []
    marker = None
    while True:
        page = exportable.ask(ExportNodes(wanted, limit=limit, marker=marker))
        assert 1 <= len(page.items) <= limit
        found += page.items
        if (marker := page.next) is None:
            break
    assert names(found) == names([*exportable.export_nodes(wanted)])
    assert len(found) == all_of


def test_a_marker_of_another_list_is_refused(podium: Podium) -> None:
    with pytest.raises(errors.BadRequest, match="the marker is not next"):
        podium.ask(ExportNodes(limit=1, marker="n1"))


@pytest.mark.parametrize("marker", ["node:n2", "node:no", "chassis:no"])
@pytest.mark.parametrize("limit", [None, 1])
def test_a_marker_that_is_not_in_the_list_neither_begins_it_again_nor_ends_it(
    exportable: Podium, marker: str, limit: int | None
) -> None:
    with pytest.raises(errors.BadRequest, match="the marker is not next"):
        exportable.ask(ExportNodes(["n3", "n1"], limit=limit, marker=marker))


def test_after_a_hundred_different_faults_the_rest_is_not_looked_at(podium: Podium) -> None:
    rows = [{"name": f"n{number}", "driver": "fake", f"extr{number}": 1} for number in range(300)]
    with pytest.raises(errors.InvalidNode) as refused:
        podium.enrol_nodes(rows)
    unseen, *named = refused.value.faults
    assert (len(named), unseen) == (100, "what comes after node 101 was not looked at")
    with pytest.raises(errors.InvalidNode) as refused:
        podium.enrol_nodes([{"name": "n1", "driver": "fake", **dict.fromkeys(map(str, range(300)), 1)}])
    assert len(refused.value.faults) == 100


def test_one_fault_of_many_nodes_is_one_line(podium: Podium) -> None:
    with pytest.raises(errors.InvalidNode) as refused:
        podium.enrol_nodes([{"name": "n1"}, *[{}] * 20_000])
    assert refused.value.faults == (
        "nodes 1-20001 (n1,no name): driver is missing",
        "nodes 2-20001 (no name): name is missing",
    )
