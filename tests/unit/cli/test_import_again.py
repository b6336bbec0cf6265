"""An import is whole or nothing, with ports and chassis, and what is there already is left alone."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from podium.db import belongings, models
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_MAC = "52:54:00:12:34:56"
_CHASSIS = "99999999-2222-3333-4444-555555555555"
_INSTANCE = "11111111-2222-3333-4444-555555555555"
_REMEDY = "podium node import --update or podium node set changes it, podium node delete forgets it"


def fake(name: str, *ports: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "driver": "fake", "ports": [*ports], **more}


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """``imported(podium, nodes, chassis)`` is the result of importing a file with these."""

    def run(podium: Run, nodes: Any, chassis: Any = ()) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "nodes").write_text(json.dumps({"nodes": nodes, "chassis": [*chassis]}))
        return podium("node", "import", str(tmp_path / "nodes"))

    return run


def rows(database: Database) -> dict[str, list[str]]:
    """Everything that an import writes."""
    with database.read() as connection:
        return {
            table.name: [repr(row) for row in connection.execute(sa.select(table).order_by(table.c[key]))]
            for table, key in ((models.nodes, "id"), (models.ports, "id"), (models.chassis, "id"))
        }


def test_what_was_exported_changes_nothing(
    podium: Run, imported: Run, database: Database, tmp_path: Path
) -> None:
    nodes = [
        fake("n1", {"address": _MAC, "extra": {"password": "x"}}, chassis_uuid=_CHASSIS, owner="lab"),
        fake("n2", provision_state="enroll"),
    ]
    imported(podium, nodes, [{"uuid": _CHASSIS, "description": "rack 1"}])
    podium("node", "set", "n2", "--conductor-group", "east", "--description", "lent")
    with database.write() as connection:  # which the conductor ends itself
        connection.execute(sa.update(models.nodes).values(maintenance=True, fault="power failure"))
    podium("node", "export", "--with-secrets", str(tmp_path / "exported"))
    before = rows(database)
    done = podium("node", "import", str(tmp_path / "exported"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 imported, 2 unchanged\n", "")
    assert rows(database) == before


@pytest.mark.mariadb_long
def test_a_file_without_uuids_can_be_imported_again_with_more_nodes(
    podium_anywhere: Run, imported: Run
) -> None:
    nodes = [fake("n1", {"address": _MAC}, {"address": "525400123457"})]
    assert imported(podium_anywhere, nodes).stdout == "1 imported\n"
    nodes = [fake("n2", {"address": "52:54:00:12:34:58"}), fake("n1", *reversed(nodes[0]["ports"]))]
    done = imported(podium_anywhere, nodes)
    assert (done.stdout, done.stderr) == ("1 imported, 1 unchanged\n", "")


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        (fake("n1", {"address": "52:54:00:12:34:57"}), f"and differs in ports; {_REMEDY}"),
        (fake("n1", {"address": _MAC, "name": "eth1"}), f"and differs in ports; {_REMEDY}"),
        (fake("n1", {"address": _MAC}, maintenance=True), f"and differs in maintenance; {_REMEDY}"),
        (fake("n1"), f"and differs in ports; {_REMEDY}"),
    ],
)
def test_a_node_that_is_there_and_different_is_named_with_what_differs(
    podium: Run, imported: Run, database: Database, node: dict[str, Any], fault: str
) -> None:
    imported(podium, [fake("n1", {"address": _MAC})])
    before = rows(database)
    done = imported(podium, [fake("n0"), node])
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"podium: node 2 (n1): it is enrolled already, {fault}",
        "podium: nothing was changed",
    ]
    assert rows(database) == before


@pytest.mark.parametrize(
    ("nodes", "faults"),
    [
        ([fake("n1", {"address": "52:54"})], ["port 1: address must be a MAC address, such as"]),
        ([fake("n1", {"name": "eth0"})], ["port 1: address is missing"]),
        (
            [fake("n1", {"address": _MAC, "nam": "x"})],
            [f"port {_MAC}: 'nam' is not known; did you mean name?"],
        ),
        ([fake("n1", "x")], ["port 1: it is not a mapping with address"]),
        ([{**fake("n1"), "ports": {}}], ["ports is not a list of mappings with an address"]),
        ([{**fake("n1"), "port": []}], ["'port' is not known; did you mean ports?"]),
        (
            [fake("n1", {"address": _MAC, "is_smartnic": True})],
            [f"port {_MAC}: a port with is_smartnic needs port_id and hostname"],
        ),
        (
            [fake("n1", {"address": _MAC, "extra": {"password": "******"}})],
            [f"port {_MAC}: extra.password is ******, which Podium shows instead of a secret"],
        ),
        (
            [fake("n1", {"address": _MAC.replace(":", "")}, {"address": _MAC})],
            [f"port address '{_MAC}' is that of node 1 too"],
        ),
        (
            [fake("n1", {"address": "52:54:00:00:00:01"})],
            ["the port address 52:54:00:00:00:01 is that of the enrolled node old; leave one of them out"],
        ),
        ([fake("n1", chassis_uuid=_INSTANCE)], [f"chassis_uuid: there is no chassis {_INSTANCE}; list it"]),
        (
            [fake("n1", instance_uuid=_INSTANCE)],
            [f"another node has the instance {_INSTANCE}; podium node set --unset instance_uuid takes"],
        ),
        ([fake("n1", traits=["gpu"])], ["traits has 'gpu', which is no trait such as CUSTOM_GPU"]),
    ],
)
def test_what_is_wrong_is_named_with_the_node_and_nothing_is_written(
    podium: Run, imported: Run, database: Database, nodes: list[dict[str, Any]], faults: list[str]
) -> None:
    imported(podium, [fake("old", {"address": "52:54:00:00:00:01"}, instance_uuid=_INSTANCE)])
    before = rows(database)
    done = imported(podium, nodes)
    assert done.returncode == 1
    *lines, last = done.stderr.splitlines()
    assert last == "podium: nothing was changed"
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert line.startswith(f"podium: node 1 (n1): {fault}")
    assert rows(database) == before


@pytest.mark.parametrize(
    ("chassis", "fault"),
    [
        ([{"description": "x"}], "chassis 1 (no name): uuid is missing"),
        ([{"uuid": "1"}], "chassis 1 (1): uuid must be a UUID"),
        ([{"uuid": _CHASSIS}, {"uuid": _CHASSIS}], f"chassis 2 ({_CHASSIS}): uuid '{_CHASSIS}' is that of"),
        (
            [{"uuid": _CHASSIS, "description": "rack 2"}],
            f"chassis 1 ({_CHASSIS}): it is there already, and differs in description; leave it out",
        ),
    ],
)
def test_what_is_wrong_with_chassis_is_named(
    podium: Run, imported: Run, database: Database, chassis: list[dict[str, Any]], fault: str
) -> None:
    if "description" in chassis[0]:
        imported(podium, [], [{"uuid": _CHASSIS, "description": "rack 1"}])
    before = rows(database)
    done = imported(podium, [fake("n1")], chassis)
    assert done.stderr.splitlines()[0].startswith(f"podium: {fault}")
    assert rows(database) == before


def test_the_address_of_a_deleted_node_can_be_that_of_another(
    podium: Run, imported: Run, database: Database
) -> None:
    imported(podium, [fake("n1", {"address": _MAC})])
    podium("node", "delete", "n1")
    assert imported(podium, [fake("n2", {"address": _MAC})]).stdout == "1 imported\n"
    with database.read() as connection:
        assert belongings.taken_ports(connection, "address", [_MAC]) == {_MAC: "n2"}
