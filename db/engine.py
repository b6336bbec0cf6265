"""The one way to the database: an engine, transactions, and foreign errors translated to Podium's."""

import functools
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from oslo_db import exception as oslo_exception
from oslo_db.sqlalchemy import engines

from podium import errors
from podium.db.limits import COMMAND, HEARTBEAT, Limits, apply, mariadb_settings

if TYPE_CHECKING:
    from podium.db.listener import Listener
    from podium.db.patience import Patience

#: Marks a connection that will write. SQLite then takes its write lock at BEGIN, where waiting for it is
#: possible; asked for in mid-transaction the lock is refused at once when another writer was faster.
_WRITES: Final = "podium_writes"

#: Added to the URL where it does not say otherwise (seconds).
_URL_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {"timeout": "30"},
    "mysql": {"charset": "utf8mb4"},
    "postgresql": {},
}
#: Several hosts, each with its port, which SQLAlchemy only takes behind the question mark.
_HOSTS: Final = re.compile(r"(postgresql(?:\+\w+)?://(?:[^@/?#]*@)?)([^@/?#]*,[^@/?#]*)(.*)")

#: What a URL may begin with, and what then serves it.
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
}


def parse_url(text: str) -> sa.URL:
    """The URL of ``[database] connection`` with a driver filled in.

    :raises podium.errors.ConfigError: when it is none, or names a database that Podium cannot use
    """
    try:
        if (several := _HOSTS.fullmatch(text)) is not None:
            url = sa.make_url(several[1] + several[3])
            url = url.update_query_dict({"host": several[2].split(",")}, append=True)
            url.get_dialect()().create_connect_args(url)  # raises for a port that is no number
        else:
            url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):  # the latter for a port that is no number
        raise errors.ConfigError(
            "[database] connection is not a database URL; one looks like"
            " postgresql://user:password@host/podium or sqlite:////var/lib/podium/podium.sqlite"
        ) from None
    where = f"[database] connection = {shown(url)}"
    if url.drivername not in _DRIVERS:
        raise errors.ConfigError(
            f"{where}: Podium cannot use {url.drivername}; use sqlite, postgresql or mysql"
        )
    url = url.set(drivername=_DRIVERS[url.drivername])
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database in (None, "", ":memory:"):
        raise errors.ConfigError(
            f"{where}: names no file; one that does looks like sqlite:////var/lib/podium/podium.sqlite"
        )
    try:
        url.get_dialect().import_dbapi()
    except ImportError as missing:
        raise errors.ConfigError(
            f"{where}: {errors.one_line(missing)}; install it with pip install 'podium[{kind}]'"
        ) from None
    defaults = _URL_DEFAULTS[kind]
    return url.update_query_dict({key: value for key, value in defaults.items() if key not in url.query})


def shown(url: sa.URL) -> str:
    """Where a database is, for people: without its password and parameters."""
    hosts = url.query.get("host", ())
    several = ",".join((hosts,) if isinstance(hosts, str) else hosts)
    if not several or url.host:
        return url.set(query={}).render_as_string(hide_password=True)
    place = "several-hosts"  # the brackets of IPv6 would be put around ports
    return url.set(query={}, host=place).render_as_string(hide_password=True).replace(place, several)


