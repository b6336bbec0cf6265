"""``podium secret``: keys, from the first to one that is lost."""

import json
import stat
import syslog
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from commands import Here
from keys import NEW, enrol
from podium.cli.secrets import Rotate
from podium.db import api, members, models
from podium.db.engine import Database
from podium.db.keyring import Keyring, key_name

INFO = {"fake_password": "hunter2-hunter2", "fake_latency": 0}


@pytest.fixture
def podium(podium_here: Here, database: Database) -> Here:
    """The command on a database with two nodes whose secrets are in plain text."""
    enrol(database, "n1", "n2", driver_info=INFO)
    return podium_here


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "podium.keys"


def names(key_file: Path) -> tuple[str, ...]:
    return Keyring.from_file(key_file).names


def check(podium: Here, *, expect: int) -> list[dict[str, Any]]:
    done = podium("secret", "check", "--format", "json")
    assert done.returncode == expect, (done.stdout, done.stderr)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def places(found: list[dict[str, Any]]) -> list[tuple[str | None, str | None, int]]:
    return [(one["key"], one["place"], one["nodes"]) for one in found]


def test_an_old_database_is_encrypted_and_nothing_of_before_is_left(
    podium: Here, database: Database, tmp_path: Path, key_file: Path
) -> None:
    database.keep_open()  # as a conductor does, so that there is a log beside the file
    assert places(check(podium, expect=1)) == [(None, None, 2)]
    assert "the next daemon that starts makes a key, or: podium secret new-key" in (
        podium("secret", "check").stderr
    )
    done = podium("secret", "rotate")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("run: podium secret new-key\n")
    made = podium("secret", "new-key").stdout
    (name,) = names(key_file)
    assert made.startswith(f"The key {name} is the first of {key_file} now.")
    done = podium("secret", "rotate")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"2 rows were encrypted anew with the key {name}\n"
    assert places(check(podium, expect=0)) == [(name, "first", 2)]
    kept = sorted(tmp_path.glob("podium.sqlite*"))
    assert len(kept) == 3
    assert not any(b"hunter2" in file.read_bytes() for file in kept)


def test_another_key_takes_the_place_of_the_first(
    podium: Here, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rotate, "settled", 0.0)
    podium("secret", "new-key")
    podium("secret", "rotate")
    (old,) = names(key_file)
    podium("secret", "new-key")
    new, _ = names(key_file)
    done = podium("secret", "check")
    assert done.returncode == 1
    assert (
        f"2 secrets are encrypted with the key {old}, not with the first; see: podium secret rotate"
        in done.stderr
    )
    assert podium("secret", "rotate").returncode == 0
    assert places(check(podium, expect=0)) == [(old, "other", 0), (new, "first", 2)]
    assert "hunter2" not in podium("node", "show", "n1").stdout
    lines = [line for line in key_file.read_text().splitlines() if line.startswith("#")]
    key_file.write_text("\n".join([*lines, key_file.read_text().splitlines()[len(lines)]]))
    assert podium("node", "list").returncode == 0


def test_rotate_names_the_nodes_whose_secrets_it_could_not_decrypt(
    podium: Here, database: Database, key_file: Path
) -> None:
    podium("secret", "new-key")
    (name,) = names(key_file)
    damaged = f"fernet!{name}!gAAAA"
    with database.write() as connection:
        (node,) = api.find_nodes(connection, ["n2"])
        api.update_node(connection, node.id, {"driver_info": {"fake_password": damaged}})
    podium("secret", "rotate")
    podium("secret", "new-key")
    done = podium("secret", "rotate")
    assert done.returncode == 1
    assert done.stdout.endswith("; 1 could not be\n")
    assert done.stderr == "podium: n2: a secret cannot be decrypted, and stays as it is; set it anew\n"


def test_rotate_names_the_conductors_that_lack_the_key(
    podium: Here, database: Database, key_file: Path
) -> None:
    podium("secret", "new-key")
    with database.write() as connection:
        members.enter(connection, "c1", 0, service([key_name(NEW)]))
    (name,) = names(key_file)
    done = podium("secret", "rotate")
    assert done.returncode == 1
    assert f"c1/0@1 does not hold the key {name}" in done.stderr


