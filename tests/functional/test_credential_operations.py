"""Passwords changed by real conductors, with commands on the database and through podium-api."""

import contextlib
import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

import podium.cli.main
from apis import Api
from daemons import Daemon, Rack, run_here
from rounds import only_long

Run = Callable[..., "subprocess.CompletedProcess[str]"]

OLD, NEW = "0ld-hunter", "n3w-hunter"


class Place:
    """A conductor and a podium-api, over machines in memory or simulated BMCs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        quick = "[ipmi]\ncommand_retry_timeout = 8\n[redfish]\nread_timeout = 8\n"
        self.daemon = Daemon(folder, quick)
        self.api = Api(folder, url=self.daemon.url)
        self.file = folder / "password"
        self.file.touch(0o600)
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def running(self) -> Iterator["Place"]:
        with self.api, self.daemon:
            yield self

    def enrol(self, *names: str, **info: str) -> None:
        """Enrol machines that have the old password."""
        given = {"fake_username": "root", "fake_password": OLD, **info}
        nodes = [{"name": name, "driver": "fake", "driver_info": given} for name in names]
        file = self.folder / "nodes.json"
        file.write_text(json.dumps({"nodes": nodes}))
        self.daemon.podium("node", "import", str(file), "--quiet")

    def here(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on the database."""
        return run_here(podium.cli.main.main, ["--config-file", str(self.daemon.config), *arguments])

    def there(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command through podium-api."""
        return run_here(podium.cli.main.main, ["--url", f"unix:{self.api.socket}", *arguments])

    def set(self, run: Run, *arguments: str, password: str = NEW) -> "subprocess.CompletedProcess[str]":
        """Change a password, and wait for the results."""
        self.file.write_text(f"{password}\n")
        return run("credential", "set", "--password-file", str(self.file), "--wait", *arguments)

    def passwords(self) -> dict[str, str]:
        """The password that Podium has of each node."""
        file = self.folder / f"export-{next(self._numbers)}.json"
        self.daemon.podium("node", "export", "-f", "json", "--with-secrets", str(file))
        nodes = json.loads(file.read_text())["nodes"]
        return {node["name"]: node["driver_info"][f"{node['driver']}_password"] for node in nodes}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Place(tmp_path).running() as found:
        yield found


@only_long
@pytest.mark.parametrize("way", ["here", "there"])
def test_passwords_are_changed_on_the_machines_and_back(place: Place, way: str) -> None:
    run = getattr(place, way)
    place.enrol("n1", "n2")
    place.enrol("m1", "m2", fake_address="10.0.0.1")
    done = place.set(run, "n[1-2]", "m1", "--on-bmc", "--canary", "1", "--expires", "90d")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "m[1-2],n[1-2]: credentials changed"
    assert place.passwords() == dict.fromkeys(("m1", "m2", "n1", "n2"), NEW)
    rows = json.loads(run("credential", "list", "-f", "json").stdout)
    assert [(one["state"], one["operation"]) for one in rows] == [("known", 1)] * 4
    done = run("operation", "undo", "1", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert place.passwords() == dict.fromkeys(("m1", "m2", "n1", "n2"), OLD)
    again = place.set(run, "n1", password=OLD)
    assert (again.returncode, again.stdout) == (0, "n1: had these credentials already\n")
    told = [place.daemon.text(), place.api.text(), done.stdout]
    assert not [text for text in told if OLD in text or NEW in text]


@only_long
def test_a_wrong_password_is_tried_on_the_canaries_alone(place: Place) -> None:
    names = [f"n{one}" for one in range(1, 6)]
    place.enrol(*names)
    place.set(place.here, "n[1-5]", "--on-bmc", "--canary", "0")
    done = place.set(place.there, "n[1-5]", "--canary", "2", password="wr0ng")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("n[1-2]: failed: the machine has another password")
    assert "n[3-5]: a canary " in done.stdout
    assert place.passwords() == dict.fromkeys(names, NEW)


@only_long
def test_made_up_passwords_work_and_are_not_shown(place: Place) -> None:
    place.enrol("n1", "n2", "n3")
    done = place.there("credential", "set", "n[1-3]", "--generate", "--on-bmc", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    made = place.passwords()
    assert len({*made.values()}) == 3
    assert place.there("operation", "show", "1", "--long").returncode == 0
    told = [done.stdout, place.daemon.text(), place.api.text()]
    assert not [text for text in told for one in made.values() if one in text]


@only_long
def test_an_answer_that_is_lost_is_settled(place: Place) -> None:
    place.enrol("n1", fake_account_fault="reboot", fake_reboot_logins="1000000")
    done = place.set(place.there, "n1", "--on-bmc", "--timeout", "8")
    assert done.returncode == 1
    listed = json.loads(place.there("credential", "list", "--unknown", "-f", "json").stdout)
    assert [(one["node"], one["state"]) for one in listed] == [("n1", "unknown")]
    refused = place.set(place.there, "n1", "--on-bmc")
    assert (refused.returncode, "settle that first" in refused.stderr) == (1, True)
    place.daemon.stop()
    with place.daemon:  # which remembers nothing of what the machine was told
        done = place.there("credential", "settle", "n1", "--wait")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "n1: credentials changed")
    assert place.passwords() == {"n1": NEW}


#: Kinds of BMCs that make it hard to know which password they have.
FAULTS: Final = ("password-silent", "password-lost", "password-reboots=2")


@only_long
@pytest.mark.parametrize("protocol", ["ipmi", "redfish"])
def test_no_bmc_is_sent_a_wrong_password_but_canaries(place: Place, protocol: str) -> None:
    names = [f"r1n{one:02}" for one in range(1, 9)]
    with Rack(place.folder, 8, protocol=protocol) as rack:
        place.daemon.podium("node", "import", str(rack.nodes), "--quiet")
        for number, fault in enumerate(FAULTS, start=4):
            rack.ctl("fault", fault, str(number))
        rack.ctl("fault", "password-refused=history", "8")
        before = place.passwords()
        done = place.set(place.there, "r1n[01-08]", "--on-bmc", "--canary", "3")
        assert done.returncode == 1
        shown = place.there("operation", "show", "1", "--long", "-f", "json").stdout
        ended = {one["name"]: one["state"] for one in json.loads(shown)["results"]}
        # One that lost the new password has the old one, and so does the one that refused it.
        assert ended == {name: "failed" if name in ("r1n05", "r1n08") else "done" for name in names}
        found = place.passwords()
        assert found == {name: NEW if ended[name] == "done" else before[name] for name in names}
        accounts = rack.accounts("1-8").values()
        assert [one["wrong_logins"] for one in accounts if one["wrong_logins"] > 1] == []
        assert [one["password_changes"] for one in accounts] == [1, 1, 1, 1, 0, 1, 1, 0]

        counted = [one["wrong_logins"] for one in accounts]
        done = place.set(place.here, "r1n[01-03],r1n06,r1n07", "--canary", "2", password="wr0ng")
        assert done.returncode == 1
        more = [one["wrong_logins"] for one in rack.accounts("1-8").values()]
        assert [one - other for one, other in zip(more, counted, strict=True)] == [1, 1, 0, 0, 0, 0, 0, 0]
        assert place.passwords() == found

        done = place.there("operation", "undo", "1", "--wait")
        assert place.passwords() == before, done.stdout


@only_long
@pytest.mark.parametrize("protocol", ["ipmi", "redfish"])
def test_neither_typos_nor_settling_lock_an_account(place: Place, protocol: str) -> None:
    """Of BMCs that lock at the third wrong login; the first takes another password than it was sent."""
    with Rack(place.folder, 2, protocol=protocol) as rack:
        place.daemon.podium("node", "import", str(rack.nodes), "--quiet")
        rack.ctl("fault", "lockout=3", "1-2")
        for number in range(3):
            done = place.set(place.there, "r1n02", password=f"wr0ng-{number}")
            assert done.returncode == 1
        assert "is left alone" in done.stdout or "could lock the account" in done.stdout
        rack.ctl("fault", "password-truncates", "1")
        place.set(place.there, "r1n01", "--on-bmc", "--timeout", "20", password="seventeen-letters")
        for _ in range(2):
            place.here("credential", "settle", "r1n01", "--timeout", "5", "--wait")
        for report in rack.accounts("1-2").values():
            assert report["wrong_logins"] <= 2 and report["refused_while_locked"] == 0