class Database:
    """A database and its connections; safe to use from several threads, never across a fork.

    :param url: see :func:`parse_url`
    :param limits: of its statements and connections; parameters of the URL go before them
    :param options: keyword arguments of oslo.db's ``create_engine``
    """

    def __init__(self, url: str | sa.URL, limits: Limits = COMMAND, **options: Any) -> None:
        self.url = parse_url(url) if isinstance(url, str) else url
        with self._translated():
            settings = {"max_retries": 0, "mysql_sql_mode": "TRADITIONAL"} | options
            self.engine = engines.create_engine(apply(self.url, limits), **settings)
        self._keeper: sqlite3.Connection | None = None
        self._patience: Patience | None = None
        self._note_history: Callable[[Any], object] = lambda _: None
        self.engine.hide_parameters = True  # driver_info holds passwords, and errors are logged
        self._reading = self.engine
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _sqlite_connect)
            sa.event.listen(self.engine, "begin", _sqlite_begin)
        elif self.url.get_backend_name() == "postgresql":
            # Each statement sees what was committed before it, in a transaction or not; this saves two trips.
            self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
            self._watch(limits.silence)
        else:
            sa.event.listen(self.engine, "connect", functools.partial(_mariadb_connect, limits))

    def _watch(self, silence: float) -> None:
        from podium.db.patience import Patience  # it imports psycopg, which is an extra

        patience = self._patience = Patience(silence)

        def connect(_dialect: object, _record: object, arguments: Any, options: Any) -> Any:
            connection = patience.connect(*arguments, **options)
            self._note_history(connection)
            return connection

        sa.event.listen(self.engine, "do_connect", connect)

    @property
    def where(self) -> str:
        """Where it is, for people."""
        return shown(self.url)

    @property
    def is_sqlite(self) -> bool:
        return bool(self.url.get_backend_name() == "sqlite")

    @property
    def sqlite_file(self) -> Path | None:
        """The file of an SQLite database, None for a server's."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads.

        :raises podium.errors.DatabaseUnavailable: now or at any statement
        """
        with self._translated(), self._reading.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end of the block and rolled back by an exception.

        :raises podium.errors.DatabaseUnavailable: now or at any statement
        """
        with self._translated(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.info.update({_WRITES: True, "in_transaction": True})
            with connection.begin():
                yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, and sees everything as it was at its first statement.

        :raises podium.errors.DatabaseUnavailable: now or at any statement
        """
        engine = self.engine
        if not self.is_sqlite:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self._translated(), engine.connect() as connection, connection.begin():
            yield connection

    def hurried(self) -> "Database":
        """Another way to this database, for heartbeats."""
        url = self.url.update_query_dict({"timeout": str(HEARTBEAT.lock)}) if self.is_sqlite else self.url
        return Database(url, HEARTBEAT)

    def on_other_history(self, changed: Callable[[], object]) -> None:
        """Have it noticed at new connections that a standby has taken over, and may lack what came last.

        :param changed: called in any thread, before anything is done over the first connection to it
        """
        if self._patience is not None:
            from podium.db.history import Histories  # it imports psycopg, too

            self._note_history = Histories(changed).note

    def listen(self, channel: str) -> "Listener | None":
        """Hear PostgreSQL's notifications on a channel, over a connection of its own; None with any other.

        :raises podium.errors.DatabaseUnavailable: when it cannot be opened
        """
        if self._patience is None:
            return None
        from podium.db.listener import Listener  # it imports psycopg, too

        arguments, options = self.engine.dialect.create_connect_args(self.engine.url)
        try:
            return Listener(self._patience.connect(*arguments, **options), channel)
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise errors.DatabaseUnavailable(self._unavailable(error)) from error

    def keep_open(self) -> None:
        """For SQLite, hold the file open: the last connection to close folds its log into it each time."""
        if self.is_sqlite and self._keeper is None:
            keeper = sqlite3.connect(str(self.url.database), check_same_thread=False)
            try:
                keeper.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error:
                keeper.close()
                raise
            self._keeper = keeper

    def peek(self, query: str) -> tuple[Any, ...] | None:
        """The first row that a query returns, at a tenth of the cost of :meth:`read`.

        :returns: None where it is not possible: with a server, before :meth:`keep_open`, and after any fault,
            which a transaction waits for or reports
        """
        if self._keeper is None:
            return None
        try:
            row: tuple[Any, ...] | None = self._keeper.execute(query).fetchone()
        except sqlite3.Error:
            return None
        return row

    def dispose(self) -> None:
        """Close every connection."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
        self.engine.dispose()
        if self._patience is not None:
            self._patience.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except oslo_exception.DBDeadlock as error:
            raise errors.DatabaseBusy(self._unavailable(error)) from error
        except sa.exc.OperationalError as error:
            kind = errors.DatabaseBusy if _code(error.orig) in _HELD else errors.DatabaseUnavailable
            raise kind(self._unavailable(error)) from error
        except (
            oslo_exception.DBConnectionError,
            oslo_exception.DBNonExistentDatabase,
            sa.exc.InterfaceError,
            sa.exc.TimeoutError,
        ) as error:
            is_held = _code(getattr(error, "orig", error)) in _HELD
            kind = errors.DatabaseBusy if is_held else errors.DatabaseUnavailable
            raise kind(self._unavailable(error)) from error
        except oslo_exception.DBError as error:
            inner: Any = error.inner_exception
            code = _code(getattr(inner, "orig", inner))
            # The bare class, none of its children: SQLite's word for a file that is damaged or no database.
            is_damaged = type(inner) is sa.exc.DatabaseError
            is_empty = isinstance(error, oslo_exception.DBNonExistentTable) or code in _NO_TABLE
            if not (is_damaged or is_empty or code in _READ_ONLY):
                raise
            raise errors.DatabaseUnavailable(self._unavailable(error)) from error
        except sa.exc.DBAPIError as error:
            if not error.connection_invalidated and _code(error.orig) not in _NO_TABLE:
                raise
            raise errors.DatabaseUnavailable(self._unavailable(error)) from error
        except sa.exc.PendingRollbackError as error:
            # An interrupt invalidates the connection, which oslo.db then looks at before it is rolled back.
            if isinstance(error.__context__, Exception | None):
                raise
            raise error.__context__ from None

    def _unavailable(self, error: Exception) -> str:
        cause: Any = getattr(error, "inner_exception", None) or error
        cause = getattr(cause, "orig", None) or cause
        if self.is_sqlite:
            return f"{self.url.database}: {_words(cause)}; {_sqlite_remedy(cause)}"
        return f"[database] connection = {self.where}: {_words(cause)}; {_server_remedy(cause)}"


#: Said by libraries, and of no use beside the remedy: SQLAlchemy's link, libpq's guess.
_LIBRARY_HINTS: Final = re.compile(r" ?\(Background on this error at: \S+\)| ?Is the server running [^?]*\?")


def _words(cause: Exception) -> str:
    """The text of an error of a database's driver, in one line."""
    if len(cause.args) == 2 and isinstance(cause.args[0], int):  # PyMySQL's, which Python shows as a tuple
        text = f"{cause.args[1]} (error {cause.args[0]})"
    else:
        text = str(cause)
    return _LIBRARY_HINTS.sub("", " ".join(text.split())).removesuffix(";")


