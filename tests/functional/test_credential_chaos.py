"""Conductors, workers, database, podium-api and commands are killed at any moment of changes of passwords.

All BMCs are given passwords that are made up, some of them misbehave then, and each must end with a password
that Podium knows, without a login that could lock it. ``make test-long ROUNDS=2`` does one round over a few
dozen BMCs, and ``make test-long ROUNDS=20`` twenty over 200.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from daemons import eventually
from passwords import Books, Racks
from peers import PATIENCE
from places import LEASE, Place, start_server
from podium import states
from podium.db import clock, power
from podium.db.models import nodes
from rounds import ONLY_LONG, ROUNDS, SEED

pytestmark = list(ONLY_LONG)

IS_SHORT: Final = ROUNDS <= 2
#: BMCs with IPMI, with Redfish, with Redfish and several machines, and how many have each fault.
SIZES: Final = (24, 14, 8, 1) if IS_SHORT else (140, 40, 20, 3)
#: Some take longer to reboot than a conductor waits, and some to answer, so that there is more to be cut off.
REBOOTS: Final = () if IS_SHORT else ("password-reboots=40",)
SLOW: Final = None if IS_SHORT else "slow=0.3:40%"
#: Whose end may leave a password sent of which nobody knows whether it arrived.
DISRUPTIVE: Final = ("conductor", "all conductors", "worker", "database stopped", "database killed")


class Rotation:
    """Changes of all passwords, one after another, and what befalls them."""

    def __init__(self, place: Place, books: Books, racks: Racks) -> None:
        self._place = place
        self._books = books
        self._racks = racks
        self._random = random.Random(SEED)
        self._every = sorted(books.owners())
        self.done: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()  # logins, by what explains them
        self.most_wrong = self.unknown = 0

    def round(self) -> None:
        """Ask for other passwords, let things happen, and look at what became of them."""
        before = self._books.wrong_logins()
        self._look(before, [self._ask(), *(self._strike() for _ in range(self._random.randint(1, 3)))])

    def change_and_undo(self) -> None:
        """Change all, while nothing happens, and give all the passwords of before back."""
        before = self._books.wrong_logins()
        self._give(self._words(self._every))
        self._look(before, [])
        before = self._books.wrong_logins()
        number, old = self._books.newest()
        self._place.podium("operation", "undo", str(number), "--yes")
        self._look(before, [])
        owners = self._books.owners()
        assert {name: owners[name].password for name in old} == old

    def _look(self, before: Counter[str], struck: Sequence[str]) -> None:
        """Let all come to its end, and look at every BMC, and at how many wrong logins there were."""
        self._come_to_rest()
        tries = self._settle()
        kills = sum(kind in DISRUPTIVE for kind in struck)
        for bmc, count in (self._books.wrong_logins() - before).items():
            keeps = bmc in self._racks.keepers
            owed = keeps + kills + tries
            assert count <= owed, f"{bmc}: {count} wrong logins, after {struck} and {tries} times of settling"
            self.wrong["keeps the old one" if keeps else "kills"] += count
            self.most_wrong = max(self.most_wrong, count)
        self._read_all()

    def _settle(self) -> int:
        """Settle what is unknown until nothing is; return how many times that took."""
        for tries in range(8):
            unknown = self._books.check_known()
            if not unknown:
                return tries
            self.unknown += 0 if tries else len(unknown)
            self._place.podium("credential", "settle", *unknown)
            self._come_to_rest()
        raise AssertionError(f"unknown still: {unknown}")

    def _read_all(self) -> None:
        """Have every node read anew, which takes no wrong login."""
        before = self._books.wrong_logins()
        with self._place.database.read() as connection:
            now = clock.now(connection)
        eventually(lambda: self._books.all_read_since(now), "all nodes are read")
        assert self._books.wrong_logins() == before

    def report(self) -> str:
        return (
            f"{self._books.changed()} passwords changed on BMCs; {self._books.outcomes()};"
            f" {self.unknown} were unknown and settled; wrong logins: {dict(self.wrong)},"
            f" at most {self.most_wrong} in a round at one BMC"
        )

    def _come_to_rest(self) -> None:
        end = time.monotonic() + 5 * PATIENCE  # whoever takes a change over has as much time again
        while not self._books.is_over():
            self._place.keep_up()
            assert time.monotonic() < end, f"this never ends: {self._books.going()}"
            time.sleep(0.2)
        self._books.check_operations()

    def _ask(self) -> str:
        """Ask for passwords that are made up, in one of three ways, and see that they are asked for once."""
        names = self._every
        if self._random.random() < 0.3:
            names = sorted(self._random.sample(names, len(names) // 2))
        if self._random.random() < 0.2:  # otherwise BMCs without a fault are the first
            self._random.shuffle(names := list(names))
        words = self._words(names)
        ways = {
            "command": self._give,
            "killed command": self._kill_command,
            "killed podium-api": self._kill_api,
        }
        way = self._random.choice(list(ways))
        before = self._books.count_operations()
        ways[way](words)
        if self._books.count_operations() == before:
            assert way != "command"
            self._give(words)
        assert self._books.count_operations() == before + 1
        self.done[way] += 1
        return way

    @staticmethod
    def _words(names: Sequence[str]) -> Sequence[str]:
        return "credential", "set", *names, "--generate", "--on-bmc", "--canary", "3", "--yes"

    def _give(self, words: Sequence[str]) -> None:
        self._place.podium(*words)

    def _kill_command(self, words: Sequence[str]) -> None:
        command = self._place.command("--config-file", str(self._place.daemons[0].config), *words)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(self._random.uniform(0.3, 2.5))
        command.kill()
        self._place.finish(command)

    def _kill_api(self, words: Sequence[str]) -> None:
        api = self._place.api
        command = self._place.command("--url", f"unix:{api.socket}", *words)
        time.sleep(self._random.uniform(0.3, 2.5))
        assert api.process is not None
        os.killpg(api.process.pid, signal.SIGKILL)
        api.process.wait(PATIENCE)
        api.launch()
        self._place.finish(command)  # it asks again for a while, and a person does after that

    def _strike(self) -> str:
        """Let one thing happen at any moment, and look whether every password is in the database then."""
        kinds: dict[str, Callable[[], None]] = {
            "conductor": self._kill_conductor,
            "all conductors": self._kill_all,
            "worker": self._kill_worker,
            "power": self._ask_for_power,
            "cancel": self._cancel,
        }
        if self._place.server is not None:
            kinds |= {"database stopped": self._stop_database, "database killed": self._kill_database}
        weights = [1 if kind in ("power", "cancel") else 4 for kind in kinds]
        (kind,) = self._random.choices(list(kinds), weights)
        time.sleep(self._random.uniform(0, 6))
        kinds[kind]()
        self.done[kind] += 1
        self._books.check_kept()
        return kind

    def _kill_conductor(self) -> None:
        daemon = self._random.choice(self._place.daemons)
        daemon.kill()
        time.sleep(self._random.choice((0, 0, LEASE + 2)))  # others take over, or it is back before
        daemon.launch()

    def _kill_all(self) -> None:
        for daemon in self._place.daemons:
            daemon.kill()
        for daemon in self._place.daemons:
            daemon.launch()

    def _kill_worker(self) -> None:
        for child in sorted(self._random.choice(self._place.daemons).children())[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def _stop_database(self) -> None:
        assert self._place.server is not None
        self._place.server.stop()
        time.sleep(self._random.choice((0, LEASE + 2)))
        self._place.server.start()

    def _kill_database(self) -> None:
        assert self._place.server is not None
        self._place.server.kill()
        self._place.server.start()

    def _ask_for_power(self) -> None:
        rows = self._books.read(sa.select(nodes.c.id, nodes.c.name))
        some = self._random.sample(rows, len(rows) // 10)
        with self._place.database.write() as connection:
            power.ask(connection, some, states.POWER_ON, who="ann@desk")

    def _cancel(self) -> None:
        # Some may be under way, and cannot be cancelled any more.
        self._place.podium("operation", "cancel", str(self._books.last_operation()), expect=(0, 1))


def more(*case: str | int) -> Any:
    return pytest.param(*case, marks=pytest.mark.skipif(IS_SHORT, reason="more rounds do this one"))


@pytest.mark.parametrize(("kind", "count"), [("postgresql", 3), more("mariadb", 1), more("sqlite", 1)])
def test_every_bmc_ends_with_a_password_that_podium_knows(
    kind: str, count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = 1 if IS_SHORT else max(ROUNDS // (1 if kind == "postgresql" else 4), 1)
    with ExitStack() as stack:
        racks = stack.enter_context(Racks(tmp_path, *SIZES, *REBOOTS, spread=SLOW))
        place = Place(tmp_path, start_server(kind, stack), count)
        racks.write_nodes(tmp_path / "nodes.json")
        place.podium("node", "import", str(tmp_path / "nodes.json"))
        stack.enter_context(place.running())
        books = Books(place.database, racks)
        rotation = Rotation(place, books, racks)
        for _ in range(rounds):
            rotation.round()
        if not IS_SHORT:
            rotation.change_and_undo()
        happened = ", ".join(f"{times} x {what}" for what, times in sorted(rotation.done.items()))
        with capsys.disabled():
            sys.stdout.write(
                f"{kind}: {rounds} rounds over {sum(SIZES[:3])} BMCs with {count} conductors: {happened};"
                f" {rotation.report()}\n"
            )
        texts = place.texts()
    for whose, text in texts.items():
        before, found, after = text.partition("Traceback")
        assert not found, f"{whose}: {before[-300:]}{found}{after[:3000]}"
        assert not [word for word in books.seen if word in text], f"{whose} shows passwords"
