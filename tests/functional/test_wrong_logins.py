"""How many wrong logins a change of passwords costs each BMC, as the simulator counts them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from daemons import Daemon, eventually
from passwords import FIRST, SYSTEMS, Books, Racks, hashed
from podium.db import clock
from podium.db.engine import Database
from podium.db.keyring import Keyring
from podium.db.sealed import Sealing
from rounds import ONLY_LONG

pytestmark = list(ONLY_LONG)

IPMI, REDFISH, SHARED = 4, 3, 3
NEW = "another-pass-1"
#: One of each sort.
CANARIES = ("r1n01", "r1n05", "s1n01")


class Site:
    """A conductor that has a session with every BMC."""

    def __init__(self, folder: Path, daemon: Daemon, racks: Racks) -> None:
        self._file = folder / "password"
        self._file.touch(0o600)
        self.daemon = daemon
        self.racks = racks
        keys = Keyring.from_file(folder / "podium.keys")
        self.database = Database(daemon.url, sealing=Sealing(keys, frozenset))
        self.books = Books(self.database, racks)
        self.names = sorted(self.books.owners())

    def read_all(self) -> None:
        with self.database.read() as connection:
            now = clock.now(connection)
        eventually(lambda: self.books.all_read_since(now), "all nodes are read")

    def change(self, password: str, *arguments: str, expect: int = 0) -> Sequence[str]:
        """Change passwords, and return the lines that say what became of it."""
        self._file.write_text(password)
        words = "credential", "set", "--password-file", str(self._file), "--wait", *arguments
        return self.daemon.podium(*words, expect=expect).stdout.splitlines()

    def wrong(self) -> dict[str, int]:
        """The BMCs with wrong logins, and how many."""
        return {bmc: count for bmc, count in self.books.wrong_logins().items() if count}

    def passwords(self) -> set[str]:
        return {owner.password for owner in self.books.owners().values()}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    config = "[conductor]\nsync_power_state_interval = 2\n[redfish]\nevents_confirm_interval = 2\n"
    with (
        Racks(tmp_path, IPMI, REDFISH, SHARED) as racks,
        Daemon(tmp_path, config, default="enabled_drivers = ipmi, redfish") as daemon,
    ):
        racks.write_nodes(tmp_path / "nodes.json")
        daemon.podium("node", "import", str(tmp_path / "nodes.json"))
        found = Site(tmp_path, daemon, racks)
        found.read_all()
        yield found
        found.database.dispose()
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()


def test_a_right_password_costs_none(site: Site) -> None:
    site.racks.give(NEW)
    *_, told = site.change(NEW, *site.names)
    assert told.endswith(": credentials changed")
    site.read_all()
    assert site.wrong() == {}
    assert site.passwords() == {NEW}
    site.books.check_known()


def test_a_wrong_password_costs_one_on_each_canary(site: Site) -> None:
    others = [name for name in site.names if name not in CANARIES]
    site.change("mistyped", *CANARIES, *others, expect=1)
    site.read_all()
    owners = site.books.owners()
    assert site.wrong() == dict.fromkeys((owners[name].bmc for name in CANARIES), 1)
    assert site.passwords() == {FIRST}


def test_a_bmc_of_several_nodes_is_changed_once(site: Site) -> None:
    told = site.change(NEW, "s1n01", "s1n05", "--on-bmc")
    assert "of 6 nodes behind 2 BMCs" in told[0]
    site.read_all()
    owners, accounts = site.books.owners(), site.racks.accounts()
    changed = {name: owner.bmc for name, owner in owners.items() if owner.password == NEW}
    assert sorted(changed) == [f"s1n0{number}" for number in range(1, 2 * SYSTEMS + 1)]
    for bmc in set(changed.values()):
        assert (accounts[bmc]["password_changes"], accounts[bmc]["password_sha256"]) == (1, hashed(NEW))
    assert sum(report["password_changes"] for report in accounts.values()) == 2
    assert site.wrong() == {}
