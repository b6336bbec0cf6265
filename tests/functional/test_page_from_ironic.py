"""What docs/from-ironic.md says about clients works."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Final

import bcrypt
import pytest

import peers
from doors import Door
from rounds import only_long

PAGE: Final = (Path(__file__).parents[2] / "docs" / "from-ironic.md").read_text()
SDK: Final = """
import openstack
print(*[node.name for node in openstack.connect("podium").baremetal.nodes(details=True)])
"""


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def _run(folder: Path, *command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "OS_CLOUD": "podium"},
        capture_output=True,
        text=True,
        timeout=peers.PATIENCE,
        check=False,
    )


def _create(door: Door, name: str) -> None:
    info = ["--driver-info", "ipmi_address=192.0.2.1"]
    door.conductor.podium("node", "create", "--driver", "ipmi", "--name", name, *info)


@only_long
def test_the_commands_with_curl_end_well(tmp_path: Path) -> None:
    (script,), (node,) = _blocks("bash"), _blocks("json")
    (tmp_path / "node.json").write_text(node.replace("r1n01", "r1n02").replace("192.0.2.1", "192.0.2.2"))
    with Door(tmp_path) as door:
        _create(door, "r1n01")
        text = script.replace("https://podium.example.org", door.url).replace("; echo;", " || exit 1; echo;")
        done = _run(tmp_path, "bash", "-c", text)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        left = door.http.get("/v1/nodes?fields=name,driver_info").json()["nodes"]
    assert [(node["name"], node["driver_info"]["ipmi_password"]) for node in left] == [("r1n02", "******")]
    first, *_ = done.stdout.splitlines()
    assert [node["name"] for node in json.loads(first)["nodes"]] == ["r1n01"]


@only_long
@pytest.mark.parametrize("strategy", ["noauth", "http_basic"])
def test_openstacks_clients_take_the_clouds_yaml(tmp_path: Path, strategy: str) -> None:
    python = peers.require_in("openstack", "python")
    (tmp_path / "htpasswd").write_bytes(b"alice:" + bcrypt.hashpw(b"PASSWORD", bcrypt.gensalt(4)) + b"\n")
    options = f"auth_strategy = {strategy}\nhttp_basic_auth_user_file = {tmp_path}/htpasswd"
    clouds, with_users, secure = _blocks("yaml")
    if strategy == "http_basic":
        clouds = re.sub("^ *cacert: .*\n", "", with_users, flags=re.M)
        (tmp_path / "secure.yaml").write_text(secure)
    with Door(tmp_path, "readers = alice\n", strategy=options) as door:
        _create(door, "r1n01")
        clouds = clouds.replace("https://podium.example.org", door.url)
        (tmp_path / "clouds.yaml").write_text(clouds.replace("http://127.0.0.1:6385", door.url))
        by_sdk = _run(tmp_path, python, "-c", SDK)
        by_command = _run(tmp_path, python.parent / "baremetal", "node", "list", "-f", "value", "-c", "name")
    assert [by_sdk.stdout, by_command.stdout] == ["r1n01\n"] * 2, by_sdk.stderr + by_command.stderr
