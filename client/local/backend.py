"""What answers to calls use: the database, the drivers and the caller."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import sqlalchemy as sa

from podium import conf
from podium.client.calls.call import Call, answer_of
from podium.db import kept_answers
from podium.db.engine import Database
from podium.db.kept_answers import Kept, Key

if TYPE_CHECKING:
    from podium.client.enrolling.catalog import Catalog

T = TypeVar("T")
S = TypeVar("S")

_MOST_WARNED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The database, the drivers, and the caller.

    :param connect: returns the database; only called by answers that need it
    :param drivers: returns the installed drivers; the import of their libraries takes a while
    :param who: user and host, for the record
    :param warn: called with each warning that belongs to an answer
    :param pause: waits for this many seconds, and raises an error if waiting is pointless by now
    :param key: of a call that may be sent again; None for other calls
    :param warned: the warnings so far
    """

    config: conf.Config
    connect: Callable[[], Database]
    drivers: "Callable[[], Catalog]"
    who: str
    warn: Callable[[str], None]
    pause: Callable[[float], None] = time.sleep
    key: Key | None = None
    warned: Sequence[str] = ()

    @property
    def database(self) -> Database:
        """The database.

        :raises podium.errors.PodiumError: it cannot be used
        """
        return self.connect()

    @property
    def catalog(self) -> "Catalog":
        """The installed drivers."""
        return self.drivers()

    def recall(self, call: Call[T]) -> Kept[T] | None:
        """Return the earlier answer to a call with this key, and repeat its warnings.

        :raises podium.errors.BadRequest: the key was used with another call
        """
        if self.key is None:
            return None
        with self.database.read() as connection:
            kept = kept_answers.find(connection, self.key, call, answer_of(type(call)))
        return None if kept is None else self._told(kept)

    def write(
        self,
        call: Call[T],
        work: Callable[[sa.Connection], T],
        remarks: Callable[[T], Sequence[str]] = lambda _: (),
    ) -> T:
        """Run ``work`` in a transaction, commit it, and return the result.

        It is tried again after conflicts with others. A call with a key that was answered before gets the
        same answer with its warnings, and nothing is done.

        :param remarks: returns the warnings that belong to an answer
        :raises podium.errors.BadRequest: the key was used with another call
        """
        key = self.key

        def done(connection: sa.Connection) -> Kept[T]:
            result = work(connection)
            return Kept(result, [*self.warned, *remarks(result)])

        if key is None:
            return self._told(self.step(done)).answer
        kind = answer_of(type(call))
        return self._told(
            self.step(lambda connection: kept_answers.once(connection, key, call, kind, done))
        ).answer

    def _told(self, kept: Kept[T]) -> Kept[T]:
        """Emit the warnings of an answer that were not emitted yet."""
        for warning in kept.warnings:
            if warning not in self.warned:
                self.warn(warning)
        return kept

    def step(self, work: Callable[[sa.Connection], S]) -> S:
        """Run ``work`` in one of several transactions, retried as in :meth:`write`; return its result."""
        return self.database.written(work)


def some_of(warnings: Sequence[str]) -> list[str]:
    """Return the first of many warnings, and the number of the others."""
    found = [f"warning: {warning}" for warning in warnings[:_MOST_WARNED]]
    more = len(warnings) - _MOST_WARNED
    return [*found, f"warning: and {more} more"] if more > 0 else found


#: The functions that answer each call.
Answers: TypeAlias = Mapping[type[Call[Any]], Callable[[Backend, Any], Any]]
