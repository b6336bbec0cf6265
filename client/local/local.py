"""The client on the database, for users who have the database's password: every call is allowed."""

import logging
import os
import pwd
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

from podium import conf
from podium.client import texts
from podium.client.calls.call import Call, Page
from podium.client.calls.changes import Change, FollowChanges
from podium.client.enrolling.declared import secret_names
from podium.client.local.answers import answer, each
from podium.client.local.backend import Backend
from podium.client.podium import Podium
from podium.db import opening, schema, secret_keys
from podium.db.engine import Database

if TYPE_CHECKING:
    from podium.client.enrolling.catalog import Catalog

T = TypeVar("T")
LOG: Final = logging.getLogger(__name__)

#: Seconds that one read of changes waits for the next change.
WAIT: Final = 1.0


def this_user() -> str:
    """Return the user of this program, for the record: user and host."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"[:255]


class Local(Podium):
    """Uses the database that a configuration names. It connects on first use.

    :param config: by default that of this host, as the command ``podium`` reads it
    :param warn: called with each warning; by default it is logged
    """

    def __init__(
        self,
        config: conf.Config | None = None,
        *,
        warn: Callable[[str], None] = LOG.warning,
    ) -> None:
        self._config = conf.load([], prog="podium", delivers=False) if config is None else config
        self._warn = warn
        self._database: Database | None = None
        self._lock = threading.Lock()

    @cached_property
    def backend(self) -> Backend:
        """What its answers use."""
        return Backend(
            config=self._config,
            connect=self._connect,
            drivers=lambda: self._catalog,
            who=this_user(),
            warn=self._warn,
        )

    @cached_property
    def _catalog(self) -> "Catalog":
        from podium.client.enrolling.catalog import Catalog  # see Backend.drivers

        return Catalog(self._config, self._warn)

    def _connect(self) -> Database:
        with self._lock:
            if self._database is None:
                self._database = self._connected()
            return self._database

    def _connected(self) -> Database:
        database = opening.configured(self._config, secret_names)
        try:
            if remark := schema.check(database):
                self._warn(f"warning: {remark}")
            with database.read() as connection:
                secret_keys.check(connection, database.sealing)
        except BaseException:
            database.dispose()
            raise
        return database

    def ask(self, call: Call[T]) -> T:
        texts.check(call)
        return answer(self.backend, call)

    def each(self, call: Call[Page[T]]) -> Iterator[T]:
        texts.check(call)
        return each(self.backend, call)

    def follow(self, call: FollowChanges) -> Generator[Change, None, None]:
        from podium.client.local.changes import Following  # only needed to follow changes

        texts.check(call)
        following = Following(self.backend, call)
        try:
            while True:
                yield from following.read(WAIT)
        finally:
            following.close()

    def close(self) -> None:
        if self._database is not None:
            self._database.dispose()
