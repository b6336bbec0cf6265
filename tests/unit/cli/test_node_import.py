import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_REMEDY = "podium node import --update or podium node set changes it, podium node delete forgets it"


@pytest.fixture
def nodes_file(tmp_path: Path) -> Callable[[Any], str]:
    """Writes a list of nodes, or a text, to a file and returns its name."""

    def write(content: Any) -> str:
        file = tmp_path / "nodes"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            file.write_text(content if isinstance(content, str) else json.dumps({"nodes": content}))
        return str(file)

    return write


def fake(name: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "driver": "fake", **more}


def names(podium: Run) -> list[str]:
    return [node["name"] for node in json.loads(podium("node", "list", "-f", "json").stdout)]


@pytest.mark.mariadb_long
def test_nodes_of_a_file_are_enrolled_on_every_database(
    podium_anywhere: Run, nodes_file: Callable[[Any], str]
) -> None:
    info = {"fake_latency": 0.5, "fake_password": "ünïcödé"}
    done = podium_anywhere("node", "import", nodes_file([fake("r1n01", driver_info=info), fake("r1n02")]))
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 imported\n", "")
    assert names(podium_anywhere) == ["r1n01", "r1n02"]


def test_every_bad_row_is_named_with_its_place_and_what_is_wrong(
    podium: Run, nodes_file: Callable[[Any], str]
) -> None:
    rows = [
        fake("good"),
        fake("typo", driver_info={"fake_latncy": 1}),
        fake(["listed"]),
        {"name": "homeless"},
        fake("listed", driver_info=["a"]),
        "text",
        fake("near", propertis={}),
        {"name": "stranger", "driver": "fke"},
        fake("with space"),
        fake("grouped", conductor_group="a b"),
        fake("quoted", maintenance="yes"),
        fake("numbered", uuid="12"),
        fake("bare", driver_info={"fake_latency": "soon"}),
        fake("ready", maintenance_reason="fans"),
        fake("lines", maintenance=True, maintenance_reason="new\nfans"),
    ]
    done = podium("node", "import", nodes_file(rows))
    assert done.returncode == 1
    faults = dict(line.removeprefix("podium: ").split("): ", 1) for line in done.stderr.splitlines()[:-1])
    assert faults == {
        "node 2 (typo": "driver_info has no property fake_latncy; did you mean fake_latency?",
        "node 3 (no name": "name is a list, not text",
        "node 4 (homeless": "driver is missing",
        "node 5 (listed": "driver_info is a list, not a mapping",
        "node 6 (no name": "it is text, not a mapping with name and driver",
        "node 7 (near": "'propertis' is not known; did you mean properties?",
        "node 8 (stranger": "there is no driver fke; did you mean fake?",
        "node 9 (with space": "name 'with space' is not a host name: up to 255 letters, digits, _, - and"
        " dots",
        "node 10 (grouped": "conductor_group 'a b' is not made of up to 255 letters, digits, _, - and dots",
        "node 11 (quoted": "maintenance is text, not true or false",
        "node 12 (numbered": "uuid '12' is not a UUID",
        "node 13 (bare": "driver_info: fake_latency is wrong: 'soon' is not a number"
        " (seconds that every answer takes)",
        "node 14 (ready": "maintenance_reason is for a node with maintenance: true",
        "node 15 (lines": "maintenance_reason contains characters that cannot be printed",
    }


def test_all_faults_of_a_row_are_named_at_once(podium: Run, nodes_file: Callable[[Any], str]) -> None:
    info = {
        "ipmi_port": 70000,
        "ipmi_username": "u" * 17,
        "ipmi_priv_level": "admin",
        "ipmi_adress": "h",
        "ipmi_hex_kg_key": "******",
        "ipmi_password": "x" * 21,
    }
    row = {"name": "a", "driver": "ipmi", "uuid": "12", "color": "red", "driver_info": info}
    lines = podium("node", "import", nodes_file([row])).stderr.splitlines()[:-1]
    shown = [line.removeprefix("podium: node 1 (a): ")[:45] for line in lines]
    assert shown == [
        "uuid '12' is not a UUID",
        "'color' is not known; there are name, uuid, d",
        "driver_info: ipmi_hex_kg_key is ******, which",
        "driver_info has no property ipmi_adress; did ",
        "driver_info lacks ipmi_address (address or ho",
        "driver_info: ipmi_port is wrong: should be at",
        "driver_info: ipmi_username is wrong: 17 bytes",
        "driver_info: ipmi_password has a wrong value ",
        "driver_info: ipmi_priv_level is wrong: not on",
    ]
    del info["ipmi_hex_kg_key"]
    for command in (["create", "--driver", "ipmi", "--name", "a"], ["set", "b", "--driver", "ipmi"]):
        podium("node", "create", "--driver", "fake", "--name", "b")
        given = [f"--driver-info={key}={value}" for key, value in info.items()]
        assert podium("node", *command, *given).stderr.count("driver_info") == 6


