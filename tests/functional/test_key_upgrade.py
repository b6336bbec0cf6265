"""A Podium that knows no keys beside the present one, on a database of before, until one of them encrypts."""

import json
from pathlib import Path

import sqlalchemy as sa

from daemons import Daemon, eventually
from history import before_migration
from podium.db.engine import Database
from podium.db.keyring import Keyring, write_new_file
from rounds import ONLY_LONG
from servers import Server
from templates import upgrade_to

pytestmark = list(ONLY_LONG)

#: The schema of before, and the present one.
BEFORE, SINCE = "0010", "0011"
WORD = "hunter2-hunter2"


class Upgrade:
    """Two hosts, of which the first has the Podium of before.

    :param text: configuration of the second
    """

    def __init__(self, folder: Path, url: str, text: str = "") -> None:
        self.database = Database(url)
        upgrade_to(self.database, BEFORE, ())
        for host in ("old", "new"):
            (folder / host).mkdir()
        driver, of_before = "enabled_drivers = fake", before_migration(SINCE, folder / "before")
        self.old = Daemon(folder / "old", default=driver, url=url, host="old", environment=of_before)
        self.new = Daemon(folder / "new", text, default=driver, url=url, host="new")
        self.create(self.old, "before")

    def create(self, by: Daemon, name: str) -> None:
        words = "--driver", "fake", "--name", name, "--driver-info", f"fake_password={WORD}"
        by.podium("node", "create", *words)

    def stored(self) -> str:
        """All that nodes are spoken to with, as it is in the database."""
        with self.database.read() as connection:
            rows = connection.execute(sa.text("SELECT CAST(driver_info AS CHAR(9999)) FROM nodes"))
            return "\n".join(row[0] for row in rows)

    def switch(self, power: str, by: Daemon) -> None:
        by.podium("node", "power", power, "before", "beside", "--wait", "--timeout", "60")

    def passwords(self, folder: Path) -> dict[str, str]:
        file = folder / "exported.json"
        self.new.podium("node", "export", "-f", "json", "--with-secrets", str(file))
        return {
            one["name"]: one["driver_info"]["fake_password"] for one in json.loads(file.read_text())["nodes"]
        }

    def check_sealed(self, folder: Path, keys: Path) -> None:
        """All is encrypted, nothing is lost, and the Podium of before keeps off."""
        (name,) = Keyring.from_file(keys).names
        assert self.new.podium("secret", "rotate")
        text = self.stored()
        assert (WORD in text, text.count(f"fernet!{name}!")) == (False, 2)
        self.switch("off", self.new)
        assert self.passwords(folder) == {"before": WORD, "beside": WORD}
        self.old.launch()
        assert self.old.wait() == 1
        assert "the schema is of a newer Podium" in self.old.text()
        assert "the schema is of a newer Podium" in self.old.podium("node", "list", expect=1).stderr
        assert "Traceback" not in self.new.text()
        self.database.dispose()


def test_with_sqlite_the_first_start_of_the_new_one_encrypts(tmp_path: Path) -> None:
    it = Upgrade(tmp_path, f"sqlite:///{tmp_path}/podium.sqlite")
    with it.old:
        it.new.podium("db", "upgrade")
        it.create(it.new, "beside")
        it.switch("on", it.new)
        it.switch("off", it.old)
        assert it.stored().count(WORD) == 2
        assert it.old.stop() == 0
    with it.new:
        it.switch("on", it.new)
        it.check_sealed(tmp_path, tmp_path / "podium.keys")
        assert it.new.stop() == 0


def test_with_a_server_it_is_encrypted_once_no_conductor_of_before_lives(
    tmp_path: Path, postgresql_server: Server
) -> None:
    keys = tmp_path / "keys"
    write_new_file(keys)
    url = postgresql_server.url(postgresql_server.create_database())
    it = Upgrade(tmp_path, url, f"[secrets]\nkey_file = {keys}\n")
    with it.old:
        it.new.podium("db", "upgrade")
        with it.new:
            it.create(it.new, "beside")
            it.switch("on", it.new)
            it.switch("off", it.old)
            assert "old" in it.new.podium("secret", "rotate", expect=1).stderr
            assert it.stored().count(WORD) == 2
            assert it.old.stop() == 0
            eventually(lambda: "from now on, with the key" in it.new.text(), "it is encrypted")
            it.switch("on", it.new)
            it.check_sealed(tmp_path, keys)
            assert it.new.stop() == 0
