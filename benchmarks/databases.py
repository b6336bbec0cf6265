"""The databases for Podium: SQLite, and private servers with their default settings."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from processes import Failed, Program, run

_START: Final = 60.0


@dataclass(frozen=True)
class Database:
    """A database that exists during the measurement.

    :param server: None for SQLite
    """

    kind: str
    url: str
    server: Program | None = None

    def cpu(self) -> float:
        """Return the seconds of CPU that the server has used so far."""
        return self.server.cpu() if self.server else 0.0


class Reader:
    """Reads data about the nodes from the database, independently of the daemon."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.NullPool)

    def _column(self, statement: str, **values: Any) -> list[Any]:
        with self._engine.connect() as connection:
            return list(connection.execute(sa.text(statement), values).scalars())

    def any_older(self, moment: datetime, *, answering: bool = False) -> bool:
        """Return whether the power of any node was last read before a moment, or never.

        :param answering: leave out nodes that failed to answer last time
        """
        left_out = "power_failures = 0 AND" if answering else ""
        statement = (
            f"SELECT 1 FROM nodes JOIN power_readings ON node_id = id WHERE {left_out}"
            " (checked_at IS NULL OR checked_at < :moment) LIMIT 1"
        )
        return bool(self._column(statement, moment=f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"))

    def readings(self) -> list[datetime]:
        """Return when each answering node was last read; 1970 for a node that was never read."""
        statement = (
            "SELECT checked_at FROM nodes JOIN power_readings ON node_id = id WHERE power_failures = 0"
        )
        return [_moment(value) for value in self._column(statement)]

    def failing(self) -> int:
        """Return how many nodes failed to answer last time."""
        return int(self._column("SELECT count(*) FROM nodes WHERE power_failures > 0")[0])


def _moment(value: Any) -> datetime:
    if value is None:
        return datetime.fromtimestamp(0, UTC)
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).replace(tzinfo=UTC)


@contextlib.contextmanager
def opened(kind: str, folder: Path) -> Iterator[Database]:
    """Create an empty database: ``sqlite``, ``postgresql`` or ``mariadb``.

    :param folder: an empty folder for its data, which is removed at the end
    :raises Failed: if the server is not installed, or does not start
    """
    folder.mkdir(mode=0o755)
    try:
        if kind == "sqlite":
            yield Database(kind, f"sqlite:///{folder}/podium.sqlite")
        else:
            with (_postgresql if kind == "postgresql" else _mariadb)(folder) as database:
                yield database
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[Database]:
    initdb = Path(_require("initdb", "postgresql")).resolve()
    account = _account(folder, "postgres")
    data = folder / "data"
    prepared: list[str | Path] = [initdb, "--pgdata", data, "--username", "postgres", "--auth", "trust"]
    prepared += ["--encoding", "UTF8", "--no-locale"]
    run(prepared, _START, **account)
    port = free_port()
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    command: list[str | Path] = [initdb.with_name("postgres"), "-D", data, "-p", str(port), *settings]
    with Program(command, folder / "log", **account) as server:
        url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        yield _served("postgresql", url, server)
        server.stop(signal.SIGINT)  # does not wait for clients to leave


@contextlib.contextmanager
def _mariadb(folder: Path) -> Iterator[Database]:
    install = _require("mariadb-install-db", "mariadb-server")
    account = _account(folder, "mysql")
    data = folder / "data"
    prepared = [install, "--no-defaults", f"--datadir={data}", "--skip-test-db"]
    run([*prepared, "--auth-root-authentication-method=normal"], _START, **account)
    port = free_port()
    places = [f"--datadir={data}", f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
    listen = ["--bind-address=127.0.0.1", f"--port={port}"]
    command = [_require("mariadbd", "mariadb-server"), "--no-defaults", *places, *listen]
    with Program(command, folder / "log", **account) as server:
        url = f"mysql+pymysql://root@127.0.0.1:{port}"
        _served("mariadb", url, server)
        with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
            connection.execute(sa.text("CREATE DATABASE podium CHARACTER SET utf8mb4"))
        yield Database("mariadb", f"{url}/podium?charset=utf8mb4", server)


def _served(kind: str, url: str, server: Program) -> Database:
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    def answers() -> bool:
        with contextlib.suppress(sa.exc.OperationalError), engine.connect():
            return True
        return False

    server.until(answers, _START, "ready")
    return Database(kind, url, server)


def program(name: str) -> str | None:
    """Return the path of a server's program, if it is installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    folders = [*map(str, reversed(versions)), os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/bin"]
    return shutil.which(name, path=os.pathsep.join(folders))


def _require(name: str, package: str) -> str:
    found = program(name)
    if found is None:
        raise Failed(f"not installed: apt install {package}")
    return found


def _account(folder: Path, name: str) -> dict[str, Any]:
    """Return the prefix for the server's command, because both servers refuse to run as root."""
    options: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        entry = pwd.getpwnam(name)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        options |= {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return options


def free_port() -> int:
    """Return an unused TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