def test_a_driver_that_is_not_known_hides_no_other_fault(
    podium: Run, nodes_file: Callable[[Any], str]
) -> None:
    row = {"name": "a b", "driver": "fke", "driver_info": {"fake_latncy": 1}, "maintenance": "soon"}
    lines = podium("node", "import", nodes_file([row])).stderr.splitlines()
    assert [line.split("): ")[1][:12] for line in lines[:-1]] == [
        "name 'a b' i",
        "maintenance ",
        "there is no ",
    ]


def test_one_bad_row_keeps_every_other_row_out(podium: Run, nodes_file: Callable[[Any], str]) -> None:
    podium("node", "import", nodes_file([fake("good"), fake("bad", driver_info={"nonsense": 1})]))
    assert names(podium) == []


@pytest.mark.mariadb_long
def test_duplicates_in_the_file_and_in_the_database_are_all_named(
    podium_anywhere: Run, nodes_file: Callable[[Any], str]
) -> None:
    number = "0b3c7f4e-8c1c-4f5b-9c57-0d6f6a1f3f10"
    podium_anywhere("node", "import", nodes_file([fake("old", uuid=number)]))
    other = number.replace("0b", "1b")
    rows = [
        fake("old", owner="lab", extra={"a": 1}),
        fake("new"),
        fake("new"),
        fake("other", uuid=number.upper()),
        fake("old", uuid=other),
    ]
    done = podium_anywhere("node", "import", nodes_file(rows))
    assert done.stderr.splitlines() == [
        f"podium: node 1 (old): it is enrolled already, and differs in extra, owner; {_REMEDY}",
        "podium: node 3 (new): name 'new' is that of node 2 too",
        f"podium: node 4 (other): it is enrolled already, and differs in name; {_REMEDY}",
        "podium: node 5 (old): name 'old' is that of node 1 too",
        f"podium: node 5 (old): the name is that of an enrolled node with another uuid; {_REMEDY}",
        "podium: nothing was changed",
    ]


def test_a_thousand_faults_are_told_in_fifty_lines_and_a_count(
    podium: Run, nodes_file: Callable[[Any], str]
) -> None:
    done = podium(
        "node", "import", nodes_file([fake(f"n{number}", **{f"c{number}": 1}) for number in range(1000)])
    )
    lines = done.stderr.splitlines()
    assert (len(lines), lines[-2]) == (52, "podium: and 51 more")
    assert "what comes after node 101 was not looked at" in lines[0]


def test_rows_with_the_same_fault_are_one_line(podium: Run, nodes_file: Callable[[Any], str]) -> None:
    known = [fake(f"r1n{number:02}") for number in range(1, 49)]
    podium("node", "import", nodes_file(known))
    known = [{**row, "shard": "1"} for row in known]
    rows = [{"driver": "fake"}, *known, fake("a b"), {"driver": "fake"}, fake("n1", driver="fke"), "text"]
    assert podium("node", "import", nodes_file(rows)).stderr.splitlines() == [
        "podium: nodes 1,51 (no name): name is missing",
        f"podium: nodes 2-49 (r1n[01-48]): it is enrolled already, and differs in shard; {_REMEDY}",
        "podium: node 50 (a b): name 'a b' is not a host name: up to 255 letters, digits, _, - and dots",
        "podium: node 52 (n1): there is no driver fke; did you mean fake?",
        "podium: node 53 (no name): it is text, not a mapping with name and driver",
        "podium: nothing was changed",
    ]


