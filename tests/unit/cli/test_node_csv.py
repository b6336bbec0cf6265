"""Nodes in CSV: what its cells mean, and how its faults are told."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium import errors
from podium.cli import node_csv, node_file

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def read(content: str) -> list[dict[str, Any]]:
    return node_csv.read(content, json.loads, lambda _share: None).nodes


def faults(content: str) -> list[str]:
    with pytest.raises(errors.InvalidNode) as refused:
        read(content)
    return [*refused.value.faults]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str | bytes], str]:
    def write(content: str | bytes, name: str = "nodes.csv") -> str:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return str(tmp_path / name)

    return write


def test_columns_are_fields_and_entries() -> None:
    content = (
        "name,driver,driver_info.fake_password,extra.rack,extra.a.b,traits,ports:json,retired\n"
        'n1,fake,0123,7,yes,CUSTOM_A CUSTOM_B,"[{""address"": ""52:54:00:12:34:56""}]",true\n'
        "n2,fake,null,,,,,\n"
    )
    first, second = read(content)
    assert first == {
        "name": "n1",
        "driver": "fake",
        "driver_info": {"fake_password": "0123"},
        "extra": {"rack": 7, "a.b": "yes"},
        "traits": ["CUSTOM_A", "CUSTOM_B"],
        "ports": [{"address": "52:54:00:12:34:56"}],
        "retired": True,
    }
    assert second == {"name": "n2", "driver": "fake", "driver_info": {"fake_password": "null"}}
    assert type(second["driver_info"]["fake_password"]) is str


def test_quotes_commas_line_ends_and_rows_without_cells() -> None:
    content = '\r\nname,driver,extra.note\r\nn1,fake,"a ""b"", c\nd"\r\n,,\r\n\r\nn2,fake,\r\n'.lstrip()
    table = node_csv.read(content, json.loads, lambda _share: None)
    assert table.nodes[0]["extra"] == {"note": 'a "b", c\nd'}
    assert (table.rows, table.columns) == ([2, 5], ["name", "driver", "extra.note"])


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("name,drivr", "row 1: column drivr: there is no field 'drivr'; did you mean driver?"),
        ("name,name", "row 1: column name is there twice"),
        ("name,", "row 1: column 2 has no name"),
        ("name,owner.x", "row 1: column owner.x: owner has no entries"),
        ("name,ports", "row 1: column ports: give it as JSON in a column ports:json"),
        (
            "name,extra",
            "row 1: column extra: name an entry, such as extra.KEY, or give it as JSON in a column"
            " extra:json",
        ),
    ],
)
def test_a_column_that_cannot_be_is_named(header: str, fault: str) -> None:
    assert faults(f"{header}\nn1,x\n") == [fault]


@pytest.mark.parametrize("first", ["n1,fake,hunter2", "name;driver;driver_info.fake_password", "", "x"])
def test_a_first_row_that_names_no_columns_is_not_repeated(first: str) -> None:
    assert faults(f"{first}\nn2,fake,hunter3\n") == [
        "row 1 must name the columns, separated by commas, such as"
        " name,driver,driver_info.ipmi_address,extra.rack"
    ]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("n1,fake,[1", "row 3 (n1): column extra.a:json: this is not JSON"),
        ("n1,fake", "row 3: it has 2 cells, and there are 3 columns"),
        ("n1,fa\0ke,", "row 3 (n1): column driver: a text has a null character, which no text may have"),
        ('n1,"fake', "row 3 is not CSV: unexpected end of data"),
        ('n1,"fa"ke,', "row 3 is not CSV: ',' expected after '\"'"),
    ],
)
def test_a_fault_of_a_row_names_row_and_column(row: str, fault: str) -> None:
    assert faults(f"name,driver,extra.a:json\nn0,fake,1\n{row}\n") == [fault]


def test_an_entry_cannot_come_from_two_columns() -> None:
    content = 'name,driver,extra:json,extra.a\nn1,fake,"{""a"": 1}",2\n'
    assert faults(content) == ["row 2 (n1): column extra.a: another column has it too"]


def test_a_file_is_imported_and_its_faults_name_its_rows(
    podium: Run, file: Callable[[str | bytes], str]
) -> None:
    content = "name,driver,driver_info.fake_latency\n\nn1,fake,0.5\nn 2,fake,\nn3,fake,x\nn1,fake,\n"
    done = podium("node", "import", file(content))
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.partition(":")[2].strip()[:20] for line in lines[:3]] == [
        "row 4 (n 2): name 'n",
        "row 5 (n3): driver_i",
        "row 6 (n1): name 'n1",
    ]
    assert lines[2].endswith("is that of row 3 too")
    good = b"\xef\xbb\xbfname,driver,driver_info.fake_latency\r\nn1,fake,0.5\r\nn2,fake,\r\n"
    assert podium("node", "import", file(good)).stdout == "2 imported\n"
    assert podium("node", "import", file(good, "again")).stdout == "0 imported, 2 unchanged\n"


def test_places_in_a_list_become_rows() -> None:
    rows = [2, 3, 4, 7, 8]
    fault = "nodes 1-2,4 (n[1-2,4]): x is that of node 5 too"
    assert node_csv.with_rows(fault, rows) == "rows 2-3,7 (n[1-2,4]): x is that of row 8 too"
    cut = "nodes 1-2,4,... (4) (n[1-9]): x"
    assert node_csv.with_rows(cut, rows) == "rows 2-3... (4) (n[1-9]): x"


@pytest.mark.parametrize("content", ["nodes: [a, name]", "", "name", '{"name": 1, "nodes": []}'])
def test_other_files_are_not_taken_for_csv(content: str) -> None:
    assert not node_csv.is_csv(content)


def test_chassis_are_said_to_be_left_out(podium: Run, file: Callable[..., str]) -> None:
    chassis = [{"uuid": "99999999-2222-3333-4444-555555555555"}]
    content = json.dumps({"nodes": [{"name": "n1", "driver": "fake"}], "chassis": chassis})
    podium("node", "import", file(content, "nodes.json"))
    done = podium("node", "export", "-f", "csv")
    assert done.stdout.splitlines()[0] == "name,uuid,driver"
    assert done.stderr == (
        "podium: warning: chassis have no place in CSV, 1 are left out; yaml and json have them\n"
    )


def test_an_export_is_read_as_the_same_nodes(podium: Run, file: Callable[..., str]) -> None:
    nodes = [
        {"name": "n1", "driver": "fake", "extra": {"a": "7", "b": 7, "c": None, "d": [1], "e:json": "x"}},
        {"name": "n2", "driver": "fake", "extra": {"b": "08"}, "traits": ["CUSTOM_A"], "owner": "7"},
    ]
    podium("node", "import", file(json.dumps({"nodes": nodes}), "nodes.json"))
    exported = podium("node", "export", "-f", "csv").stdout
    assert "extra.a:json,extra.b,extra.c:json,extra.d:json,extra.e:json:json" in exported
    found = node_file.read(file(exported), lambda _share: None).nodes
    assert [{key: one[key] for key in one if key != "uuid"} for one in found] == nodes
