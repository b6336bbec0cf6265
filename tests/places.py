"""Conductors that are killed during password changes, and their surroundings."""

import contextlib
import subprocess
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import podium.cli.main
from apis import Api
from daemons import BIN, Daemon, eventually, run_here
from peers import PATIENCE
from podium.db.engine import Database
from podium.db.keyring import Keyring, write_new_file
from podium.db.sealed import Sealing
from servers import MariaDB, PostgreSQL, Server

#: Seconds within which a BMC must show its password. Some take longer.
TIMEOUT: Final = 20
LEASE: Final = 10
CONFIG: Final = f"""
[conductor]
heartbeat_interval = 1
heartbeat_timeout = {LEASE}
sync_power_state_interval = 4
credentials_change_timeout = {TIMEOUT}
[ipmi]
command_retry_timeout = 5
[redfish]
events_confirm_interval = 4
"""


def start_server(kind: str, stack: ExitStack) -> Server | None:
    """Start a server whose commits survive a kill -9."""
    if kind == "postgresql":
        return stack.enter_context(PostgreSQL(synchronous_commit="on"))
    if kind == "mariadb":
        return stack.enter_context(MariaDB("--innodb-flush-log-at-trx-commit=1"))
    return None


class Place:
    """Conductors, podium-api and commands, with one database; ``with`` ends them all.

    :param server: None for SQLite
    :param count: of conductors
    """

    def __init__(self, folder: Path, server: Server | None, count: int) -> None:
        keys = folder / "keys"
        write_new_file(keys)
        text = f"{CONFIG}[secrets]\nkey_file = {keys}\n"
        url = server and server.url(server.create_migrated_database())
        self.server = server
        self.daemons: list[Daemon] = []
        for number in range(1, count + 1):
            (home := folder / f"c{number}").mkdir()
            enabled = "enabled_drivers = ipmi, redfish"
            self.daemons.append(Daemon(home, text, default=enabled, url=url, host=f"c{number}"))
        first = self.daemons[0]
        self.api = Api(folder, f"[secrets]\nkey_file = {keys}\n", url=first.url)
        self.database = Database(first.url, sealing=Sealing(Keyring.from_file(keys), frozenset))
        self.said: list[str] = []  # output of commands

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.callback(self.database.dispose)
            for daemon in self.daemons:
                daemon.launch()
                stack.callback(daemon.__exit__)
            eventually(
                lambda: all(" owns " in one.text() for one in self.daemons), "all conductors are ready"
            )
            stack.enter_context(self.api)
            yield

    def podium(self, *arguments: str, expect: Collection[int] = (0,)) -> None:
        done = run_here(podium.cli.main.main, ["--config-file", str(self.daemons[0].config), *arguments])
        assert done.returncode in expect, (arguments, done.stdout, done.stderr)
        self.said += [done.stdout, done.stderr]

    def command(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command in its own process."""
        pipe = subprocess.PIPE
        return subprocess.Popen([BIN / "podium", *arguments], stdout=pipe, stderr=pipe, text=True)

    def keep_up(self) -> None:
        """Like systemd, restart conductors that were started while there was no database."""
        for daemon in self.daemons:
            assert daemon.process is not None
            if daemon.process.poll() is not None:
                *_, why = daemon.text().splitlines()
                assert "[database] connection = " in why, why
                daemon.launch()

    def finish(self, command: "subprocess.Popen[str]") -> int:
        self.said += command.communicate(timeout=2 * PATIENCE)
        return command.returncode

    def texts(self) -> dict[str, str]:
        """Return all logs and output, by program."""
        found = {daemon.host: daemon.text() for daemon in self.daemons}
        if self.server is not None:
            found["the database"] = (self.server.folder / "log").read_text(errors="replace")
        return {**found, "podium-api": self.api.text(), "commands": "\n".join(self.said)}