def test_what_podium_lists_is_no_file_for_import_and_that_is_one_line(
    podium: Run, nodes_file: Callable[[Any], str]
) -> None:
    for name in ("n1", "n2"):
        podium("node", "create", "--driver", "ipmi", "--name", name, "--driver-info", f"ipmi_address={name}")
        podium("node", "set", name, "--driver-info", "ipmi_password=secret")
    listed = json.loads(podium("node", "list", "--long", "-f", "json").stdout)
    podium("node", "delete", "n[1-2]")
    lines = podium("node", "import", nodes_file(listed)).stderr.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("podium: nodes 1-2 (n[1-2]): driver_internal_info, power_state, wanted_power_")
    assert lines[0].endswith(", power_state_age are what Podium finds out itself; leave them out")
    assert "driver_info: ipmi_password is ******" in lines[1]
    for row in listed:
        row["driver_info"]["ipmi_password"] = "secret"
        for key in row.keys() - {"name", "uuid", "driver", "driver_info", "properties", "extra"}:
            del row[key]
    assert podium("node", "import", nodes_file(listed)).stdout == "2 imported\n"


def test_ten_thousand_nodes_are_imported(podium: Run, nodes_file: Callable[[Any], str]) -> None:
    rows = [fake(f"n{number:05}", driver_info={"fake_latency": 1}) for number in range(10_000)]
    done = podium("node", "import", nodes_file(rows))
    assert done.stdout == "10000 imported\n"


def test_yaml_with_anchors_and_merge_keys_is_understood(
    podium: Run, nodes_file: Callable[[Any], str]
) -> None:
    file = nodes_file("nodes:\n- &first {driver: fake, name: a}\n- {<<: *first, name: b}\n")
    assert podium("node", "import", file).stdout == "2 imported\n"


def test_what_stands_beside_the_nodes_is_refused(podium: Run, nodes_file: Callable[[Any], str]) -> None:
    done = podium("node", "import", nodes_file("nodes: []\nnode: [{name: a}]\n"))
    assert "contains node beside nodes and chassis, which nothing reads" in done.stderr


def test_what_is_wrong_with_yaml_is_told_with_its_place(
    podium: Run, nodes_file: Callable[[Any], str]
) -> None:
    file = nodes_file("nodes:\n- name: a\n  extra: {when: !!timestamp 2024-99-01}\n")
    assert podium("node", "import", file).stderr.splitlines()[0] == (
        f"podium: {file}, line 3, column 17: a value that is not what its tag says: put it in quotes"
    )


@pytest.mark.parametrize("form", ["nodes:\n- {0}\n", '{{"nodes": [\n  {0}\n]}}'])
def test_a_secret_that_is_there_twice_is_refused_with_its_place(
    podium: Run, nodes_file: Callable[[Any], str], form: str
) -> None:
    row = '{"name": "a", "driver": "fake", "driver_info": {"fake_password": "b", "fake_password": "c"}}'
    file = nodes_file(form.format(row))
    assert podium("node", "import", file).stderr.splitlines()[0] == (
        f"podium: {file}, line 2, column 73: the key fake_password is there twice"
    )


def test_a_file_that_ends_too_early_is_told_what_lacks(podium: Run, nodes_file: Callable[[Any], str]) -> None:
    file = nodes_file('{"nodes": [{"name": "a"}')
    assert "did not find expected ',' or ']'" in podium("node", "import", file).stderr


