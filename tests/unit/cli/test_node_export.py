"""What is exported can be imported, and gives the same nodes."""

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from podium import conf
from podium.cli import node_file
from podium.cli.node_export import _FORMATS
from podium.client.enrolling import enrolment
from podium.client.enrolling.catalog import Catalog
from podium.db import models
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_NODES = [
    {
        "name": "r1n01",
        "uuid": "11111111-2222-3333-4444-555555555555",
        "driver": "fake",
        "driver_info": {"fake_password": "no", "fake_latency": 0.5},
        "properties": {"cpus": 8, "rack": "0123", "ratio": 1e16, "note": "*\n# \U0001f50c", "none": None},
        "extra": {"nested": {"list": [True, "yes", {}, []], "1": "one", "token": "t0k3n"}},
        "conductor_group": "hall-1",
        "maintenance": True,
        "maintenance_reason": "new fans: 3",
        "provision_state": "manageable",
        "owner": "0123",
        "resource_class": "large",
        "retired": True,
        "description": "lent to: hall 2",
        "traits": ["CUSTOM_GPU"],
        "instance_info": {"image": "x", "capabilities": {"boot": 1}},
        "automated_clean": False,
        "chassis_uuid": "99999999-2222-3333-4444-555555555555",
        "ports": [
            {
                "address": "52:54:00:12:34:56",
                "uuid": "11111111-aaaa-3333-4444-555555555555",
                "name": "eth0",
                "extra": {"note": "0123", "token": "t0k3n"},
                "local_link_connection": {"port_id": "1", "switch_id": "0a:1b:2c:3d:4e:5f"},
                "pxe_enabled": False,
                "physical_network": "010",
            },
            {"address": "52:54:00:12:34:57", "uuid": "22222222-aaaa-3333-4444-555555555555"},
        ],
    },
    {"name": "r1n02", "uuid": "11111111-2222-3333-4444-666666666666", "driver": "fake"},
]


_CHASSIS = [
    {"uuid": "99999999-2222-3333-4444-555555555555", "description": "rack: 1", "extra": {"row": "07"}},
    {"uuid": "88888888-2222-3333-4444-555555555555"},
]


@pytest.fixture
def nodes_file(tmp_path: Path) -> str:
    (tmp_path / "nodes.json").write_text(json.dumps({"nodes": _NODES, "chassis": _CHASSIS}))
    return str(tmp_path / "nodes.json")


@pytest.fixture
def enrolled(podium: Run, nodes_file: str) -> Run:
    assert podium("node", "import", nodes_file).returncode == 0
    return podium


@pytest.mark.parametrize("form", ["yaml", "json"])
@pytest.mark.mariadb_long
def test_an_export_with_secrets_makes_the_same_nodes_on_every_database(
    podium_anywhere: Run, nodes_file: str, tmp_path: Path, form: str
) -> None:
    podium_anywhere("node", "import", nodes_file)
    file = str(tmp_path / "export")
    done = podium_anywhere("node", "export", "-f", form, "--with-secrets", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"2 exported with their secrets to {file}\n"
    podium_anywhere("node", "delete", "r1n[01-02]")
    assert podium_anywhere("node", "import", file).stdout == "2 imported\n"
    again = str(tmp_path / "again")
    podium_anywhere("node", "export", "-f", "json", "--with-secrets", again)
    assert json.loads(Path(again).read_text()) == {"nodes": _NODES, "chassis": _CHASSIS}


def test_without_a_file_secrets_are_masked_and_an_import_refuses_them(enrolled: Run, tmp_path: Path) -> None:
    done = enrolled("node", "export")
    assert "t0k3n" not in done.stdout
    assert done.stdout.count('"******"') == 3
    (tmp_path / "masked.yaml").write_text(done.stdout)
    enrolled("node", "delete", "r1n[01-02]")
    refused = enrolled("node", "import", str(tmp_path / "masked.yaml"))
    assert refused.returncode == 1
    assert "driver_info: fake_password is ******" in refused.stderr


def test_only_its_owner_may_read_the_secrets(enrolled: Run, tmp_path: Path) -> None:
    enrolled("node", "export", "--with-secrets", str(tmp_path / "export"))
    assert (tmp_path / "export").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("there", ["file", "link"])
def test_a_file_that_is_there_is_not_overwritten(enrolled: Run, tmp_path: Path, there: str) -> None:
    file = tmp_path / "export"
    if there == "file":
        file.write_text("mine")
    else:
        file.symlink_to(tmp_path / "elsewhere")
    done = enrolled("node", "export", "--with-secrets", str(file))
    assert done.returncode == 1
    assert done.stderr == f"podium: {file} is there already; name a new file\n"
    assert there == "link" or file.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_an_export_that_fails_leaves_no_file(enrolled: Run, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    done = enrolled("node", "export", "nobody", "--with-secrets", str(folder / "export"))
    assert done.returncode == 1
    assert "no node has the name or UUID nobody" in done.stderr
    assert list(folder.iterdir()) == []


def test_an_export_that_fails_prints_nothing(enrolled: Run) -> None:
    assert enrolled("node", "export", "nobody").stdout == ""


def test_a_place_that_cannot_be_written_is_named(enrolled: Run) -> None:
    done = enrolled("node", "export", "--with-secrets", "/nowhere/export")
    assert done.stderr == "podium: /nowhere/export cannot be written: No such file or directory\n"


def test_some_nodes_are_exported_as_they_are_named(enrolled: Run) -> None:
    exported = json.loads(enrolled("node", "export", "-f", "json", "r1n02").stdout)
    assert exported == {"nodes": [_NODES[1]]}
    exported = json.loads(enrolled("node", "export", "-f", "json", "r1n01").stdout)
    assert [one["uuid"] for one in exported["chassis"]] == [_CHASSIS[0]["uuid"]]


def test_a_maintenance_that_the_conductor_ends_itself_is_not_exported(
    enrolled: Run, database: Database
) -> None:
    with database.write() as connection:
        connection.execute(sa.update(models.nodes).values(maintenance=True, fault="power failure"))
    (first, _) = json.loads(enrolled("node", "export", "-f", "json").stdout)["nodes"]
    assert not {"maintenance", "maintenance_reason"} & first.keys()


def test_a_reason_of_several_lines_is_exported_as_one_that_can_be_imported(
    enrolled: Run, database: Database
) -> None:
    with database.write() as connection:
        connection.execute(sa.update(models.nodes).values(maintenance=True, maintenance_reason="a\n b\t"))
    for node in json.loads(enrolled("node", "export", "-f", "json").stdout)["nodes"]:
        assert node["maintenance_reason"] == "a b"


def test_a_file_without_reasons_is_that_of_nodes_that_have_them(enrolled: Run, tmp_path: Path) -> None:
    older = [{key: one[key] for key in one if key != "maintenance_reason"} for one in _NODES]
    (tmp_path / "older.json").write_text(json.dumps({"nodes": older, "chassis": _CHASSIS}))
    done = enrolled("node", "import", str(tmp_path / "older.json"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_list_of_chassis_alone_can_be_imported(podium: Run, tmp_path: Path, form: str) -> None:
    (tmp_path / "chassis.json").write_text(json.dumps({"nodes": [], "chassis": _CHASSIS}))
    assert podium("node", "import", str(tmp_path / "chassis.json")).stdout == "0 imported\n"
    (tmp_path / "exported").write_text(podium("node", "export", "-f", form).stdout)
    again = podium("node", "import", str(tmp_path / "exported"))
    assert (again.returncode, again.stdout) == (0, "0 imported\n")
    assert node_file.read(str(tmp_path / "exported"), lambda _share: None)[:2] == ([], _CHASSIS)


@pytest.mark.parametrize(("form", "empty"), [("yaml", "nodes: []\n"), ("json", '{"nodes": []}\n')])
def test_no_nodes_are_an_empty_list(podium: Run, form: str, empty: str) -> None:
    assert podium("node", "export", "-f", form).stdout == empty


_TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.sampled_from(
        ["no", "On", "null", "~", "1e16", "1e+16", "0x10", "1_000", "<<", "=", "12:34:56", "-", ".5"]
    ),
    st.from_regex(r"[-+]?[0-9_]{1,3}(\.[0-9]{0,2})?([eE][-+]?[0-9])?", fullmatch=True),
)
_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        _TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(conf.load([], prog="podium"), pytest.fail)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports") / "export"


@pytest.mark.parametrize("form", ["yaml", "json", "csv"])
@given(properties=st.dictionaries(_TEXTS, _VALUES, max_size=4), password=_TEXTS.filter(bool))
def test_every_value_is_read_as_it_was_written(
    catalog: Catalog, file: Path, form: str, properties: dict[str, Any], password: str
) -> None:
    node = {"name": "n1", "driver": "fake", "driver_info": {"fake_password": password}}
    node |= {"properties": properties, "extra": {"password": password}}
    stream = io.StringIO()
    assert _FORMATS[form](stream, iter([("nodes", []), ("nodes", [node])])) == 1
    file.write_text(stream.getvalue(), encoding="utf-8")
    (row,) = node_file.read(str(file), lambda _share: None).nodes
    settled, faults = enrolment.settle(row, catalog)
    assert faults == []
    found = {key: settled.get(key, {}) for key in node}  # CSV has no empty mappings
    assert json.dumps(found) == json.dumps(node)
