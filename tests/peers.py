"""Programs that the tests talk to and that nobody here wrote: where they are, and database servers to use up.

A server is private: a temporary data folder, a free port on 127.0.0.1, none of the machine's configuration.
"""

import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, NoReturn

import psycopg
import pymysql
import pytest

#: Seconds that a server may take to prepare its data, to start, or to stop.
PATIENCE: Final = 60.0

_ROOT: Final = Path(__file__).parent.parent
_PACKAGES: Final = {
    "fence_dummy": "fence-agents",
    "initdb": "postgresql",
    "ipmi_sim": "openipmi",
    "ipmipower": "freeipmi-tools",
    "mariadb-install-db": "mariadb-server",
    "mariadbd": "mariadb-server",
    "setpriv": "util-linux",
}


def _search_path() -> str:
    """PATH, and where Debian keeps servers; of PostgreSQL the newest version."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    servers = ["/usr/sbin", "/sbin", *map(str, reversed(versions))]
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *servers])


def require(program: str) -> str:
    """The path of a program; without it the test is skipped, or fails when PODIUM_REQUIRE_PEERS is 1."""
    path = shutil.which(program, path=_search_path())
    if path is None:
        _do_without(f"{program} is not installed (Debian package {_PACKAGES.get(program, program)})")
    return path


def require_in(environment: str, program: str) -> Path:
    """The path of a program in an environment of ``make test-peers``; without it as :func:`require`."""
    path = _ROOT / f".venv-{environment}" / "bin" / program
    if not path.exists():
        _do_without(f"{program} is not installed (make test-peers)")
    return path


def _do_without(reason: str) -> NoReturn:
    if os.environ.get("PODIUM_REQUIRE_PEERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port that is free on 127.0.0.1.

    It lies below the range of which clients get theirs, so that a stopped server finds it free again.
    """
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found between 20000 and 32000")


class Server:
    """One private database server; leaving the ``with`` stops it and removes its data."""

    #: Whom the server runs as when the tests run as root, which both servers refuse.
    account: str
    #: What there must be for the server to be of use.
    program: str

    def __init__(self) -> None:
        require(self.program)
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"podium-{self.account}-"))
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(self.account)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self._identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

    def __enter__(self) -> "Server":
        try:
            self._run(self.prepare_command())
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and return once it answers."""
        with self._log() as log:
            # setpriv (util-linux): a test run that is killed takes its servers along.
            leash = [require("setpriv"), "--pdeathsig", "KILL"]
            command = [*leash, *self.serve_command()]
            self._process = subprocess.Popen(command, stdout=log, **self._surroundings())
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.connect().close()
                return
            except (psycopg.Error, pymysql.Error) as refusal:
                if time.monotonic() > deadline or self._exited_within(0.05):
                    self.stop()
                    pytest.fail(f"{self.program}: {refusal}\n{self._log_tail()}", pytrace=False)

    def stop(self) -> None:
        """Stop the server without waiting for its clients."""
        if self._process is not None:
            self._process.send_signal(self.stop_signal())
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(PATIENCE)
            self._process = None

    def create_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"podium_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def execute(self, statement: str) -> None:
        """Run one statement as the server's administrator."""
        connection = self.connect()
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()

    def connect(self) -> Any:
        raise NotImplementedError

    def drop_database(self, name: str) -> None:
        raise NotImplementedError

    def prepare_command(self) -> list[str]:
        raise NotImplementedError

    def serve_command(self) -> list[str]:
        raise NotImplementedError

    def stop_signal(self) -> signal.Signals:
        raise NotImplementedError

    def url(self, database: str) -> str:
        raise NotImplementedError

    def _run(self, command: list[str]) -> None:
        with self._log() as log:
            done = subprocess.run(command, stdout=log, timeout=PATIENCE, **self._surroundings())
        if done.returncode:
            pytest.fail(f"{command[0]} failed\n{self._log_tail()}", pytrace=False)

    def _surroundings(self) -> dict[str, Any]:
        return {
            "stdin": subprocess.DEVNULL,
            "stderr": subprocess.STDOUT,
            "cwd": self.folder,
            "env": {"PATH": _search_path(), "LC_ALL": "C", "TMPDIR": str(self.folder)},
            # A Ctrl-C in the terminal must reach pytest alone, which then stops the server itself.
            "start_new_session": True,
            **self._identity,
        }

    def _log(self) -> AbstractContextManager[Any]:
        return (self.folder / "log").open("ab")

    def _log_tail(self) -> str:
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-20:])

    def _exited_within(self, seconds: float) -> bool:
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


class PostgreSQL(Server):
    account = "postgres"
    program = "initdb"

    def prepare_command(self) -> list[str]:
        return [
            *(require(self.program), "--pgdata", str(self.folder / "data"), "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"),
        ]

    def serve_command(self) -> list[str]:
        # From the folder of initdb: data made by one version are useless to another.
        program = Path(require(self.program)).resolve().with_name("postgres")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "max_connections": 200,
        }
        command = [str(program), "-D", str(self.folder / "data")]
        return command + [f"--{name}={value}" for name, value in settings.items()]

    def stop_signal(self) -> signal.Signals:
        return signal.SIGINT  # breaks connections at once, yet keeps what was committed

    def connect(self) -> Any:
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres connect_timeout=5"
        return psycopg.connect(where, autocommit=True)

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"


class MariaDB(Server):
    account = "mysql"
    program = "mariadb-install-db"

    def prepare_command(self) -> list[str]:
        return [
            *(require(self.program), "--no-defaults", f"--datadir={self.folder / 'data'}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-flush-method=nosync"),
        ]

    def serve_command(self) -> list[str]:
        return [
            *(require("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}"),
            *("--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.folder / 'socket'}"),
            *(f"--pid-file={self.folder / 'pid'}", "--character-set-server=utf8mb4", "--skip-name-resolve"),
            *("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0"),
            *("--innodb-buffer-pool-size=32M", "--max-connections=200", "--performance-schema=off"),
        ]

    def stop_signal(self) -> signal.Signals:
        return signal.SIGKILL  # the data are thrown away, and an orderly shutdown takes a second or two

    def connect(self) -> Any:
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", connect_timeout=5, autocommit=True
        )

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name}")

    def url(self, database: str) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}?charset=utf8mb4"


class RestartablePostgreSQL:
    """A server of the test's own, which it may stop and start to play an outage.

    ``url`` is that of an empty database; stopping is abrupt, and what was committed is there after a start.
    """

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self.url = server.url(server.create_database())

    def stop(self) -> None:
        """Break every connection and refuse new ones."""
        self._server.stop()

    def start(self) -> None:
        """Serve again, on the same port; returns once the server answers."""
        self._server.start()
