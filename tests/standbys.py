"""PostgreSQL standby servers that follow a primary and take over from it."""

import time
from collections.abc import Callable
from contextlib import ExitStack

from peers import PATIENCE
from servers import PostgreSQL


class Standby(PostgreSQL):
    """Follows another server until it is promoted."""

    def __init__(self, primary: PostgreSQL) -> None:
        super().__init__(**primary.settings)
        self._primary = primary

    def prepare_command(self) -> list[str]:
        where = f"host={self._primary.host} port={self._primary.port} user=postgres"
        return [
            *(str(self.beside("pg_basebackup")), "--dbname", where, "--pgdata", str(self.folder / "data")),
            *("--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"),
        ]

    def cut_off(self) -> None:
        """Stop receiving from the primary."""
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + PATIENCE
        while self._primary.execute("SELECT pid FROM pg_stat_replication"):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def promote(self) -> None:
        """Take over. Returns once it accepts writes."""
        assert self.execute("SELECT pg_promote(true, 60)") == [(True,)]


class Replicated:
    """A primary and its standby, with one URL for both; ``with`` starts both, and ends those that still run.

    :param is_synchronous: whether a commit waits for the standby
    :param prepare: called with the standby before it starts
    """

    def __init__(
        self, *, is_synchronous: bool, prepare: Callable[["Standby"], object] = lambda _: None
    ) -> None:
        self._prepare = prepare
        self._mode = "remote_apply" if is_synchronous else "local"
        self._stack = ExitStack()

    def __enter__(self) -> "Replicated":
        with self._stack:
            self.primary = self._stack.enter_context(PostgreSQL(synchronous_commit=self._mode))
            self._name = self.primary.create_migrated_database()
            self.standby = Standby(self.primary)
            self._prepare(self.standby)
            self._stack.enter_context(self.standby)
            if self._mode != "local":
                self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                self.primary.execute("SELECT pg_reload_conf()")
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The URL of a database with its schema, on either server."""
        hosts = ",".join(f"{one.host}:{one.port}" for one in (self.primary, self.standby))
        return f"postgresql://postgres@{hosts}/{self._name}"

    def fail_over(self) -> None:
        """Kill the primary and promote its standby."""
        self.primary.kill()
        self.standby.promote()
