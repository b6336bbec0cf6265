"""Disposable database servers.

A server is private: it has a temporary data folder, its own address, and none of the machine's configuration.
"""

import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg
import pymysql
import pytest

from peers import PATIENCE, free_port, own_address, require, search_path
from templates import prepared

_MEMORY: Final = Path("/dev/shm")
#: Bytes that must be free in memory.
_ROOMY: Final = 2 << 30


@functools.cache
def scratch() -> str | None:
    """Return a folder in memory for temporary files if there is room, or None for the usual place.

    Databases mostly wait for the disk to confirm data that is not needed later.
    """
    if not os.access(_MEMORY, os.W_OK):
        return None
    found = os.statvfs(_MEMORY)
    return str(_MEMORY) if found.f_bavail * found.f_frsize > _ROOMY else None


class Server:
    """One private database server. Leaving the ``with`` block stops it and removes its data."""

    #: The account of the server if the tests run as root, which both servers refuse.
    account: str
    #: The program that must be installed for this server.
    program: str

    def __init__(self) -> None:
        require(self.program)
        self.host, self.port = own_address(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"podium-{self.account}-", dir=scratch()))
        #: Additional environment variables.
        self.environment: dict[str, str] = {}
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(self.account)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self._identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._template: str | None = None

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
            # setpriv (util-linux): if a test run is killed, its servers end with it.
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

    def processes(self) -> list[int]:
        """Return the server's processes, including PostgreSQL's processes for connections."""
        assert self._process is not None
        main = self._process.pid
        threads = Path(f"/proc/{main}/task").glob("*/children")
        return [main, *(int(pid) for children in threads for pid in children.read_text().split())]

    def send(self, number: signal.Signals) -> None:
        """Send a signal such as SIGSTOP to all its processes. The kernel still answers for them."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def kill(self) -> None:
        """End the server like a power cut."""
        assert self._process is not None
        self.send(signal.SIGKILL)
        self._process.wait(PATIENCE)
        self._process = None

    def create_database(self) -> str:
        """Create an empty database and return its name."""
        name = f"podium_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def create_migrated_database(self) -> str:
        """Create a database with its schema and return its name. Most are copies, which are faster."""
        if self._template is None:
            self._template = self.create_database()
            prepared(self.url(self._template)).dispose()
            self.note_template(self._template)
        name = f"podium_{next(self._numbers)}"
        self.execute(*self.copy_statements(self._template, name))
        return name

    def note_template(self, name: str) -> None:
        """Examine the database that is the template for copies."""

    def execute(self, *statements: str) -> list[Any]:
        """Run statements over one connection as the administrator. Returns the rows of the last one."""
        connection = self.connect()
        try:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def copy_statements(self, source: str, target: str) -> list[str]:
        raise NotImplementedError

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
            "env": {"PATH": search_path(), "LC_ALL": "C", "TMPDIR": str(self.folder), **self.environment},
            # A Ctrl-C in the terminal must reach only pytest, which then stops the server itself.
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
    """:ivar settings: additional settings"""

    account = "postgres"
    program = "initdb"

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self.settings = settings

    def beside(self, program: str) -> Path:
        """Return a program from the folder of initdb, because other versions cannot use its data."""
        return Path(require(self.program)).resolve().with_name(program)

    def prepare_command(self) -> list[str]:
        return [
            *(require(self.program), "--pgdata", str(self.folder / "data"), "--username", "postgres"),
            *("--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"),
        ]

    def serve_command(self) -> list[str]:
        settings = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "32MB",
            "dynamic_shared_memory_type": "mmap",  # in the data folder, which is always removed
            "max_connections": 200,
            **self.settings,
        }
        command = [str(self.beside("postgres")), "-D", str(self.folder / "data")]
        return command + [f"--{name}={value}" for name, value in settings.items()]

    def stop_signal(self) -> signal.Signals:
        return signal.SIGINT  # breaks connections at once, but keeps committed data

    def connect(self) -> Any:
        patience = f"connect_timeout={PATIENCE:.0f}"
        where = f"{patience} host={self.host} port={self.port} user=postgres dbname=postgres"
        return psycopg.connect(where, autocommit=True)

    def copy_statements(self, source: str, target: str) -> list[str]:
        return [f"CREATE DATABASE {target} TEMPLATE {source}"]

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@{self.host}:{self.port}/{database}"


class MariaDB(Server):
    """:ivar options: additional options"""

    account = "mysql"
    program = "mariadb-install-db"

    def __init__(self, *options: str) -> None:
        super().__init__()
        self.options = options
        #: Definitions of the template's tables. Reading them takes longer than creating the tables.
        self._definitions: dict[str, str] = {}

    def prepare_command(self) -> list[str]:
        return [
            *(require(self.program), "--no-defaults", f"--datadir={self.folder / 'data'}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-flush-method=nosync"),
        ]

    def serve_command(self) -> list[str]:
        return [
            *(require("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}"),
            *(f"--bind-address={self.host}", f"--port={self.port}", f"--socket={self.folder / 'socket'}"),
            *(f"--pid-file={self.folder / 'pid'}", "--character-set-server=utf8mb4", "--skip-name-resolve"),
            *("--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--innodb-doublewrite=0"),
            *("--innodb-buffer-pool-size=32M", "--max-connections=200", "--performance-schema=off"),
            *self.options,
        ]

    def stop_signal(self) -> signal.Signals:
        return signal.SIGKILL  # the data is discarded, and an orderly shutdown takes a second or two

    def connect(self) -> Any:
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user="root",
            connect_timeout=PATIENCE,
            autocommit=True,
            ssl_disabled=True,
        )

    def note_template(self, name: str) -> None:
        for (table,) in self.execute(f"SHOW TABLES IN {name}"):
            ((_, self._definitions[table]),) = self.execute(f"SHOW CREATE TABLE {name}.{table}")

    def copy_statements(self, source: str, target: str) -> list[str]:
        statements = [f"CREATE DATABASE {target}", f"USE {target}", "SET FOREIGN_KEY_CHECKS = 0"]
        for table, definition in self._definitions.items():
            statements += [definition, f"INSERT INTO {table} SELECT * FROM {source}.{table}"]
        return statements

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name}")

    def url(self, database: str) -> str:
        return f"mysql+pymysql://root@{self.host}:{self.port}/{database}?charset=utf8mb4"


class RestartablePostgreSQL:
    """A server that the test may stop and start to simulate an outage.

    :ivar url: of an empty database; stopping is abrupt, and committed data is there after a start
    :ivar was_stopped: whether the test has stopped it
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.url = server.url(server.create_database())
        self.was_stopped = False

    def stop(self) -> None:
        """Break every connection and refuse new ones."""
        self.was_stopped = True
        self._server.stop()

    def start(self) -> None:
        """Serve again on the same port. Returns once the server answers."""
        self._server.start()
