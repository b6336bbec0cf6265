"""Two conductors are at work while the keys change, and the command that does it is killed."""

import hashlib
import json
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from clusters import CONFIG, Cluster, Host
from daemons import BIN, Daemon, Rack, eventually, run_here
from loads import Load
from podium.cli.main import main
from podium.db import api, models
from podium.db.credential_changes import IN_FORCE
from podium.db.engine import Database
from podium.db.keyring import Keyring
from rounds import ONLY_MANY, SEED, only_long
from servers import Server

BMCS = 30
#: Nodes that nobody conducts, so that there is something to do.
MORE = 5000
WORD = "hunter2-hunter2"
_CONFIG = "[secrets]\nkey_file = $state_path/podium.keys\n"


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    with Rack(tmp_path, BMCS) as rack:
        yield rack


@pytest.fixture(params=["postgresql_server", pytest.param("mariadb_server", marks=ONLY_MANY)])
def cluster(request: pytest.FixtureRequest, tmp_path: Path, rack: Rack) -> Iterator[Cluster]:
    """Two conductors, whose nodes were enrolled before there was a key."""
    (tmp_path / "hosts").mkdir()
    server: Server = request.getfixturevalue(request.param)
    with Cluster(tmp_path / "hosts", server, 2) as cluster:
        cluster.podium("node", "import", str(rack.nodes))
        yield cluster.start()


