"""Secrets of real daemons: encrypted once there is a key, and nothing works without it."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from apis import Api
from daemons import Daemon, eventually
from podium.db.engine import Database
from podium.db.keyring import Keyring, new_key, write_new_file
from rounds import ONLY_LONG
from servers import Server

pytestmark = list(ONLY_LONG)


def info(folder: Path, name: str) -> str:
    with closing(sqlite3.connect(folder / "podium.sqlite")) as connection:
        (text,) = connection.execute("SELECT driver_info FROM nodes WHERE name = ?", (name,)).fetchone()
    return str(text)


def test_a_database_of_before_is_encrypted_from_the_first_start_on(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, default="enabled_drivers = fake")
    daemon.podium(
        "node", "create", "--name", "old", "--driver", "fake", "--driver-info", "fake_password=t-secret"
    )
    assert "t-secret" in info(tmp_path, "old")
    keys = tmp_path / "podium.keys"
    with daemon:
        (name,) = Keyring.from_file(keys).names
        assert f"with the key {name} of {keys}; back that file up" in daemon.text()
        assert "what was written before (nodes: 1) stays" in daemon.text()
        daemon.podium(
            "node", "create", "--name", "new", "--driver", "fake", "--driver-info", "fake_password=t-secret"
        )
        assert f"fernet!{name}!" in info(tmp_path, "new")
        assert "******" in daemon.podium("node", "show", "new", "-f", "json").stdout

        def read(node: str) -> bool:
            shown = daemon.podium("node", "show", node, "-f", "value", "-c", "power_state").stdout
            return shown.startswith("power")

        eventually(lambda: read("old") and read("new"), "both are read")

        more = f"{new_key()}\n{keys.read_text()}"
        keys.write_text("rubbish")
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: "The keys stay as they were: " in daemon.text(), "the fault is logged")
        keys.write_text(more)
        first = Keyring.from_file(keys).names[0]
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: f"from now on, with the key {first}" in daemon.text(), "the new key is used")
        daemon.podium("node", "set", "old", "--driver-info", "fake_password=t-other")
        assert f"fernet!{first}!" in info(tmp_path, "old")
        assert daemon.stop() == 0
    keys.rename(tmp_path / "kept")
    told = (
        f"secrets in the database are encrypted with the keys {name}, {first}, not in {keys};"
        " put the key file back"
    )
    for command in (("node", "list"), ("node", "show", "old")):
        assert told in daemon.podium(*command, expect=1).stderr
    daemon.launch()
    assert daemon.wait() == 1
    assert f"podium-conductor: {told} from its backup, or see: podium secret check\n" in daemon.text()
    daemon.podium("db", "upgrade")
    assert not keys.exists()


def test_a_node_whose_secret_is_damaged_fails_alone(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, default="enabled_drivers = fake")
    with daemon:
        for name in ("broken", "whole"):
            daemon.podium(
                "node",
                "create",
                "--name",
                name,
                "--driver",
                "fake",
                "--driver-info",
                "fake_password=t-secret",
            )
        daemon.stop()
    damaged = info(tmp_path, "broken")[:-8] + '"}'
    with closing(sqlite3.connect(tmp_path / "podium.sqlite")) as connection, connection:
        connection.execute("UPDATE nodes SET driver_info = ? WHERE name = 'broken'", (damaged,))
    with daemon:

        def shown(name: str, column: str) -> str:
            return daemon.podium("node", "show", name, "-f", "value", "-c", column).stdout

        eventually(lambda: "is damaged: set it anew" in shown("broken", "last_error"), "the error is shown")
        daemon.podium("node", "power", "on", "whole", "--wait")
        assert "******" in shown("broken", "driver_info")
        daemon.podium("node", "power", "on", "broken", "--wait", expect=1)
        assert "is damaged: set it anew" in shown("broken", "last_error")


def test_two_conductors_begin_to_encrypt_when_the_second_has_the_key(
    tmp_path: Path, postgresql_server: Server
) -> None:
    url, keys = postgresql_server.url(postgresql_server.create_migrated_database()), tmp_path / "keys"
    write_new_file(keys)
    (name,) = Keyring.from_file(keys).names
    both = []
    for host in ("one", "two"):
        (tmp_path / host).mkdir()
        both.append(Daemon(tmp_path / host, default="enabled_drivers = fake", url=url, host=host))
    one, two = both
    database = Database(url)

    def stored(node: str) -> str:
        with database.read() as connection:
            text = sa.text("SELECT CAST(driver_info AS text) FROM nodes WHERE name = :name")
            return str(connection.scalar(text, {"name": node}))

    def hold(daemon: Daemon) -> None:
        daemon.write(f"[secrets]\nkey_file = {keys}\n")
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)

    def create(node: str) -> None:
        given = "--driver", "fake", "--driver-info", "fake_password=t-secret"
        one.podium("node", "create", "--name", node, *given)

    with one, two:
        create("before")
        hold(one)
        eventually(lambda: "until all conductors hold it: not yet two/0@" in one.text(), "two is named")
        create("between")
        assert "t-secret" in stored("between")
        hold(two)
        eventually(lambda: f"from now on, with the key {name}" in one.text() + two.text(), "it begins")
        create("after")
        assert f"fernet!{name}!" in stored("after")
        api = Api(tmp_path, url=url)
        assert "not in [secrets] key_file" in api.refusal()
        api.log.unlink()
        api.write(f"[secrets]\nkey_file = {keys}\n")
        with api:
            assert api.get("/v1/nodes/detail").body.count(b'"fake_password":"******"') == 3
            two.kill()
            two.write("")
            two.launch()
            assert two.wait() == 1
            assert "put the key file back from its backup" in two.text()
            keys.write_text(f"{new_key()}\n{keys.read_text()}")
            assert api.process is not None
            api.process.send_signal(signal.SIGHUP)
            eventually(lambda: "were read again" in api.text(), "podium-api has the new key too")
    database.dispose()