_NO_SCHEMA: Final = "has it the schema of this Podium? See: podium db upgrade"


def _sqlite_remedy(cause: Exception) -> str:
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF  # the rest says more of the same (sqlite.org/rescode)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "another program holds its write lock: see which with fuser or lsof, and end it"
    if code == sqlite3.SQLITE_FULL:
        return "make room on its disk"
    if code == sqlite3.SQLITE_ERROR:  # of a statement, and all of Podium's are right for its own schema
        return _NO_SCHEMA
    return "is the disk full, or the file another user's?"


#: What PostgreSQL (Appendix A, SQLSTATE) and MariaDB (error codes) call a server that only reads.
_READ_ONLY: Final = frozenset({"25006", 1290, 1792, 1836})
#: And a row that another transaction has, or had for too long.
_HELD: Final = frozenset({"40P01", "55P03", 1205, 1213})
#: And a table that is not there: a restore is under way, or the file of SQLite has gone.
_NO_TABLE: Final = frozenset({"42P01", 1146})
#: And a disk without room.
_FULL: Final = frozenset({"53100", 1021, 1114})


def _code(cause: Any) -> str | int | None:
    first = next(iter(cause.args), None)
    if isinstance(first, int):  # MariaDB's number, which says more than the SQLSTATE that PyMySQL has too
        return first
    state = getattr(cause, "sqlstate", None)
    return state if isinstance(state, str) else None


def _server_remedy(cause: Exception) -> str:
    code = _code(cause)
    if code in _READ_ONLY:
        return "the server takes no writes: it is a standby, in recovery, or was made read-only"
    if code in _HELD:
        return "another transaction holds the rows"
    if code in _NO_TABLE:
        return _NO_SCHEMA
    if code in _FULL:
        return "make room on the server's disk"
    return "is the server up, and may this login use it?"


def _sqlite_connect(connection: Any, _record: object) -> None:
    # Refused at once while another connection has the file open and does the same; the file remembers the
    # mode, so that one of them is enough. Any other cause is raised by the statement that follows.
    try:
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()  # which SQLAlchemy 2.0 leaves to the garbage collector
        raise


def _mariadb_connect(limits: Limits, connection: Any, _record: object) -> None:
    wanted = mariadb_settings(limits)
    with connection.cursor() as cursor:
        names = ", ".join(f"'{name}'" for name in wanted)
        cursor.execute(f"SHOW VARIABLES WHERE variable_name IN ({names})")
        found = [f"SESSION {name} = {wanted[name.lower()]}" for name, _ in cursor.fetchall()]
        # As PostgreSQL does: no gap locks, and every statement sees what was committed before it.
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if found:
            cursor.execute(f"SET {', '.join(found)}")


def _sqlite_begin(connection: sa.Connection) -> None:
    # oslo.db's own listener emits a plain BEGIN unless it finds "in_transaction".
    if connection.info.pop(_WRITES, False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
