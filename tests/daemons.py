"""Real processes for the functional tests: daemon and simulator, as an operator runs them.

A test's commands run in its own process, because starting another takes longer than most commands.
"""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import podium.cli.main
import podium.simulator.main
from peers import PATIENCE, free_port
from podium.db import api
from podium.db.engine import Database
from podium.db.keyring import Keyring
from podium.db.sealed import Sealing
from podium.simulator import control
from templates import prepared

BIN = Path(sys.executable).parent


def eventually(condition: Callable[[], Any], what: str) -> Any:
    """Wait for other processes. Returns the first true value of ``condition``."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"within {PATIENCE:.0f} s never: {what}")
        time.sleep(0.05)
    return found


def run_here(main: Callable[[list[str]], int], arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command in this process."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        status = main(arguments)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


class Daemon:
    """A ``podium-conductor`` with its own files; ``with`` starts it and ensures that it ends.

    :param bin: the folder of the programs of another environment
    :param url: of its database, by default one with the schema
    :param environment: additional environment variables
    """

    def __init__(
        self,
        folder: Path,
        text: str = "",
        *,
        default: str = "",
        url: str | None = None,
        bin: Path = BIN,
        environment: Mapping[str, str] = MappingProxyType({}),
        host: str = "here",
    ) -> None:
        self.folder = folder
        self.host = host
        self.environment = environment
        self.bin = bin
        self.config = folder / "podium.conf"
        self.log = folder / "daemon.log"
        self.url = url or f"sqlite:///{folder}/podium.sqlite"
        if url is None:
            prepared(self.url).dispose()
        self.default = default
        self.write(text)
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, text: str) -> None:
        head = f"[DEFAULT]\nhost = {self.host}\nstate_path = {self.folder}\n{self.default}\n"
        # Whoever waits for it gives up after that time without a sign of life, and another worker ends it.
        alive = "[conductor]\nheartbeat_interval = 0.3\nheartbeat_timeout = 60\n"
        self.config.write_text(f"{head}[database]\nconnection = {self.url}\n{alive}{text}")

    def launch(self, **environment: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "podium-conductor", "--config-file", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | dict(self.environment) | environment,
            )
        return self.process

    def start(self) -> Self:
        before = self.text().count(" owns ")
        process = self.launch()
        eventually(
            lambda: self.text().count(" owns ") > before or process.poll() is not None, "the daemon is ready"
        )
        assert process.poll() is None, self.text()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def children(self) -> set[int]:
        """Return the process ids of the master's children, which are the workers."""
        assert self.process is not None
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return {int(pid) for thread in threads for pid in (thread / "children").read_text().split()}

    def kill(self) -> None:
        """kill -9 of master and worker."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def podium(self, *arguments: str, expect: int = 0) -> "subprocess.CompletedProcess[str]":
        command = ["--config-file", str(self.config), *arguments]
        if self.bin == BIN and not self.environment:
            done = run_here(podium.cli.main.main, command)
        else:
            command = [str(self.bin / "podium"), *command]
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                env=os.environ | dict(self.environment),
            )
        assert done.returncode == expect, (arguments, done.stdout, done.stderr)
        return done

    def rows(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """Return the rows of a list command by their first column."""
        rows = json.loads(self.podium(*arguments, "-f", "json").stdout)
        return {next(iter(row.values())): row for row in rows}

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Return the database's data of every node, by name."""
        keys = self.folder / "podium.keys"
        keyring = Keyring.from_file(keys) if keys.exists() else Keyring()
        database = Database(self.url, sealing=Sealing(keyring, frozenset))
        try:
            with database.read() as connection:
                return {row.name: row._asdict() for row in api.list_nodes(connection)}
        finally:
            database.dispose()


class Rack:
    """A ``podium-sim``: ``with`` starts it and ends it.

    :param protocol: of its BMCs, ``ipmi`` or ``redfish``
    """

    def __init__(self, folder: Path, count: int, *arguments: str, protocol: str = "ipmi") -> None:
        self.nodes = folder / "rack.yaml"
        self.port = free_port(socket.SOCK_DGRAM if protocol == "ipmi" else socket.SOCK_STREAM)
        self._control = folder / "sim.sock"
        self._log = folder / "sim.log"
        self._command = [
            BIN / "podium-sim", f"--{protocol}", str(count), "--port", str(self.port),
            "--nodes-file", self.nodes, "--control", self._control, *arguments,
        ]  # fmt: skip

    def __enter__(self) -> Self:
        self._ends = 0
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)
        eventually(lambda: ", user " in self._log.read_text() or self._process.poll(), "the rack is ready")
        assert self._process.poll() is None, self._log.read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        assert self._process.wait(PATIENCE) == self._ends

    def kill(self) -> None:
        """kill -9, within ``with``, which may be entered again afterwards."""
        self._process.kill()
        self._ends = -signal.SIGKILL
        self._process.wait(PATIENCE)

    def log(self, where: str) -> dict[str, dict[str, Any]]:
        """Return whether machines are on, and the commands that their BMCs carried out, by address."""
        found: dict[str, dict[str, Any]] = control.ask(str(self._control), {"get": "log", "where": where})[
            "bmcs"
        ]
        return found

    def accounts(self, where: str) -> dict[str, dict[str, Any]]:
        """Return counts of logins and password changes, by address."""
        found: dict[str, dict[str, Any]] = control.ask(
            str(self._control), {"get": "accounts", "where": where}
        )["bmcs"]
        return found

    def set_password(self, password: str, where: str) -> None:
        """Give BMCs another password without Podium's knowledge."""
        control.ask(str(self._control), {"set": "password", "to": password, "where": where})

    def shown_by_proc(self) -> dict[str, bytes]:
        """Return the data that the kernel shows of the process, by kind."""
        folder = Path(f"/proc/{self._process.pid}")
        return {f"{name} of podium-sim": (folder / name).read_bytes() for name in ("cmdline", "environ")}

    def ctl(self, *arguments: str) -> str:
        done = run_here(podium.simulator.main.main, ["ctl", "--control", str(self._control), *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout
