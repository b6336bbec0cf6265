"""A secret in the database that cannot be decrypted: it is named, and it is set anew."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from commands import Here
from keys import enrol
from podium.db.engine import Database
from podium.db.keyring import Keyring
from podium.db.models import nodes

INFO = {"fake_password": "hunter2-hunter2", "fake_latency": 0}
WHY = "a value that was encrypted with the key {} is damaged: set it anew"

Damage = Callable[..., None]


@pytest.fixture
def podium(podium_here: Here, database: Database) -> Here:
    """The command on a database with two nodes whose secrets are encrypted."""
    enrol(database, "n1", "n2", driver_info=INFO, extra={"token": "t0k3n", "note": "a"})
    podium_here("secret", "new-key")
    podium_here("secret", "rotate")
    return podium_here


@pytest.fixture
def key(podium: Here, tmp_path: Path) -> str:
    (name,) = Keyring.from_file(tmp_path / "podium.keys").names
    return name


@pytest.fixture
def damage(database: Database, key: str) -> Damage:
    """``damage(column, name)`` damages a value of n1."""

    def spoil(column: str, name: str) -> None:
        raw = sa.table("nodes", sa.column("name"), sa.column(column, sa.JSON))
        with database.write() as connection:
            document = dict(connection.scalars(sa.select(raw.c[column]).where(raw.c.name == "n1")).one())
            values = {column: {**document, name: f"fernet!{key}!gAAAA"}}
            connection.execute(sa.update(raw).where(raw.c.name == "n1").values(values))

    return spoil


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    (tmp_path / "word").write_text("another-password")
    (tmp_path / "word").chmod(0o600)
    return str(tmp_path / "word")


def exported(podium: Here, file: Path) -> list[dict[str, Any]]:
    done = podium("node", "export", "--format", "json", "--with-secrets", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(file.read_text())["nodes"]
    return found


def test_a_damaged_password_is_set_anew(
    podium: Here, damage: Damage, password_file: str, tmp_path: Path
) -> None:
    damage("driver_info", "fake_password")
    done = podium("node", "set", "n1", "--driver-info", f"fake_password=@{password_file}")
    assert (done.returncode, done.stderr) == (0, "")
    node, other = exported(podium, tmp_path / "out")
    assert node["driver_info"] == {**INFO, "fake_password": "another-password"}
    assert other["driver_info"] == INFO


def test_a_damaged_password_is_taken_away(podium: Here, damage: Damage, tmp_path: Path) -> None:
    damage("driver_info", "fake_password")
    assert podium("node", "set", "n1", "--unset", "driver_info.fake_password").returncode == 0
    assert exported(podium, tmp_path / "out")[0]["driver_info"] == {"fake_latency": 0}


def test_who_sets_something_else_is_told_which_value_is_damaged(
    podium: Here, damage: Damage, key: str
) -> None:
    damage("driver_info", "fake_password")
    done = podium("node", "set", "n1", "n2", "--driver-info", "fake_latency=1")
    assert done.returncode == 1
    fault = f"n1: driver_info: fake_password: {WHY.format(key)}"
    assert done.stderr == f"podium: {fault}\npodium: nothing was changed\n"


def test_a_damaged_value_elsewhere_is_named_and_set_anew(
    podium: Here, damage: Damage, key: str, tmp_path: Path
) -> None:
    damage("extra", "token")
    done = podium("node", "set", "n1", "--extra", "note=b")
    assert f"n1: extra: token: {WHY.format(key)}" in done.stderr
    assert podium("node", "set", "n1", "--owner", "ada").returncode == 0
    assert podium("node", "set", "n1", "--extra", "note=b", "--extra", "token=new").returncode == 0
    assert exported(podium, tmp_path / "out")[0]["extra"] == {"note": "b", "token": "new"}


def test_what_a_driver_saved_and_is_damaged_goes_with_the_next_change(
    podium: Here, damage: Damage, database: Database, password_file: str
) -> None:
    damage("driver_internal_info", "session_token")
    assert podium("node", "set", "n1", "--driver-info", f"fake_password=@{password_file}").returncode == 0
    with database.read() as connection:
        found = connection.scalars(sa.select(nodes.c.driver_internal_info).where(nodes.c.name == "n1"))
        assert found.one() == {}


def test_an_export_with_secrets_names_what_is_damaged_and_has_the_rest(
    podium: Here, damage: Damage, key: str, tmp_path: Path
) -> None:
    damage("driver_info", "fake_password")
    damage("extra", "token")
    done = podium("node", "export", "--format", "json", "--with-secrets", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr == (
        f"podium: n1: driver_info: fake_password: {WHY.format(key)}; exported as ******\n"
        f"podium: n1: extra: token: {WHY.format(key)}; exported as ******\n"
    )
    node, other = json.loads((tmp_path / "out").read_text())["nodes"]
    assert node["driver_info"] == {**INFO, "fake_password": "******"}
    assert node["extra"] == {"token": "******", "note": "a"}
    assert other["driver_info"] == INFO


def test_rotate_finds_what_is_damaged_under_the_first_key_too(podium: Here, damage: Damage) -> None:
    damage("driver_info", "fake_password")
    done = podium("secret", "rotate")
    assert done.returncode == 1
    assert done.stderr == "podium: n1: a secret cannot be decrypted, and stays as it is; set it anew\n"


def test_other_nodes_get_their_password_where_one_is_damaged(
    podium: Here, damage: Damage, key: str, password_file: str
) -> None:
    damage("driver_info", "fake_password")
    done = podium("credential", "set", "n1", "n2", "--password-file", password_file)
    assert done.returncode == 1
    assert "1 requested" in done.stdout
    assert f"n1: driver_info: fake_password: {WHY.format(key)}, with: podium node set" in done.stderr


def test_a_damaged_password_is_not_revealed_but_named(podium: Here, damage: Damage, tmp_path: Path) -> None:
    damage("driver_info", "fake_password")
    done = podium("secret", "reveal", "n1", "--output-file", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr.startswith("podium: n1: driver_info: fake_password: a value that was encrypted")


def test_an_update_from_a_file_sets_it_anew_or_names_it(
    podium: Here, damage: Damage, key: str, tmp_path: Path
) -> None:
    damage("driver_info", "fake_password")
    (tmp_path / "nodes.csv").write_text("name,driver,driver_info.fake_password\nn1,fake,******\n")
    done = podium("node", "import", str(tmp_path / "nodes.csv"), "--update", "--yes")
    assert f"row 2 (n1): driver_info: fake_password: {WHY.format(key)}" in done.stderr
    (tmp_path / "nodes.csv").write_text("name,driver,owner\nn1,fake,ada\n")
    assert podium("node", "import", str(tmp_path / "nodes.csv"), "--update", "--yes").returncode == 0
    (tmp_path / "nodes.csv").write_text("name,driver,driver_info.fake_password\nn1,fake,new-password\n")
    done = podium("node", "import", str(tmp_path / "nodes.csv"), "--update", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    node, _ = exported(podium, tmp_path / "out")
    assert (node["driver_info"]["fake_password"], node["owner"]) == ("new-password", "ada")