def secret(cluster: Cluster, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return run_here(main, ["--config-file", str(cluster.hosts[0].daemon.config), "secret", *arguments])


def keys(host: Host) -> Path:
    return host.daemon.folder / "podium.keys"


def spread(cluster: Cluster) -> None:
    """Give every host the key file of the first, and have the daemons read it."""
    first = cluster.hosts[0]
    for host in cluster.hosts:
        host.daemon.write(f"{CONFIG}{_CONFIG}")
        if host is not first:
            shutil.copy2(keys(first), keys(host))
        assert host.daemon.process is not None
        host.daemon.process.send_signal(signal.SIGHUP)


def rotated(cluster: Cluster) -> None:
    """Encrypt all anew, once every conductor holds the key."""
    eventually(lambda: secret(cluster, "rotate").returncode == 0, "every conductor holds the key")


def counts(cluster: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(secret(cluster, "check", "-f", "json").stdout)
    return found


def set_password(cluster: Cluster, folder: Path, node: str, word: str) -> None:
    (folder / "word").write_text(word)
    cluster.podium("node", "set", node, "--driver-info", f"fake_password=@{folder / 'word'}")


def give_passwords(cluster: Cluster, nodes: Sequence[str]) -> None:
    """Ask for other passwords of BMCs; those of which something else is asked refuse."""
    words = "credential", "set", *nodes, "--generate", "--on-bmc", "--canary", "2"
    run_here(main, ["--config-file", str(cluster.hosts[0].daemon.config), *words])


def exported(cluster: Cluster, file: Path) -> dict[str, dict[str, Any]]:
    """What each node is spoken to with."""
    cluster.podium("node", "export", "--format", "json", "--with-secrets", str(file))
    return {one["name"]: one["driver_info"] for one in json.loads(file.read_text())["nodes"]}


def last_change(cluster: Cluster) -> tuple[int, dict[str, str]]:
    """The last operation by which nodes have their passwords, and those that they had before."""
    changes, its = models.credential_changes, models.power_requests.c
    query = sa.select(changes.c.operation_id, its.node_name, changes.c.old)
    query = query.join_from(changes, models.power_requests, its.id == changes.c.request_id)
    rows = cluster.rows(query.where(changes.c.state == IN_FORCE))
    number = max(row.operation_id for row in rows)
    return number, {row.node_name: row.old["ipmi_password"] for row in rows if row.operation_id == number}


def all_passwords_work(cluster: Cluster, rack: Rack, file: Path) -> None:
    """Each BMC has the password that Podium has."""
    accounts = rack.accounts(f"1-{BMCS}")
    for info in exported(cluster, file).values():
        if "ipmi_address" in info:
            has = accounts[info["ipmi_address"]]["password_sha256"]
            assert has == hashlib.sha256(info["ipmi_password"].encode()).hexdigest()


def all_read_again(cluster: Cluster) -> None:
    now = cluster.now()
    eventually(
        lambda: all(
            one.power_checked_at and one.power_checked_at > now
            for one in cluster.nodes()
            if one.driver == "ipmi"
        ),
        "every node is read again",
    )


@only_long
def test_keys_change_while_two_conductors_work_and_the_command_is_killed(
    cluster: Cluster, rack: Rack, tmp_path: Path
) -> None:
    load = Load(cluster, rack, BMCS, SEED, frozenset())
    names = [node.name for node in cluster.nodes()]
    load.ask()
    with cluster.write() as connection:
        info = {"fake_password": WORD}
        more = [{"name": f"x{number}", "driver": "fake", "driver_info": info} for number in range(MORE)]
        api.create_nodes(connection, more)
    first = cluster.hosts[0]
    first.daemon.write(f"{CONFIG}{_CONFIG}")
    assert secret(cluster, "new-key").returncode == 0
    (old,) = Keyring.from_file(keys(first)).names
    refused = secret(cluster, "rotate")
    assert refused.returncode == 1
    assert "c2/0@" in refused.stderr
    spread(cluster)
    rotated(cluster)
    assert [(one["key"], one["nodes"]) for one in counts(cluster)] == [(old, BMCS + MORE)]

    assert secret(cluster, "new-key").returncode == 0
    new, _ = Keyring.from_file(keys(first)).names
    spread(cluster)
    load.ask()
    chance = random.Random(SEED)
    words: dict[str, str] = {}
    for kill in range(12):
        command = [BIN / "podium", "--config-file", first.daemon.config, "secret", "rotate"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        node = f"x{chance.randrange(MORE)}"
        words[node] = f"another-{kill}"
        set_password(cluster, tmp_path, node, words[node])
        give_passwords(cluster, chance.sample(names, BMCS // 3))
        try:
            process.wait(chance.uniform(0, 2))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        load.ask()
    rotated(cluster)
    assert secret(cluster, "check").returncode == 0
    assert {one["key"]: one["nodes"] for one in counts(cluster)} == {old: 0, new: BMCS + MORE}

    for host in cluster.hosts:
        text = [line for line in keys(host).read_text().splitlines() if line.startswith("#")]
        line = next(one for one in keys(host).read_text().splitlines() if not one.startswith("#"))
        keys(host).write_text("\n".join([*text, line]))
    assert Keyring.from_file(keys(first)).names == (new,)
    spread(cluster)
    cluster.hold(Keyring.from_file(keys(first)))
    load.look()
    for host in cluster.hosts:
        host.daemon.stop()
        host.start()
    all_read_again(cluster)
    found = exported(cluster, tmp_path / "exported")
    assert all(found[node]["fake_password"] == word for node, word in words.items())
    assert all(
        found[f"x{number}"]["fake_password"] == WORD for number in range(MORE) if f"x{number}" not in words
    )
    all_passwords_work(cluster, rack, tmp_path / "passwords")
    changed, old_passwords = last_change(cluster)
    cluster.podium("operation", "undo", str(changed), "--wait")
    undone = exported(cluster, tmp_path / "undone")
    assert {name: undone[name]["ipmi_password"] for name in old_passwords} == old_passwords
    all_passwords_work(cluster, rack, tmp_path / "undone passwords")
    assert not any(bmc["wrong_logins"] for bmc in rack.accounts(f"1-{BMCS}").values())
    for host in cluster.hosts:
        assert "Traceback" not in host.daemon.text()


@only_long
def test_an_sqlite_database_at_work_keeps_nothing_of_what_was_in_plain_text(
    tmp_path: Path, rack: Rack
) -> None:
    daemon = Daemon(tmp_path, default="enabled_drivers = ipmi")
    database = Database(daemon.url)  # as a Podium of before has it, which knows no keys
    nodes = yaml.safe_load(rack.nodes.read_text())["nodes"]
    for node in nodes:
        node["extra"] = {"admin_password": WORD * 50}
    with database.write() as connection:
        api.create_nodes(connection, nodes)
    with database.write() as connection:
        for node in api.list_nodes(connection)[:10]:
            api.update_node(connection, node.id, {"extra": {"admin_password": WORD}})
    database.dispose()
    with daemon:
        assert WORD.encode() in files(tmp_path)
        assert daemon.podium("secret", "check", expect=1)
        daemon.podium("secret", "rotate")
        assert WORD.encode() not in files(tmp_path)
        assert daemon.podium("secret", "check")
        daemon.podium("node", "power", "on", f"r1n[01-{BMCS}]", "--wait")
    assert not any(bmc["wrong_logins"] for bmc in rack.accounts(f"1-{BMCS}").values())
    assert WORD.encode() not in files(tmp_path)


def files(folder: Path) -> bytes:
    """The database, its log, and what belongs to that."""
    return b"".join(file.read_bytes() for file in folder.glob("podium.sqlite*"))