def service(held: list[str]) -> members.Service:
    return members.Service(
        process="p",
        drivers=["fake"],
        conductor_groups=[""],
        fallback_groups=[],
        lease=5,
        interval=1,
        version="1",
        fingerprint="",
        secret_keys=held,
    )


@pytest.fixture
def lost(podium: Here, key_file: Path) -> str:
    """The name of a key that encrypts everything, and is lost."""
    podium("secret", "new-key")
    podium("secret", "rotate")
    (name,) = names(key_file)
    key_file.unlink()
    return name


def test_a_database_whose_key_is_lost_is_looked_at_and_used_again(
    podium: Here, lost: str, key_file: Path, tmp_path: Path
) -> None:
    done = podium("secret", "check", "--format", "json")
    assert done.returncode == 1
    assert places(json.loads(done.stdout)) == [(lost, "missing", 2)]
    assert f"if there is none, see: podium secret forget {lost}" in done.stderr
    done = podium("secret", "new-key")
    assert done.returncode == 1
    assert f"encrypted with the key {lost}: put the file back" in done.stderr
    assert not key_file.exists()
    assert podium("node", "list").returncode == 1
    done = podium("secret", "forget", lost)
    assert (done.returncode, done.stderr) == (
        1,
        "podium: this removes secrets for good: give --yes, as nobody can be asked here\n",
    )
    done = podium("secret", "forget", lost, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == [f"the key {lost} is forgotten", "2 nodes lack a secret: n[1-2]"]
    assert "podium credential set" in done.stdout
    assert podium("node", "list").returncode == 0
    podium("secret", "new-key")
    podium("secret", "rotate")
    assert places(check(podium, expect=1)) == [(*names(key_file), "first", 0)]
    assert "n[1-2]: a secret was lost with its key; set it again:" in podium("secret", "check").stderr
    (tmp_path / "word").write_text("another")
    assert podium("node", "set", "n1", "--driver-info", f"fake_password=@{tmp_path}/word").returncode == 0
    assert places(check(podium, expect=1)) == [(*names(key_file), "first", 1)]
    rows = json.loads(podium("credential", "list", "-f", "json").stdout)
    assert [(row["node"], row["state"]) for row in rows] == [("n1", "known"), ("n2", "lost")]
    assert podium("node", "set", "n2", "--driver-info", f"fake_password=@{tmp_path}/word").returncode == 0
    assert places(check(podium, expect=0)) == [(*names(key_file), "first", 2)]


def test_a_key_that_is_not_lost_is_not_forgotten(
    podium: Here, lost: str, key_file: Path, database: Database
) -> None:
    assert (
        "nothing is encrypted with a key 0123456789ab"
        in podium("secret", "forget", "0123456789ab", "--yes").stderr
    )
    assert podium("secret", "forget", "what").returncode == 2
    with database.write() as connection:
        members.enter(connection, "c1", 0, service([lost]))
    done = podium("secret", "forget", lost, "--yes")
    assert done.returncode == 1
    assert f"the key {lost} is not lost: c1/0@1 holds it" in done.stderr


def test_a_key_of_the_key_file_is_not_forgotten(podium: Here, key_file: Path) -> None:
    podium("secret", "new-key")
    podium("secret", "rotate")
    (name,) = names(key_file)
    done = podium("secret", "forget", name, "--yes")
    assert (done.returncode, done.stderr) == (1, f"podium: the key {name} is not lost: the key file has it\n")


def test_new_key_needs_to_know_the_file(podium_anywhere: Callable[..., Any], migrated_url: str) -> None:
    done = podium_anywhere("secret", "new-key")
    if migrated_url.startswith("sqlite"):
        assert done.returncode == 0
    else:
        assert done.stderr == "podium: no option names the key file: set [secrets] key_file\n"


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the system's log was told."""
    lines: list[str] = []
    monkeypatch.setattr(syslog, "syslog", lambda level, text: lines.append(text))
    return lines


def test_a_password_is_written_for_its_owner_alone_and_that_is_logged(
    podium_here: Here, database: Database, tmp_path: Path, noted: list[str]
) -> None:
    account = {"ipmi_address": "192.0.2.1", "ipmi_username": "root", "ipmi_password": 12345678}
    enrol(database, "n1", driver="ipmi", driver_info=account)
    podium_here("secret", "new-key")
    podium_here("secret", "rotate")
    file = tmp_path / "out"
    done = podium_here("secret", "reveal", "n1", "--output-file", str(file))
    assert (done.returncode, done.stdout) == (0, f"n1: user and password are in {file}\n"), done.stderr
    assert json.loads(file.read_text()) == {"node": "n1", "username": "root", "password": "12345678"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (line,) = noted
    assert line.endswith(f" had the password of n1 written into {file}")
    assert "12345678" not in line
    done = podium_here("secret", "reveal", "n1", "--output-file", str(file))
    assert (done.returncode, done.stderr) == (1, f"podium: {file} is there already; name a new file\n")


def test_a_password_is_not_printed(podium: Here) -> None:
    done = podium("secret", "reveal", "n1", "--output-file", "-")
    assert done.returncode == 2
    assert "the password is not printed: name a new file" in done.stderr


@pytest.mark.parametrize("state", ["unknown", "sent", "given"])
def test_both_passwords_are_written_where_nobody_knows_which_is_right(
    podium_here: Here, database: Database, tmp_path: Path, noted: list[str], state: str
) -> None:
    info = {"ipmi_address": "192.0.2.1", "ipmi_username": "root", "ipmi_password": "0ld-hunter"}
    enrol(database, "n1", driver="ipmi", driver_info=info)
    with database.write() as connection:
        (node,) = api.find_nodes(connection, ["n1"])
        connection.execute(sa.update(models.nodes).values(credentials_in_doubt=state == "unknown"))
        change = {"request_id": 1, "operation_id": 1, "node_id": node.id, "node_uuid": node.uuid}
        its = {"driver": "ipmi", "on_bmc": True, "state": state, "old": info}
        its["new"] = info | {"ipmi_password": "n3w-hunter"}
        connection.execute(sa.insert(models.credential_changes).values(**change, **its))
    file = tmp_path / "out"
    done = podium_here("secret", "reveal", "n1", "--output-file", str(file))
    is_said = "it is unknown which password its BMC has, and both are in the file" in done.stderr
    assert (done.returncode, is_said) == (0, state != "given")
    known = {"password": "0ld-hunter"} if state == "given" else {}
    both = {"passwords": {"new": "n3w-hunter", "old": "0ld-hunter"}}
    assert json.loads(file.read_text()) == {"node": "n1", "username": "root", **known, **both}
    assert "hunter" not in done.stdout + done.stderr + noted[0]


def test_a_node_without_a_password_is_said_to_have_none(
    podium_here: Here, database: Database, tmp_path: Path
) -> None:
    enrol(database, "n1", driver="ipmi", driver_info={"ipmi_address": "192.0.2.1"})
    enrol(database, "n2", driver="ipmi", driver_info={"ipmi_password": "******"})
    for name in ("n1", "n2"):
        done = podium_here("secret", "reveal", name, "--output-file", str(tmp_path / "out"))
        assert done.stderr == f"podium: {name} has no ipmi_password; see: podium node set\n"
    assert not (tmp_path / "out").exists()


def test_a_copy_of_an_encrypted_database_says_which_file_to_bring(
    podium: Here, key_file: Path, tmp_path: Path
) -> None:
    podium("secret", "new-key")
    podium("secret", "rotate")
    (tmp_path / "url").write_text(f"sqlite:///{tmp_path}/elsewhere/copy.sqlite\n")
    done = podium("db", "copy", "--to", f"@{tmp_path}/url")
    assert done.returncode == 0, done.stderr
    assert f"encrypted with the keys of {key_file}: bring that file" in done.stdout.splitlines()[-1]
