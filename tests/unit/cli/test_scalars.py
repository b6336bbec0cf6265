"""Passwords, names and numbers reach the database as the file or the command line has them."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podium.client.enrolling import scalars
from podium.db import api
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_ODD = (
    *("0123456", "1_000", "12:34:56", "0x1F", "010", "0o17", "0b11", "1e3", "1.50", "1.5", "-0", "+7", "8"),
    *("yes", "no", "on", "Off", "true", "True", "FALSE", "y", "2026-11-29", "2024-99-01", ".inf", "-.INF"),
    *(".nan", "=", "123456789012345678901234567890", "1.0e+3", "2026-11-29 10:00:00Z"),
)


@pytest.fixture
def imported(podium: Run, database: Database, tmp_path: Path) -> Callable[[str], api.NodeRecord]:
    """Imports a file that has this text, with one node, and returns the node."""

    def run(text: str) -> api.NodeRecord:
        file = tmp_path / "nodes"
        file.write_text(text)
        done = podium("node", "import", str(file))
        assert done.stderr == ""
        with database.read() as connection:
            (node,) = api.list_nodes(connection)
        return node

    return run


@pytest.fixture
def refused(podium: Run, database: Database, tmp_path: Path) -> Callable[[str], str]:
    """Imports a file that has this text, which fails, and returns the first line of the error."""

    def run(text: str) -> str:
        file = tmp_path / "nodes"
        file.write_text(text)
        done = podium("node", "import", str(file))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith("podium: nothing was changed\n")
        with database.read() as connection:
            assert api.count_nodes(connection) == 0
        return done.stderr.splitlines()[0].removeprefix("podium: ")

    return run


@pytest.mark.parametrize("text", _ODD)
def test_a_password_in_yaml_is_the_text_of_the_file(
    imported: Callable[[str], api.NodeRecord], text: str
) -> None:
    node = imported(f"nodes:\n- name: a\n  driver: fake\n  driver_info:\n    fake_password: {text}\n")
    assert node.driver_info == {"fake_password": text}


@pytest.mark.parametrize("text", _ODD)
def test_what_is_noted_about_a_machine_in_yaml_has_the_text_of_the_file(
    imported: Callable[[str], api.NodeRecord], text: str
) -> None:
    node = imported(
        f"nodes:\n- name: a\n  driver: fake\n  properties: {{serial: {text}, {text!r}: 1}}\n"
        f"  extra: {{list: [{{owner: {text}}}]}}\n"
    )
    assert scalars.text(node.properties["serial"]) == text
    assert text in node.properties
    assert scalars.text(node.extra["list"][0]["owner"]) == text


@pytest.mark.parametrize("text", ["8", "-1.5", "true", "false"])
def test_what_json_writes_the_same_stays_a_number_or_a_truth(
    imported: Callable[[str], api.NodeRecord], text: str
) -> None:
    node = imported(f"nodes:\n- {{name: a, driver: fake, properties: {{cpus: {text}}}}}\n")
    assert node.properties == {"cpus": json.loads(text)}


@pytest.mark.parametrize(
    "text", ["0123456", "1_000", "0x1F", "010", "1e3", "1.50", "yes", "On", "2026-11-29"]
)
def test_names_and_groups_in_yaml_are_the_text_of_the_file(
    imported: Callable[[str], api.NodeRecord], text: str
) -> None:
    node = imported(f"nodes:\n- name: {text}\n  driver: fake\n  conductor_group: {text}\n")
    assert (node.name, node.conductor_group) == (text, text)


def test_every_property_that_is_a_text_keeps_it(imported: Callable[[str], api.NodeRecord]) -> None:
    node = imported(
        "nodes:\n- name: a\n  driver: redfish\n  driver_info:\n    redfish_address: 10.10\n"
        "    redfish_username: 0123\n    redfish_password: 1_000\n    redfish_system_id: 010\n"
        "    redfish_verify_ca: no\n"
    )
    assert node.driver_info == {
        "redfish_address": "10.10",
        "redfish_username": "0123",
        "redfish_password": "1_000",
        "redfish_system_id": "010",
        "redfish_verify_ca": False,
    }


@pytest.mark.parametrize("text", ["1.50", "1E3", "-0", "8", "12345678901234567890123", "true", "1.5", "NaN"])
def test_a_password_in_json_is_the_text_of_the_file(
    imported: Callable[[str], api.NodeRecord], text: str
) -> None:
    info = f'"driver_info": {{"fake_password": {text}}}, "properties": {{"size": 1.50}}'
    node = imported(f'{{"nodes": [{{"name": 7, "driver": "fake", {info}}}]}}')
    assert node.driver_info == {"fake_password": text}
    assert (node.name, node.properties) == ("7", {"size": 1.5})


@pytest.mark.parametrize("text", _ODD)
@pytest.mark.parametrize("command", ["create", "set"])
def test_a_password_on_a_command_line_is_what_was_typed(
    podium: Run, database: Database, command: str, text: str
) -> None:
    info = f"fake_password={text}"
    if command == "set":
        podium("node", "create", "--driver", "fake", "--name", "a")
        podium("node", "set", "a", "--driver-info", info)
    else:
        podium("node", "create", "--driver", "fake", "--name", "a", "--driver-info", info)
    with database.read() as connection:
        (node,) = api.list_nodes(connection)
    assert node.driver_info == {"fake_password": text}


@pytest.mark.parametrize("port", ["010", "1_000", "0623"])
def test_a_number_that_can_be_read_in_two_ways_is_refused(
    podium: Run, refused: Callable[[str], str], port: str
) -> None:
    fault = (
        f"driver_info: ipmi_port is {port}, a form in which not everybody reads one number; write plain"
        " decimal digits"
    )
    assert refused(
        f"nodes:\n- {{name: a, driver: ipmi, driver_info: {{ipmi_address: h, ipmi_port: {port}}}}}\n"
    ) == (f"node 1 (a): {fault}")
    done = podium("node", "create", "--driver", "ipmi", "--name", "a", "--driver-info", "ipmi_address=h",
                  "--driver-info", f"ipmi_port={port}")  # fmt: skip
    assert done.stderr.splitlines()[0] == f"podium: a: {fault}"


@pytest.mark.parametrize("port", ["0x26F", "10:23", "1e3", "623.5", "yes", "true", "2026-11-29", ".inf"])
def test_what_is_no_number_is_refused_for_a_number(refused: Callable[[str], str], port: str) -> None:
    line = refused(
        f"nodes:\n- {{name: a, driver: ipmi, driver_info: {{ipmi_address: h, ipmi_port: {port}}}}}\n"
    )
    assert line.startswith("node 1 (a): driver_info: ipmi_port is wrong: ")


@pytest.mark.parametrize(("text", "value"), [("623", 623), ("'623'", 623), ("+623", 623), ("~", None)])
def test_a_plain_number_is_saved_as_a_number(
    imported: Callable[[str], api.NodeRecord], text: str, value: int | None
) -> None:
    node = imported(
        f"nodes:\n- {{name: a, driver: ipmi, driver_info: {{ipmi_address: h, ipmi_port: {text}}}}}\n"
    )
    assert node.driver_info == {"ipmi_address": "h", "ipmi_port": value}


def test_a_word_for_which_the_driver_has_a_number_stays_that_word(podium: Run, database: Database) -> None:
    podium("node", "create", "--driver", "ipmi", "--name", "a", "--driver-info", "ipmi_address=h",
           "--driver-info", "ipmi_priv_level=OPERATOR")  # fmt: skip
    with database.read() as connection:
        (node,) = api.list_nodes(connection)
    assert node.driver_info["ipmi_priv_level"] == "OPERATOR"


@pytest.mark.parametrize("text", ["yes", "Yes", "on", "true", "True"])
def test_a_truth_may_be_any_word_of_yaml(imported: Callable[[str], api.NodeRecord], text: str) -> None:
    node = imported(
        f"nodes:\n- {{name: a, driver: fake, maintenance: {text}, driver_info: {{fake_refuse: {text}}}}}\n"
    )
    assert (node.maintenance, node.driver_info) == (True, {"fake_refuse": True})


@pytest.mark.parametrize("null", ["null", "~", "Null", "NULL", ""])
def test_nothing_for_a_secret_is_refused(refused: Callable[[str], str], null: str) -> None:
    assert refused(f"nodes:\n- name: a\n  driver: fake\n  driver_info:\n    fake_password: {null}\n") == (
        "node 1 (a): driver_info: fake_password has no value; leave it out if there is none, and put it in"
        " quotes if it is a word"
    )


def test_null_for_a_secret_in_json_is_refused(refused: Callable[[str], str]) -> None:
    line = refused('{"nodes": [{"name": "a", "driver": "fake", "driver_info": {"fake_password": null}}]}')
    assert "fake_password has no value" in line


@pytest.mark.parametrize("null", ["null", "~"])
def test_null_for_another_text_is_refused(refused: Callable[[str], str], null: str) -> None:
    info = f"{{ipmi_address: h, ipmi_username: {null}}}"
    assert refused(f"nodes:\n- {{name: a, driver: ipmi, driver_info: {info}}}\n") == (
        f"node 1 (a): driver_info: ipmi_username is {null}: put it in quotes if it is that word, and leave it"
        " out if it is none"
    )


@pytest.mark.parametrize("field", ["name", "conductor_group"])
def test_null_for_a_name_is_refused(refused: Callable[[str], str], field: str) -> None:
    row = {"name": "a", "driver": "fake"} | {field: "null"}
    text = ", ".join(f"{key}: {value}" for key, value in row.items())
    assert f"): {field} is null: put it in quotes" in refused(f"nodes:\n- {{{text}}}\n")


def test_an_empty_text_for_a_secret_is_no_secret(imported: Callable[[str], api.NodeRecord]) -> None:
    node = imported("nodes:\n- {name: a, driver: fake, driver_info: {fake_password: ''}}\n")
    assert node.driver_info == {"fake_password": ""}


def test_nothing_where_it_cannot_be_a_word_is_nothing(imported: Callable[[str], api.NodeRecord]) -> None:
    node = imported(
        "nodes:\n- {name: a, uuid: null, driver: fake, driver_info: {fake_latency: null}, properties: ~,"
        " maintenance: null, conductor_group: , extra: {owner: null}}\n"
    )
    assert (node.driver_info, node.properties, node.extra) == ({"fake_latency": None}, {}, {"owner": None})


@pytest.mark.parametrize("value", ["[a]", "{a: b}"])
def test_a_list_is_no_text(refused: Callable[[str], str], value: str) -> None:
    line = refused(f"nodes:\n- {{name: a, driver: fake, driver_info: {{fake_password: {value}}}}}\n")
    assert "driver_info: fake_password is a " in line
    assert line.endswith(", not text")


_MASKED: dict[str, dict[str, Any]] = {
    "driver_info: fake_password": {"driver_info": {"fake_password": "******"}},
    "driver_info: fake_password ": {"driver_info": {"fake_password": " ****** "}},
    "driver_info: fake_wrong_state": {"driver_info": {"fake_wrong_state": "******"}},
    "properties: api_key": {"properties": {"api_key": "******"}},
    "extra: hosts.0.token": {"extra": {"hosts": {"0": {"token": ["******"]}}}},
}


@pytest.mark.parametrize("place", _MASKED)
def test_what_podium_shows_instead_of_a_secret_is_no_secret(
    refused: Callable[[str], str], place: str
) -> None:
    rows = [{"name": "good", "driver": "fake"}, {"name": "starry", "driver": "fake", **_MASKED[place]}]
    line = refused(json.dumps({"nodes": rows}))
    assert line.startswith(
        f"node 2 (starry): {place.strip()} is ******, which Podium shows instead of a secret;"
    )


@pytest.mark.parametrize("command", ["create", "set"])
@pytest.mark.parametrize("given", ["--driver-info=fake_password=******", "--extra=api_key=******", "@", "-"])
def test_the_mask_is_refused_on_a_command_line_and_in_its_files(
    podium: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, given: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("******\n")
    if given in "@-":
        given = f"--driver-info=fake_password={f'@{secret}' if given == '@' else '-'}"
        monkeypatch.setattr(sys, "stdin", io.StringIO("******\n"))
    if command == "set":
        podium("node", "create", "--driver", "fake", "--name", "a")
        done = podium("node", "set", "a", given)
    else:
        done = podium("node", "create", "--driver", "fake", "--name", "a", given)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2].endswith(
        "is ******, which Podium shows instead of a secret; give the "
        + ("secret itself" if "extra" in given else "value itself")
    )
    assert done.stderr.splitlines()[-2].startswith("podium: a: ")


def test_stars_without_quotes_in_yaml_are_named_as_what_they_are(refused: Callable[[str], str]) -> None:
    line = refused("nodes:\n- name: a\n  driver: fake\n  driver_info: {fake_password: ******}\n")
    assert line.endswith(
        "nodes, line 4, column 33: ****** is what Podium shows instead of a secret; give the secret itself"
    )


def test_stars_that_are_no_secret_may_be_noted(imported: Callable[[str], api.NodeRecord]) -> None:
    assert imported("nodes:\n- {name: a, driver: fake, extra: {rating: '******'}}\n").extra == {
        "rating": "******"
    }


@pytest.mark.parametrize("key", ["ipmi_address", "ipmi_username"])
def test_a_list_for_a_text_with_a_form_of_its_own_is_no_text(refused: Callable[[str], str], key: str) -> None:
    info = {"ipmi_address": "h", key: ["a"]}
    line = refused(json.dumps({"nodes": [{"name": "a", "driver": "ipmi", "driver_info": info}]}))
    assert line.startswith(f"node 1 (a): driver_info: {key} is wrong: neither text nor a whole number")