def test_a_file_can_come_from_standard_input(podium: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.dumps({"nodes": [fake("piped")]}).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert podium("node", "import", "-").stdout == "1 imported\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Makes standard error a terminal, from within the test: pytest takes it back between its phases."""

    def use() -> Terminal:
        stderr = Terminal()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stderr", stderr)
        return stderr

    return use


def test_a_terminal_is_shown_how_far_each_part_of_the_work_is(
    podium: Run, nodes_file: Callable[[Any], str], terminal: Callable[[], Terminal]
) -> None:
    shown = terminal()
    done = podium("node", "import", nodes_file([fake("r1n01")]))
    assert done.stdout == "1 imported\n"
    assert [part for part in ("reading", "checking", "writing") if part in shown.getvalue()] == [
        "reading",
        "checking",
        "writing",
    ]


def test_quiet_keeps_bar_and_result_from_a_terminal(
    podium: Run, nodes_file: Callable[[Any], str], terminal: Callable[[], Terminal]
) -> None:
    shown = terminal()
    done = podium("node", "import", "--quiet", nodes_file([fake("r1n01")]))
    assert (done.returncode, done.stdout, shown.getvalue()) == (0, "", "")


def test_quiet_does_not_hide_what_is_wrong(podium: Run, nodes_file: Callable[[Any], str]) -> None:
    done = podium("node", "import", "--quiet", nodes_file([fake("a b")]))
    assert (done.returncode, done.stderr.count("is not a host name")) == (1, 1)


_BOMB = "\n".join(
    ["nodes:", "- name: a", "  driver: fake", "  extra:", "    k0: &k0 [x]"]
    + [f"    k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 10)}]" for n in range(1, 12)]
)
_MERGE_BOMB = "\n".join(
    ["nodes:", "- &m0 {name: a, driver: fake}"]
    + [f"- &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 10)}]}}" for n in range(1, 12)]
)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00\x01",
        b"\x00\x01\x02",
        "",
        "nodes: {}",
        "nodes: [",
        "[]",
        '{"nodes": ' + "[" * 100_000,
        "nodes: " + "[" * 100_000,
        '{"nodes": [' + "9" * 5000 + "]}",
        '{"nodes": [{"name": "a", "driver": "fake", "extra": {"a": NaN}}]}',
        "nodes:\n- {name: a, driver: fake, extra: {when: !!timestamp 2024-01-01}}",
        "nodes:\n- {name: a, driver: fake, extra: {!!binary aGk=: b}}",
        "nodes:\n- {1: b}",
        "nodes:\n- {? [a, b] : c}",
        "nodes:\n- {name: a, driver: fake, driver: fake}",
        '{"nodes": [{"name": "a", "driver": "fake", "driver": "fake"}]}',
        '{"nodes": [{"name": "a", "driver": "fake"}',
        "nodes:\n- !!python/object/apply:os.system [id]",
        "nodes:\n- !!timestamp x",
        "nodes:\n- !!int ''",
        "nodes: &n [*n]",
        "nodes:\n- &n {name: a, driver: fake, extra: {a: *n}}",
        "nodes:\n- {name: a, driver: fake, extra: {a: 0x" + "f" * 100_000 + "}}",
        "nodes:\n- {name: a\0b, driver: fake}",
        _BOMB,
        _MERGE_BOMB,
    ],
)
def test_no_content_whatever_brings_out_a_traceback(
    podium: Run, nodes_file: Callable[[Any], str], content: str | bytes
) -> None:
    done = podium("node", "import", nodes_file(content))
    assert done.returncode == 1
    assert done.stderr.endswith("podium: nothing was changed\n")
    assert names(podium) == []


def test_no_text_of_a_file_has_a_null_character(podium: Run, nodes_file: Callable[[Any], str]) -> None:
    content = 'nodes:\n- {name: a, driver: fake}\n- {name: b, driver: fake, extra: {note: {it: "x\\0y"}}}'
    done = podium("node", "import", nodes_file(content))
    assert (done.returncode, done.stderr) == (
        1,
        "podium: node 2 (b): extra.note.it: a text has a null character, which no text may have\n"
        "podium: nothing was changed\n",
    )
    assert names(podium) == []


@pytest.mark.parametrize("secret", ["*hunter2", "%hunter2", "@hunter2", "'hunter2", "{hunter2", "!hunter2 x"])
def test_a_password_that_is_no_yaml_is_not_repeated(
    podium: Run, nodes_file: Callable[[Any], str], secret: str
) -> None:
    file = nodes_file(f"nodes:\n- name: a\n  driver: fake\n  driver_info: {{fake_password: {secret}}}\n")
    done = podium("node", "import", file)
    assert done.returncode == 1
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("secret", ["***", "*secret", "@at", "%x", "!important", "`x", "&"])
def test_a_text_that_begins_with_a_sign_of_yaml_is_said_to_need_quotes(
    podium: Run, nodes_file: Callable[[Any], str], secret: str
) -> None:
    file = nodes_file(f"nodes:\n- name: a\n  driver: fake\n  driver_info:\n    fake_password: {secret}\n")
    line = podium("node", "import", file).stderr.splitlines()[0]
    assert line.startswith(f"podium: {file}")
    assert "line 5" in line
    assert " in quotes" in line


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_named(podium: Run, tmp_path: Path, name: str) -> None:
    done = podium("node", "import", str(tmp_path / name))
    assert f"podium: {tmp_path / name} cannot be read: " in done.stderr
