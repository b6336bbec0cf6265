"""The only access to the database: an engine, and transactions that raise Podium's errors."""

import functools
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa

from podium import errors
from podium.db.engines import create_engine
from podium.db.hiding import hide_values
from podium.db.kept import Kept, KeptFile, KeptSession
from podium.db.limits import COMMAND, HEARTBEAT, Limits, apply, mariadb_settings
from podium.db.sealed import Sealing, register
from podium.db.translation import translated, unavailable
from podium.db.urls import parse_url, shown

if TYPE_CHECKING:
    from podium.db.listener import Listener
    from podium.db.patience import Patience

#: Marks a connection that will write. SQLite then takes its write lock at BEGIN, where it can wait for the
#: lock; in mid-transaction the lock is refused at once if another writer was faster.
_WRITES: Final = "podium_writes"
#: Marks a connection that will only read.
_READS: Final = "podium_reads"
#: How often a transaction is tried if others block it.
_ATTEMPTS: Final = 5
#: Connections for reading an SQLite file that :meth:`Database.keep_open` keeps.
_READERS: Final = 4

#: See podium.db.secret_keys.
_KEYS_IN_USE: Final = sa.text("SELECT name FROM secret_keys")

_T = TypeVar("_T")


class Database:
    """A database and its connections; safe to use from several threads, never across a fork.

    :param url: see :func:`parse_url`
    :param limits: of its statements and connections; parameters of the URL take precedence
    :param sealing: encrypts its secrets; without it they are neither encrypted nor decrypted
    :param options: keyword arguments of oslo.db's ``create_engine``
    """

    def __init__(
        self, url: str | sa.URL, limits: Limits = COMMAND, sealing: Sealing | None = None, **options: Any
    ) -> None:
        self.url = parse_url(url) if isinstance(url, str) else url
        self.is_sqlite = bool(self.url.get_backend_name() == "sqlite")
        with translated(self.url):
            # thread_checkin, meant for eventlet, yields the CPU whenever a connection is returned.
            settings = {"max_retries": 0, "mysql_sql_mode": "TRADITIONAL", "thread_checkin": False} | options
            self.engine = create_engine(apply(self.url, limits), **settings)
        self.sealing = sealing
        if sealing is not None:
            register(self.engine.dialect, sealing)
        self._keeper: sqlite3.Connection | None = None
        self._writers: tuple[Kept, ...] = ()
        self._readers: tuple[Kept, ...] = ()
        self._patience: Patience | None = None
        self._note_history: Callable[[Any], object] = lambda _: None
        hide_values(self.engine)
        self._reading = self.engine
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _sqlite_connect)
            sa.event.listen(self.engine, "begin", _sqlite_begin)
        elif self.url.get_backend_name() == "postgresql":
            # Each statement sees what was committed before it, with or without a transaction; this saves two
            # round trips.
            self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
            self._watch(limits.silence)
        else:
            sa.event.listen(self.engine, "connect", functools.partial(_mariadb_connect, limits))

    def _watch(self, silence: float) -> None:
        from podium.db.patience import Patience  # imports psycopg, which is an extra

        patience = self._patience = Patience(silence)

        def connect(_dialect: object, _record: object, arguments: Any, options: Any) -> Any:
            connection = patience.connect(*arguments, **options)
            self._note_history(connection)
            return connection

        sa.event.listen(self.engine, "do_connect", connect)

    @property
    def where(self) -> str:
        """The location of the database, for people."""
        return shown(self.url)

    @property
    def sqlite_file(self) -> Path | None:
        """The file of an SQLite database, None for a server's."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that only reads.

        :raises podium.errors.DatabaseUnavailable: now or at any statement
        """
        with translated(self.url), self._connected(self._reading, self._readers) as connection:
            if self.is_sqlite:
                connection.info.update({_READS: True, "in_transaction": True})
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that is committed at the end of the block and rolled back by an exception.

        :raises podium.errors.DatabaseUnavailable: now or at any statement
        """
        with translated(self.url), self._connected(self.engine, self._writers) as connection:
            if self.is_sqlite:
                connection.info.update({_WRITES: True, "in_transaction": True})
            with connection.begin():
                self._follow_keys(connection)
                yield connection

    def _follow_keys(self, connection: sa.Connection) -> None:
        """Find out with which keys this transaction has to encrypt, unless this was checked lately."""
        if self.sealing is not None and not self.sealing.is_trusted:
            self.sealing.note(connection.scalars(_KEYS_IN_USE))

    def written(self, work: Callable[[sa.Connection], _T]) -> _T:
        """Return what ``work`` returns in a transaction that is then committed.

        It is tried again if other transactions block it.

        :raises podium.errors.DatabaseUnavailable: now or at any statement
        """
        left = _ATTEMPTS
        while True:
            left -= 1
            try:
                with self.write() as connection:
                    return work(connection)
            except errors.DatabaseBusy:
                if not left:
                    raise

    @contextmanager
    def _connected(self, engine: sa.Engine, kept: Sequence[Kept]) -> Iterator[sa.Connection]:
        """One of the kept connections, or a new one if all are in use."""
        one = next((one for one in kept if one.lock.acquire(blocking=False)), None)
        if one is None:
            with engine.connect() as connection:
                yield connection
            return
        try:
            yield one.connected(engine)
        except errors.PodiumError:  # raised by the caller; the transaction was rolled back
            raise
        except BaseException:
            one.close()  # whatever its state
            for other in kept:
                other.doubt()
            raise
        finally:
            one.lock.release()

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, and sees everything as it was at its first statement.

        :raises podium.errors.DatabaseUnavailable: now or at any statement
        """
        engine = self.engine
        if self.engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with translated(self.url), engine.connect() as connection:
            if self.engine.dialect.name in ("mysql", "mariadb"):
                # For the next transaction only: SQLAlchemy would return the connection to the pool with the
                # server's level, in which other users would not see what was committed before.
                with connection.connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            with connection.begin():
                yield connection

    def hurried(self) -> "Database":
        """A second access to this database, for heartbeats."""
        url = self.url.update_query_dict({"timeout": str(HEARTBEAT.lock)}) if self.is_sqlite else self.url
        return Database(url, HEARTBEAT)

    def on_other_history(self, changed: Callable[[], object]) -> None:
        """Have new connections checked for a standby that has taken over, which may lack the last commits.

        :param changed: called in any thread, before the first connection to it is used
        """
        if self._patience is not None:
            from podium.db.history import Histories  # imports psycopg, too

            self._note_history = Histories(changed).note

    def listen(self, *channels: str) -> "Listener | None":
        """Listen to PostgreSQL's notifications over a separate connection; None for other databases.

        :raises podium.errors.DatabaseUnavailable: when the connection cannot be opened
        """
        if self._patience is None:
            return None
        from podium.db.listener import Listener  # imports psycopg, too

        arguments, options = self.engine.dialect.create_connect_args(self.engine.url)
        try:
            return Listener(self._patience.connect(*arguments, **options), *channels)
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise errors.DatabaseUnavailable(unavailable(self.url, error)) from error

    def keep_open(self) -> None:
        """For SQLite, keep the file open: otherwise each last connection to close merges the log into it.

        Connections are kept as well, one of them for writing: connecting costs more than most transactions.
        """
        if self.is_sqlite and self._keeper is None:
            keeper = sqlite3.connect(str(self.url.database), check_same_thread=False)
            try:
                keeper.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.Error:
                keeper.close()
                raise
            self._keeper = keeper
            path = Path(str(self.url.database))
            self._writers = (KeptFile(path),)
            self._readers = tuple(KeptFile(path) for _ in range(_READERS))

    def keep_readers(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep connections for reading from a server; for a file :meth:`keep_open` keeps them."""
        if not self.is_sqlite:
            self._readers = tuple(KeptSession(clock) for _ in range(count))

    def peek(self, query: str) -> tuple[Any, ...] | None:
        """The first row that a query returns, at a tenth of the cost of :meth:`read`.

        :returns: None if not possible: for a server, before :meth:`keep_open`, and after any fault; a
            transaction then waits or reports it
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
        kept = (*self._writers, *self._readers)
        self._writers = self._readers = ()
        for one in kept:
            with one.lock:
                one.close()
        self.engine.dispose()
        if self._patience is not None:
            self._patience.close()


def _sqlite_connect(connection: Any, _record: object) -> None:
    # Refused at once while another connection has the file open and does the same. The file remembers the
    # mode, so one of them is enough. Any other cause is raised by the statement that follows.
    try:
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # Deleted and changed data includes passwords; this costs a few percent of a deletion.
        connection.execute("PRAGMA secure_delete = ON")
    except sqlite3.Error:
        connection.close()  # SQLAlchemy 2.0 leaves this to the garbage collector
        raise


def _mariadb_connect(limits: Limits, connection: Any, _record: object) -> None:
    wanted = mariadb_settings(limits)
    with connection.cursor() as cursor:
        names = ", ".join(f"'{name}'" for name in wanted)
        cursor.execute(f"SHOW VARIABLES WHERE variable_name IN ({names})")
        found = [f"SESSION {name} = {wanted[name.lower()]}" for name, _ in cursor.fetchall()]
        # As in PostgreSQL: no gap locks, and every statement sees what was committed before it.
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        if found:
            cursor.execute(f"SET {', '.join(found)}")


def _sqlite_begin(connection: sa.Connection) -> None:
    # oslo.db's own listener emits a plain BEGIN unless it finds "in_transaction".
    if connection.info.pop(_WRITES, False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.info.pop(_READS, False):
        # It opens nothing yet and so cannot fail; through SQLAlchemy it takes as long as reading a node.
        connection.connection.cursor().execute("BEGIN")
