"""Encrypts all secrets with one key, while other programs are running.

A row is written only if nobody has changed it since it was read, and its version stays: its meaning is
unchanged, and no conductor has to load it again. Can be interrupted and run again at any point.
"""

import functools
import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

from podium import errors
from podium.db import secret_keys
from podium.db.changes import next_change
from podium.db.engine import Database
from podium.db.keyring import MARK, Keyring
from podium.db.resealing.documents import Secrets, sealed_anew
from podium.db.resealing.places import PLACES, ROUNDS, Place, Report, Rows, Texts, look_through

#: Longer than a program trusts what it knows about the keys in use, see podium.db.sealed, and than its
#: transaction takes.
SETTLED: Final = 5.0


class Rotation:
    """One rotation.

    :param keyring: has the key, and all others that are in use
    :param name: of the key, which is in use and held by every member
    :param settled: seconds after which nobody encrypts with the previous first key any more
    """

    def __init__(
        self,
        database: Database,
        secrets: Secrets,
        keyring: Keyring,
        name: str,
        settled: float = SETTLED,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._keyring = keyring
        self._name = name
        self._settled = settled
        self._clock = clock
        self._sleep = sleep
        #: What cannot be decrypted: the table and the number of the row.
        self.unreadable: set[tuple[str, int]] = set()

    def run(self, report: Report) -> int:
        """Encrypt values that are encrypted with another key or not at all, and delete keys no longer needed.

        :returns: how many rows were written
        :raises podium.errors.DatabaseBusy: others continue to write with another key
        """
        written, settled = 0, self._clock() + self._settled
        for _ in range(ROUNDS):
            found = look_through(self._database, report, self._write)
            written += found
            if found:
                continue
            with self._database.read() as connection:
                unused = self._unused(connection)
            if not unused or self._clock() >= settled:
                self._database.written(self._forget_unused)
                return written
            self._sleep(settled - self._clock())
        raise errors.DatabaseBusy(
            "others go on to write secrets with another key, or none; run it again later"
        )

    def _write(self, place: Place, rows: Rows) -> int:
        """Write those of the given rows that change; return how many."""
        changes = [
            (number, before, after) for number, before in rows if (after := self._anew(place, number, before))
        ]
        if changes:
            self._database.written(functools.partial(place.write, changes=changes))
        return len(changes)

    def _anew(self, place: Place, number: int, before: Texts) -> dict[str, str]:
        """The texts of a row that change."""
        after = {}
        for column, text in before.items():
            try:
                new = text and sealed_anew(text, self._secrets, self._keyring, self._name)
            except errors.SecretUnreadable:
                self.unreadable.add((place.table.name, number))
                continue
            if new and new != text:
                after[column] = new
        return after

    def _unused(self, connection: sa.Connection) -> list[str]:
        """The other keys that were in use and with which nothing is encrypted any more."""
        others = [key for key in secret_keys.in_use(connection) if key != self._name]
        return [key for key in others if not any(place.has(connection, f"{MARK}{key}!") for place in PLACES)]

    def _forget_unused(self, connection: sa.Connection) -> None:
        next_change(connection)  # nobody changes nodes, or begins to use a key, until this is done
        secret_keys.end(connection, self._unused(connection))
